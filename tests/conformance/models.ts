/** Slow models of update rules in f64, tensor by tensor and element by element: what the options of rules mean, written from their definitions. */
import { optim } from "palimpsest";

/** Tensors as lists of numbers. */
export type Tensors = readonly (readonly number[])[];

/** What a model sees of step k, counted from 1. */
export interface Seen {
  readonly k: number;
  readonly w: Tensors;
  readonly g: Tensors;
  readonly noise: Tensors;
}

/** A rule with options, and a model of it: parameters after a step, and the weights that answer where they are averaged. */
export interface Variant {
  readonly optimizer: optim.Optimizer;
  readonly learningRate: number;
  readonly model: () => (seen: Seen) => { readonly w: Tensors; readonly averaged?: Tensors };
}

type Element = (w: number, g: number, at: Kept, seen: Seen) => number;
/** Numbers kept of an element, 0 at first. */
type Kept = Record<"b" | "m" | "v" | "s" | "most" | "sum", number>;

/** Returns what is kept of the elements of tensors by their places. */
function keep(): (i: number, j: number) => Kept {
  const kept = new Map<string, Kept>();
  return (i, j) => {
    const own = kept.get(`${i}/${j}`) ?? { b: 0, m: 0, v: 0, s: 0, most: 0, sum: 0 };
    kept.set(`${i}/${j}`, own);
    return own;
  };
}

/** A model that goes element by element. */
function elementwise(optimizer: optim.Optimizer, learningRate: number, element: Element): Variant {
  const model: Variant["model"] = () => {
    const kept = keep();
    return (seen) => ({ w: map(seen.w, (value, i, j) => element(value, at(seen.g, i, j), kept(i, j), seen)) });
  };
  return { optimizer, learningRate, model };
}

const map = (a: Tensors, f: (value: number, i: number, j: number) => number): number[][] =>
  a.map((list, i) => list.map((v, j) => f(v, i, j)));
const at = (a: Tensors, i: number, j: number): number => a[i]?.[j] as number;
const zeros = (a: Tensors): number[][] => map(a, () => 0);
const norm = (list: readonly number[]): number => Math.hypot(...list);
const total = (a: Tensors): number => a.flat().reduce((sum, value) => sum + value, 0);
const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
const rms = (list: readonly number[]): number => norm(list) / Math.sqrt(list.length);
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Adam's moments of an element, and m̂, √v̂. */
function moments(kept: Kept, g: number, k: number, b1 = 0.9, b2 = 0.999): { m: number; v: number; mHat: number; root: number } {
  kept.m = b1 * kept.m + (1 - b1) * g;
  kept.v = b2 * kept.v + (1 - b2) * g * g;
  const { m, v } = kept;
  return { m, v, mHat: m / (1 - b1 ** k), root: Math.sqrt(v / (1 - b2 ** k)) };
}

/** Momentum whose step of each tensor is scaled by its norms. */
function lars(options: optim.LarsOptions & { weightDecay: number }, learningRate: number): Variant {
  const { weightDecay, flavour, skipVectors = true, trustClip = false } = options;
  const model: Variant["model"] = () => {
    let b: number[][] | undefined;
    return ({ w, g }) => {
      b ??= zeros(w);
      const d = w.map((list, i) => {
        if (skipVectors && i === 1) return g[i] as readonly number[];
        const [size, slope] = [norm(list), norm(g[i] as number[])];
        let ratio = size > 0 && slope > 0 ? (1e-3 * size) / (slope + weightDecay * size + 1e-8) : 1;
        if (flavour === "timm" && weightDecay === 0) ratio = 1;
        if (trustClip) ratio = Math.min(ratio / learningRate, 1);
        return list.map((value, j) => ratio * (at(g, i, j) + weightDecay * value));
      });
      const inside = flavour === "timm" ? 1 : learningRate;
      b = map(b, (old, i, j) => 0.9 * old + inside * at(d, i, j));
      return { w: map(w, (value, i, j) => value - (flavour === "timm" ? learningRate : 1) * at(b as Tensors, i, j)) };
    };
  };
  return { optimizer: optim.lars(options), learningRate, model };
}

function lamb(options: optim.LambOptions & { weightDecay: number }, learningRate: number): Variant {
  const model: Variant["model"] = () => {
    const kept = keep();
    return ({ k, w, g }) => ({
      w: w.map((list, i) => {
        const u = list.map((value, j) => {
          const { mHat, root } = moments(kept(i, j), at(g, i, j), k);
          return mHat / (root + 1e-6) + options.weightDecay * value;
        });
        let ratio = options.weightDecay === 0 ? 1 : norm(list) / norm(u);
        if (options.trustClip) ratio = Math.min(ratio, 1);
        return list.map((value, j) => value - learningRate * ratio * (u[j] as number));
      }),
    });
  };
  return { optimizer: optim.lamb(options), learningRate, model };
}

/** W is a matrix [2, 3], b a vector. */
function adafactor(options: optim.AdafactorOptions, learningRate: number): Variant {
  const { exponent = 0.8, clip = 1, momentum = 0, weightDecay = 0, scaled = true, rate = "given", least = 128 } = options;
  const model: Variant["model"] = () => {
    let [row, column, full, m] = [[0, 0], [0, 0, 0], [] as number[][], [] as number[][]];
    return ({ k, w, g }) => {
      if (k === 1) [full, m] = [zeros(w), zeros(w)];
      const take = k ** -exponent;
      const blend = (old: number, now: number): number => (1 - take) * old + take * now;
      const square = map(g, (value) => value * value + 1e-30);
      full = map(full, (old, i, j) => blend(old, at(square, i, j)));
      const of = square[0] as number[];
      row = row.map((old, r) => blend(old, mean(of.slice(3 * r, 3 * r + 3))));
      column = column.map((old, c) => blend(old, mean([of[c] as number, of[c + 3] as number])));
      const factored = (j: number): number => ((row[Math.floor(j / 3)] as number) * (column[j % 3] as number)) / mean(row);
      const u = map(g, (value, i, j) => value / Math.sqrt(i === 0 && least <= 2 ? factored(j) : at(full, i, j)));
      const pace = rate === "given" ? 1 : Math.min(rate === "relative" ? 0.01 : 1e-6 * k, 1 / Math.sqrt(k));
      const step = u.map((list, i) => {
        const scale = (scaled ? Math.max(rms(w[i] as number[]), 1e-3) : 1) / Math.max(1, rms(list) / clip);
        return list.map((value) => learningRate * pace * scale * value);
      });
      m = map(m, (old, i, j) => momentum * old + (1 - momentum) * at(step, i, j));
      return { w: map(w, (value, i, j) => value * (1 - weightDecay) - at(momentum > 0 ? m : step, i, j)) };
    };
  };
  return { optimizer: optim.adafactor(options), learningRate, model };
}

/** Schedule-free descent that keeps all three points. */
function scheduleFree(
  optimizer: optim.Optimizer,
  learningRate: number,
  { weightDecay, warmup, exponent, adaptive }: { weightDecay: number; warmup: number; exponent: number; adaptive: boolean },
): Variant {
  const model: Variant["model"] = () => {
    let [x, z, v]: number[][][] = [[], [], []];
    let [most, weights] = [0, 0];
    return ({ k, w: y, g }) => {
      if (k === 1) [x, z, v] = [map(y, (value) => value), map(y, (value) => value), zeros(y)];
      const rate = learningRate * Math.min(1, k / warmup);
      v = map(v as Tensors, (old, i, j) => 0.999 * old + 0.001 * at(g, i, j) ** 2);
      const slope = map(g, (value, i, j) => (adaptive ? value / (Math.sqrt(at(v as Tensors, i, j) / (1 - 0.999 ** k)) + 1e-8) : value));
      most = Math.max(most, rate);
      const weight = k ** exponent * most ** 2;
      weights += weight;
      z = map(z as Tensors, (value, i, j) => value - rate * (at(slope, i, j) + weightDecay * at(y, i, j)));
      x = map(x as Tensors, (value, i, j) => value + (weight / weights) * (at(z as Tensors, i, j) - value));
      return { w: map(x, (value, i, j) => 0.1 * at(z as Tensors, i, j) + 0.9 * value), averaged: x };
    };
  };
  return { optimizer, learningRate, model };
}

function dadaptAdam(options: { weightDecay: number; biasCorrection: boolean; growth: number }, learningRate: number): Variant {
  const { weightDecay, biasCorrection, growth } = options;
  const beta2 = 0.99;
  const root = Math.sqrt(beta2);
  const model: Variant["model"] = () => {
    let [m, v, s]: number[][][] = [[], [], []];
    let [d, numerator] = [1e-3, 0];
    return ({ k, w, g }) => {
      if (k === 1) [m, v, s] = [zeros(w), zeros(w), zeros(w)];
      const rate = d * learningRate * (biasCorrection ? Math.sqrt(1 - beta2 ** k) / (1 - 0.9 ** k) : 1);
      const gained = total(map(g, (value, i, j) => (rate * value * at(s as Tensors, i, j)) / (Math.sqrt(at(v as Tensors, i, j)) + 1e-8)));
      m = map(m as Tensors, (old, i, j) => 0.9 * old + rate * 0.1 * at(g, i, j));
      v = map(v as Tensors, (old, i, j) => beta2 * old + (1 - beta2) * at(g, i, j) ** 2);
      s = map(s as Tensors, (old, i, j) => root * old + rate * (1 - root) * at(g, i, j));
      numerator = root * numerator + (1 - root) * gained;
      const guess = numerator / ((1 - root) * total(map(s, Math.abs)));
      d = Math.max(d, Math.min(guess, d * growth));
      return {
        w: map(w, (value, i, j) => value * (1 - weightDecay * rate) - at(m as Tensors, i, j) / (Math.sqrt(at(v as Tensors, i, j)) + 1e-8)),
      };
    };
  };
  return { optimizer: optim.dadaptAdam({ ...options, beta2, distance: 1e-3 }), learningRate, model };
}

function prodigy(options: { factor: number; growth: number }, learningRate: number): Variant {
  const beta2 = 0.99;
  const root = Math.sqrt(beta2);
  const d0 = 1e-3;
  const model: Variant["model"] = () => {
    let [m, v, s, first]: number[][][] = [[], [], [], []];
    let [d, most, numerator] = [d0, d0, 0];
    return ({ k, w, g }) => {
      if (k === 1) [m, v, s, first] = [zeros(w), zeros(w), zeros(w), map(w, (value) => value)];
      const rate = d * learningRate;
      numerator = root * numerator + total(map(g, (value, i, j) => (d / d0) * rate * value * (at(first as Tensors, i, j) - at(w, i, j))));
      m = map(m as Tensors, (old, i, j) => 0.9 * old + d * 0.1 * at(g, i, j));
      v = map(v as Tensors, (old, i, j) => beta2 * old + d * d * (1 - beta2) * at(g, i, j) ** 2);
      s = map(s as Tensors, (old, i, j) => root * old + (d / d0) * rate * at(g, i, j));
      const guess = (options.factor * numerator) / total(map(s, Math.abs));
      const raised = d === d0 ? Math.max(d, guess) : d;
      most = Math.max(most, guess);
      d = Math.min(most, raised * options.growth);
      return { w: map(w, (value, i, j) => value - (rate * at(m as Tensors, i, j)) / (Math.sqrt(at(v as Tensors, i, j)) + d * 1e-8)) };
    };
  };
  return { optimizer: optim.prodigy({ ...options, beta2, distance: d0 }), learningRate, model };
}

/** Rows of W are of three elements; b is one row. */
function upgdLocal(options: optim.UpgdOptions, curvature: Tensors | undefined, learningRate: number): Variant {
  const model: Variant["model"] = () => {
    let u: number[][] = [];
    return ({ k, w, g, noise }) => {
      if (k === 1) u = zeros(w);
      const bend = (i: number, j: number): number => (curvature === undefined ? 0 : 0.5 * at(curvature, i, j) * at(w, i, j) ** 2);
      u = map(u, (old, i, j) => 0.9 * old + 0.1 * (bend(i, j) - at(g, i, j) * at(w, i, j)));
      const corrected = map(u, (value) => value / (1 - 0.9 ** k));
      const rowOf = (i: number, j: number): number[] => {
        const first = i === 0 ? 3 * Math.floor(j / 3) : 0;
        return (corrected[i] as number[]).slice(first, first + (i === 0 ? 3 : 2));
      };
      return {
        w: map(w, (value, i, j) => {
          const open = 1 - sigmoid(at(corrected, i, j) / norm(rowOf(i, j)));
          const jolt = 0.1 * at(noise, i, j);
          const step = options.protect === false ? at(g, i, j) + jolt * open : (at(g, i, j) + jolt) * open;
          return value * (1 - learningRate * 0.001) - learningRate * step;
        }),
      };
    };
  };
  return { optimizer: optim.upgd({ ...options, scope: "local", betaUtility: 0.9, sigma: 0.1 }), learningRate, model };
}

function sgdSai(normalise: boolean, learningRate: number): Variant {
  const model: Variant["model"] = () => {
    let [m, ratios]: [number[][], number[]] = [[], []];
    return ({ k, w, g }) => {
      if (k === 1) {
        m = map(g, (value) => value);
        ratios = g.map(
          (list) => norm(list) / (Math.sqrt(list.reduce((sum, x) => sum + (x - mean(list)) ** 2, 0) / (list.length - 1)) + 1e-8),
        );
        if (normalise) ratios = ratios.map((ratio) => ratio / Math.max(...ratios));
      } else m = map(m, (old, i, j) => 0.9 * old + 0.1 * at(g, i, j));
      return { w: map(w, (value, i, j) => value * (1 - learningRate * 0.01) - learningRate * (ratios[i] as number) * at(m, i, j)) };
    };
  };
  return { optimizer: optim.sgdSai({ normalise }), learningRate, model };
}

function hypergradient(learningRate: number): Variant {
  const model: Variant["model"] = () => {
    let [last, factor]: [number[], number] = [[], 1];
    return ({ w, g }) => {
      const now = g.flat();
      if (last.length > 0) {
        const product = now.reduce((sum, value, i) => sum + value * (last[i] as number), 0);
        factor = Math.max(0, factor * (1 + (0.3 * product) / (norm(now) * norm(last))));
      }
      last = now;
      return { w: map(w, (value, i, j) => value - learningRate * factor * at(g, i, j)) };
    };
  };
  return { optimizer: optim.hypergradientSgd({ relative: true, beta: 0.3 }), learningRate, model };
}

/** W is a matrix of two inputs and three outputs. */
function muon(options: optim.MuonOptions, learningRate: number): Variant {
  const { nesterov = true, exclude = [] } = options;
  const product = (a: Tensors, b: Tensors): number[][] =>
    a.map((row) => (b[0] ?? []).map((_, j) => row.reduce((sum, x, i) => sum + x * at(b, i, j), 0)));
  const model: Variant["model"] = () => {
    const kept = keep();
    return ({ k, w, g }) => {
      const rate = 0.015 * learningRate;
      const adamw = (value: number, i: number, j: number): number => {
        const { mHat, root } = moments(kept(i, j), at(g, i, j), k, 0.9, 0.95);
        return value * (1 - rate * 0.1) - (rate * mHat) / (root + 1e-10);
      };
      const vector = (w[1] as number[]).map((value, j) => adamw(value, 1, j));
      if (exclude.length > 0) return { w: [(w[0] as number[]).map((value, j) => adamw(value, 0, j)), vector] };
      const ahead = (w[0] as number[]).map((_, j) => {
        const own = kept(0, j);
        own.m = 0.95 * own.m + 0.05 * at(g, 0, j);
        return nesterov ? 0.95 * own.m + 0.05 * at(g, 0, j) : own.m;
      });
      const size = norm(ahead) + 1e-7;
      let x = [0, 3].map((first) => ahead.slice(first, first + 3).map((value) => value / size));
      for (let i = 0; i < 5; i++) {
        const gram = product(
          x,
          [0, 1, 2].map((c) => x.map((row) => row[c] as number)),
        );
        const cube = product(gram, x);
        const fifth = product(gram, cube);
        x = map(x, (value, r, c) => 3.4445 * value - 4.775 * at(cube, r, c) + 2.0315 * at(fifth, r, c));
      }
      const direction = x.flat();
      const step = learningRate * Math.sqrt(3 / 2);
      return { w: [(w[0] as number[]).map((value, j) => value * (1 - learningRate * 0.1) - step * (direction[j] as number)), vector] };
    };
  };
  return { optimizer: optim.muon({ ...options, weightDecay: 0.1 }), learningRate, model };
}

function adabelief(options: { rectify: boolean; beta2: number }, learningRate: number): Variant {
  const { rectify, beta2 } = options;
  return elementwise(optim.adabelief({ ...options, eps: 1e-8, weightDecay: 0.01 }), learningRate, (w, g, kept, { k }) => {
    kept.m = 0.9 * kept.m + 0.1 * g;
    kept.s = beta2 * kept.s + (1 - beta2) * (g - kept.m) ** 2 + 1e-8;
    const { m, s } = kept;
    const shrunk = w * (1 - learningRate * 0.01);
    if (!rectify) return shrunk - ((learningRate / (1 - 0.9 ** k)) * m) / (Math.sqrt(s / (1 - beta2 ** k)) + 1e-8);
    const longest = 2 / (1 - beta2) - 1;
    const length = longest - (2 * k * beta2 ** k) / (1 - beta2 ** k);
    if (length < 5) return shrunk - (learningRate * m) / (1 - 0.9 ** k);
    const shares = ((length - 4) / (longest - 4)) * ((length - 2) / length) * (longest / (longest - 2));
    const r = Math.sqrt((1 - beta2 ** k) * shares) / (1 - 0.9 ** k);
    return shrunk - (learningRate * r * m) / (Math.sqrt(s) + 1e-8);
  });
}

/** Every option that published vectors leave out. */
export const variants: Readonly<Record<string, Variant>> = {
  "sgd, Nesterov, L2": elementwise(optim.sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.01 }), 0.1, (w, g, kept) => {
    const d = g + 0.01 * w;
    kept.b = 0.9 * kept.b + d;
    return w - 0.1 * (d + 0.9 * kept.b);
  }),
  "adam, AMSGrad": elementwise(optim.adam({ beta2: 0.5, amsgrad: true }), 0.01, (w, g, kept, { k }) => {
    const { mHat, v } = moments(kept, g, k, 0.9, 0.5);
    kept.most = Math.max(kept.most, v);
    return w - (0.01 * mHat) / (Math.sqrt(kept.most / (1 - 0.5 ** k)) + 1e-8);
  }),
  "nadamw, AlgoPerf": elementwise(optim.nadamw(), 0.01, (w, g, kept, { k }) => {
    const { m, root } = moments(kept, g, k);
    return w * (1 - 0.01 * 0.01) - (0.01 * (0.9 * m + 0.1 * g)) / (1 - 0.9 ** k) / (root + 1e-8);
  }),
  "nadam, L2": elementwise(optim.nadam({ weightDecay: 0.1 }), 0.01, (w, gradient, kept, { k }) => {
    const g = gradient + 0.1 * w;
    const { m, root } = moments(kept, g, k);
    const mu = (t: number): number => 0.9 * (1 - 0.5 * 0.96 ** (t * 0.004));
    const product = Array.from({ length: k }, (_, i) => mu(i + 1)).reduce((a, b) => a * b, 1);
    const den = root + 1e-8;
    return w - ((0.01 * (1 - mu(k))) / (1 - product)) * (g / den) - ((0.01 * mu(k + 1)) / (1 - product * mu(k + 1))) * (m / den);
  }),
  "lars, all tensors": lars({ weightDecay: 5e-4, skipVectors: false }, 1),
  "lars, timm": lars({ weightDecay: 5e-4, flavour: "timm" }, 1),
  "lars, timm, no decay": lars({ weightDecay: 0, flavour: "timm", skipVectors: false }, 0.1),
  "lars, trust clipped": lars({ weightDecay: 5e-4, trustClip: true, skipVectors: false }, 0.001),
  lamb: lamb({ weightDecay: 0.01 }, 0.01),
  "lamb, trust clipped": lamb({ weightDecay: 0.01, trustClip: true }, 0.01),
  "lamb, no decay": lamb({ weightDecay: 0 }, 0.01),
  "adabelief, plain": adabelief({ rectify: false, beta2: 0.999 }, 0.001),
  "adabelief, rectified from the sixth step on": adabelief({ rectify: true, beta2: 0.9 }, 0.001),
  "exadam, decay": elementwise(optim.exadam({ weightDecay: 0.1 }), 0.001, (w, g, kept, { k }) => {
    const { m, v } = moments(kept, g, k);
    const [d1, d2] = [1 + (v / (v + 1e-8)) * 0.999 ** k, 1 + (m ** 2 / (m ** 2 + 1e-8)) * 0.9 ** k];
    const ahead = (m / (1 - 0.9 ** k)) * d1 + (g / (1 - 0.9 ** k)) * d1;
    return w * (1 - 0.001 * 0.1) - (0.001 * ahead) / (Math.sqrt((v / (1 - 0.999 ** k)) * d2) + 1e-8);
  }),
  "sgdSai, normalised": sgdSai(true, 0.01),
  "adagrad, falling rate, L2": elementwise(optim.adagrad({ rateDecay: 0.5, weightDecay: 0.1 }), 0.1, (w, g, kept, { k }) => {
    const d = g + 0.1 * w;
    kept.sum = kept.sum + d * d;
    return w - ((0.1 / (1 + (k - 1) * 0.5)) * d) / (Math.sqrt(kept.sum) + 1e-10);
  }),
  "adafactor, factored": adafactor({ least: 2 }, 0.01),
  "adafactor, momentum and decay": adafactor({ least: 2, momentum: 0.9, weightDecay: 0.01 }, 0.01),
  "adafactor, relative rate": adafactor({ rate: "relative" }, 1),
  "adafactor, warm-up, unscaled, tightly cut": adafactor({ rate: "warmup", scaled: false, clip: 0.5, exponent: 0.6 }, 1000),
  scheduleFreeSgd: scheduleFree(optim.scheduleFreeSgd({ weightDecay: 0.1, warmup: 3, exponent: 0.75 }), 0.1, {
    ...{ weightDecay: 0.1, warmup: 3, exponent: 0.75, adaptive: false },
  }),
  "scheduleFreeAdamw, steps weigh more and more": scheduleFree(
    optim.scheduleFreeAdamw({ weightDecay: 0.1, warmup: 4, exponent: 2 }),
    0.01,
    { weightDecay: 0.1, warmup: 4, exponent: 2, adaptive: true },
  ),
  dadaptAdam: dadaptAdam({ weightDecay: 0, biasCorrection: false, growth: 1e30 }, 1),
  "dadaptAdam, corrected, decay, bounded growth": dadaptAdam({ weightDecay: 0.01, biasCorrection: true, growth: 1.02 }, 1),
  prodigy: prodigy({ factor: 1, growth: 1e30 }, 1),
  "prodigy, factor and bounded growth": prodigy({ factor: 3, growth: 1.1 }, 1),
  "upgd, local": upgdLocal({}, undefined, 0.01),
  "upgd, local, second order, unprotected": upgdLocal(
    { order: 2, protect: false },
    [
      [0.4, 0.2, 0.1, 0.3, 0.5, 0.6],
      [0.7, 0.8],
    ],
    0.01,
  ),
  "classp, unscaled": elementwise(optim.classp({ threshold: 0.005, scaling: false }), 0.1, (w, g) => (g * g > 0.005 ? w - 0.1 * g : w)),
  "classp, by past gradients": elementwise(optim.classp({ threshold: 0.005, eps: 0.1, includeCurrent: false }), 0.1, (w, g, kept) => {
    if (g * g <= 0.005) return w;
    const past = kept.sum;
    kept.sum = past + Math.abs(g);
    return w - (0.1 * g) / (0.1 + past);
  }),
  "hypergradientSgd, relative": hypergradient(0.1),
  "muon, wide": muon({}, 0.02),
  "muon, by the mean itself": muon({ nesterov: false }, 0.02),
  "muon, the matrix left out": muon({ exclude: ["^W$"] }, 0.02),
};
