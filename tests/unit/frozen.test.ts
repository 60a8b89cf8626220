import { Learner, type LearnerOptions, nn, openRuntime, optim, type Runtime, readSafetensors, stores } from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { layOutState } from "../../src/learner/layout.ts";
import { stepPlan } from "../../src/learner/programs.ts";
import { resolveConfig } from "../../src/learner/resolve.ts";
import { applyLayer, paramsOf, statesOf } from "../../src/nn/layer.ts";
import { Graph, type Tensor } from "../../src/program/graph.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

const backbone = nn.sequential(nn.linear(16), nn.batchNorm(), nn.relu(), nn.dropout(0.5), nn.linear(8), nn.relu());
const options = (inner: nn.Layer, more: Partial<LearnerOptions> = {}): LearnerOptions => ({
  model: nn.sequential(inner, nn.classifier({ capacity: 3 })),
  input: [4],
  optimizer: optim.adamw(),
  schedule: 0.1,
  seed: 5,
  batchSize: 4,
  ...more,
});
const x = Float32Array.from({ length: 16 }, (_, i) => ((i * 7) % 5) - 2);
const batch = { x, y: [0, 1, 2, 1] };

describe("frozen layers", () => {
  it("cost no gradient and no optimizer slot", async () => {
    const cost = async (inner: nn.Layer): Promise<{ products: number; slots: number }> => {
      const config = await resolveConfig(options(inner));
      const layout = layOutState(config, 4);
      const { kernels } = stepPlan(config, layout);
      const slots = [...layout.slots.values()].reduce((sum, { range }) => sum + range.byteLength, 0);
      return { products: kernels.filter(({ family }) => family === "matmul").length, slots };
    };
    const sizes = { linear: 4 * 16 + 16, norm: 16 + 16, second: 16 * 8 + 8, head: 8 * 3 + 3 };
    const all = sizes.linear + sizes.norm + sizes.second + sizes.head;
    // Forward three products; back one for each weight, and one for the input of each layer but the first.
    expect(await cost(backbone)).toEqual({ products: 3 + 3 + 2, slots: 2 * 4 * all });
    expect(await cost(nn.frozen(backbone))).toEqual({ products: 3 + 1, slots: 2 * 4 * sizes.head });
  });

  it("stay as they are, act as in prediction, and keep their paths in weights and checkpoints", async () => {
    const store = stores.memory();
    const trained = await Learner.create(runtime, options(backbone));
    await trained.observe(batch);
    const weights = new Map([...(await trained.weights())].map(([path, { data }]) => [path, data]));
    const learner = await Learner.create(runtime, options(nn.frozen(backbone), { weights, store }));
    expect(await learner.predict(x)).toEqual(await trained.predict(x));
    const expected = (await learner.evaluate([batch])).loss;
    // Without dropout and with running statistics, training sees what prediction sees.
    expect((await learner.observe(batch)).loss).toBeCloseTo(expected, 6);
    for (let i = 0; i < 50; i++) await learner.observe(batch);
    expect((await learner.evaluate([batch])).loss).toBeLessThan(0.5 * expected);
    for (const [path, { data }] of await learner.weights()) {
      if (path.startsWith("0.")) expect(data, path).toEqual(weights.get(path));
      else expect(data, path).not.toEqual(weights.get(path));
    }
    const { tensors } = readSafetensors(await learner.checkpoint(), "checkpoint");
    expect([...tensors.keys()].filter((name) => name.startsWith("slots/"))).toEqual(
      ["m", "v"].flatMap((slot) => [`slots/${slot}/1.weight`, `slots/${slot}/1.bias`]),
    );
    await learner.save();
    const opened = await Learner.open(runtime, store);
    expect(await opened.stateHash()).toBe(await learner.stateHash());
    for (const each of [trained, learner, opened]) await each.close();
  });

  it("update nothing that layers keep", () => {
    const updated = (layer: nn.Layer): string[] => {
      const graph = new Graph();
      const built = layer.build([4], "");
      const specs = new Map([...paramsOf(built), ...statesOf(built)]);
      const leaf = (path: string): Tensor => graph.input(path, specs.get(path)?.shape ?? [], "f32");
      const paths: string[] = [];
      const labels = graph.input("labels", [2, 1], "u32");
      const scope = { graph, training: true, weight: undefined, labels, param: leaf, state: leaf, random: () => labels };
      applyLayer(built, graph.input("x", [2, 4], "f32"), { ...scope, update: (path) => paths.push(path) });
      return paths;
    };
    const layer = nn.sequential(nn.batchNorm(), nn.classifier({ capacity: 3, mask: "seen" }));
    expect(updated(layer)).toEqual(["0.mean", "0.variance", "1.seen"]);
    expect(updated(nn.frozen(layer))).toEqual([]);
  });

  it("share what they hold with a head that is tied to them", async () => {
    const model = nn.sequential(nn.frozen(nn.embedding(5, 3)), nn.linear(5, { tie: "0.weight" }));
    const learner = await Learner.create(runtime, options(nn.relu(), { model }));
    const tokens = { x: Float32Array.from({ length: 8 }, (_, i) => i % 5), y: [3, 3, 3, 3, 1, 3, 3, 3] };
    const before = await learner.weights();
    const { probabilities } = await learner.predict(Float32Array.of(2, 2, 2, 2));
    const [table, bias] = ["0.weight", "1.bias"].map((path) => before.get(path)?.data) as [Float32Array, Float32Array];
    const scores = [0, 1, 2, 3, 4].map((unit) => {
      const product = [0, 1, 2].reduce((sum, f) => sum + (table[6 + f] as number) * (table[unit * 3 + f] as number), 0);
      return Math.exp(product + (bias[unit] as number));
    });
    for (const [unit, score] of scores.entries()) expect(probabilities[unit]).toBeCloseTo(score / scores.reduce((a, b) => a + b), 5);
    await learner.observe(tokens);
    const after = await learner.weights();
    expect(after.get("0.weight")?.data).toEqual(table);
    expect(after.get("1.bias")?.data).not.toEqual(bias);
    await learner.close();
  });

  it("let gradients through to layers before them", async () => {
    const frozen = nn.frozen(nn.sequential(nn.linear(8), nn.tanh()));
    const learner = await Learner.create(runtime, options(nn.sequential(nn.linear(6), frozen)));
    const before = (await learner.weights()).get("0.0.weight")?.data;
    await learner.observe(batch);
    expect((await learner.weights()).get("0.0.weight")?.data).not.toEqual(before);
    await learner.close();
  });
});
