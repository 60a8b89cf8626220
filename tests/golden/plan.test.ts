import { draws, memory, nn, optim, strategies } from "palimpsest";
import { describe, expect, it } from "vitest";
import type { LearnerOptions } from "../../src/learner/config.ts";
import { inferencePlan } from "../../src/learner/inference.ts";
import { keepPlan } from "../../src/learner/keeping.ts";
import { layOutState } from "../../src/learner/layout.ts";
import { stepPlan } from "../../src/learner/programs.ts";
import { resolveConfig } from "../../src/learner/resolve.ts";
import { printPlan } from "../../src/program/describe.ts";
import type { Plan } from "../../src/program/plan.ts";

async function planOf(options: Partial<LearnerOptions>, batch: number): Promise<Plan> {
  const config = await resolveConfig({ model: mlp(256, 128), input: [784], optimizer: optim.adamw(), schedule: 1e-3, ...options });
  return stepPlan(config, layOutState(config, batch));
}

const mlp = (...widths: number[]): LearnerOptions["model"] =>
  nn.sequential(...widths.flatMap((width) => [nn.linear(width), nn.relu()]), nn.classifier({ capacity: 10 }));
const cnn: LearnerOptions["model"] = nn.sequential(
  ...[16, 32].flatMap((channels) => [nn.conv2d(channels, 3, { padding: 1 }), nn.relu(), nn.maxPool(2)]),
  nn.flatten(),
  nn.classifier({ capacity: 10 }),
);
const withReplay: Partial<LearnerOptions> = {
  model: nn.sequential(nn.linear(512), nn.relu(), nn.dropout(0.5), nn.classifier({ capacity: 10 })),
  input: { shape: [784], dtype: "u8", scale: 1 / 255 },
  memory: memory.classBalanced({ capacity: 1000 }),
  strategies: [strategies.replay({ batchSize: 10 })],
};

/** Dispatches of a whole training step, by what they are for. A change here is a change of speed on every GPU. */
describe("dispatches of a training step", () => {
  const cases: [string, Partial<LearnerOptions>, number, Record<string, number>][] = [
    ["MLP 784-256-128-10, AdamW", {}, 32, { map: 2, reduce: 4, matmul: 8, optimizer: 1 }],
    ["the same by the traced recipe", { update: "recipe" }, 32, { map: 3, reduce: 4, matmul: 8 }],
    [
      "784-512-10 with dropout, 10 + 10 replay, SGD",
      { ...withReplay, optimizer: optim.sgd() },
      10,
      { map: 2, reduce: 4, matmul: 5, optimizer: 1, scatter: 2 },
    ],
    ["two convolutions with pooling, AdamW", { model: cnn, input: [28, 28, 1] }, 32, { map: 9, reduce: 8, matmul: 8, optimizer: 1 }],
  ];
  it.each(cases)("%s", async (_, options, batch, expected) => {
    const counts: Record<string, number> = {};
    for (const kernel of (await planOf(options, batch)).kernels) counts[kernel.family] = (counts[kernel.family] ?? 0) + 1;
    expect(counts).toEqual(expected);
  });
});

it("a memory costs a step no dispatch where it measures nothing, and one where it measures losses, features or gradients", async () => {
  const familiesOf = (plan: Plan): string[] => plan.kernels.map(({ family }) => family);
  const plain = await planOf({ ...withReplay, optimizer: optim.sgd() }, 10);
  const drawn = { ...withReplay, optimizer: optim.sgd(), strategies: [strategies.replay({ batchSize: 10, draw: draws.recall() })] };
  for (const policy of [memory.reservoir, memory.ring, memory.quota, memory.balancedReservoir, memory.greedy]) {
    const plan = await planOf({ ...drawn, memory: policy({ capacity: 1000 }) }, 10);
    expect(familiesOf(plan)).toEqual(familiesOf(plain));
    expect(plan.outputs).toEqual(plain.outputs);
  }
  const step = familiesOf(plain).filter((family) => family !== "scatter");
  const measured: [typeof memory.lossAware, string, number[]][] = [
    [memory.lossAware, "rowLoss", [20]],
    [memory.similarity, "features", [10, 512]],
    [memory.gradientDiverse, "gradient", [10, 10]],
  ];
  for (const [policy, name, shape] of measured) {
    const more = { optimizer: optim.sgd(), schedule: 0.1, memory: policy({ capacity: 1000 }) };
    const config = await resolveConfig({ ...(withReplay as LearnerOptions), ...more });
    const layout = layOutState(config, 10);
    const plan = stepPlan(config, layout);
    expect(plan.outputs.find((output) => output.name === name)?.shape).toEqual(shape);
    expect(plan.kernels.length).toBe(step.length + 1);
    expect(familiesOf(keepPlan(layout))).toEqual(["scatter", "scatter"]);
  }
});

it("the whole plan of a small step with replay stays what it was", async () => {
  const plan = await planOf(
    {
      ...withReplay,
      model: nn.sequential(nn.linear(8), nn.relu(), nn.dropout(0.5), nn.classifier({ capacity: 3 })),
      input: { shape: [6], dtype: "u8" },
      optimizer: optim.sgd({ momentum: 0.9 }),
    },
    4,
  );
  await expect(printPlan(plan)).toMatchFileSnapshot("replay.plan.txt");
});

it("convolutions take windows and their gradients where they lie, and store none of them", async () => {
  const { kernels, bytes } = await planOf({ model: cnn, input: [28, 28, 1] }, 32);
  const products = kernels.filter((kernel) => kernel.family === "matmul");
  const walks = products.filter(({ a }) => a.parts !== undefined).map(({ dims: [, m, n], k }) => [m, k, n]);
  // Forward, forward, weight, images, weight: the first layer's images need no gradient.
  expect(walks).toEqual([
    [28 * 28 * 32, 9, 16],
    [14 * 14 * 32, 9 * 16, 32],
    [9 * 16, 14 * 14 * 32, 32],
    [14 * 14 * 32, 9 * 32, 16],
    [9, 28 * 28 * 32, 16],
  ]);
  // Little more than the activations of the first layer, theirs pooled and their gradient; windows of the second would be 3.6 MB more.
  expect(bytes.work).toBeLessThan(3.2 * 4 * 28 * 28 * 32 * 16);
});

it("a learner of batch 1 plans no more memory than it needs", async () => {
  const { bytes } = await planOf({}, 1);
  const params = 784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10;
  expect(bytes.state).toBeLessThan(3 * 4 * params + 64);
  // Gradients, and little more than the widest activations.
  expect(bytes.work).toBeLessThan(4 * (params + 4000));
});

it("inference stores activations and answers only", async () => {
  const config = await resolveConfig({ model: mlp(32), input: [16], optimizer: optim.sgd(), schedule: 0.1 });
  const plan = inferencePlan(config, layOutState(config, 1), 128);
  expect(plan.outputs.map((slot) => slot.name)).toEqual(["answers", "rowLoss"]);
  expect(plan.kernels.length).toBeLessThanOrEqual(7);
});
