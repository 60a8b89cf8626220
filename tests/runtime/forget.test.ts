import { type Batch, Learner, type LearnerOptions, memory, nn, openRuntime, optim, type Runtime, stores, strategies } from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkBatch, checkIds } from "../../src/learner/batch.ts";
import { Engine } from "../../src/learner/engine.ts";
import { forgetRows } from "../../src/learner/forget.ts";
import { resolveConfig } from "../../src/learner/resolve.ts";

const INPUTS = 3;
const options: LearnerOptions = {
  model: nn.sequential(nn.linear(4), nn.relu(), nn.classifier({ capacity: 4 })),
  input: { shape: [INPUTS], dtype: "u8" },
  optimizer: optim.sgd(),
  schedule: 1e-3,
  memory: memory.longTerm({ capacity: 16 }),
  strategies: [strategies.replay({ batchSize: 3 })],
  seed: 4,
  batchSize: 4,
};
/** Every byte of row `id` is id + 1, so that a 0 is of no row. */
const batchOf = (ids: number[], task = 0): Batch => ({
  x: Uint8Array.from(ids.flatMap((id) => new Array(INPUTS).fill(id + 1))),
  y: ids.map((id) => id % 4),
  id: ids,
  task,
});
const stream = Array.from({ length: 10 }, (_, s) => batchOf([4 * s, 4 * s + 1, 4 * s + 2, 4 * s + 3], Math.floor(s / 4)));

describe.each(["wasm", "webgpu"] as const)("forgetting on %s", (backend) => {
  let runtime: Runtime | undefined;
  beforeAll(async () => {
    const required = typeof process !== "undefined" && process.env?.CI === "true" && !("Bun" in globalThis);
    runtime = await openRuntime({ backend }).catch((error: unknown) => {
      if (required || backend === "wasm") throw error;
      return undefined;
    });
  });
  afterAll(() => runtime?.close());

  async function learned(): Promise<Engine> {
    const config = await resolveConfig(options);
    const engine = await Engine.open(runtime as Runtime, config);
    for (const batch of stream) await engine.step(checkBatch("test", batch, config));
    return engine;
  }

  /** All places for rows, whether taken or not: the first byte of each, and its label. */
  async function places({ machine, layout: { x, y } }: Engine): Promise<{ x: number[]; y: number[] }> {
    const [rows, labels] = [
      await machine.read("rows", x.byteOffset, x.rows * x.rowBytes),
      await machine.read("rows", y.byteOffset, 4 * y.rows),
    ];
    return { x: Array.from({ length: x.rows }, (_, row) => rows[row * x.rowBytes] as number), y: [...new Uint32Array(labels.buffer)] };
  }

  /** The rows that the index says are stored, by identity. */
  const stored = ({ memory: kept }: Engine): [slot: number, id: number][] =>
    (kept?.replay.stores ?? []).flatMap(({ first, slots }) => [...slots.ids()].map((id, slot) => [first + slot, id] as [number, number]));

  async function check(engine: Engine, gone: (id: number) => boolean): Promise<void> {
    const [{ x, y }, kept] = [await places(engine), new Map(stored(engine))];
    expect([...kept.values()].some(gone)).toBe(false);
    for (const [place, value] of x.entries()) {
      const id = kept.get(place);
      expect(value, `place ${place}`).toBe(id === undefined ? 0 : id + 1);
      expect(y[place], `label ${place}`).toBe(id === undefined ? 0 : id % 4);
    }
  }

  it("by identity leaves no byte of a row, and the others where the index says", async (context) => {
    if (runtime === undefined) return context.skip("this runtime has no WebGPU adapter");
    const engine = await learned();
    const ids = stored(engine).map(([, id]) => id);
    expect(ids.length).toBe(16);
    // From the ends and between, in both stores, and one that is not stored.
    const some = [ids[0], ids[3], ids[7], ids[8], ids[14], ids[15], 1000].map(Number);
    const expected = ids.filter((id) => some.includes(id)).length;
    expect(await forgetRows(engine, checkIds("test", some), {})).toEqual({ forgotten: expected });
    expect(stored(engine).length).toBe(16 - expected);
    await check(engine, (id) => some.includes(id));
    for (const batch of stream) await engine.step(checkBatch("test", batch, engine.config));
    expect(stored(engine).some(([, id]) => some.includes(id))).toBe(false);
    engine.close();
  });

  it("by task and class takes all of them", async () => {
    if (runtime === undefined) return;
    const engine = await learned();
    const before = stored(engine);
    const isGone = (id: number): boolean => id >= 32 && id % 4 === 1;
    const { forgotten } = await forgetRows(engine, { where: { task: 2, label: 1 } }, {});
    expect(forgotten).toBe(before.filter(([, id]) => isGone(id)).length);
    expect(forgotten).toBeGreaterThan(1);
    await check(engine, isGone);
    const rest = await forgetRows(engine, { where: { task: 2 } }, {});
    expect(rest.forgotten).toBe(before.filter(([, id]) => id >= 32 && !isGone(id)).length);
    await check(engine, (id) => id >= 32);
    engine.close();
  });

  it("refuses identities as long as it is told, across a checkpoint", async () => {
    if (runtime === undefined) return;
    const store = stores.memory();
    const learner = await Learner.create(runtime, { ...options, memory: memory.ring({ capacity: 8 }), store });
    await learner.observe(batchOf([0, 1, 2, 3]));
    expect(await learner.forget([0])).toEqual({ forgotten: 1 });
    expect(await learner.forget([1], { refuse: 4 })).toEqual({ forgotten: 1 });
    expect(await learner.forget([2], { refuse: 0 })).toEqual({ forgotten: 1 });
    expect(await learner.memory?.stats()).toMatchObject({ stored: 1, seen: 1, forgotten: 3, refused: 2 });
    await learner.save();
    const opened = await Learner.open(runtime, store);
    for (const each of [learner, opened]) {
      const counts: number[] = [];
      for (let i = 0; i < 2; i++) {
        await each.observe(batchOf([0, 1, 2, 3]));
        counts.push(each.stored);
      }
      // First 2 comes back, then, four rows later, 1; 0 never does.
      expect(counts).toEqual([2, 3]);
      await each.forget([0], { refuse: 0 });
      await each.observe(batchOf([0]));
      expect(each.stored).toBe(4);
    }
    expect(await opened.stateHash()).toBe(await learner.stateHash());
    await learner.close();
    await opened.close();
  });

  it("refuses what names no rows, and changes nothing", async () => {
    if (runtime === undefined) return;
    const learner = await Learner.create(runtime, options);
    await learner.observe(stream[0] as Batch);
    const before = await learner.stateHash();
    const cases: [string, RegExp, () => Promise<unknown>][] = [
      ["E_DATA", /forget: id of row 1 names no row; expected .*, got -1/, () => learner.forget([1, -1])],
      ["E_CONFIG", /where names nothing/, () => learner.forget({ where: {} })],
      ["E_CONFIG", /unknown option "class"/, () => learner.forget({ where: { class: 1 } as never })],
      ["E_CONFIG", /"label" is out of range/, () => learner.forget({ where: { label: 4 } })],
      ["E_CONFIG", /"task" is out of range/, () => learner.forget({ where: { task: -1 } })],
      ["E_CONFIG", /"refuse" is out of range/, () => learner.forget([1], { refuse: -1 })],
    ];
    for (const [code, message, action] of cases)
      await expect(action()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await learner.stateHash()).toBe(before);
    const { memory: _, strategies: __, ...plain } = options;
    const other = await Learner.create(runtime, plain);
    await expect(other.forget([1])).rejects.toMatchObject({ code: "E_CONFIG" });
    expect(other.memory).toBeUndefined();
    await learner.close();
    await other.close();
    await expect(learner.forget([1])).rejects.toMatchObject({ code: "E_STATE" });
  });
});
