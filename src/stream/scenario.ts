import { checkKeys, checkNumber, describe, fail } from "../errors.ts";
import { RandomStream } from "../random.ts";
import { turn } from "./angle.ts";
import type { Dataset, RowView } from "./dataset.ts";
import { labelOf, rowLength, select, viewed } from "./dataset.ts";

/** The two parts of a labelled set. */
export interface TrainTest {
  readonly train: Dataset;
  readonly test: Dataset;
}

/** One stage of a scenario. */
export interface Task extends TrainTest {
  readonly name: string;
  /** The classes it holds. */
  readonly classes: readonly number[];
}

/** Tasks in the order they are to be learned; they share the pixels of the set they were made from. */
export interface Scenario {
  /** "split" brings new classes with each task; "permuted" and "rotated" keep the classes and change the pixels. */
  readonly kind: "split" | "permuted" | "rotated";
  readonly tasks: readonly Task[];
}

/**
 * Returns the class-incremental scenario: the classes, in `order` (default 0, 1, 2 …), divided evenly among the tasks.
 * @throws E_CONFIG where the classes do not divide or `order` does not name each once, E_DATA where a task has no rows
 */
export function splitClasses(data: TrainTest, options: { tasks: number; order?: readonly number[] }): Scenario {
  checkKeys("streams.splitClasses", options, ["tasks", "order"]);
  const classes = checkParts("streams.splitClasses", data);
  const tasks = checkNumber("streams.splitClasses", "tasks", options.tasks, { min: 1, integer: true });
  const order = options.order ?? Array.from({ length: classes }, (_, i) => i);
  if (!(order.length === classes && order.every((label, i) => label >= 0 && label < classes && order.indexOf(label) === i))) {
    fail(
      "E_CONFIG",
      `streams.splitClasses: option "order" is no order of the classes; expected each of 0 to ${classes - 1} once, got ${order.join(", ") || "none"}`,
    );
  }
  if (tasks > classes || classes % tasks !== 0) {
    const fitting = order.map((_, i) => i + 1).filter((n) => classes % n === 0);
    fail(
      "E_CONFIG",
      `streams.splitClasses: ${classes} classes do not divide into ${tasks} tasks; expected ${fitting.join(", ")} tasks, got ${tasks}`,
      {
        hint: `Choose one of ${fitting.join(", ")} tasks.`,
        context: { classes, tasks },
      },
    );
  }
  const perTask = classes / tasks;
  const train = rowsByClass(data.train);
  const test = rowsByClass(data.test);
  return {
    kind: "split",
    tasks: Array.from({ length: tasks }, (_, task) => {
      const members = order.slice(task * perTask, (task + 1) * perTask);
      const name = `${members.length === 1 ? "class" : "classes"} ${members.join(", ")}`;
      const part = (dataset: Dataset, rows: readonly number[][]): Dataset => {
        const chosen = members.flatMap((label) => rows[label] as number[]).sort((a, b) => a - b);
        if (chosen.length === 0) fail("E_DATA", `${dataset.name}: task ${task} has no rows; expected some of ${name}, got none`);
        return select(dataset, chosen, `${dataset.name}: ${name}`);
      };
      return { name, classes: members, train: part(data.train, train), test: part(data.test, test) };
    }),
  };
}

/**
 * Returns the domain-incremental scenario in which each task shuffles the values of every row by one permutation of its
 * own; task 0 leaves them as they are.
 * @throws E_CONFIG
 * @see Goodfellow et al. 2013, "An empirical investigation of catastrophic forgetting"
 */
export function permuted(data: TrainTest, options: { tasks: number; seed?: number }): Scenario {
  checkKeys("streams.permuted", options, ["tasks", "seed"]);
  checkParts("streams.permuted", data);
  const tasks = checkNumber("streams.permuted", "tasks", options.tasks, { min: 1, integer: true });
  const seed = checkNumber("streams.permuted", "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  const row = rowLength(data.train.shape);
  return domains("permuted", data, tasks, (task) => {
    if (task === 0) return { name: "as drawn" };
    const source = new RandomStream(seed, `stream/permuted/${task}`).shuffle(Uint32Array.from({ length: row }, (_, i) => i));
    const view: RowView = (from, at, target, to) => {
      for (let i = 0; i < row; i++) target[to + i] = from[at + (source[i] as number)] as number;
    };
    return { name: `permutation ${task}`, view };
  });
}

/**
 * Returns the domain-incremental scenario in which task `t` turns every image by `t × step` degrees (default 180 / tasks),
 * counter-clockwise about its centre, bilinear, zero outside. Rows must be [height, width].
 * @throws E_CONFIG, E_SHAPE where rows are not images
 * @see Lopez-Paz, Ranzato 2017, "Gradient episodic memory for continual learning"
 */
export function rotated(data: TrainTest, options: { tasks: number; step?: number }): Scenario {
  checkKeys("streams.rotated", options, ["tasks", "step"]);
  checkParts("streams.rotated", data);
  const tasks = checkNumber("streams.rotated", "tasks", options.tasks, { min: 1, integer: true });
  const step = checkNumber("streams.rotated", "step", options.step ?? 180 / tasks, { min: -360, max: 360 });
  const [height, width, ...rest] = data.train.shape;
  if (height === undefined || width === undefined || rest.length > 0) {
    fail(
      "E_SHAPE",
      `streams.rotated: rows of ${data.train.name} are not images; expected [height, width], got [${data.train.shape.join(", ")}]`,
    );
  }
  return domains("rotated", data, tasks, (task) => {
    const degrees = Math.round(task * step * 100) / 100;
    return task === 0 ? { name: "0°" } : { name: `${degrees}°`, view: rotation(height, width, task * step) };
  });
}

/** Returns the view of an image turned counter-clockwise about its centre: four taps and their weights for each pixel. */
function rotation(height: number, width: number, degrees: number): RowView {
  const { cos, sin } = turn(degrees);
  const pixels = height * width;
  const taps = new Int32Array(4 * pixels);
  const weights = new Float64Array(4 * pixels);
  for (let p = 0; p < pixels; p++) {
    const x = (p % width) - (width - 1) / 2;
    const y = Math.floor(p / width) - (height - 1) / 2;
    const fromX = cos * x - sin * y + (width - 1) / 2;
    const fromY = sin * x + cos * y + (height - 1) / 2;
    const left = Math.floor(fromX);
    const top = Math.floor(fromY);
    for (let tap = 0; tap < 4; tap++) {
      const column = left + (tap % 2);
      const row = top + Math.floor(tap / 2);
      if (column < 0 || column >= width || row < 0 || row >= height) continue;
      taps[4 * p + tap] = row * width + column;
      weights[4 * p + tap] = Math.max(0, 1 - Math.abs(fromX - column)) * Math.max(0, 1 - Math.abs(fromY - row));
    }
  }
  return (source, from, target, to) => {
    const half = target instanceof Uint8Array ? 0.5 : 0;
    for (let p = 0; p < pixels; p++) {
      let sum = half;
      for (let k = 4 * p; k < 4 * p + 4; k++) sum += (source[from + (taps[k] as number)] as number) * (weights[k] as number);
      target[to + p] = sum;
    }
  };
}

function domains(
  kind: "permuted" | "rotated",
  data: TrainTest,
  tasks: number,
  domain: (task: number) => { name: string; view?: RowView },
): Scenario {
  const classes = Array.from({ length: data.train.classes }, (_, i) => i);
  return {
    kind,
    tasks: Array.from({ length: tasks }, (_, task) => {
      const { name, view } = domain(task);
      const part = (dataset: Dataset): Dataset => (view === undefined ? dataset : viewed(dataset, view, `${dataset.name}: ${name}`));
      return { name, classes, train: part(data.train), test: part(data.test) };
    }),
  };
}

/** Refuses two parts that are not of one set; returns its number of classes. */
function checkParts(where: string, { train, test }: TrainTest): number {
  if (train.shape.join() !== test.shape.join()) {
    fail(
      "E_SHAPE",
      `${where}: the parts have different rows; expected [${train.shape.join(", ")}] as in ${train.name}, got [${test.shape.join(", ")}] in ${test.name}`,
    );
  }
  if (train.classes !== test.classes) {
    fail(
      "E_DATA",
      `${where}: the parts have different classes; expected ${train.classes} as in ${train.name}, got ${describe(test.classes)} in ${test.name}`,
      {
        hint: 'Give both parts the same "classes".',
      },
    );
  }
  return train.classes;
}

function rowsByClass(dataset: Dataset): number[][] {
  const rows: number[][] = Array.from({ length: dataset.classes }, () => []);
  for (let i = 0; i < dataset.count; i++) (rows[labelOf(dataset, i)] as number[]).push(i);
  return rows;
}
