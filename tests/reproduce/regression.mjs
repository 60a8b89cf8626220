/**
 * Slowly changing regression (Dohare et al. 2024, "Loss of plasticity in deep continual learning", Nature 632; arXiv 2306.13812), its nets side
 * by side: one learner has those of many seeds, each with a target, inputs and first weights of its own, and observes one row a step for all.
 */
import { Learner, optim, tensor } from "palimpsest";

const { add, broadcast, concat, maximum, mul, reshape, slice, square, sub, sum, tanh } = tensor;
const [BITS, SLOW, FAST, UNITS, TARGET_UNITS, BETA] = [20, 15, 5, 5, 100, 0.7];

/** Every learner: what its hidden units do, and its learning rate. @type {readonly { kind: Kind, rate: number }[]} */
export const learners = [
  ...[0.01, 0.003, 0.001].map((rate) => ({ kind: /** @type {const} */ ("relu"), rate })),
  ...[0.01, 0.003, 0.001].map((rate) => ({ kind: /** @type {const} */ ("tanh"), rate })),
  { kind: "linear", rate: 0.01 },
];

/** @typedef {"relu" | "tanh" | "linear"} Kind @typedef {import("palimpsest").Tensor} Tensor */
/** Kinds of net, and how many learners are of each. @type {readonly (readonly [Kind, number])[]} */
const kinds = [
  ["relu", 3],
  ["tanh", 3],
  ["linear", 1],
];
/** Of weights uniform on ±gain·√(3 / inputs), as torch gives it for the function after them. */
const gains = { relu: Math.SQRT2, tanh: 5 / 3, linear: 1 };

/** Returns words of 32 random bits from a seed and a name: sfc32 of Doty-Humphrey (PractRand). @param {number} seed @param {number} name */
function wordsOf(seed, name) {
  let [a, b, c, count] = [seed | 0, name | 0, 0x9e3779b9 | 0, 1];
  const next = () => {
    const word = (a + b + count++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + word) | 0;
    return word >>> 0;
  };
  for (let i = 0; i < 16; i++) next();
  return next;
}

/**
 * Returns the fixed net of a seed that gives the targets: 20 bits, 100 units that are 1 above a threshold and 0 below, one output, all weights and
 * biases 1 or −1. A unit's threshold is 0.7·21 less its weights of −1, so that few are on.
 * @param {number} seed @returns {(bits: ArrayLike<number>) => number}
 */
export function targetOf(seed) {
  const word = wordsOf(seed, 1);
  const signs = (/** @type {number} */ count) => Int8Array.from({ length: count }, () => (word() >>> 31) * 2 - 1);
  const [weights, biases, outs, shift] = [signs(TARGET_UNITS * BITS), signs(TARGET_UNITS), signs(TARGET_UNITS), signs(1)];
  return (bits) => {
    let out = /** @type {number} */ (shift[0]);
    for (let unit = 0; unit < TARGET_UNITS; unit++) {
      const bias = /** @type {number} */ (biases[unit]);
      let [all, on] = [0, bias];
      for (let i = 0; i < BITS; i++) {
        const weight = /** @type {number} */ (weights[unit * BITS + i]);
        all += weight;
        on += weight * /** @type {number} */ (bits[i]);
      }
      const negative = (BITS - all + bias) / 2;
      if (on > BETA * (BITS + 1) - negative) out += /** @type {number} */ (outs[unit]);
    }
    return out;
  };
}

/**
 * Returns the examples of a seed, one after the other: 20 bits, the first 15 drawn anew every `every` examples only, and the target.
 * @param {number} seed @param {number} every @returns {() => { bits: Float32Array, target: number }} the same array each time
 */
export function examplesOf(seed, every) {
  const [slow, fast] = [wordsOf(seed, 2), wordsOf(seed, 3)];
  const target = targetOf(seed);
  const bits = new Float32Array(BITS);
  /** Of each setting of the fast bits, under the slow ones as they are. */
  const targets = new Float64Array(2 ** FAST);
  const set = (/** @type {number} */ first, /** @type {number} */ count, /** @type {number} */ word) => {
    for (let i = 0; i < count; i++) bits[first + i] = (word >>> i) & 1;
  };
  let seen = 0;
  return () => {
    if (seen++ % every === 0) {
      set(0, SLOW, slow() >>> (32 - SLOW));
      for (let word = 0; word < 2 ** FAST; word++) {
        set(SLOW, FAST, word);
        targets[word] = target(bits);
      }
    }
    const word = fast() >>> (32 - FAST);
    set(SLOW, FAST, word);
    return { bits, target: /** @type {number} */ (targets[word]) };
  };
}

/**
 * Returns the first weights of a seed's net: `weight` [20, units] and, but for a linear one, `out` [units]; biases are 0.
 * @param {number} seed @param {number} index of the learner
 */
export function firstOf(seed, index) {
  const { kind } = /** @type {(typeof learners)[number]} */ (learners[index]);
  const word = wordsOf(seed, 10 + index);
  const uniform = (/** @type {number} */ count, /** @type {number} */ bound) =>
    Float32Array.from({ length: count }, () => ((2 * (word() >>> 8)) / 2 ** 24 - 1) * bound);
  const weight = uniform(BITS * (kind === "linear" ? 1 : UNITS), gains[kind] * Math.sqrt(3 / BITS));
  return { weight, out: kind === "linear" ? new Float32Array(0) : uniform(UNITS, Math.sqrt(3 / UNITS)) };
}

const zeros = () => {};
/** @param {readonly number[]} shape */
const spec = (...shape) => ({ shape, fill: zeros });

/**
 * Returns nets of one kind: `count` learners of all seeds, whose numbers lie side by side in the last dims so that vectors span them.
 * @param {Kind} kind @param {number} count @param {number} seeds @returns {ReturnType<import("palimpsest").Layer["build"]>}
 */
function netsOf(kind, count, seeds) {
  const across = [count, seeds];
  const output = [1, ...across];
  if (kind === "linear") {
    return {
      output,
      params: { weight: spec(BITS, ...across), bias: spec(...across) },
      children: {},
      apply: (bits, { param }) => add(sum(mul(reshape(bits, [BITS, 1, seeds]), param("weight")), 0), param("bias")),
    };
  }
  const hidden = (/** @type {Tensor} */ z) => (kind === "relu" ? maximum(z, 0) : tanh(z));
  return {
    output,
    params: { weight: spec(BITS, UNITS, ...across), bias: spec(UNITS, ...across), out: spec(UNITS, ...across), shift: spec(...across) },
    children: {},
    apply(bits, { param }) {
      const z = add(sum(mul(reshape(bits, [BITS, 1, 1, seeds]), param("weight")), 0), param("bias"));
      return add(sum(mul(hidden(z), param("out")), 0), param("shift"));
    },
  };
}

/**
 * Returns all nets as a layer whose output is their errors [learners, seeds]. Its input has a row of each bit, one of targets, and one of whether the
 * sums of squared errors that it keeps go on (1) or begin (0).
 * @param {number} seeds @returns {import("palimpsest").Layer}
 */
const sideBySide = (seeds) => ({
  config: { kind: "sideBySide", seeds },
  build() {
    const shape = [learners.length, seeds];
    return {
      output: shape,
      params: {},
      state: { squares: { shape, fill: zeros } },
      children: Object.fromEntries(kinds.map(([kind, count]) => [kind, netsOf(kind, count, seeds)])),
      apply(x, { training, state, update }, child) {
        const row = (/** @type {number} */ first, count = 1) => reshape(slice(x, [0, first, 0], [1, count, seeds]), [count, seeds]);
        const bits = row(0, BITS);
        const outputs = concat(
          kinds.map(([kind]) => child(kind, bits)),
          0,
        );
        const errors = sub(outputs, broadcast(row(BITS), shape));
        if (training) update("squares", add(mul(state("squares"), row(BITS + 1)), square(errors)));
        return reshape(errors, [1, ...shape]);
      },
    };
  },
});

/** The sum of squared errors, each times its target: under plain SGD at 1, a net's learning rate. @type {import("palimpsest").Loss} */
const ratedSquares = {
  kind: "ratedSquares",
  options: {},
  targets: "values",
  rows: (errors, rates) => reshape(sum(mul(square(errors), rates)), [1]),
  answer: (errors) => errors,
};

/** Returns the first weights of all seeds' nets by path. @param {readonly number[]} seeds */
function firstWeights(seeds) {
  /** @type {Map<string, Float32Array>} */
  const weights = new Map();
  let before = 0;
  for (const [kind, count] of kinds) {
    for (const [s, seed] of seeds.entries()) {
      for (let copy = 0; copy < count; copy++) {
        for (const [name, numbers] of Object.entries(firstOf(seed, before + copy))) {
          if (numbers.length === 0) continue;
          const path = `${kind}.${name}`;
          const all = weights.get(path) ?? new Float32Array(numbers.length * count * seeds.length);
          for (const [i, number] of numbers.entries()) all[(i * count + copy) * seeds.length + s] = number;
          weights.set(path, all);
        }
      }
    }
    before += count;
  }
  return weights;
}

/**
 * Trains the nets of some seeds, one example a step, and returns their mean squared errors, each before its step: of each bin, [learners × seeds].
 * @param {import("palimpsest").Runtime} runtime @param {readonly number[]} seeds
 * @param {{ bins: number, steps: number, every: number }} options `steps` to a bin, a change of the slow bits `every` so many
 */
export async function errorsOf(runtime, seeds, { bins, steps, every }) {
  const learner = await Learner.create(runtime, {
    model: sideBySide(seeds.length),
    input: [BITS + 2, seeds.length],
    loss: ratedSquares,
    optimizer: optim.sgd(),
    schedule: 1,
    weights: firstWeights(seeds),
    batchSize: 1,
  });
  const streams = seeds.map((seed) => examplesOf(seed, every));
  const x = new Float32Array((BITS + 2) * seeds.length);
  const y = Float32Array.from({ length: learners.length * seeds.length }, (_, i) => learners[Math.floor(i / seeds.length)]?.rate ?? 0);
  /** @type {Float32Array[]} */
  const errors = [];
  for (let bin = 0; bin < bins; bin++) {
    for (let step = 0; step < steps; step++) {
      const changed = learner.step % every === 0;
      for (const [s, next] of streams.entries()) {
        const { bits, target } = next();
        for (let i = changed ? 0 : SLOW; i < BITS; i++) x[i * seeds.length + s] = /** @type {number} */ (bits[i]);
        x[BITS * seeds.length + s] = target;
      }
      x.fill(step === 0 ? 0 : 1, (BITS + 1) * seeds.length);
      const { skipped } = await learner.observe({ x, y });
      if (skipped !== undefined) throw new Error(`seeds ${seeds.join(" ")}: step ${learner.step}: ${JSON.stringify(skipped)}`);
    }
    const squares = (await learner.weights()).get("squares")?.data ?? new Float32Array(0);
    errors.push(squares.map((sum) => sum / steps));
  }
  await learner.close();
  return errors;
}
