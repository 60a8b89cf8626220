import { describe, expect, it } from "vitest";
import { compileAssembly } from "./assembly.ts";

interface Exports {
  sgd(n: number, w: number, g: number, b: number, nesterov: number, ...scalars: SgdScalars): void;
  adamw(n: number, w: number, g: number, m: number, v: number, ...scalars: AdamwScalars): void;
}

type SgdScalars = [learningRate: number, momentum: number, weightDecay: number, gradScale: number];
type AdamwScalars = [
  decay: number,
  rate: number,
  beta1: number,
  oneMinusBeta1: number,
  beta2: number,
  oneMinusBeta2: number,
  rootCorrection: number,
  eps: number,
  weightDecay: number,
  gradScale: number,
];

const { exports, memory } = await compileAssembly<Exports>(`export { adamw, sgd } from "./optimizer";`, 2);
const f = Math.fround;
const settle = (x: number): number => (Math.abs(x) < f(1e-30) ? 0 : x);

/** Four arrays of `length` words, 4-byte aligned, in a memory otherwise full of 7s. */
function arrays(length: number): { address: number; words: Float32Array }[] {
  new Float32Array(memory.buffer).fill(7);
  return [0, 1, 2, 3].map((index) => {
    const address = 1028 + index * (length + 5) * 4;
    return { address, words: new Float32Array(memory.buffer, address, length) };
  });
}

function untouched(length: number): boolean {
  const words = new Float32Array(memory.buffer);
  return words.every((word, at) => {
    const place = at - 257;
    return (place >= 0 && place < 4 * (length + 5) && place % (length + 5) < length) || word === 7;
  });
}

// A weight [2, 3] and a bias [2] under three fixed gradients: nine digits of a plain implementation in 64-bit floats, cross-checked with
// SGD and AdamW of torch 1.13. Rates 0.1, 0.1 and 1e-3; momentum 0.9; weight decay 0, 0.01 (L2) and 0.01 (decoupled); betas 0.9, 0.999;
// eps 1e-8.
const start = [0.5, -0.3, 0.8, -0.2, 0.1, -0.6, 0.05, -0.1];
const gradients = [
  [0.1, -0.2, 0.05, 0.3, -0.1, 0.02, 0.01, -0.03],
  [-0.05, 0.15, 0.1, 0.2, 0.05, -0.12, -0.02, 0.04],
  [0.07, -0.11, -0.09, -0.25, 0.13, 0.06, 0.03, 0.02],
];
const published = {
  sgd: [
    [0.49, -0.28, 0.795, -0.23, 0.11, -0.602, 0.049, -0.097],
    [0.495, -0.295, 0.785, -0.25, 0.105, -0.59, 0.051, -0.101],
    [0.488, -0.284, 0.794, -0.225, 0.092, -0.596, 0.048, -0.103],
  ],
  momentum: [
    [0.4895, -0.2797, 0.7942, -0.2298, 0.1099, -0.6014, 0.04895, -0.0969],
    [0.4845605, -0.2761503, 0.7781858, -0.2763902, 0.1137001, -0.5900586, 0.04995605, -0.0980131],
    [0.47263039, -0.26167942, 0.771994834, -0.29304499, 0.10400649, -0.585261281, 0.047811539, -0.100916877],
  ],
  adamw: [
    [0.498995, -0.298997, 0.798992, -0.200998, 0.100999, -0.600994, 0.048999501, -0.0989990003],
    [0.498723673, -0.298904685, 0.798018828, -0.201966342, 0.101264327, -0.600364071, 0.0493651143, -0.0991915207],
    [0.498205014, -0.298581052, 0.797830524, -0.202216353, 0.10091297, -0.600208247, 0.0490213797, -0.0995667896],
  ],
};

/** Runs three steps from the published start and returns the largest relative difference from the published parameters. */
function difference(expected: number[][], step: (t: number, addresses: number[]) => void, gradientFactor = 1): number {
  const [w, g, first, second] = arrays(8) as [Block, Block, Block, Block];
  w.words.set(start);
  first.words.fill(0);
  second.words.fill(0);
  let worst = 0;
  for (const [index, gradient] of gradients.entries()) {
    g.words.set(gradient.map((value) => value * gradientFactor));
    step(index + 1, [w.address, g.address, first.address, second.address]);
    for (const [i, value] of (expected[index] as number[]).entries()) {
      worst = Math.max(worst, Math.abs((w.words[i] as number) / value - 1));
    }
  }
  return worst;
}

type Block = ReturnType<typeof arrays>[number];

function adamwStep(t: number, [w, g, m, v]: number[], gradScale: number): void {
  const rate = 1e-3 / (1 - 0.9 ** t);
  const rootCorrection = 1 / Math.sqrt(1 - 0.999 ** t);
  exports.adamw(
    8,
    w as number,
    g as number,
    m as number,
    v as number,
    1 - 1e-5,
    rate,
    0.9,
    0.1,
    0.999,
    0.001,
    rootCorrection,
    1e-8,
    0,
    gradScale,
  );
}

describe("published trajectories", () => {
  it("sgd", () => {
    expect(difference(published.sgd, (_, [w, g]) => exports.sgd(8, w as number, g as number, 0, 0, 0.1, 0, 0, 1))).toBeLessThan(2e-5);
  });

  it("sgd with momentum and weight decay", () => {
    const step = (_: number, [w, g, b]: number[]) => exports.sgd(8, w as number, g as number, b as number, 0, 0.1, 0.9, 0.01, 1);
    expect(difference(published.momentum, step)).toBeLessThan(2e-5);
  });

  it("adamw", () => {
    expect(difference(published.adamw, (t, addresses) => adamwStep(t, addresses, 1))).toBeLessThan(2e-5);
  });

  it("the gradient's scale undoes a scaled gradient", () => {
    const step = (_: number, [w, g, b]: number[]) => exports.sgd(8, w as number, g as number, b as number, 0, 0.1, 0.9, 0.01, 0.125);
    expect(difference(published.momentum, step, 8)).toBeLessThan(2e-5);
    expect(difference(published.adamw, (t, addresses) => adamwStep(t, addresses, 0.125), 8)).toBeLessThan(2e-5);
  });
});

/** The documented recipes, every operation rounded to 32 bits. */
const recipes = {
  sgd(w: number, g: number, b: number | undefined, nesterov: boolean, [rate, momentum, decay, scale]: SgdScalars) {
    const scaled = f(f(g * scale) + f(decay * w));
    if (b === undefined) return { w: f(w - f(rate * scaled)), b: undefined };
    const next = settle(f(f(momentum * b) + scaled));
    const d = nesterov ? f(scaled + f(momentum * next)) : next;
    return { w: f(w - f(rate * d)), b: next };
  },
  adamw(w: number, g: number, m: number, v: number, [decay, rate, beta1, rest1, beta2, rest2, root, eps, coupled, scale]: AdamwScalars) {
    const d = f(f(g * scale) + f(coupled * w));
    const first = settle(f(f(beta1 * m) + f(rest1 * d)));
    const second = settle(f(f(beta2 * v) + f(rest2 * f(d * d))));
    const move = f(f(rate * first) / f(f(f(Math.sqrt(second)) * root) + eps));
    return { w: f(f(w * decay) - move), m: first, v: second };
  },
};

describe("the bits of the documented recipe, at every length", () => {
  const lengths = Array.from({ length: 35 }, (_, n) => n);
  const value = (i: number) => f(Math.sin(i * 12.9898) * 10 ** (((i * 7) % 5) - 3));

  it.each([
    ["sgd", false, false],
    ["sgd with momentum", true, false],
    ["sgd with Nesterov momentum", true, true],
  ])("%s", (_, withMomentum, nesterov) => {
    const scalars = [0.03, 0.9, 0.01, 0.7].map(f) as SgdScalars;
    for (const length of lengths) {
      const [w, g, b] = arrays(length) as [Block, Block, Block];
      for (const [index, block] of [w, g, b].entries()) for (let i = 0; i < length; i++) block.words[i] = value(index * 100 + i);
      const expected = Array.from(w.words, (x, i) =>
        recipes.sgd(x, g.words[i] as number, withMomentum ? (b.words[i] as number) : undefined, nesterov, scalars),
      );
      const gradient = g.words.slice();
      const buffer = b.words.slice();
      exports.sgd(length, w.address, g.address, withMomentum ? b.address : 0, nesterov ? 1 : 0, ...scalars);
      expect([...w.words]).toEqual(expected.map((x) => x.w));
      expect([...b.words]).toEqual(withMomentum ? expected.map((x) => x.b) : [...buffer]);
      expect(g.words).toEqual(gradient);
      expect(untouched(length)).toBe(true);
    }
  });

  it.each([
    ["adamw", 0.9999, 0],
    ["adam with L2", 1, 0.01],
  ])("%s", (_, decay, weightDecay) => {
    const scalars = [decay, 0.3, 0.9, 0.1, 0.999, 0.001, 1.5, 1e-6, weightDecay, 0.7].map(f) as AdamwScalars;
    for (const length of lengths) {
      const blocks = arrays(length) as [Block, Block, Block, Block];
      const [w, g, m, v] = blocks;
      for (const [index, block] of blocks.entries()) {
        for (let i = 0; i < length; i++) block.words[i] = index === 3 ? value(i) ** 2 : value(index * 100 + i);
      }
      const expected = Array.from(w.words, (x, i) =>
        recipes.adamw(x, g.words[i] as number, m.words[i] as number, v.words[i] as number, scalars),
      );
      const gradient = g.words.slice();
      exports.adamw(length, w.address, g.address, m.address, v.address, ...scalars);
      expect([...w.words]).toEqual(expected.map((x) => x.w));
      expect([...m.words]).toEqual(expected.map((x) => x.m));
      expect([...v.words]).toEqual(expected.map((x) => x.v));
      expect(g.words).toEqual(gradient);
      expect(untouched(length)).toBe(true);
    }
  });
});
