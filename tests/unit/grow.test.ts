import {
  Learner,
  type LearnerOptions,
  memory,
  nn,
  openRuntime,
  optim,
  type Runtime,
  readSafetensors,
  type StoredTensor,
  stores,
  strategies,
} from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

const options = (capacity: number, more: Partial<LearnerOptions> = {}): LearnerOptions => ({
  model: nn.sequential(nn.linear(5), nn.tanh(), nn.residual(nn.linear(5)), nn.classifier({ capacity, mask: "seen" })),
  input: [3],
  optimizer: optim.adamw({ weightDecay: 0 }),
  schedule: 0.05,
  seed: 2,
  batchSize: 4,
  memory: memory.classBalanced({ capacity: 6 }),
  strategies: [strategies.replay({ batchSize: 4 })],
  ...more,
});
/** Rows around a corner of the cube for each label. */
const batch = (...y: number[]): { x: Float32Array; y: number[] } => ({
  x: Float32Array.from(y.flatMap((label, i) => [0, 1, 2].map((bit) => ((label >> bit) & 1 ? 1 : -1) + 0.1 * Math.sin(i + bit)))),
  y,
});
const few = batch(0, 1, 2, 1);

/** The numbers of a checkpoint by name. */
async function numbers(learner: Learner): Promise<(name: string) => Float32Array> {
  const { tensors } = readSafetensors(await learner.checkpoint(), "checkpoint");
  return (name) => new Float32Array(new Uint8Array((tensors.get(name) as StoredTensor).data).buffer);
}

describe("a classifier that grows", () => {
  it("keeps weights, moments, memory and answers, and gains fresh weights and no moments", async () => {
    const learner = await Learner.create(runtime, options(3));
    for (let i = 0; i < 5; i++) await learner.observe(few);
    const [old, before] = [await numbers(learner), await learner.predict(few.x)];
    await learner.grow(5);
    const [now, after] = [await numbers(learner), await learner.predict(few.x)];
    const fresh = await numbers(await Learner.create(runtime, options(5)));
    for (const [path, rows] of [
      ["3.weight", 5],
      ["3.bias", 1],
    ] as const)
      for (const prefix of ["params", "slots/m", "slots/v"]) {
        const [was, is, first] = [old, now, fresh].map((of) => of(`${prefix}/${path}`)) as [Float32Array, Float32Array, Float32Array];
        for (let row = 0; row < rows; row++) {
          expect(is.subarray(row * 5, row * 5 + 3)).toEqual(was.subarray(row * 3, row * 3 + 3));
          expect(is.subarray(row * 5 + 3, row * 5 + 5)).toEqual(first.subarray(row * 5 + 3, row * 5 + 5));
        }
      }
    expect(now("slots/v/3.weight").filter((value) => value === 0).length).toBe(10);
    for (const name of ["params/0.weight", "slots/m/2.inner.bias", "memory/x", "memory/y"]) expect(now(name)).toEqual(old(name));
    expect(after.labels).toEqual(before.labels);
    for (const [i, p] of after.probabilities.entries())
      expect(p).toBe(i % 5 < 3 ? before.probabilities[Math.floor(i / 5) * 3 + (i % 5)] : 0);
    expect([learner.step, learner.stored]).toEqual([5, 6]);
    await learner.close();
  });

  it("learns classes that it had no room for, and is opened as it was", async () => {
    const store = stores.memory();
    const learner = await Learner.create(runtime, options(3, { store }));
    await learner.observe(few);
    await expect(learner.observe(batch(3))).rejects.toMatchObject({ code: "E_DATA", hint: expect.stringContaining("learner.grow") });
    await learner.grow(5);
    for (let i = 0; i < 100; i++) await learner.observe(batch(4, 3, 2, 0));
    expect((await learner.evaluate([batch(4, 3, 2, 0), batch(1)])).accuracy).toBe(1);
    await learner.save();
    const opened = await Learner.open(runtime, store);
    expect(await opened.stateHash()).toBe(await learner.stateHash());
    for (const each of [learner, opened]) {
      await each.observe(batch(3, 1));
      await each.close();
    }
  });

  it("grows as well by being opened with a larger model, and never shrinks", async () => {
    const store = stores.memory("small");
    const learner = await Learner.create(runtime, options(3, { store }));
    for (let i = 0; i < 5; i++) await learner.observe(few);
    await learner.save();
    const opened = await Learner.open(runtime, store, options(5));
    await learner.grow(5);
    expect(await opened.stateHash()).toBe(await learner.stateHash());
    await learner.save();
    await expect(Learner.open(runtime, store, options(4))).rejects.toMatchObject({ code: "E_MISMATCH" });
    await expect(Learner.open(runtime, store, options(6, { input: [4] }))).rejects.toMatchObject({ code: "E_MISMATCH" });
    await expect(learner.grow(4)).rejects.toMatchObject({
      code: "E_CONFIG",
      message: /"capacity" is out of range; expected a whole number ≥ 5/,
    });
    await learner.close();
    await opened.close();
  });

  it("needs a classifier, and layers that can be made again", async () => {
    const plain = await Learner.create(runtime, options(3, { model: nn.sequential(nn.linear(3)) }));
    await expect(plain.grow(4)).rejects.toMatchObject({ code: "E_CONFIG", message: /^grow: the model has no classifier/ });
    await plain.close();
    const own: nn.Layer = { config: { kind: "mine" }, build: nn.linear(3).build };
    const mine = await Learner.create(runtime, options(3, { model: nn.sequential(own, nn.classifier({ capacity: 3 })) }));
    await expect(mine.grow(4)).rejects.toMatchObject({ code: "E_UNSUPPORTED" });
    expect((await mine.observe(few)).step).toBe(1);
    await mine.close();
  });
});

describe("a classifier that masks what it has not seen", () => {
  it("gives it no probability and no gradient, rows of weight 0 and places without a row not being seen", async () => {
    const learner = await Learner.create(runtime, options(6, { optimizer: optim.sgd() }));
    expect([...(await learner.predict(batch(0).x)).probabilities].map((p) => p.toFixed(6))).toEqual(Array(6).fill("0.166667"));
    const first = await learner.weights();
    const columns = (weights: typeof first, c: number): number[] =>
      Array.from({ length: 5 }, (_, f) => weights.get("3.weight")?.data[f * 6 + c] as number);
    await learner.observe({ ...batch(1, 3, 5), weight: Float32Array.of(1, 2, 0) });
    const second = await learner.weights();
    expect(Array.from(second.get("3.seen")?.data ?? [])).toEqual([0, 1, 0, 1, 0, 0]);
    for (let c = 0; c < 6; c++) {
      if (c === 1 || c === 3) expect(columns(second, c)).not.toEqual(columns(first, c));
      else expect(columns(second, c)).toEqual(columns(first, c));
    }
    const { probabilities, labels } = await learner.predict(batch(5).x);
    expect([0, 2, 4, 5].map((c) => probabilities[c])).toEqual([0, 0, 0, 0]);
    expect((probabilities[1] as number) + (probabilities[3] as number)).toBeCloseTo(1, 6);
    expect([1, 3]).toContain(labels[0]);
    await learner.close();
  });

  it("learns two classes of many as a classifier of two would", async () => {
    const more = { memory: memory.reservoir({ capacity: 1 }), strategies: [], optimizer: optim.sgd() };
    const many = await Learner.create(runtime, options(40, more));
    const start = await many.weights();
    const head = (path: string): Float32Array => (start.get(path) as { data: Float32Array }).data.filter((_, i) => i % 40 < 2);
    const weights = new Map([...start].map(([path, { data }]) => [path, path.startsWith("3.") ? head(path) : data]));
    const two = await Learner.create(runtime, options(2, { ...more, weights }));
    for (let i = 0; i < 20; i++) {
      const [a, b] = [await many.observe(batch(0, 1, 1, 0)), await two.observe(batch(0, 1, 1, 0))];
      expect(a.loss).toBeCloseTo(b.loss, 5);
    }
    await many.close();
    await two.close();
  });
});
