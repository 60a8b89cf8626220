import { openRuntime, type Runtime } from "palimpsest";
import { beforeAll, describe, expect, it } from "vitest";
import { applyOptimizer } from "../../src/learner/testing.ts";
import { rules } from "../../src/optim/rules.ts";
import { openTestHost } from "../env.ts";
import { problems } from "./problems.ts";

/** How a rule goes: the rate at which it begins on each problem, and how far above the least its loss may be on Rosenbrock's in the end. */
interface Row {
  readonly options?: object;
  readonly quadratic: number;
  readonly logistic: number;
  readonly rosenbrock: number;
  /** After many steps, and after few. */
  readonly above: readonly [many: number, few: number];
  /** What few steps are, where it takes more, or where each costs many kernels. */
  readonly few?: number;
}

/** Steps on Wasm, and on WebGPU, where a software adapter takes about 2 ms for each. */
const MANY = 2000;
const FEW = 100;

/** What the loss may be above the least on the other two: what f32 tells apart of a loss near 0.4, and a little of a first loss near 10. */
const NEAR = { many: 2e-6, few: 5e-3 };

/**
 * Rates fall to 0 in a line, as steps of constant length need, but for schedule-free rules. Rosenbrock's two valleys begin at 331; rules that
 * divide by a sum of all squares never forget the walls, and those with one rate for all creep along the floor.
 */
const table: Readonly<Record<string, Row>> = {
  adabelief: { options: { rectify: false, eps: 1e-12 }, quadratic: 0.3, logistic: 0.2, rosenbrock: 0.6, above: [1e-6, 4] },
  adafactor: { quadratic: 0.2, logistic: 0.6, rosenbrock: 0.03, above: [0.01, 6] },
  adagrad: { quadratic: 1, logistic: 1, rosenbrock: 2, above: [0.1, 0.3] },
  adagradNorm: { quadratic: 3, logistic: 2, rosenbrock: 1, above: [0.5, 10] },
  adam: { quadratic: 0.2, logistic: 0.2, rosenbrock: 0.6, above: [1e-6, 4] },
  adamw: { options: { weightDecay: 0 }, quadratic: 0.2, logistic: 0.2, rosenbrock: 0.6, above: [1e-6, 4] },
  adaUpgd: { options: { weightDecay: 0, betaUtility: 0.9 }, quadratic: 0.6, logistic: 0.2, rosenbrock: 0.3, above: [1e-3, 6] },
  classp: { options: { threshold: 0, power: 2 }, quadratic: 1, logistic: 1, rosenbrock: 2, above: [0.1, 0.3] },
  dadaptAdam: { options: { distance: 1e-3 }, quadratic: 0.3, logistic: 0.3, rosenbrock: 0.3, above: [1e-5, 3] },
  dadaptSgd: { options: { distance: 1e-3 }, quadratic: 3, logistic: 2, rosenbrock: 2, above: [1e-5, 5] },
  dog: { options: { alpha: 0.01 }, quadratic: 2, logistic: 2, rosenbrock: 2, above: [0.1, 10] },
  exadam: { quadratic: 0.03, logistic: 0.03, rosenbrock: 0.1, above: [0.01, 0.2] },
  hypergradientSgd: { options: { relative: true, beta: 0.02 }, quadratic: 0.1, logistic: 2, rosenbrock: 2e-3, above: [0.1, 10] },
  lamb: { options: { weightDecay: 1e-6 }, quadratic: 0.03, logistic: 0.6, rosenbrock: 0.03, above: [2e-4, 0.5], few: 200 },
  lars: {
    options: { weightDecay: 0, trust: 1, skipVectors: false },
    quadratic: 0.02,
    logistic: 0.02,
    rosenbrock: 0.03,
    above: [1e-4, 2],
  },
  lion: { quadratic: 0.1, logistic: 0.2, rosenbrock: 0.03, above: [1e-3, 6] },
  muon: { options: { vectorRate: 1 }, quadratic: 0.2, logistic: 0.6, rosenbrock: 0.3, above: [1e-4, 2] },
  nadam: { quadratic: 0.1, logistic: 0.2, rosenbrock: 0.2, above: [0.01, 6] },
  nadamw: { options: { weightDecay: 0 }, quadratic: 0.2, logistic: 0.2, rosenbrock: 0.6, above: [1e-4, 4] },
  prodigy: { options: { distance: 1e-3 }, quadratic: 1, logistic: 0.3, rosenbrock: 3, above: [5e-4, 0.5] },
  saddleFreeNewton: { options: { vectors: 4, damping: 0.1 }, quadratic: 1, logistic: 1, rosenbrock: 1, above: [1e-6, 0.1], few: 20 },
  scheduleFreeAdamw: { quadratic: 0.3, logistic: 0.3, rosenbrock: 0.1, above: [0.02, 8] },
  scheduleFreeSgd: { quadratic: 1, logistic: 6, rosenbrock: 2e-3, above: [0.02, 10] },
  sgd: { options: { momentum: 0.9 }, quadratic: 0.1, logistic: 0.6, rosenbrock: 1e-3, above: [2e-4, 3] },
  sgdSai: { options: { weightDecay: 0 }, quadratic: 0.3, logistic: 0.6, rosenbrock: 2e-3, above: [0.02, 2] },
  tvlars: { options: { weightDecay: 0, trust: 0.1 }, quadratic: 0.1, logistic: 0.2, rosenbrock: 0.06, above: [1e-6, 6] },
  upgd: { options: { weightDecay: 0, betaUtility: 0.9 }, quadratic: 0.3, logistic: 10, rosenbrock: 6e-3, above: [0.2, 2] },
};

async function converges(runtime: Runtime, name: string, length: "many" | "few"): Promise<void> {
  const { options = {}, above, few = FEW, ...rates } = table[name] as Row;
  const optimizer = (rules[name] as (typeof rules)[string])(options as never);
  const steps = length === "many" ? MANY : few;
  for (const [problem, { params, loss, least }] of Object.entries(problems)) {
    const rate = rates[problem as keyof typeof problems];
    const learningRate = Array.from({ length: steps }, (_, t) => (name.startsWith("scheduleFree") ? rate : rate * (1 - t / steps)));
    const { metrics } = await applyOptimizer(runtime, optimizer, { params, loss, steps, learningRate });
    const last = (metrics.at(-1)?.loss as number) - least;
    expect(last, problem).toBeLessThan(problem === "rosenbrock" ? above[length === "many" ? 0 : 1] : NEAR[length]);
    expect(last, problem).toBeGreaterThan(-NEAR.many);
  }
}

describe("every rule converges", () => {
  let wasm: Runtime;
  let webgpu: Runtime | undefined;
  beforeAll(async () => {
    wasm = await openRuntime({ backend: "wasm" });
    const host = await openTestHost();
    if (host !== undefined) webgpu = await openRuntime({ backend: "webgpu", device: host.device });
  });
  it.each(Object.keys(rules))("%s on Wasm", (name) => converges(wasm, name, "many"));
  it.each(Object.keys(rules))("%s on WebGPU", async (name) => {
    if (webgpu !== undefined) await converges(webgpu, name, "few");
  });
});
