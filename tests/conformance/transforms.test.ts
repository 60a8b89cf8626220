import { openRuntime, optim, type Runtime, type Tensor, tensor } from "palimpsest";
import { beforeAll, describe, expect, it } from "vitest";
import { type Applied, applyOptimizer } from "../../src/learner/testing.ts";
import { exp, ln as log, power } from "../../src/natural.ts";
import { orthogonal } from "../../src/optim/muon.ts";
import { averagedOf } from "../../src/optim/recipe.ts";
import { rules } from "../../src/optim/rules.ts";
import { Graph } from "../../src/program/graph.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});

const { chain, sgd } = optim;
const close = (got: ArrayLike<number> | undefined, expected: readonly number[], digits = 6): void => {
  expect(got?.length).toBe(expected.length);
  for (const [i, value] of expected.entries()) expect(got?.[i]).toBeCloseTo(value, digits);
};

/** Returns parameters w after each step of rate 1 from given gradients. */
async function run(
  optimizer: optim.Optimizer,
  begin: readonly number[],
  grads: readonly (readonly number[])[],
  shape = [begin.length],
): Promise<Applied> {
  return applyOptimizer(runtime, optimizer, { params: { w: { shape, data: begin } }, grads: grads.map((w) => ({ w })), learningRate: 1 });
}

/** Returns the gradient that a rule behind a transform is given. */
async function passed(
  transform: optim.Transform,
  grad: readonly number[],
  begin = grad.map(() => 0),
  shape = [grad.length],
): Promise<number[]> {
  const { params } = await run(chain(transform, sgd()), begin, [grad], shape);
  return Array.from(params[0]?.w ?? [], (w, i) => (begin[i] as number) - w);
}

describe("clipping", () => {
  it("by global norm, as torch and as optax", async () => {
    close(await passed(optim.clipByGlobalNorm({ maxNorm: 1 }), [3, -4, 12]), [0.230769213, -0.307692284, 0.923076852]);
    close(await passed(optim.clipByGlobalNorm({ maxNorm: 1, flavour: "optax" }), [3, -4, 12]), [0.230769231, -0.307692308, 0.923076923]);
    // They differ where norms are near 1e-6.
    close(await passed(optim.clipByGlobalNorm({ maxNorm: 1e-6 }), [3e-6, 4e-6]), [0.5e-6, 4e-6 / 6], 12);
    close(await passed(optim.clipByGlobalNorm({ maxNorm: 1e-6, flavour: "optax" }), [3e-6, 4e-6]), [0.6e-6, 0.8e-6], 12);
    close(await passed(optim.clipByGlobalNorm({ maxNorm: 20 }), [3, -4, 12]), [3, -4, 12]);
  });

  it("by value, and by the norm of each tensor", async () => {
    close(await passed(optim.clipByValue({ limit: 2 }), [3, -4, 12]), [2, -2, 2]);
    const params = { a: { shape: [2], data: [0, 0] }, b: { shape: [1, 2], data: [0, 0] } };
    const found = await applyOptimizer(runtime, chain(optim.clipByNorm({ maxNorm: 1 }), sgd()), {
      params,
      grads: [{ a: [3, 4], b: [0.3, 0.4] }],
      learningRate: 1,
    });
    close(found.params[0]?.a, [-0.6, -0.8]);
    close(found.params[0]?.b, [-0.3, -0.4]);
  });

  it("adaptively, unit by unit", async () => {
    // Units are columns of [inputs, outputs].
    const got = await passed(optim.adaptiveClip(), [0.06, 0.5, 1e-5, 0.08, 0, 0], [0.3, 0, 0.01, -0.4, 0, 0.02], [2, 3]);
    close(got, [0.003, 1e-5, 1e-5, 0.004, 0, 0], 7);
  });
});

describe("around the update", () => {
  const values = [1, 2, 4, 3, 5];
  const towards = values.map((value, i) => [(values[i - 1] ?? 0) - value]);

  it("averages weights from a copy, from 0, and with both warm-ups", async () => {
    const averages = async (options: optim.AverageOptions, begin = 0): Promise<number[]> => {
      const grads = begin === 0 ? towards : towards.slice(1);
      const { averaged } = await run(chain(optim.averageWeights(options), sgd()), [begin], grads);
      return averaged.map(({ w }) => w?.[0] as number);
    };
    const folded = (decays: readonly number[]): number[] => {
      let average = 0;
      return decays.map((d, i) => {
        average = d * average + (1 - d) * (values[i] as number);
        return average;
      });
    };
    close(await averages({ decay: 0.99 }, 1), [1.01, 1.0399, 1.059501, 1.09890599], 5);
    close(await averages({ decay: 0.99, begin: "zero" }), [1, 1.50251256, 2.34338911, 2.51002475, 3.01807979], 5);
    // A first decay of 0 copies.
    const timm = folded([0, 0.370039475, 0.519250143]);
    close((await averages({ decay: 0.9999, warmup: "timm" })).slice(0, 3), timm, 5);
    const tf = folded([0.1, 2 / 11]);
    close((await averages({ decay: 0.9999, warmup: "tf" })).slice(0, 2), tf, 5);
  });

  it("scales matrices back to the norm they began with, vectors not", async () => {
    const optimizer = chain(optim.project(), sgd());
    close((await run(optimizer, [3, 4], [[-3, 2]], [1, 2])).params[0]?.w, [4.74341649, 1.58113883]);
    close((await run(optimizer, [3, 4], [[-3, 2]])).params[0]?.w, [6, 2]);
  });

  it("accumulates: updates by mean gradients, moments untouched between", async () => {
    const grads = [
      [1, 2],
      [3, -2],
      [0.5, 0.5],
      [-0.5, 1.5],
    ];
    const means = [
      [2, 0],
      [0, 1],
    ];
    const small = await run(chain(optim.accumulate({ every: 2 }), optim.adam()), [1, 1], grads);
    const large = await run(optim.adam(), [1, 1], means);
    close(small.params[0]?.w, [1, 1]);
    close(small.params[1]?.w, Array.from(large.params[0]?.w as Float32Array));
    close(small.params[2]?.w, Array.from(large.params[0]?.w as Float32Array));
    close(small.params[3]?.w, Array.from(large.params[1]?.w as Float32Array));
  });

  it("looks ahead: every few steps, half the way from the slow weights", async () => {
    const { params } = await run(chain(optim.lookahead({ every: 2 }), sgd()), [0], [[-1], [-1], [-1], [-1]]);
    expect(params.map(({ w }) => w?.[0])).toEqual([1, 1, 2, 2]);
  });

  it("decays but for what is excluded, and scales rates by group", async () => {
    const params = {
      "0.bias": { shape: [2], data: [1, 1] },
      "0.weight": { shape: [1, 2], data: [1, 1] },
      "1.weight": { shape: [2], data: [1, 1] },
    };
    const grads = [{ "0.bias": [1, 1], "0.weight": [1, 1], "1.weight": [1, 1] }];
    const decaying = chain(optim.decoupledDecay({ weightDecay: 0.5, exclude: ["bias$"] }), sgd());
    const one = await applyOptimizer(runtime, decaying, { params, grads, learningRate: 0.1 });
    close(one.params[0]?.["0.bias"], [0.9, 0.9]);
    close(one.params[0]?.["0.weight"], [0.85, 0.85]);
    const grouped = chain(optim.perGroup({ groups: [{ match: "^1", rateScale: 3, weightDecay: 0 }] }), optim.sgd({ weightDecay: 1 }));
    const two = await applyOptimizer(runtime, grouped, { params, grads, learningRate: 0.1, update: "kernel" });
    close(two.params[0]?.["0.weight"], [0.8, 0.8]);
    close(two.params[0]?.["1.weight"], [0.7, 0.7]);
    // Rules that go tensor by tensor know their groups as well.
    const lars = await applyOptimizer(runtime, chain(optim.perGroup({ groups: [{ match: "^1", rateScale: 3 }] }), optim.lars()), {
      params,
      grads,
      learningRate: 0.1,
    });
    close(lars.params[0]?.["1.weight"], [0.7, 0.7]);
    close(lars.params[0]?.["0.bias"], [0.9, 0.9]);
  });

  it("adds noise of the deviation asked for, other in each step, the same for a seed", async () => {
    const n = 4096;
    const zeros = new Array<number>(n).fill(0);
    const noisy = (): Promise<Applied> => run(chain(optim.gradientNoise({ eta: 0.04, gamma: 0 }), sgd()), zeros, [zeros, zeros]);
    const [first, again] = [await noisy(), await noisy()];
    const one = Array.from(first.params[0]?.w as Float32Array, (w) => -w);
    const two = Array.from(first.params[1]?.w as Float32Array, (w, i) => -w - (one[i] as number));
    expect(first.params).toEqual(again.params);
    for (const sample of [one, two]) {
      const mean = sample.reduce((a, b) => a + b) / n;
      const deviation = Math.sqrt(sample.reduce((a, b) => a + (b - mean) ** 2, 0) / n);
      // Five deviations of either estimate.
      expect(Math.abs(mean)).toBeLessThan((5 * 0.2) / 64);
      expect(Math.abs(deviation / 0.2 - 1)).toBeLessThan(5 / Math.sqrt(2 * n));
    }
    expect(Math.abs(one.reduce((sum, a, i) => sum + a * (two[i] as number), 0) / n)).toBeLessThan((5 * 0.04) / 64);
  });
});

describe("gradients elsewhere", () => {
  /** ½xᵀAx with A = [[3, ½], [½, 1]]. */
  const bowl = ({ x }: optim.Results): ReturnType<typeof tensor.sum> => {
    const along = tensor.mul(x as never, x as never);
    const [a, b] = [0, 1].map((i) => tensor.slice(along, [i], [1])) as [typeof along, typeof along];
    const cross = tensor.mul(tensor.slice(x as never, [0], [1]), tensor.slice(x as never, [1], [1]));
    return tensor.sum(tensor.add(tensor.add(tensor.mul(a, 1.5), tensor.mul(b, 0.5)), tensor.mul(cross, 0.5)));
  };
  it.each([
    [
      "SAM",
      optim.sharpnessAware(),
      [
        [0.7895, -1.849],
        [0.636304984, -1.70178849],
        [0.523377386, -1.5609716],
      ],
    ],
    [
      "ASAM",
      optim.sharpnessAware({ rho: 0.5, adaptive: true }),
      [
        [0.758397485, -1.78066248],
        [0.616813964, -1.56580914],
        [0.51783846, -1.37071183],
      ],
    ],
    [
      "GSAM",
      optim.sharpnessAware({ alpha: 0.4 }),
      [
        [0.788262503, -1.85072512],
        [0.634222535, -1.70464613],
        [0.520878005, -1.56440706],
      ],
    ],
  ] as const)("%s", async (_, transform, expected) => {
    const params = { x: { shape: [2], data: [1, -2] } };
    const found = await applyOptimizer(runtime, chain(transform, sgd()), { params, loss: bowl, steps: 3, learningRate: 0.1 });
    for (const [step, values] of expected.entries()) close(found.params[step]?.x, values);
  });

  it("take the second gradient after all its parts are there, products among them", async () => {
    const [a, b] = [
      [1, 2, -1, 0.5],
      [0.5, -1, 1, 2],
    ] as const;
    const product = (x: readonly number[], y: readonly number[]): number[] =>
      [0, 1, 2, 3].map((i) => (x[i & 2] as number) * (y[i & 1] as number) + (x[(i & 2) + 1] as number) * (y[(i & 1) + 2] as number));
    const turned = ([p, q, r, s]: readonly number[]): number[] => [p, r, q, s] as number[];
    // ΣΣ(ab)² has the gradients 2(ab)bᵀ and 2aᵀ(ab).
    const gradients = (w: readonly number[]): number[] => {
      const [x, y] = [w.slice(0, 4), w.slice(4)];
      return [...product(product(x, y), turned(y)), ...product(turned(x), product(x, y))].map((value) => 2 * value);
    };
    const begin = [...a, ...b];
    const first = gradients(begin);
    const norm = Math.hypot(...first);
    const second = gradients(begin.map((w, i) => w + (0.5 * (first[i] as number)) / norm));
    const found = await applyOptimizer(runtime, chain(optim.sharpnessAware({ rho: 0.5 }), sgd()), {
      params: { a: { shape: [2, 2], data: a }, b: { shape: [2, 2], data: b } },
      loss: (w) => tensor.sum(tensor.square(tensor.matmul(w.a as Tensor, w.b as Tensor))),
      steps: 1,
      learningRate: 0.01,
    });
    const after = begin.map((w, i) => w - 0.01 * (second[i] as number));
    close([...(found.params[0]?.a ?? []), ...(found.params[0]?.b ?? [])], after, 5);
  });

  it("are refused where there is no loss", async () => {
    await expect(run(chain(optim.sharpnessAware(), sgd()), [1], [[1]])).rejects.toMatchObject({ code: "E_UNSUPPORTED" });
  });
});

describe("every rule", () => {
  it.each(Object.keys(rules))("%s says which scalars depend on rate and decay", (name) => {
    const optimizer = rules[name]?.({} as never) as optim.Optimizer;
    const own = optimizer.options as Record<string, number>;
    const base = optimizer.scalars(3, { ...own, learningRate: 0.1 });
    const varied = [
      optimizer.scalars(3, { ...own, learningRate: 0.3 }),
      optimizer.scalars(3, { ...own, learningRate: 0.1, ...("weightDecay" in own && { weightDecay: 0.7 }) }),
    ];
    const moved = Object.keys(base).filter((scalar) => varied.some((other) => other[scalar] !== base[scalar]));
    // One rate weighs the steps of all parameters in these; groups do not differ in it.
    const common = name.startsWith("scheduleFree") ? ["common"] : name === "hypergradientSgd" ? ["learningRate", "pace"] : [];
    expect([...optimizer.rates, ...common].sort()).toEqual(expect.arrayContaining(moved.sort()));
    expect(Object.keys(base)).toEqual(expect.arrayContaining([...optimizer.rates]));
  });
});

describe("differences between groups", () => {
  const params = { w: { shape: [2, 2], data: [1, -1, 0.5, 2] }, still: { shape: [2], data: [1, -2] } };
  const grads = [1, 2, 3].map((k) => ({ w: [0.3, -0.2, k, 0.5], still: [0.4, -k] }));
  const grouped = (group: object, optimizer: optim.Optimizer): optim.Optimizer =>
    chain(optim.perGroup({ groups: [{ match: "^still", ...group }] }), optimizer);
  const made = (name: string): optim.Optimizer => rules[name]?.({} as never) as optim.Optimizer;
  const refusal = (option: string, rule: string) =>
    expect.objectContaining({ code: "E_CONFIG", message: expect.stringMatching(`"${option}".*${rule}`) });

  const loss = ({ w, still }: optim.Results): ReturnType<typeof tensor.sum> =>
    tensor.add(tensor.sum(tensor.square(tensor.sub(w as never, 3))), tensor.sum(tensor.exp(still as never)));
  it.each(Object.keys(rules).filter((name) => name !== "hypergradientSgd"))(
    "%s: a group of rate 0 stays, the others move",
    async (name) => {
      const found = await applyOptimizer(runtime, grouped({ rateScale: 0 }, made(name)), { params, loss, steps: 3, learningRate: 0.1 });
      close(found.params.at(-1)?.still, params.still.data);
      expect(found.params.at(-1)?.w).not.toEqual(Float32Array.from(params.w.data));
    },
  );

  it("a rate that sums what all parameters say has no groups; a factor has", async () => {
    expect(() => grouped({ rateScale: 0.5 }, optim.hypergradientSgd())).toThrow(refusal("rateScale", "hypergradientSgd"));
    const optimizer = grouped({ rateScale: 0 }, optim.hypergradientSgd({ relative: true }));
    close((await applyOptimizer(runtime, optimizer, { params, grads, learningRate: 0.1 })).params.at(-1)?.still, params.still.data);
  });

  it.each(Object.keys(rules))("%s: a decay of its own where the rule has one or another part, else refused", (name) => {
    const decays = "weightDecay" in made(name).hyper;
    if (decays) grouped({ weightDecay: 0.5 }, made(name));
    else expect(() => grouped({ weightDecay: 0.5 }, made(name))).toThrow(refusal("weightDecay", name));
    chain(optim.decoupledDecay({ weightDecay: 0.1, exclude: ["still"] }), made(name));
  });

  it("schedule-free rules: a group goes as it would alone at its own rate", async () => {
    for (const rule of [optim.scheduleFreeSgd({ weightDecay: 0.1, warmup: 2 }), optim.scheduleFreeAdamw({ weightDecay: 0.1, warmup: 2 })]) {
      const together = await applyOptimizer(runtime, grouped({ rateScale: 0.25 }, rule), { params, grads, learningRate: 0.2 });
      const alone = await applyOptimizer(runtime, rule, {
        params: { still: params.still },
        grads: grads.map(({ still }) => ({ still })),
        learningRate: 0.05,
      });
      close(together.params.at(-1)?.still, Array.from(alone.params.at(-1)?.still as Float32Array));
      close(together.averaged.at(-1)?.still, Array.from(alone.averaged.at(-1)?.still as Float32Array));
    }
  });
});

it("Newton and Schulz make a matrix nearly orthogonal", async () => {
  const expected = [0.304227305, -0.189341312, 0.654273267, 0.512386993, 0.878796762, -0.372137101];
  const wide = await runtime.compile(({ a }) => ({ y: orthogonal(a as never) }), { a: [2, 3] });
  close((await wide.run({ a: [0.2, -0.1, 0.4, 0.3, 0.5, -0.2] })).y, expected, 5);
});

it("powers agree with the host's", () => {
  for (const x of [1e-300, 1e-9, 0.1, 0.5, 0.96, 1, 1.5, 2, Math.PI, 1e4, 1e300])
    expect(Math.abs(log(x) - Math.log(x))).toBeLessThanOrEqual(1e-14 * Math.max(1, Math.abs(Math.log(x))));
  for (const x of [-700, -30.5, -1, -1e-9, 0, 0.3, 1, 20.25, 700]) expect(Math.abs(exp(x) / Math.exp(x) - 1)).toBeLessThan(1e-14);
  expect(power(1000, -0.8)).toBeCloseTo(1000 ** -0.8, 14);
  expect([exp(-1e4), exp(1e4)]).toEqual([0, Number.POSITIVE_INFINITY]);
});

it("an optimizer that averages nothing has no averaged weights", () => {
  const graph = new Graph();
  const params = graph.state("params", [2], { arena: "state", storage: "f32", byteOffset: 0 });
  expect(averagedOf(optim.adamw(), { params, slots: {}, tensors: [] })).toBeUndefined();
});
