import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import { exp } from "../natural.ts";
import { RandomStream } from "../random.ts";
import type { Scenario, Task } from "./scenario.ts";
import { type TaskStream, taskStream } from "./sequence.ts";

const blends = ["linear", "sigmoid"] as const;

/** How tasks run into each other. */
export type Blend = (typeof blends)[number];

/** How {@link blurry} mixes. */
export interface BlurryOptions {
  /** Rows in a batch; the last may hold fewer. */
  readonly batchSize: number;
  /** Rows over which one task gives way to the next: the inverse of the slope in the middle. 0 is a sharp boundary. */
  readonly width: number;
  /** "linear" from −½ to ½ width about the boundary; "sigmoid" 1/(1 + e^(−4 d/width)), d rows past it, cut off at 4 widths. Default "linear". */
  readonly blend?: Blend;
  /** Default 0. */
  readonly seed?: number;
  /** Batches to leave out at the start, as when a run is resumed; default 0. */
  readonly skip?: number;
}

/** Widths past a boundary at which the sigmoid, 1e-7 from its end, is cut off. */
const tail = 4;

/**
 * Returns one pass over all tasks of a scenario as a stream without task numbers, in which a row comes from each task with the chance
 * {@link blendShares} gives at its place, and every row of every task comes exactly once. To end with the rows that there are, a task's chance
 * is multiplied by the rows it has left over those it should have left; one that ran out gives its share to the others, and rows left where
 * a task should be over come at once. That moves chances most where a blend ends: by up to 0.06 at a width of 30, 0.02 at 300.
 * @throws E_CONFIG
 */
export function blurry(scenario: Scenario, options: BlurryOptions): TaskStream {
  const where = "streams.blurry";
  checkKeys(where, options, ["batchSize", "width", "blend", "seed", "skip"]);
  const { batchSize, skip = 0 } = options;
  const width = checkNumber(where, "width", options.width, { min: 0 });
  const blend = checkChoice(where, "blend", options.blend ?? "linear", blends);
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  const { tasks } = scenario;
  const starts: number[] = [];
  let rows = 0;
  for (const { train } of tasks) {
    starts.push(rows);
    rows += train.count;
  }
  const { task, row } = drawPlaces(tasks, starts, rows, seed, { width, blend });
  const taskOf = (i: number): number => task[i] as number;
  const open = () => (i: number) => ({ task: taskOf(i), row: row[i] as number });
  return taskStream(where, tasks, { rows, starts, taskOf, open }, { batchSize, hide: true, skip });
}

/**
 * Returns the chance of each task at a row of the stream, for tasks that start at `starts`, rising from 0.
 * @throws E_CONFIG
 */
export function blendShares(starts: readonly number[], row: number, options: { width: number; blend: Blend }): number[] {
  const where = "streams.blendShares";
  checkKeys(where, options, ["width", "blend"]);
  const width = checkNumber(where, "width", options.width, { min: 0 });
  const blend = checkChoice(where, "blend", options.blend, blends);
  const mixing = { width, blend };
  return starts.map((_, task) => enteredAt(starts, task, row, mixing) - enteredAt(starts, task + 1, row, mixing));
}

/** The task and the row in it of each row of a stream. */
interface Drawn {
  readonly task: Uint32Array;
  readonly row: Uint32Array;
}

interface Mixing {
  readonly width: number;
  readonly blend: Blend;
}

function drawPlaces(tasks: readonly Task[], starts: readonly number[], rows: number, seed: number, mixing: Mixing): Drawn {
  /** Tells the tasks that may give row `i`, of those from `first` on, and their shares. */
  const each = (i: number, first: number, tell: (task: number, share: number) => void): void => {
    let entered = enteredAt(starts, first, i, mixing);
    for (let task = first; task < tasks.length && entered > 0; task++) {
      const next = enteredAt(starts, task + 1, i, mixing);
      tell(task, entered - next);
      entered = next;
    }
  };
  /** Rows each task has left, and those it should have. */
  const left = tasks.map(({ train }) => train.count);
  const due = new Float64Array(tasks.length);
  let first = 0;
  for (let i = 0; i < rows; i++) {
    while (enteredAt(starts, first + 1, i, mixing) === 1) first += 1;
    each(i, first, (task, share) => {
      due[task] = (due[task] as number) + share;
    });
  }
  const orders = left.map((count, task) =>
    new RandomStream(seed, `stream/blurry/${task}`).shuffle(Uint32Array.from({ length: count }, (_, i) => i)),
  );
  const random = new RandomStream(seed, "stream/blurry");
  const drawn: Drawn = { task: new Uint32Array(rows), row: new Uint32Array(rows) };
  const weights: { task: number; weight: number }[] = [];
  first = 0;
  for (let i = 0; i < rows; i++) {
    while (left[first] === 0) first += 1;
    let sum = 0;
    weights.length = 0;
    each(i, first, (task, share) => {
      const weight = (share * (left[task] as number)) / Math.max(due[task] as number, share, Number.MIN_VALUE);
      due[task] = (due[task] as number) - share;
      if (weight > 0) weights.push({ task, weight });
      sum += weight;
    });
    let u = random.uniform() * sum;
    let chosen = first;
    if (enteredAt(starts, first + 1, i, mixing) < 1) {
      for (const { task, weight } of weights) {
        chosen = task;
        u -= weight;
        if (u < 0) break;
      }
    }
    const remaining = (left[chosen] as number) - 1;
    left[chosen] = remaining;
    drawn.task[i] = chosen;
    drawn.row[i] = (orders[chosen] as Uint32Array)[remaining] as number;
  }
  return drawn;
}

/** Returns how far a row is past the start of a task, from 0 to 1. */
function enteredAt(starts: readonly number[], task: number, row: number, { width, blend }: Mixing): number {
  if (task === 0) return 1;
  if (task >= starts.length) return 0;
  const past = row + 0.5 - (starts[task] as number);
  const z = width === 0 ? past * Number.MAX_VALUE : past / width;
  if (blend === "linear") return Math.max(0, Math.min(1, z + 0.5));
  return z <= -tail ? 0 : z >= tail ? 1 : 1 / (1 + exp(-4 * z));
}
