/** Scenarios that keep the classes and change the pixels. */
import { checkKeys, checkNumber, fail } from "../errors.ts";
import { RandomStream } from "../random.ts";
import { turn } from "./angle.ts";
import { type Dataset, type RowView, rowLength, viewed } from "./dataset.ts";
import { checkParts, type Scenario, type TrainTest } from "./scenario.ts";

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
    increment: "domain",
    tasks: Array.from({ length: tasks }, (_, task) => {
      const { name, view } = domain(task);
      const part = (dataset: Dataset): Dataset => (view === undefined ? dataset : viewed(dataset, view, `${dataset.name}: ${name}`));
      return { name, classes, train: part(data.train), test: part(data.test) };
    }),
  };
}
