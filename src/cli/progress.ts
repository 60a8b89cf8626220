import type { RunEvent } from "./experiment.ts";
import { duration, percent, whole } from "./format.ts";
import { type Output, paint } from "./io.ts";

/** The lines that tell people how a run goes. */
export interface Progress {
  show(event: RunEvent): void;
  /** Takes the bar away. */
  clear(): void;
}

/** Milliseconds between two drawings of the bar. */
const frame = 100;
const barWidth = 24;
/** The loss shown is smoothed over about so many steps, for that of one small batch says little. */
const smoothing = 50;

/**
 * Returns the progress of a run called `name`: a line for each task and, on a terminal, a bar below them that is drawn over, with accuracy on
 * the tasks seen so far, loss, steps per second and time left. A brief one has but one line, when the run is over.
 */
export function progressOf(name: string, output: Output, brief = false): Progress {
  let [first, steps, tasks, began] = [0, 0, 0, 0];
  let drawn: number | undefined;
  let accuracy: number | undefined;
  let loss: number | undefined;

  const clear = (): void => {
    if (drawn !== undefined) output.write(`\r${" ".repeat((output.columns() ?? 1) - 1)}\r`);
    drawn = undefined;
  };
  const draw = (task: number, step: number): void => {
    const columns = output.columns();
    const now = performance.now();
    if (columns === undefined || now - (drawn ?? 0) < frame) return;
    drawn = now;
    const pace = (step - first) / ((now - began) / 1000);
    const head = `${name}  task ${task + 1}/${tasks}  `;
    const done = Math.round((barWidth * step) / steps);
    const bar = "█".repeat(done).padEnd(barWidth, "░");
    const facts = [percent(step / steps), `accuracy ${percent(accuracy)}`, `loss ${loss?.toFixed(3)}`, `${whole(pace)} steps/s`];
    const line = `${head}${bar}  ${facts.join("  ")}  ${duration((steps - step) / pace)} left`;
    const shown = line.slice(0, columns - 1).padEnd(columns - 1);
    const [from, to] = [head.length, head.length + barWidth];
    output.write(`\r${shown.slice(0, from)}${paint(output, "cyan", shown.slice(from, to))}${shown.slice(to)}`);
  };

  return {
    clear,
    show(event) {
      switch (event.type) {
        case "start":
          [first, steps, tasks, began] = [event.step, event.steps, event.tasks.length, performance.now()];
          if (first > 0) output.write(`${name}  goes on after step ${whole(first)} of ${whole(steps)}\n`);
          return;
        case "step":
          loss = loss === undefined ? event.loss : loss + (event.loss - loss) / smoothing;
          return draw(event.task, event.step);
        case "evaluation":
          accuracy = meanOf(event);
          return;
        case "task":
          accuracy = meanOf(event);
          clear();
          if (!brief) output.write(`${name}  task ${event.task + 1}/${tasks}  ${event.name}: accuracy so far ${percent(accuracy)}\n`);
          else if (event.task + 1 === tasks) output.write(`${name}: accuracy ${percent(accuracy)}\n`);
      }
    },
  };
}

/** Returns the mean accuracy on the tasks up to the one being learned. */
function meanOf({ seen, accuracies }: { readonly seen: number; readonly accuracies: readonly number[] }): number {
  return accuracies.slice(0, seen).reduce((sum, value) => sum + value, 0) / seen;
}
