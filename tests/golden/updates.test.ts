import { nn, optim } from "palimpsest";
import { describe, expect, it } from "vitest";
import { layOutState } from "../../src/learner/layout.ts";
import { stepPlan } from "../../src/learner/programs.ts";
import { resolveConfig } from "../../src/learner/resolve.ts";
import { rules, transforms } from "../../src/optim/rules.ts";
import { sizeOf } from "../../src/program/shape.ts";

const { adafactor, adamw, chain, sgd, upgd } = optim;

/** Two matrices and two vectors of these sizes. */
const MATRICES = 32 + 24;
const VECTORS = 8 + 3;
const ALL = MATRICES + VECTORS;

/** What an update costs: kernels by family beyond those of the gradients, and numbers kept beside the parameters. */
interface Cost {
  readonly optimizer: optim.Optimizer;
  readonly kernels: Readonly<Record<string, number>>;
  readonly kept: number;
}

const one = { map: 1 };
const own = { optimizer: 1 };
const rule = (name: string): optim.Optimizer => rules[name]?.({} as never) as optim.Optimizer;
const row = (optimizer: optim.Optimizer, kernels: Cost["kernels"], kept: number): Cost => ({ optimizer, kernels, kept });
const before = (transform: optim.Transform, kernels: Cost["kernels"], kept = 0): Cost =>
  row(chain(transform, adamw()), kernels, 2 * ALL + kept);

/**
 * Elementwise rules are one kernel; a rule that looks at all parameters at once has its reductions, those over all gradients within the step's
 * own, and a kernel for what it keeps in all; one that looks at each tensor has kernels for each. A change here is a change of speed on every
 * GPU, or of memory.
 */
const costs: Readonly<Record<string, Cost>> = {
  sgd: row(sgd(), own, 0),
  "sgd with momentum": row(sgd({ momentum: 0.9 }), own, ALL),
  adamw: row(adamw(), own, 2 * ALL),
  adam: row(rule("adam"), own, 2 * ALL),
  "adam, AMSGrad": row(optim.adam({ amsgrad: true }), one, 3 * ALL),
  adabelief: row(rule("adabelief"), one, 2 * ALL),
  nadamw: row(rule("nadamw"), one, 2 * ALL),
  nadam: row(rule("nadam"), { map: 2 }, 2 * ALL + 1),
  exadam: row(rule("exadam"), one, 2 * ALL),
  lion: row(rule("lion"), one, ALL),
  adagrad: row(rule("adagrad"), one, ALL),
  classp: row(rule("classp"), one, ALL),
  adagradNorm: row(rule("adagradNorm"), { map: 2 }, 1),
  hypergradientSgd: row(rule("hypergradientSgd"), { map: 3 }, ALL + 1),
  dog: row(rule("dog"), { map: 3 }, ALL + 2),
  dadaptSgd: row(rule("dadaptSgd"), { map: 3, reduce: 1 }, 2 * ALL + 3),
  dadaptAdam: row(rule("dadaptAdam"), { map: 4, reduce: 1 }, 3 * ALL + 2),
  prodigy: row(rule("prodigy"), { map: 3 }, 4 * ALL + 3),
  scheduleFreeSgd: row(rule("scheduleFreeSgd"), { map: 2 }, ALL + 2),
  scheduleFreeAdamw: row(rule("scheduleFreeAdamw"), { map: 2 }, 2 * ALL + 2),
  upgd: row(rule("upgd"), { map: 2, reduce: 1 }, ALL),
  "upgd, local": row(upgd({ scope: "local" }), { map: 6, reduce: 4 }, ALL),
  "upgd, second order": row(upgd({ order: 2 }), { map: 6, reduce: 2, matmul: 3 }, ALL),
  "upgd, second order, by random directions": row(upgd({ order: 2, curvature: "hutchinson" }), { map: 5, reduce: 4, matmul: 5 }, ALL),
  adaUpgd: row(rule("adaUpgd"), { map: 2, reduce: 1 }, 3 * ALL),
  // Two norms of each matrix, none of vectors; TVLARS' two, of each tensor, are one kernel.
  lars: row(rule("lars"), { map: 4, reduce: 4 }, ALL),
  tvlars: row(rule("tvlars"), { map: 4, reduce: 4 }, ALL),
  lamb: row(rule("lamb"), { map: 8, reduce: 8 }, 2 * ALL),
  // Mean and deviation of each tensor's gradient, and its ratio.
  sgdSai: row(rule("sgdSai"), { map: 9, reduce: 8 }, ALL + 4),
  adafactor: row(rule("adafactor"), { map: 4, reduce: 8 }, ALL),
  "adafactor, factored": row(adafactor({ least: 2 }), { map: 10, reduce: 14 }, 4 + 8 + 8 + 3 + VECTORS),
  "adafactor with momentum": row(adafactor({ momentum: 0.9 }), { map: 4, reduce: 8 }, 2 * ALL),
  // Three products in each of five iterations for each matrix; vectors take AdamW's step.
  muon: row(rule("muon"), { map: 6, reduce: 2, matmul: 30 }, ALL + VECTORS),
  // Eight products with the Hessian, each some dozen kernels; then 7 polynomials and 8 pivots of a matrix [8, 8].
  saddleFreeNewton: row(rule("saddleFreeNewton"), { map: 35, reduce: 31, matmul: 89 }, 0),
  accumulate: before(optim.accumulate({ every: 3 }), one, ALL),
  adaptiveClip: before(optim.adaptiveClip(), { map: 5, reduce: 8 }),
  averageWeights: before(optim.averageWeights(), one, ALL),
  clipByGlobalNorm: before(optim.clipByGlobalNorm({ maxNorm: 1 }), { map: 1, ...own }),
  clipByNorm: before(optim.clipByNorm({ maxNorm: 1 }), { map: 5, reduce: 4 }),
  clipByValue: before(optim.clipByValue({ limit: 0.1 }), one),
  decoupledDecay: before(optim.decoupledDecay({ weightDecay: 0.1, exclude: ["bias$"] }), one),
  gradientNoise: before(optim.gradientNoise(), one),
  lookahead: before(optim.lookahead(), one, ALL),
  perGroup: before(optim.perGroup({ groups: [{ match: "^0", rateScale: 0.5, weightDecay: 0 }] }), one),
  project: before(optim.project(), { map: 7, reduce: 6 }, 4),
  sharpnessAware: before(optim.sharpnessAware(), { map: 4, reduce: 3, matmul: 5 }),
};

describe("what an update costs", () => {
  it.each(Object.keys(costs))("%s", async (name) => {
    const { optimizer, ...expected } = costs[name] as Cost;
    expect(await costOf(optimizer)).toEqual(expected);
  });

  it("is pinned for every rule and transform", () => {
    expect(Object.keys(costs)).toEqual(expect.arrayContaining([...Object.keys(rules), ...Object.keys(transforms)]));
  });
});

/** Returns kernels and numbers kept of a step with an optimizer, and of one with none. */
async function costOf(optimizer: optim.Optimizer): Promise<Omit<Cost, "optimizer">> {
  const [none, some] = [await planned(sgd()), await planned(optimizer)];
  const kernels = Object.entries(some.kernels).map(([family, n]) => [
    family,
    n - (family === "optimizer" ? 0 : (none.kernels[family] ?? 0)),
  ]);
  return { kernels: Object.fromEntries(kernels.filter(([, n]) => n !== 0)), kept: some.kept };
}

async function planned(optimizer: optim.Optimizer): Promise<Omit<Cost, "optimizer">> {
  const model = nn.sequential(nn.linear(8), nn.tanh(), nn.classifier({ capacity: 3 }));
  const config = await resolveConfig({ model, input: [4], optimizer, schedule: 0.01, batchSize: 8 });
  const layout = layOutState(config, 8);
  const kernels: Record<string, number> = {};
  for (const { family } of stepPlan(config, layout).kernels) kernels[family] = (kernels[family] ?? 0) + 1;
  return { kernels, kept: [...layout.slots.values()].reduce((sum, { range }) => sum + sizeOf(range.shape), 0) };
}
