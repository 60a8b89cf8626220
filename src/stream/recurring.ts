import { checkChoice, checkKeys, checkNumber, fail } from "../errors.ts";
import { power } from "../natural.ts";
import { RandomStream } from "../random.ts";
import { classesName, rowsByClass, rowsOf } from "./classes.ts";
import { weightedRows } from "./curriculum.ts";
import { type Dataset, select } from "./dataset.ts";
import { checkParts, type Scenario, type Task, type TrainTest } from "./scenario.ts";

/** How the frequencies of classes fall, from the most frequent on. */
export interface SkewOptions {
  /** Exponent e of (p₀ − step·i·p₀)^e: 0 makes all alike. Default 0. */
  readonly skew?: number;
  /** How much class `i` lies below the first, as a share of it and per class; above 0 for the last. Default 0.05. */
  readonly step?: number;
}

/** How {@link recurring} draws the classes of tasks. */
export interface RecurringOptions extends SkewOptions {
  /** Number of tasks, often hundreds. */
  readonly tasks: number;
  /** Classes in a task; default 2. */
  readonly classesPerTask?: number;
  /** Default "class"; where it is "task", {@link classMask} leaves but the classes of a task. */
  readonly increment?: "class" | "task";
  /** Default 0. */
  readonly seed?: number;
}

/**
 * Returns the scenario whose tasks are each some classes, drawn at random without regard to the tasks before, so that classes come again and
 * again. Where they are skewed, which class is how frequent is drawn by the seed, and the classes of a task one after another, each in
 * proportion to the frequencies of those left. Tasks of the same classes share their rows.
 * @throws E_CONFIG, E_DATA where a class has no rows
 * @see Lesort et al. 2023, "Challenging common assumptions about catastrophic forgetting" (SCoLe)
 */
export function recurring(data: TrainTest, options: RecurringOptions): Scenario {
  const where = "streams.recurring";
  checkKeys(where, options, ["tasks", "classesPerTask", "increment", "seed", "skew", "step"]);
  const classes = checkParts(where, data);
  const tasks = checkNumber(where, "tasks", options.tasks, { min: 1, integer: true });
  const perTask = checkNumber(where, "classesPerTask", options.classesPerTask ?? 2, { min: 1, max: classes, integer: true });
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  const increment = checkChoice(where, "increment", options.increment ?? "class", ["class", "task"]);
  const scores = new RandomStream(seed, "stream/recurring/skew").shuffle(skewed(where, classes, options));
  const train = rowsByClass(data.train);
  const test = rowsByClass(data.test);
  const known = new Map<string, Task>();
  const taskOf = (members: readonly number[]): Task => {
    const name = classesName(members);
    const part = (dataset: Dataset, rows: readonly number[][]): Dataset => {
      for (const label of members) {
        if (rows[label]?.length === 0)
          fail("E_DATA", `${dataset.name}: a class has no rows; expected some of each class, got none of ${label}`);
      }
      return select(dataset, rowsOf(rows, members), `${dataset.name}: ${name}`);
    };
    return { name, classes: members, train: part(data.train, train), test: part(data.test, test) };
  };
  return {
    kind: "recurring",
    increment,
    tasks: Array.from({ length: tasks }, (_, task) => {
      const members = weightedRows(scores, perTask, { seed, name: `stream/recurring/${task}` }).sort((a, b) => a - b);
      const key = members.join();
      const same = known.get(key) ?? taskOf(members);
      known.set(key, same);
      return same;
    }),
  };
}

/**
 * Returns [classes] frequencies that fall from the first class on, their sum 1.
 * @throws E_CONFIG where `step` leaves the last class none
 */
export function classFrequencies(classes: number, options: SkewOptions = {}): Float64Array {
  const where = "streams.classFrequencies";
  checkKeys(where, options, ["skew", "step"]);
  return skewed(where, checkNumber(where, "classes", classes, { min: 1, integer: true }), options);
}

function skewed(where: string, classes: number, { skew = 0, step = 0.05 }: SkewOptions): Float64Array {
  checkNumber(where, "skew", skew, { min: 0 });
  if (skew > 0) checkNumber(where, "step", step, { min: 0, ...(classes > 1 && { max: 1 / (classes - 1), open: "max" }) });
  const powers = Float64Array.from({ length: classes }, (_, i) => (skew === 0 ? 1 : power(1 - step * i, skew)));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}
