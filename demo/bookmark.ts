import { type Bookmark, storeOf } from "./lesson.ts";

const key = "palimpsest-demo";

/** Returns the bookmark left on an earlier visit, or undefined when there is none. */
export function readBookmark(): Bookmark | undefined {
  const text = localStorage.getItem(key);
  return text === null ? undefined : JSON.parse(text);
}

/** Leaves a bookmark for the next visit. */
export function writeBookmark(bookmark: Bookmark): void {
  localStorage.setItem(key, JSON.stringify(bookmark));
}

/** Removes the bookmark and what the learners saved for it. */
export async function removeBookmark(): Promise<void> {
  const bookmark = readBookmark();
  localStorage.removeItem(key);
  for (const strategy of bookmark?.settings.strategies ?? []) await storeOf(strategy).remove();
}
