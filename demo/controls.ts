import type { RuntimeInfo } from "palimpsest";
import type { Settings, Strategy } from "./lesson.ts";
import { find } from "./page.ts";

/** Where a visit stands. */
export type State = "preparing" | "failed" | "ready" | "running" | "stopped" | "finished";

/** What the visitor can set and press. */
export const controls: {
  readonly toggle: HTMLButtonElement;
  readonly restart: HTMLButtonElement;
  readonly keep: HTMLButtonElement;
  readonly strategy: HTMLFieldSetElement;
  readonly memory: HTMLSelectElement;
  readonly backend: HTMLSelectElement;
} = {
  toggle: find("#toggle"),
  restart: find("#restart"),
  keep: find("#keep"),
  strategy: find("#strategy"),
  memory: find("#memory"),
  backend: find("#backend"),
};

const both: readonly Strategy[] = ["naive", "replay"];
const toggleLabels: Readonly<Record<State, string>> = {
  preparing: "Start",
  failed: "Start",
  ready: "Start",
  running: "Stop",
  stopped: "Continue",
  finished: "Run again",
};

/** Returns the lesson the controls ask for. */
export function readSettings(): Settings {
  const chosen = find<HTMLInputElement>("[name=strategy]:checked").value;
  return { strategies: both.filter((strategy) => chosen === "both" || chosen === strategy), capacity: Number(controls.memory.value) };
}

/** Sets the controls to a lesson. */
export function showSettings({ strategies, capacity }: Settings): void {
  find<HTMLInputElement>(`[name=strategy][value=${strategies.length > 1 ? "both" : strategies[0]}]`).checked = true;
  controls.memory.value = String(capacity);
}

/** Returns whether learning is to go at a pace that can be watched. */
export function isSlow(): boolean {
  return find<HTMLInputElement>("[name=pace]:checked").value === "slow";
}

/** Shows where the visit stands, and lets only what makes sense there be pressed. */
export function showState(state: State): void {
  const begun = state === "stopped" || state === "finished";
  document.body.dataset.state = state;
  controls.toggle.textContent = toggleLabels[state];
  controls.toggle.disabled = state === "preparing" || state === "failed";
  controls.restart.disabled = !(begun || state === "running");
  controls.keep.disabled = !begun;
  controls.memory.disabled = !readSettings().strategies.includes("replay");
}

/** Shows what computes, why, and what speaks against it; nothing when nothing does. */
export function showBackend(info?: RuntimeInfo, warnings: readonly string[] = []): void {
  const part = (tag: "b" | "span" | "em", textContent: string) => Object.assign(document.createElement(tag), { textContent });
  const known = info === undefined ? [] : [part("b", info.backend), part("span", info.reason)];
  find("#place").replaceChildren(...known, ...warnings.map((warning) => part("em", warning)));
}

/** Says something about the visit; a warning stands out. */
export function notify(message: string, level: "info" | "warning" = "info"): void {
  const notice = find("#notice");
  notice.textContent = message;
  notice.className = level;
}
