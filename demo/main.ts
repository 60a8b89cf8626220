import { openRuntime, PalimpsestError, type Runtime, type RuntimeOptions } from "palimpsest";
import { openAnswers } from "./answers.ts";
import { readBookmark, removeBookmark, writeBookmark } from "./bookmark.ts";
import { breathe, sleep } from "./breathe.ts";
import { controls, isSlow, notify, readSettings, type State, showBackend, showSettings, showState } from "./controls.ts";
import { drawCourse } from "./course.ts";
import { showGlyphs } from "./glyphs.ts";
import { Lesson } from "./lesson.ts";
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
  const bookmark = readBookmark();
  if (bookmark === undefined) return prepare();
  const backend = await openBackend();
  try {
    showSettings(bookmark.settings);
    await show(await Lesson.resume(backend, await course, bookmark));
    notify("This is the run you kept.");
  } catch (error) {
    await removeBookmark();
    await prepare();
    notify(`The run you kept cannot be opened: ${messageOf(error)}`, "warning");
  }
}

/** Makes a new lesson ready. */
async function prepare(): Promise<void> {
  await leave();
  notify("");
  await show(await Lesson.begin(await openBackend(), await course, readSettings()));
}

/** Ends the lesson under way. */
async function leave(): Promise<void> {
  wanted = false;
  await learning;
  enter("preparing");
  const old = lesson;
  lesson = undefined;
  await asking;
  await old?.close();
}

/** Returns the runtime on the backend chosen, opened once. */
async function openBackend(): Promise<Runtime> {
  if (runtime !== undefined) return runtime;
  const backend = controls.backend.value as NonNullable<RuntimeOptions["backend"]>;
  const warnings: string[] = [];
  runtime = await openRuntime({ backend, onEvent: ({ level, message }) => level === "warning" && warnings.push(message) });
  showBackend(runtime.info, warnings);
  return runtime;
}

async function changeBackend(): Promise<void> {
  await leave();
  runtime?.close();
  runtime = undefined;
  showBackend();
  await prepare();
}

/** Puts a lesson on the page. */
async function show(next: Lesson): Promise<void> {
  lesson = next;
  panels = next.students.map((student) => openPanel(next, student));
  find("#panels").replaceChildren(...panels.map(({ element }) => element));
  find("#steps").textContent = next.steps.toLocaleString("en");
  answers.reset(next.settings.strategies);
  await taskList;
  enter(restingState(next));
  refresh();
}

function restingState({ step, steps }: Lesson): State {
  return step === 0 ? "ready" : step < steps ? "stopped" : "finished";
}

async function start(): Promise<void> {
  if (state === "finished") await prepare();
  if (lesson === undefined || wanted) return;
  wanted = true;
  enter("running");
  learning = learn(lesson).catch(report);
}

async function learn(current: Lesson): Promise<void> {
  let sliceStart = performance.now();
  let due = sliceStart;
  while (wanted && current.step < current.steps) {
    await current.advance();
    refresh();
    const now = performance.now();
    due = isSlow() ? Math.max(due + 1000 / slowPace, now - mostLagMs) : now;
    if (due > now) await sleep(due - now);
    else if (now - sliceStart > sliceMs) await breathe();
    else continue;
    sliceStart = performance.now();
  }
  wanted = false;
  enter(restingState(current));
}

async function startOver(): Promise<void> {
  await removeBookmark();
  await prepare();
}

async function keep(): Promise<void> {
  if (lesson === undefined) return;
  writeBookmark(await lesson.keep());
  notify("Kept. This run will be here on your next visit.");
}

/** Asks the students what the drawing is; a drawing that changes meanwhile is asked about afterwards. */
function ask(): void {
  askAgain = asking !== undefined;
  asking ??= answer()
    .catch(report)
    .finally(() => {
      asking = undefined;
      if (askAgain) ask();
    });
}

async function answer(): Promise<void> {
  const glyph = pad.glyph();
  const probabilities: Float32Array[] = [];
  if (glyph !== undefined) {
    for (const { learner } of lesson?.students ?? []) probabilities.push((await learner.predict(glyph)).probabilities);
  }
  answers.show(probabilities);
}

/** Brings the page up to date before it is next drawn. */
function refresh(): void {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(async () => {
    drawing = false;
    if (lesson === undefined) return;
    for (const panel of panels) panel.update();
    find("#step").textContent = lesson.step.toLocaleString("en");
    find("#speed").textContent = lesson.speed === 0 ? "–" : Math.round(lesson.speed).toLocaleString("en");
    answers.teach(lesson.step === 0 ? [] : lesson.tasks.slice(0, lesson.task + 1).flatMap((task) => task.classes));
    (await taskList)(lesson);
    ask();
  });
}

function enter(next: State): void {
  state = next;
  showState(next);
}

function report(error: unknown): void {
  notify(messageOf(error), "warning");
  enter("failed");
}

function messageOf(error: unknown): string {
  if (error instanceof PalimpsestError) return `${error.message}. ${error.hint}`;
  return error instanceof Error ? error.message : String(error);
}
