import { Learner, type LearnerOptions, memory, nn, openRuntime, optim, type Runtime, stores, strategies } from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/random.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

const [ROWS, TIME] = [8, 4];

/** Windows of endless sequences of 0, 1 and rare news of which: the label of each step is the last news, up to hundreds of steps ago. */
function* latch(seed: number, count: number): Generator<{ x: Float32Array; y: Uint32Array }> {
  const random = new RandomStream(seed, "latch");
  const last = new Uint32Array(ROWS);
  for (let k = 0; k < count; k++) {
    const x = new Float32Array(ROWS * TIME * 3);
    const y = Uint32Array.from({ length: ROWS * TIME }, (_, i) => {
      const row = Math.floor(i / TIME);
      const news = k === 0 && i % TIME === 0 ? random.below(2) : random.below(20);
      if (news < 2) last[row] = news;
      x[i * 3 + Math.min(news, 2)] = 1;
      return last[row] as number;
    });
    yield { x, y };
  }
}

const options = (carry: boolean, more: Partial<LearnerOptions> = {}): LearnerOptions => ({
  model: nn.sequential(nn.gru(8, { carry, returns: "all" }), nn.linear(2)),
  input: [TIME, 3],
  optimizer: optim.adamw({ weightDecay: 0 }),
  schedule: 0.01,
  seed: 3,
  ...more,
});

describe("recurrent state that rows carry from batch to batch", () => {
  it("lets a task be learned whose memory is longer than a window, which is not learned without", async () => {
    const late: number[] = [];
    for (const carry of [true, false]) {
      const learner = await Learner.create(runtime, options(carry));
      let loss = 0;
      let k = 0;
      for (const batch of latch(1, 700)) {
        const result = await learner.observe(batch);
        if (k++ >= 600) loss += result.loss / 100;
      }
      late.push(loss);
      await learner.close();
    }
    const [carried, afresh] = late as [number, number];
    // Without news in the window so far there is nothing to go by: ln 2 times the mean of 0.9, 0.9², 0.9³ and 0.9⁴.
    const floor = (Math.LN2 * (0.9 + 0.9 ** 2 + 0.9 ** 3 + 0.9 ** 4)) / 4;
    expect(afresh).toBeGreaterThan(0.9 * floor);
    expect(carried).toBeLessThan(0.1 * floor);
  });

  const random = new RandomStream(4, "rows");
  const drawn = (n: number): Float32Array => Float32Array.from({ length: n }, () => 2 * random.uniform() - 1);
  const windows = [drawn(3 * TIME * 3), drawn(3 * TIME * 3)] as const;
  const labels = new Uint32Array(3 * TIME);

  it.each([
    ["gru", nn.gru],
    ["lstm", nn.lstm],
  ])("%s: two windows one after the other are one of twice the length", async (_, layer) => {
    const model = nn.sequential(layer(5, { carry: true, returns: "all" }), nn.linear(2));
    const stepwise = await Learner.create(runtime, options(true, { model, schedule: 0, batchSize: 3 }));
    const whole = await Learner.create(runtime, options(true, { model, schedule: 0, input: [2 * TIME, 3] }));
    await stepwise.observe({ x: windows[0], y: labels });
    const { probabilities } = await stepwise.predict(windows[1], { carried: true });
    const joined = Float32Array.from({ length: 3 * 2 * TIME * 3 }, (_, i) => {
      const [row, at] = [Math.floor(i / (2 * TIME * 3)), i % (2 * TIME * 3)];
      const window = at < TIME * 3 ? windows[0] : windows[1];
      return window[row * TIME * 3 + (at % (TIME * 3))] as number;
    });
    const wanted = (await whole.predict(joined)).probabilities;
    for (let row = 0; row < 3; row++)
      for (let i = 0; i < TIME * 2; i++)
        expect(probabilities[row * TIME * 2 + i]).toBeCloseTo(wanted[row * TIME * 4 + TIME * 2 + i] as number, 6);
    await stepwise.close();
    await whole.close();
  });

  it("is left alone by prediction, evaluation and replayed rows, and begins afresh where told", async () => {
    const replayed = { memory: memory.reservoir({ capacity: 4 }), strategies: [strategies.replay({ batchSize: 4 })] };
    const still = { schedule: 0, batchSize: 3 };
    const learner = await Learner.create(runtime, options(true, { ...still, ...replayed }));
    const plain = await Learner.create(runtime, options(true, still));
    const fresh = (await learner.predict(windows[1], { carried: true })).probabilities;
    expect(fresh).toEqual((await learner.predict(windows[1])).probabilities);
    for (const x of windows) for (const each of [learner, plain]) await each.observe({ x, y: labels });
    const hash = await learner.stateHash();
    const going = (await learner.predict(windows[1], { carried: true })).probabilities;
    await learner.predict(windows[0]);
    await learner.evaluate([{ x: windows[0], y: labels }]);
    expect(await learner.stateHash()).toBe(hash);
    expect(going).not.toEqual(fresh);
    expect(going).toEqual((await plain.predict(windows[1], { carried: true })).probabilities);
    await learner.resetCarry([1]);
    const size = TIME * 2;
    const after = (await learner.predict(windows[1], { carried: true })).probabilities;
    for (const [row, wanted] of [going, fresh, going].entries())
      expect(after.subarray(row * size, (row + 1) * size)).toEqual(wanted.subarray(row * size, (row + 1) * size));
    await learner.resetCarry();
    expect((await learner.predict(windows[1], { carried: true })).probabilities).toEqual(fresh);
    await learner.close();
    await plain.close();
  });

  it("stays where a batch has no row, and comes along when batches grow and in a checkpoint", async () => {
    const store = stores.memory();
    const learner = await Learner.create(runtime, options(true, { schedule: 0, batchSize: 2, store }));
    const rowOf = (row: number): Float32Array => windows[0].subarray(row * TIME * 3, (row + 1) * TIME * 3);
    await learner.observe({ x: windows[0].subarray(0, 2 * TIME * 3), y: labels.subarray(0, 2 * TIME) });
    const second = async (): Promise<Float32Array> => {
      const { probabilities } = await learner.predict(windows[1].subarray(0, 2 * TIME * 3), { carried: true });
      return probabilities.subarray(TIME * 2);
    };
    const before = await second();
    await learner.observe({ x: rowOf(2), y: labels.subarray(0, TIME) });
    expect(await second()).toEqual(before);
    await learner.observe({ x: windows[0], y: labels });
    const stands = (await learner.predict(windows[1], { carried: true })).probabilities;
    const third = await Learner.create(runtime, options(true, { schedule: 0 }));
    await third.observe({ x: rowOf(2), y: labels.subarray(0, TIME) });
    const alone = (await third.predict(windows[1].subarray(2 * TIME * 3), { carried: true })).probabilities;
    expect(stands.subarray(2 * TIME * 2)).toEqual(alone);
    await learner.save();
    const opened = await Learner.open(runtime, store);
    expect(await opened.stateHash()).toBe(await learner.stateHash());
    expect((await opened.predict(windows[1], { carried: true })).probabilities).toEqual(stands);
    for (const each of [learner, third, opened]) await each.close();
  });

  it("refuses rows that the stream does not have", async () => {
    const learner = await Learner.create(runtime, options(true, { batchSize: 2 }));
    await expect(learner.predict(windows[0], { carried: true })).rejects.toMatchObject({
      code: "E_DATA",
      message: "predict: more rows than the stream has; expected at most 2, got 3",
    });
    await expect(learner.resetCarry([2])).rejects.toMatchObject({
      code: "E_DATA",
      message: "resetCarry: no such row; expected a whole number from 0 to 1, got 2",
    });
    await expect(learner.predict(windows[0], { carry: true } as never)).rejects.toMatchObject({ code: "E_CONFIG" });
    await learner.close();
  });
});
