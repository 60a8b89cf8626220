/** How the rows of a scenario come: what is in a batch, and what the learner is told of it. */
import { fail } from "../errors.ts";
import { RandomStream } from "../random.ts";
import { arrays, type Batch, batchCount, batches, blurry, type Dataset, online, readRows, type Scenario, select } from "../stream/index.ts";
import type { Baseline } from "./names.ts";
import type { Columns } from "./scenario.ts";
import type { RunSettings } from "./settings.ts";

/** How the rows of a run come. */
export interface Course {
  /** The step after which each task is over; where boundaries are hidden or blurred, for reports alone. */
  readonly ends: readonly number[];
  /** Whether the learner is told where tasks end. */
  readonly told: boolean;
  /** Returns the batches of a task, but the first `skip`. */
  batches(task: number, skip: number): Iterable<Batch>;
}

/** Returns how the rows of a scenario come to a strategy, or to a baseline. @throws E_CONFIG where options exclude each other */
export function courseOf(settings: RunSettings, scenario: Scenario, columns: Columns, baseline?: Baseline): Course {
  const { batch: batchSize, epochs, seed, blur, boundaries } = settings;
  const { increment, tasks } = scenario;
  const hidden = boundaries === "hidden" || blur !== undefined;
  const mixed = hidden || baseline === "joint" || baseline === "cumulative" || baseline === "scratch";
  if (increment === "task" && mixed) {
    refuse("rows of several tasks come together", "--increment class, or tasks one after another", "--increment task");
  }
  if (blur !== undefined && epochs > 1) refuse("blurred tasks come once", "--epochs 1", `--epochs ${epochs}`);
  const options = { batchSize, seed };
  if (baseline === "joint") {
    const all = union(tasks.map(({ train }) => train));
    const count = batchCount(all, { batchSize, epochs });
    const ends = endsOf(tasks, batchSize, epochs).map((end, task) => (task === tasks.length - 1 ? count : Math.min(end, count)));
    return { ends, told: false, batches: cut(ends, (skip) => batches(all, { ...options, epochs, skip })) };
  }
  const grows = baseline === "cumulative" || baseline === "scratch";
  if (hidden && !grows) {
    const open = (skip: number) =>
      blur === undefined ? online(scenario, { ...options, passes: epochs, skip }) : blurry(scenario, { ...options, width: blur, skip });
    const { boundaries: places, count } = open(0);
    const ends = [...places.map(({ batch }) => batch), count];
    return { ends, told: false, batches: cut(ends, open) };
  }
  const learned = grows ? cumulated(tasks) : tasks;
  return {
    ends: endsOf(learned, batchSize, epochs),
    told: true,
    batches(task, skip) {
      const { train } = learned[task] as { readonly train: Dataset };
      const order = new RandomStream(seed, `cli/order/${task}`).u32();
      return batches(train, { batchSize, epochs, seed: order, skip, task: columns.of[task] as number });
    },
  };
}

function endsOf(tasks: readonly { readonly train: Dataset }[], batchSize: number, epochs: number): number[] {
  let end = 0;
  return tasks.map(({ train }) => {
    end += batchCount(train, { batchSize, epochs });
    return end;
  });
}

/** Returns the parts of one stream that end where tasks do. */
function cut(ends: readonly number[], open: (skip: number) => Iterable<Batch>): Course["batches"] {
  return function* (task, skip) {
    let at = (ends[task - 1] ?? 0) + skip;
    const end = ends[task] as number;
    if (at >= end) return;
    for (const batch of open(at)) {
      yield batch;
      if (++at === end) return;
    }
  };
}

/** Returns tasks each of which has the rows of all before it too. */
function cumulated(tasks: Scenario["tasks"]): { readonly train: Dataset }[] {
  const parts = [...new Set(tasks.map(({ train }) => train))];
  const all = union(parts);
  const last = tasks.map((_, task) => Math.max(...tasks.slice(0, task + 1).map(({ train }) => parts.indexOf(train))));
  const before = parts.map((_, part) => parts.slice(0, part + 1).reduce((sum, { count }) => sum + count, 0));
  return last.map((part) => ({
    train: select(
      all,
      Uint32Array.from({ length: before[part] as number }, (_, row) => row),
    ),
  }));
}

/** Returns the rows of several sets as one, read once. Sets that come again are in it once. */
function union(given: readonly Dataset[]): Dataset {
  const parts = [...new Set(given)];
  const [first] = parts as [Dataset];
  const size = first.shape.reduce((product, side) => product * side, 1);
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const x = first.x instanceof Uint8Array ? new Uint8Array(count * size) : new Float32Array(count * size);
  const y = new Uint32Array(count);
  let at = 0;
  for (const part of parts) {
    const rows = readRows(part, 0, part.count);
    x.set(rows.x, at * size);
    y.set(rows.y, at);
    at += part.count;
  }
  return arrays(x, y, { shape: first.shape, classes: first.classes, name: "all tasks" });
}

function refuse(what: string, expected: string, got: string): never {
  fail("E_CONFIG", `options: ${what}; expected ${expected}, got ${got}`, { hint: `Give ${expected}.` });
}
