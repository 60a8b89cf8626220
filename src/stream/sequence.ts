/** Streams of rows that come from several tasks: which task is known to reports, not to the learner. */
import { checkNumber } from "../errors.ts";
import { type Batch, emptyLike, rowLength, writeRow } from "./dataset.ts";
import type { Task } from "./scenario.ts";

/** Where a task truly begins in a stream. */
export interface Boundary {
  /** The task that begins. */
  readonly task: number;
  /** Its first row in the stream, counted from 0. */
  readonly row: number;
  /** The batch with that row, counted from 0 without `skip`. */
  readonly batch: number;
}

/** One stream over all tasks of a scenario, the same each time it is iterated. */
export interface TaskStream extends Iterable<Batch> {
  /** Rows in all. */
  readonly rows: number;
  /** Batches in all, without `skip`. */
  readonly count: number;
  /** Where tasks truly begin, but the first, or where they are blurred, the middles: for reports. */
  readonly boundaries: readonly Boundary[];
  /** Returns the task that a row of the stream truly comes from: for reports. */
  taskOf(row: number): number;
}

/** Row `row` of the training part of task `task`. */
interface Place {
  readonly task: number;
  readonly row: number;
}

/** Where rows come from. */
export interface Places {
  readonly rows: number;
  /** The first row of each task, rising. */
  readonly starts: readonly number[];
  taskOf(row: number): number;
  /** Returns a function that tells the place of a row, fastest where rows are asked in order. */
  open(): (row: number) => Place;
}

/** How a {@link TaskStream} is cut into batches. */
export interface Cut {
  readonly batchSize: number;
  /** Whether batches tell no task and go on over boundaries; else each is of one task and names it. */
  readonly hide: boolean;
  readonly skip: number;
}

/** Returns the stream of the rows at some places. @throws E_CONFIG */
export function taskStream(where: string, tasks: readonly Task[], places: Places, { batchSize, hide, skip }: Cut): TaskStream {
  checkNumber(where, "batchSize", batchSize, { min: 1, integer: true });
  checkNumber(where, "skip", skip, { min: 0, integer: true });
  const { starts, rows } = places;
  const ends = hide ? [rows] : [...starts.slice(1), rows];
  /** The batches before those of each part, and of all. */
  const before = [0];
  for (const [part, end] of ends.entries()) {
    before.push((before[part] as number) + Math.ceil((end - (ends[part - 1] ?? 0)) / batchSize));
  }

  function* run(): Generator<Batch, void, void> {
    const place = places.open();
    for (const [part, end] of ends.entries()) {
      const first = Math.max(0, skip - (before[part] as number));
      for (let start = (ends[part - 1] ?? 0) + first * batchSize; start < end; start += batchSize) {
        const batch = readPlaces(tasks, place, start, Math.min(start + batchSize, end));
        yield hide ? batch : { ...batch, task: part };
      }
    }
  }
  return {
    rows,
    count: before.at(-1) as number,
    boundaries: starts.slice(1).map((row, i) => ({
      task: i + 1,
      row,
      batch: hide ? Math.floor(row / batchSize) : (before[i + 1] as number),
    })),
    taskOf: (row) => {
      checkNumber(where, "row", row, { min: 0, max: rows - 1, integer: true });
      return places.taskOf(row);
    },
    [Symbol.iterator]: run,
  };
}

function readPlaces(tasks: readonly Task[], place: (row: number) => Place, start: number, end: number): Batch {
  const { x: stored, shape } = (tasks[0] as Task).train;
  const size = rowLength(shape);
  const x = emptyLike(stored, (end - start) * size);
  const y = new Uint32Array(end - start);
  for (let i = start; i < end; i++) {
    const { task, row } = place(i);
    y[i - start] = writeRow((tasks[task] as Task).train, row, x, (i - start) * size);
  }
  return { x, y };
}
