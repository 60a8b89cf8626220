import { checkKeys, checkNumber, fail } from "../errors.ts";
import { RandomStream } from "../random.ts";
import type { Scenario, Task } from "./scenario.ts";
import { type TaskStream, taskStream } from "./sequence.ts";

/** How {@link online} walks through a scenario. */
export interface OnlineOptions {
  /** Rows in a batch; the last may hold fewer. */
  readonly batchSize: number;
  /** Passes over each task before the next; default 1. */
  readonly passes?: number;
  /**
   * Whether the stream tells nothing of its tasks: batches name none and go on over the boundary, where a short one would give it away.
   * Default true.
   */
  readonly hide?: boolean;
  /** Seed of the orders; default 0. */
  readonly seed?: number;
  /** Batches to leave out at the start, as when a run is resumed; default 0. */
  readonly skip?: number;
}

/**
 * Returns the tasks of a scenario one after another as one stream, each pass over a task in an order of its own.
 * @throws E_CONFIG
 * @example
 * const stream = online(scenario, { batchSize: 10 });
 * for (const batch of stream) await learner.observe(batch);
 * stream.boundaries; // what the learner was not told
 */
export function online(scenario: Scenario, options: OnlineOptions): TaskStream {
  const where = "streams.online";
  checkKeys(where, options, ["batchSize", "passes", "hide", "seed", "skip"]);
  const { batchSize, hide = true, skip = 0 } = options;
  const passes = checkNumber(where, "passes", options.passes ?? 1, { min: 1, integer: true });
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  if (typeof hide !== "boolean") {
    fail("E_CONFIG", `${where}: option "hide" is neither on nor off; expected true or false, got ${typeof hide}`);
  }
  const { tasks } = scenario;
  const starts: number[] = [];
  let rows = 0;
  for (const { train } of tasks) {
    starts.push(rows);
    rows += train.count * passes;
  }
  const taskOf = (row: number): number => startedBy(starts, row);
  const open = () => {
    let [task, pass, order] = [0, -1, new Uint32Array(0)];
    return (row: number) => {
      const at = taskOf(row);
      const { count } = (tasks[at] as Task).train;
      const within = row - (starts[at] as number);
      if (at !== task || Math.floor(within / count) !== pass) {
        [task, pass] = [at, Math.floor(within / count)];
        order = new RandomStream(seed, `stream/online/${task}/${pass}`).shuffle(Uint32Array.from({ length: count }, (_, i) => i));
      }
      return { task, row: order[within % count] as number };
    };
  };
  return taskStream(where, tasks, { rows, starts, taskOf, open }, { batchSize, hide, skip });
}

/** Returns the last place whose start is at or before `row`. */
function startedBy(starts: readonly number[], row: number): number {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] as number) <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}
