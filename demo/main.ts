import { openRuntime, PalimpsestError, type Runtime, type RuntimeOptions } from "palimpsest";
import { openAnswers } from "./answers.ts";
import { readBookmark, removeBookmark, writeBookmark } from "./bookmark.ts";
import { breathe, sleep } from "./breathe.ts";
import { controls, isSlow, notify, readSettings, type State, showSettings, showState } from "./controls.ts";
import { drawCourse } from "./course.ts";
import { showGlyphs } from "./glyphs.ts";
import { type Bookmark, Lesson } from "./lesson.ts";
import { openPad } from "./pad.ts";
import { find } from "./page.ts";
import { openPanel, type Panel } from "./panel.ts";
import { openTasks } from "./tasks.ts";

/** Steps in a second of slow motion. */
const slowPace = 60;
/** Slow motion that fell this far behind, as in a hidden tab, does not catch up. */
const mostLagMs = 250;
/** How long learning may hold the page before everything else has its turn. */
const sliceMs = 10;

const course = drawCourse();
const taskList = course.then(openTasks);
const answers = openAnswers();
const clear = find<HTMLButtonElement>("#clear");
const seen = find<HTMLCanvasElement>("#seen");
const pad = openPad(find<HTMLCanvasElement>("#pad"), () => {
  const glyph = pad.glyph();
  clear.disabled = glyph === undefined;
  showGlyphs(seen, glyph ?? new Uint8Array(seen.width * seen.height), 1);
  ask();
});

let state: State = "preparing";
let runtime: Runtime | undefined;
let lesson: Lesson | undefined;
let panels: readonly Panel[] = [];
/** Whether learning is to go on. */
let wanted = false;
let learning: Promise<void> = Promise.resolve();
let asking: Promise<void> | undefined;
let askAgain = false;
let drawing = false;
/** The end of everything asked of the page so far. */
let settled: Promise<void> = Promise.resolve();

controls.toggle.addEventListener("click", () => {
  if (state === "running") wanted = false;
  else inTurn(start);
});
controls.restart.addEventListener("click", () => inTurn(startOver));
controls.keep.addEventListener("click", () => inTurn(keep));
controls.strategy.addEventListener("change", () => inTurn(prepare));
controls.memory.addEventListener("change", () => inTurn(prepare));
controls.backend.addEventListener("change", () => inTurn(changeBackend));
clear.addEventListener("click", () => pad.clear());
inTurn(welcome);

/** Runs an action after those before it. */
function inTurn(action: () => Promise<void>): void {
  settled = settled.then(action).catch(report);
}

/** Takes up the lesson of an earlier visit, or makes a new one ready. */
async function welcome(): Promise<void> {
  try {
    const bookmark = readBookmark();
    if (bookmark === undefined) return await prepare();
    showSettings(bookmark.settings);
    await open(await Lesson.resume(await openBackend(), await course, bookmark));
    notify("This is the run you kept.");
  } catch (error) {
    await removeBookmark();
    await prepare();
    notify(`The run you kept could not be opened: ${messageOf(error)}`, "warning");
  }
}
