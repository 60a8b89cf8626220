/** Batch sizes that go round with the shape of their rows. */
import { checkKeys, checkNumber, describe, fail } from "../errors.ts";
import { checkValues } from "./values.ts";

/** Options of {@link multigrid}. */
export interface MultigridOptions {
  /** Length of a full input: frames, or tokens. */
  readonly length: number;
  /** Side of a full input; its cost grows with the square. */
  readonly size: number;
  /** Epochs at which the plain schedule lowers its rate, from 0 on; the last begins the final stage. */
  readonly drops: readonly number[];
  /** Epochs of the plain schedule. */
  readonly epochs: number;
  /** What the rate is multiplied by at each drop. Default 0.1. */
  readonly decay?: number;
  /** Epochs over those of the plain schedule. Default 1.5. */
  readonly epochFactor?: number;
  /** Shapes of the long cycle, as factors of length and size. Default (¼, √½), (½, √½), (½, 1), (1, 1). */
  readonly shapes?: readonly (readonly [length: number, size: number])[];
  /** Sizes of the short cycle before the shape's own, as factors of the full size. Default ½, √½. */
  readonly sizes?: readonly number[];
}

/** A time of one shape. */
export interface MultigridStage {
  /** Number of drops before it. */
  readonly drop: number;
  /** Rows in a batch of that shape, over those in a batch of full inputs. */
  readonly batch: number;
  readonly length: number;
  readonly size: number;
  /** Epoch at which it ends. */
  readonly end: number;
}

/** A schedule of shapes and of the rates that go with them. */
export interface Multigrid {
  readonly stages: readonly MultigridStage[];
  /** Epochs at which the rate changes, and the rate from then on over the plain schedule's first. */
  readonly rates: readonly { readonly start: number; readonly rate: number }[];
  readonly epochs: number;
  /** Mean over the short cycle of each shape's batch, over a batch of full inputs. */
  readonly batches: readonly number[];
}

/** Options of {@link shortCycle}. */
export interface ShortCycleOptions {
  /** Rows in a batch of the shape in use. */
  readonly batchSize: number;
  /** Side of the shape in use. */
  readonly size: number;
  /** Side of a full input. Default: the size. */
  readonly fullSize?: number;
  /** Default ½, √½. */
  readonly sizes?: readonly number[];
}

const longShapes: readonly (readonly [number, number])[] = [
  [0.25, Math.SQRT1_2],
  [0.5, Math.SQRT1_2],
  [0.5, 1],
  [1, 1],
];
const shortSizes: readonly number[] = [0.5, Math.SQRT1_2];

/**
 * Returns small inputs in large batches first, full ones last, in a cycle between any two drops of the rate: the same work for each update,
 * so that epochs become cheaper. The rate grows with the batch; the last stage keeps the rate before it for its first half.
 * @throws E_CONFIG
 * @see Wu et al. 2020, arXiv 1912.00998; the authors' SlowFast code
 */
export function multigrid(options: MultigridOptions): Multigrid {
  const where = "batching.multigrid";
  checkKeys(where, options, ["length", "size", "drops", "epochs", "decay", "epochFactor", "shapes", "sizes"]);
  const length = checkNumber(where, "length", options.length, { min: 1, integer: true });
  const size = checkNumber(where, "size", options.size, { min: 1, integer: true });
  const drops = checkValues(where, "drops", options.drops, { min: 0 }, 2);
  for (const [i, drop] of drops.entries()) {
    checkNumber(where, `drops[${i}]`, drop, i === 0 ? { max: 0 } : { min: drops[i - 1] as number, open: "min" });
  }
  const searched = drops.at(-1) as number;
  const epochs = checkNumber(where, "epochs", options.epochs, { min: searched, open: "min" });
  const decay = checkNumber(where, "decay", options.decay ?? 0.1, { min: 0, open: "min" });
  const epochFactor = checkNumber(where, "epochFactor", options.epochFactor ?? 1.5, { min: 0, open: "min" });
  const factors = { min: 0, max: 1, open: "min" } as const;
  const short = checkSizes(where, options.sizes);
  const given = options.shapes ?? longShapes;
  if (!Array.isArray(given) || given.length === 0) {
    fail("E_CONFIG", `${where}: option "shapes" is no list of shapes; expected [length, size] factors, got ${describe(given)}`);
  }
  const shapes = (given as typeof longShapes).map(([forLength, forSize], i) => {
    const frames = Math.max(nearest(length * checkNumber(where, `shapes[${i}][0]`, forLength, factors)), 1);
    const side = Math.max(nearest(size * checkNumber(where, `shapes[${i}][1]`, forSize, factors)), 1);
    const all = [...short.map((factor) => size * factor), side].map((s) => nearest((length * size * size) / (frames * s * s)));
    return { length: frames, size: side, batch: all.at(-1) as number, mean: all.reduce((sum, n) => sum + n, 0) / all.length };
  });
  const sum = shapes.reduce((total, shape) => total + shape.mean, 0);
  const full = shapes.at(-1) as (typeof shapes)[number];
  // Every shape makes as many updates, e/Σb̄ between drops e epochs apart; the last stage is shortened as the rest is.
  const saving = sum / shapes.length;
  const planned = Array.from(drops.slice(1)).flatMap((drop, i) =>
    shapes.map((shape) => ({ ...shape, drop: i, epochs: ((drop - (drops[i] as number)) * shape.mean) / sum })),
  );
  planned.push({ ...full, drop: drops.length - 1, epochs: ((epochs - searched) / saving) * full.mean });
  const scale = (epochs * epochFactor) / planned.reduce((total, stage) => total + stage.epochs, 0);
  let done = 0;
  const stages = planned.map((stage) => {
    done += stage.epochs * scale;
    return { drop: stage.drop, batch: stage.batch, length: stage.length, size: stage.size, end: nearest(done) };
  });
  const powers = Array.from(drops, (_, i) => Array.from({ length: i }, () => decay).reduce((product, factor) => product * factor, 1));
  const rates = stages.map(({ drop, batch }, i) => ({ start: stages[i - 1]?.end ?? 0, rate: (powers[drop] as number) * batch }));
  const last = rates.at(-1) as (typeof rates)[number];
  const before = rates.at(-2) as (typeof rates)[number];
  const end = (stages.at(-1) as MultigridStage).end;
  rates.splice(-1, 1, { ...last, rate: before.rate }, { start: Math.floor((last.start + end) / 2), rate: last.rate });
  return { stages, rates, epochs: end, batches: shapes.map((shape) => shape.mean) };
}

/**
 * Returns the shapes that update i mod their number takes within a stage: smaller sides in batches larger by the square.
 * @throws E_CONFIG
 */
export function shortCycle(options: ShortCycleOptions): { batchSize: number; size: number }[] {
  const where = "batching.shortCycle";
  checkKeys(where, options, ["batchSize", "size", "fullSize", "sizes"]);
  const batchSize = checkNumber(where, "batchSize", options.batchSize, { min: 1, integer: true });
  const size = checkNumber(where, "size", options.size, { min: 1, integer: true });
  const fullSize = checkNumber(where, "fullSize", options.fullSize ?? size, { min: size, integer: true });
  const small = checkSizes(where, options.sizes).map((factor) => {
    const ratio = size / (factor * fullSize);
    return { batchSize: Math.max(nearest(ratio * ratio), 1) * batchSize, size: Math.max(nearest(factor * fullSize), 1) };
  });
  return [...small, { batchSize, size }];
}

function checkSizes(where: string, sizes: readonly number[] | undefined): number[] {
  return Array.from(checkValues(where, "sizes", sizes ?? shortSizes, { min: 0, max: 1, open: "min" }, 0));
}

/** The nearest whole number, the even one of two. */
function nearest(x: number): number {
  const below = Math.floor(x);
  return x - below > 0.5 || (x - below === 0.5 && below % 2 === 1) ? below + 1 : below;
}
