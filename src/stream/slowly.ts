import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import { RandomStream } from "../random.ts";
import type { Batch } from "./dataset.ts";

const changes = ["resample", "flip"] as const;
/** Bits drawn for each row, at most, for which values are kept. */
const mostKnown = 12;

/** The problem {@link slowlyChanging} makes. */
export interface SlowlyChangingOptions {
  /** Default 0. */
  readonly seed?: number;
  /** Rows in all; default 1 000 000. */
  readonly rows?: number;
  /** Rows in a batch; default 1. */
  readonly batchSize?: number;
  /** Bits in a row; default 20. */
  readonly inputs?: number;
  /** The first of them, which change slowly; the others are drawn for each row. Default 15. */
  readonly flipping?: number;
  /** Rows after which they change; default 10 000. */
  readonly every?: number;
  /** Whether all of them are drawn anew, as in the authors' runs, or one is flipped, as in the text. Default "resample". */
  readonly change?: (typeof changes)[number];
  /** Units of the target; default 100. */
  readonly units?: number;
  /** Share of a unit's weights that must agree with the bits for it to be on; default 0.7. */
  readonly beta?: number;
  /** Batches to leave out at the start; default 0. */
  readonly skip?: number;
}

/** Rows of bits with one value each. */
export interface SlowlyChanging extends Iterable<Batch> {
  /** Batches in all, without `skip`. */
  readonly count: number;
  /** Returns the value of a row of bits. */
  target(x: ArrayLike<number>): number;
}

/**
 * Returns the slowly-changing regression problem: bits [rows × inputs] as f32 0 and 1, and the value of a fixed net of threshold units, which
 * a smaller learner must track as the first bits change. Weights and biases are drawn from −1 and 1; a unit is on where what it sums up, its
 * bias too, is above beta·(inputs + 1) − S, S being how many of its weights are −1 and half its bias, as in the authors' code (in their text,
 * the bias counts as a weight, and the target varies a third more). A batch may go over a change. Row `i` depends on the seed and `i` alone.
 * @throws E_CONFIG
 * @see Dohare et al. 2024, "Loss of plasticity in deep continual learning", methods
 */
export function slowlyChanging(options: SlowlyChangingOptions = {}): SlowlyChanging {
  const settings = checkOptions(options);
  const { rows, batchSize, inputs, skip } = settings;
  const target = targetNet(settings);

  function* run(): Generator<Batch, void, void> {
    const next = rowReader(settings, target);
    for (let start = skip * batchSize; start < rows; start += batchSize) {
      const count = Math.min(batchSize, rows - start);
      const x = new Float32Array(count * inputs);
      const y = Float32Array.from({ length: count }, (_, i) => next(start + i, x, i * inputs));
      yield { x, y };
    }
  }
  return { count: Math.ceil(rows / batchSize), target, [Symbol.iterator]: run };
}

/** Returns a function that writes row `row` to `x[at…]` and returns its value; rows are asked in rising order. */
function rowReader(settings: Required<SlowlyChangingOptions>, target: SlowlyChanging["target"]) {
  const { seed, inputs, flipping, every, change } = settings;
  const noise = new RandomStream(seed, "stream/slowly/bits");
  const slow = new RandomStream(seed, "stream/slowly/change");
  const free = inputs - flipping;
  const held = new Float32Array(flipping);
  /** Values by the bits that are drawn, as long as the others stay: far fewer than rows. */
  const known = new Float64Array(free <= mostKnown ? 2 ** free : 0).fill(Number.NaN);
  let phase = -1;
  return (row: number, x: Float32Array, at: number): number => {
    for (const due = Math.floor(row / every); phase < due; known.fill(Number.NaN)) {
      phase += 1;
      if (change === "resample" || phase === 0) for (let k = 0; k < flipping; k++) held[k] = slow.u32() >>> 31;
      else if (flipping > 0) {
        const k = slow.below(flipping);
        held[k] = 1 - (held[k] as number);
      }
    }
    x.set(held, at);
    noise.position = row * Math.ceil(free / 32);
    let key = 0;
    for (let k = 0, word = 0; k < free; k++, word <<= 1) {
      if (k % 32 === 0) word = noise.u32();
      const bit = word >>> 31;
      x[at + flipping + k] = bit;
      key = 2 * key + bit;
    }
    const value = known[key];
    if (value !== undefined && !Number.isNaN(value)) return value;
    const fresh = target(x.subarray(at, at + inputs));
    if (known.length > 0) known[key] = fresh;
    return fresh;
  };
}

function targetNet({ seed, inputs, units, beta }: Required<SlowlyChangingOptions>): SlowlyChanging["target"] {
  const random = new RandomStream(seed, "stream/slowly/target");
  const sign = (): number => (random.u32() >>> 31) * 2 - 1;
  const weights = Int8Array.from({ length: units * inputs }, sign);
  const biases = Int8Array.from({ length: units }, sign);
  const outputs = Int8Array.from({ length: units }, sign);
  const offset = sign();
  const thresholds = Float64Array.from(biases, (bias, unit) => {
    const negative = weights.subarray(unit * inputs, (unit + 1) * inputs).reduce((count, weight) => count + Number(weight < 0), 0);
    return beta * (inputs + 1) - negative - bias / 2 - bias;
  });
  return (x) => {
    let sum = offset;
    for (let unit = 0, at = 0; unit < units; unit++) {
      let seen = 0;
      for (let k = 0; k < inputs; k++) seen += (x[k] as number) * (weights[at++] as number);
      if (seen > (thresholds[unit] as number)) sum += outputs[unit] as number;
    }
    return sum;
  };
}

function checkOptions(options: SlowlyChangingOptions): Required<SlowlyChangingOptions> {
  const where = "streams.slowlyChanging";
  const defaults: Required<SlowlyChangingOptions> = {
    ...{ seed: 0, rows: 1_000_000, batchSize: 1, inputs: 20, flipping: 15, every: 10_000 },
    ...{ change: "resample", units: 100, beta: 0.7, skip: 0 },
  };
  checkKeys(where, options, Object.keys(defaults));
  const settings = { ...defaults, ...options };
  checkNumber(where, "seed", settings.seed, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  for (const key of ["rows", "batchSize", "inputs", "every", "units"] as const)
    checkNumber(where, key, settings[key], { min: 1, integer: true });
  checkNumber(where, "flipping", settings.flipping, { min: 0, max: settings.inputs, integer: true });
  checkNumber(where, "skip", settings.skip, { min: 0, integer: true });
  checkNumber(where, "beta", settings.beta, { min: 0, max: 1 });
  checkChoice(where, "change", settings.change, changes);
  return settings;
}
