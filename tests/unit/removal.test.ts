/** Rows that leave memory leave what heads gathered of them. */
import { Learner, type LearnerOptions, memory, nn, openRuntime, optim, type Runtime, type Strategy, stores, strategies } from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkBatch, checkIds } from "../../src/learner/batch.ts";
import { Engine } from "../../src/learner/engine.ts";
import { forgetRows } from "../../src/learner/forget.ts";
import { inferenceOf } from "../../src/learner/inference.ts";
import { resolveConfig } from "../../src/learner/resolve.ts";
import { RandomStream } from "../../src/random.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

const [INPUTS, CLASSES, ROWS] = [3, 3, 30];
const body = nn.frozen(nn.sequential(nn.linear(6), nn.tanh(), nn.dropout(0.4)));
const options = (strategy: Strategy, more: Partial<LearnerOptions> = {}): LearnerOptions => ({
  model: nn.sequential(body, nn.classifier({ capacity: CLASSES })),
  input: { shape: [INPUTS], dtype: "u8", scale: 1 / 64 },
  optimizer: optim.sgd(),
  schedule: 0.1,
  memory: memory.reservoir({ capacity: 2 * ROWS }),
  strategies: [strategy],
  seed: 5,
  batchSize: 7,
  ...more,
});

const draw = new RandomStream(2, "rows");
const all = Array.from({ length: ROWS }, (_, id) => {
  const label = draw.below(CLASSES);
  return { id, label, x: Array.from({ length: INPUTS }, (_, i) => draw.below(80) + (i === label ? 90 : 0)) };
});
const gone = (id: number) => id % 4 === 1;
const batchOf = (rows: typeof all) => ({
  x: Uint8Array.from(rows.flatMap(({ x }) => x)),
  y: rows.map(({ label }) => label),
  id: rows.map(({ id }) => id),
});
const asked = Uint8Array.from({ length: 20 * INPUTS }, () => draw.below(200));

/** Rows by fives, their order as given. */
async function taught(given: LearnerOptions, rows = all): Promise<Learner> {
  const learner = await Learner.create(runtime, given);
  for (let i = 0; i < rows.length; i += 5) await learner.observe(batchOf(rows.slice(i, i + 5)));
  return learner;
}

const heads: readonly (readonly [string, () => Strategy])[] = [
  ["ncm", () => strategies.ncm()],
  ["slda", () => strategies.slda({ shrinkage: 0.01 })],
  ["lda", () => strategies.lda()],
  ["fecam", () => strategies.fecam()],
  ["ranpac", () => strategies.ranpac({ width: 8 })],
  ["ridge", () => strategies.ridge({ width: 8 })],
  ["knn", () => strategies.knn({ neighbours: 4 })],
];

describe.each(heads)("%s", (_, make) => {
  it("answers as one that never saw the rows that were forgotten", async () => {
    const [learner, other] = [
      await taught(options(make())),
      await taught(
        options(make()),
        all.filter(({ id }) => !gone(id)),
      ),
    ];
    const before = await learner.predict(asked);
    const ids = all.map(({ id }) => id).filter(gone);
    expect(await learner.forget([...ids, 500])).toEqual({ forgotten: ids.length, removed: ids.length });
    const [after, never] = [await learner.predict(asked), await other.predict(asked)];
    expect(after.labels).toEqual(never.labels);
    expect(after).not.toEqual(before);
    for (const [i, value] of never.probabilities.entries()) expect(after.probabilities[i]).toBeCloseTo(value, 6);
    await learner.forget({ where: { task: 0 } });
    const none = await learner.predict(asked);
    for (const value of none.probabilities) expect(value).toBeCloseTo(1 / CLASSES, 7);
    await learner.close();
    await other.close();
  });
});

/** An engine that was taught rows by fives. */
async function engineOf(given: LearnerOptions, rows = all): Promise<Engine> {
  const config = await resolveConfig(given);
  const engine = await Engine.open(runtime, config);
  for (let i = 0; i < rows.length; i += 5) await engine.step(checkBatch("test", batchOf(rows.slice(i, i + 5)), config));
  return engine;
}
const numbersOf = ({ hooked }: Engine): Record<string, number[]> =>
  Object.fromEntries([...(hooked?.save().numbers ?? [])].map(([name, values]) => [name, [...values]]));
const range = (first: number, end: number) => Array.from({ length: end - first }, (_, i) => first + i);
const some = checkIds("test", all.map(({ id }) => id).filter(gone));

describe("what was gathered", () => {
  it.each([
    ["ncm", () => strategies.ncm()],
    ["slda", () => strategies.slda()],
    ["ridge", () => strategies.ridge()],
  ])("is that of the rows left, to 1e-9: %s", async (_, make) => {
    const [engine, other] = [
      await engineOf(options(make())),
      await engineOf(
        options(make()),
        all.filter(({ id }) => !gone(id)),
      ),
    ];
    await forgetRows(engine, some, {});
    const [left, never] = [numbersOf(engine), numbersOf(other)];
    for (const [name, values] of Object.entries(never))
      for (const [i, value] of values.entries()) expect(Math.abs((left[name]?.[i] ?? 0) - value)).toBeLessThan(1e-9);
    engine.close();
    other.close();
  });

  it("is of features as answers see them, and of a row that two stores hold once", async () => {
    const more = {
      model: nn.sequential(nn.dropout(0.5), nn.classifier({ capacity: CLASSES })),
      memory: memory.longTerm({ capacity: 100 }),
    };
    const engine = await engineOf(options(strategies.ncm({ metric: "euclidean" }), more));
    const sumsOf = (rows: typeof all) =>
      Array.from({ length: CLASSES * INPUTS }, (_, k) =>
        rows.reduce((sum, { label, x }) => sum + (label === Math.floor(k / INPUTS) ? (x[k % INPUTS] as number) / 64 : 0), 0),
      );
    expect(numbersOf(engine)["ncm/sums"]).toEqual(sumsOf(all));
    const stored = some.filter((id) => (engine.memory?.replay.find(id).length ?? 0) > 0);
    expect(stored.some((id) => (engine.memory?.replay.find(id).length ?? 0) > 1)).toBe(true);
    expect((await forgetRows(engine, some, {})).removed).toBe(stored.length);
    expect(numbersOf(engine)["ncm/sums"]).toEqual(sumsOf(all.filter(({ id }) => !stored.includes(id))));
    engine.close();
  });

  it("of rows in a file is taken out, too", async () => {
    const learner = await taught(options(strategies.ncm(), { store: stores.memory(), durability: "relaxed", residentBytes: 4096 }));
    const other = await taught(
      options(strategies.ncm()),
      all.filter(({ id }) => !gone(id)),
    );
    expect(await learner.forget(some)).toEqual({ forgotten: some.length, removed: some.length });
    const [after, never] = [await learner.predict(asked), await other.predict(asked)];
    for (const [i, value] of never.probabilities.entries()) expect(after.probabilities[i]).toBeCloseTo(value, 6);
    await learner.close();
    await other.close();
  });

  it("of a first session is taken out of what was gathered anew at its end", async () => {
    const model = nn.sequential(nn.linear(4), nn.tanh(), nn.classifier({ capacity: CLASSES }));
    const engine = await engineOf(options(strategies.firstSession(), { model }), all.slice(0, 20));
    await engine.hooked?.boundary();
    while (engine.hooked?.busy === true) await engine.hooked.advance();
    await engine.step(checkBatch("test", batchOf(all.slice(20, 25)), engine.config));
    await forgetRows(engine, checkIds("test", range(3, 25)), {});
    const left = numbersOf(engine)["firstSession/sums"] ?? [];
    const { shown } = await inferenceOf(engine).answer(batchOf(all.slice(0, 3)).x, undefined, { by: "features" });
    const expected = new Float64Array(CLASSES * 4);
    for (const [i, value] of (shown.get("features") as Float32Array).entries()) {
      const at = 4 * (all[Math.floor(i / 4)]?.label ?? 0) + (i % 4);
      expected[at] = (expected[at] ?? 0) + value;
    }
    for (const [i, value] of expected.entries()) expect(Math.abs((left[i] ?? 0) - value)).toBeLessThan(1e-9);
    engine.close();
  });

  it("stays, with the rows, where it cannot be taken out", async () => {
    const { fold } = strategies.ncm();
    if (fold?.remove === undefined) throw new Error("ncm has no removal");
    const logits: Strategy = { name: "own", fold: { ...fold, numbers: () => ({ n: [1] }), reads: ["logits"], push: () => undefined } };
    const never: Strategy = { ...strategies.ncm(), fold: { ...fold, push: () => undefined } };
    for (const [strategy, code] of [
      [logits, "E_UNSUPPORTED"],
      [never, "E_DATA"],
    ] as const) {
      const engine = await engineOf(options(strategy));
      const before = numbersOf(engine);
      await expect(forgetRows(engine, some, {})).rejects.toMatchObject({ code });
      expect(engine.memory?.replay.stored).toBe(ROWS);
      expect(numbersOf(engine)).toEqual(before);
      engine.close();
    }
  });
});
