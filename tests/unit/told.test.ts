/** Strategies where rows are told their task, and where boundaries are, against their formulas worked out here. */
import { Learner, nn, openRuntime, optim, type Runtime, type Strategy, strategies } from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

const tasks = [
  [0, 1],
  [2, 3],
];
const made = (list: Strategy[], rate = 0.1) =>
  Learner.create(runtime, {
    model: nn.sequential(nn.linear(3), nn.classifier({ capacity: 4 })),
    input: [2],
    optimizer: optim.sgd(),
    schedule: rate,
    strategies: list,
    seed: 5,
    batchSize: 2,
  });
const first = { x: Float32Array.of(1, -2, 0.5, 3), y: [0, 1], task: 0 };
const second = { x: Float32Array.of(-1, 1, 2, 0.5), y: [2, 3], task: 1 };

const copied = async (learner: Learner) =>
  new Map([...(await learner.weights())].map(([path, { data }]) => [path, Float64Array.from(data as Float32Array)]));
type Values = Awaited<ReturnType<typeof copied>>;
const at = (values: Values, path: string) => values.get(path) as Float64Array;

/** Returns what the hidden layer and the head say of a row. */
function said(values: Values, x: readonly number[]) {
  const hidden = [0, 1, 2].map((j) =>
    x.reduce((sum, v, i) => sum + v * (at(values, "0.weight")[3 * i + j] as number), at(values, "0.bias")[j] as number),
  );
  const logits = [0, 1, 2, 3].map((c) =>
    hidden.reduce((sum, h, j) => sum + h * (at(values, "1.weight")[4 * j + c] as number), at(values, "1.bias")[c] as number),
  );
  return { hidden, logits };
}
function softmax(z: readonly number[], temperature: number): number[] {
  const powers = z.map((v) => Math.exp(v / temperature));
  const all = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / all);
}

describe("a mask of tasks", () => {
  it("refuses a label of another task, and a task that has no classes, whole", async () => {
    const learner = await made([strategies.taskMask({ classes: tasks })], 0.1);
    await learner.observe(first);
    const hash = await learner.stateHash();
    for (const wrong of [
      { ...first, task: 1 },
      { ...first, y: [0, 3] },
      { ...second, task: 2 },
    ]) {
      for (const call of [learner.observe(wrong), learner.evaluate([wrong])])
        await expect(call).rejects.toMatchObject({ code: "E_DATA", context: { field: "y" } });
    }
    expect(await learner.stateHash()).toBe(hash);
    await learner.close();
  });
});

describe("learning without forgetting, task by task", () => {
  it("moves the old task's outputs by α/T·(softmax(z/T) − softmax(z_old/T)) though rows are masked to their own", async () => {
    const [alpha, temperature, rate] = [3, 2, 0.1];
    const learner = await made([strategies.taskMask({ classes: tasks }), strategies.lwf({ alpha, temperature, classes: tasks })], rate);
    await learner.observe(first);
    await learner.consolidate();
    const teacher = await copied(learner);
    for (let step = 0; step < 4; step++) await learner.observe(second);
    const before = await copied(learner);
    await learner.observe(second);
    const after = await copied(learner);
    const moved = new Float64Array(2);
    for (const row of [0, 1]) {
      const x = [...second.x.subarray(2 * row, 2 * row + 2)];
      const [now, then] = [before, teacher].map((values) => softmax(said(values, x).logits.slice(0, 2), temperature)) as [
        number[],
        number[],
      ];
      for (const c of [0, 1])
        moved[c] = (moved[c] as number) - (rate * alpha * ((now[c] as number) - (then[c] as number))) / temperature / 2;
    }
    expect(Math.abs(moved[0] as number)).toBeGreaterThan(1e-4);
    for (const c of [0, 1])
      expect((at(after, "1.bias")[c] as number) - (at(before, "1.bias")[c] as number)).toBeCloseTo(moved[c] as number, 6);
    await learner.close();
  });

  it("with all classes as one task is what it is without", async () => {
    const ends: Values[] = [];
    for (const classes of [undefined, [[0, 1, 2, 3]]]) {
      const learner = await made([strategies.lwf({ alpha: 3, ...(classes && { classes }) })]);
      await learner.observe(first);
      await learner.consolidate();
      await learner.observe(second);
      await learner.observe(second);
      ends.push(await copied(learner));
      await learner.close();
    }
    const [one, other] = ends as [Values, Values];
    for (const [path, values] of one) for (const [i, value] of values.entries()) expect(at(other, path)[i]).toBeCloseTo(value, 6);
  });

  it("refuses a class of two tasks", () => {
    expect(() => strategies.lwf({ classes: [[0, 1], [1]] })).toThrow(/lwf: option "classes"/);
  });
});

describe("L2 towards the last boundary", () => {
  it("is nothing before one, and a pull of 2λ(θ − θ*) after", async () => {
    const [lambda, rate] = [0.7, 0.1];
    const plain = await made([], rate);
    const held = await made([strategies.l2({ lambda, towards: "boundary" })], rate);
    for (const learner of [plain, held]) await learner.observe(first);
    expect(await copied(held)).toEqual(await copied(plain));
    await held.consolidate();
    const anchor = await copied(held);
    for (const learner of [plain, held]) await learner.observe(second);
    expect(await copied(held)).toEqual(await copied(plain));
    const before = await copied(held);
    for (const learner of [plain, held]) await learner.observe(first);
    const [free, pulled] = [await copied(plain), await copied(held)];
    for (const [path, values] of pulled)
      for (const [i, value] of values.entries()) {
        const pull = 2 * lambda * rate * ((at(before, path)[i] as number) - (at(anchor, path)[i] as number));
        expect(value).toBeCloseTo((at(free, path)[i] as number) - pull, 6);
      }
    for (const learner of [plain, held]) await learner.close();
  });
});
