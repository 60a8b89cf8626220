/** Text that is already HTML or SVG. */
export interface Markup {
  readonly markup: string;
}

/** What {@link html} takes: text and numbers are escaped, markup is not, lists are joined, undefined is nothing. */
export type Content = string | number | Markup | undefined | readonly Content[];

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Template tag: returns markup in which every value that is not itself markup is escaped. */
export function html(text: TemplateStringsArray, ...values: Content[]): Markup {
  return { markup: text.map((part, i) => part + render(values[i])).join("") };
}

function render(content: Content): string {
  if (content === undefined) return "";
  if (typeof content === "string" || typeof content === "number") return escapeText(String(content));
  return isMarkup(content) ? content.markup : content.map(render).join("");
}

function isMarkup(content: Markup | readonly Content[]): content is Markup {
  return "markup" in content;
}

/** Escapes what HTML reads as its own; control characters, which no document may hold, become spaces. */
function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] as string).replace(/[^\P{Cc}\t\n\r]/gu, " ");
}
