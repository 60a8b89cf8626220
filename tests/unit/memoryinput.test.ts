import { beforeEach, describe, expect, it } from "vitest";
import { draws, memory, openMemory, PalimpsestError } from "../../src/index.ts";

const columns = { x: { dtype: "u8", shape: [2] }, tokens: { dtype: "u32", shape: [2] }, label: "u32", id: "id", score: "f32" } as const;
const open = (seed = 7) => openMemory({ columns, capacity: 3, insert: memory.classBalanced(), seed });
let replay: Awaited<ReturnType<typeof open>>;
const batch = {
  x: Uint8Array.of(1, 2, 3, 4),
  tokens: Uint32Array.of(5, 6, 7, 8),
  label: Uint32Array.of(0, 1),
  id: Float64Array.of(10, 11),
  score: Float32Array.of(1, 2),
};

beforeEach(async () => {
  replay = await open();
  replay.offer(batch);
});

/** Returns the error that a call fails with. */
function errorOf(call: () => unknown): PalimpsestError {
  try {
    call();
  } catch (error) {
    if (error instanceof PalimpsestError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

/** CRC-32C by definition. */
function crc(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const byte of bytes) {
    remainder ^= byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0x82f63b78 : 0);
  }
  return ~remainder >>> 0;
}

describe("options that do not hold are refused by name", () => {
  const cases: [string, object, RegExp, RegExp?][] = [
    ["nothing at all", {}, /capacity|columns/],
    ["no columns", { columns: {} }, /no columns/],
    ["an unknown option", { inset: memory.ring() }, /unknown option "inset"/, /"insert"/],
    ["an unknown dtype", { columns: { x: "f3" } }, /column "x".*"dtype"/, /f32/],
    ["a shape of nothing", { columns: { x: { dtype: "f32", shape: [0] } } }, /column "x".*"shape"/],
    ["a scale of floats", { columns: { x: { dtype: "f32", scale: 2 } } }, /only bytes/],
    ["identities by another name", { columns: { name: "id" } }, /identities/],
    ["identities of another dtype", { columns: { id: "u32" } }, /identities/],
    ["scores of another dtype", { columns: { score: "f64" } }, /column "score"/],
    ["embeddings of two dimensions", { columns: { embedding: { dtype: "f32", shape: [2, 2] } } }, /column "embedding"/],
    ["a column of ages", { columns: { age: "f32" } }, /"age"/],
    ["less than one row", { capacity: 0 }, /"capacity"/],
    ["less than one row in bytes", { capacity: { bytes: 3 } }, /no row fits/],
    ["two capacities", { insert: memory.ring({ capacity: 3 }) }, /given twice/],
    ["a capacity beside those of stores", { insert: memory.longTerm({ capacity: 4 }) }, /each of several stores/],
    ["no capacity", { capacity: undefined }, /no capacity/],
    ["an unknown policy", { insert: { policy: "reservior" } }, /"policy"/, /"reservoir"/],
    ["an unknown option of a policy", { insert: { policy: "reservoir", chnk: 2 } }, /"chnk"/, /"chunk"/],
    ["groups by no column", { insert: memory.quota({ key: "source" }) }, /"source"/],
    ["groups by floats", { columns: { x: "f32" }, keys: ["x"] }, /keys.*"x"/],
    ["losses that never come", { insert: memory.lossAware() }, /"loss-aware".*score/],
    ["exemplars without embeddings", { insert: memory.herding() }, /"herding".*embedding/],
    ["likeness of nothing", { insert: memory.similarity() }, /"similarity".*score or embedding/],
    ["a seed that is none", { seed: -1 }, /"seed"/],
  ];
  it.each(cases)("%s", async (_, options, message, hint) => {
    const valid = { columns: { x: "f32", label: "u32" }, capacity: 10 };
    const given = Object.keys(options).length === 0 ? {} : { ...valid, ...options };
    const error = await openMemory(given as never).then(
      () => undefined,
      (reason: PalimpsestError) => reason,
    );
    expect(error?.code).toBe("E_CONFIG");
    expect(error?.message).toMatch(message);
    if (hint) expect(error?.hint).toMatch(hint);
  });
});

describe("calls that do not hold are refused and change nothing", () => {
  type Replay = typeof replay;
  const other = { ...batch, id: Float64Array.of(20, 21) };
  const cases: [string, string, (memory: Replay) => unknown][] = [
    ["a column of another type", "E_SHAPE", (m) => m.offer({ ...other, x: Float32Array.of(1, 2, 3, 4) } as never)],
    ["a column of another length", "E_SHAPE", (m) => m.offer({ ...other, label: Uint32Array.of(1) })],
    ["part of a row", "E_SHAPE", (m) => m.offer({ ...other, x: Uint8Array.of(1, 2, 3) })],
    ["a column that is a text", "E_SHAPE", (m) => m.offer({ ...other, x: "1234" } as never)],
    ["a missing column", "E_DATA", (m) => m.offer({ x: batch.x, label: batch.label, id: other.id } as never)],
    ["an unknown column", "E_DATA", (m) => m.offer({ ...other, lable: batch.label } as never)],
    ["no batch", "E_DATA", (m) => m.offer(undefined as never)],
    ["an identity with a fraction", "E_DATA", (m) => m.offer({ ...other, id: [20, 0.5] })],
    ["an identity below 0", "E_DATA", (m) => m.offer({ ...other, id: [20, -1] })],
    ["an identity of 2^53", "E_DATA", (m) => m.offer({ ...other, id: [20, 2 ** 53] })],
    ["an identity of NaN", "E_DATA", (m) => m.offer({ ...other, id: Float64Array.of(20, Number.NaN) })],
    ["a byte of 256", "E_DATA", (m) => m.offer({ ...other, x: [1, 2, 3, 256] })],
    ["a label of 2^32", "E_DATA", (m) => m.offer({ ...other, label: [0, 2 ** 32] })],
    ["a value that is no number", "E_DATA", (m) => m.offer({ ...other, tokens: [1, 2, 3, "4"] } as never)],
    ["a priority of NaN", "E_DATA", (m) => m.offer({ ...other, score: Float32Array.of(1, Number.NaN) })],
    ["a priority below 0", "E_DATA", (m) => m.offer({ ...other, score: Float32Array.of(1, -1) })],
    ["a priority beyond f32", "E_DATA", (m) => m.offer({ ...other, score: [1, 1e300] })],
    ["an update by NaN", "E_DATA", (m) => m.update([0], [Number.NaN])],
    ["an update below 0", "E_DATA", (m) => m.update([0], [-1])],
    ["an update of fewer", "E_SHAPE", (m) => m.update([0, 1], [1])],
    ["an update of half a slot", "E_DATA", (m) => m.update([0.5], [1])],
    ["more rows than are stored", "E_CONFIG", (m) => m.draw(3)],
    ["an unknown draw", "E_CONFIG", (m) => m.draw(1, { draw: "unform" } as never)],
    ["an unknown option of a draw", "E_CONFIG", (m) => m.draw(1, { draw: "uniform", replace: true } as never)],
    ["part of a row drawn", "E_CONFIG", (m) => m.draw(0.5)],
    ["groups by no key", "E_CONFIG", (m) => m.draw(1, draws.balanced({ key: "task" }))],
    [
      "groups by no key, inside",
      "E_CONFIG",
      (m) => m.draw(1, draws.mixture([{ share: 1 }, { share: 1, policy: draws.balanced({ key: "task" }) }])),
    ],
    ["a store that is none", "E_CONFIG", (m) => m.draw(1, draws.mixture([{ share: 1 }, { share: 1, store: "past" }]))],
    ["a slot without a row", "E_DATA", (m) => m.read([2])],
    ["a forgotten identity that is none", "E_DATA", (m) => m.forget([10, 0.5])],
    ["forgotten by no column", "E_CONFIG", (m) => m.forget({ where: { task: 3 } })],
    ["forgotten by a whole row", "E_CONFIG", (m) => m.forget({ where: { x: 3 } })],
    ["a refusal below 0", "E_CONFIG", (m) => m.forget([10], { refuse: -1 })],
    ["no row", "E_CONFIG", (m) => m.resize(0)],
    ["itself", "E_CONFIG", (m) => m.merge(m)],
    ["a signal to no one", "E_CONFIG", (m) => m.signal(draws.uniform(), 0.5)],
  ];
  it.each(cases)("%s", (_, code, call) => {
    const before = replay.save();
    expect(errorOf(() => call(replay)).code).toBe(code);
    expect(replay.save()).toEqual(before);
    expect(replay.stats().stored).toBe(2);
    // Nor did the scratch of a refused call spoil a row.
    expect([...replay.read([0, 1]).x]).toEqual([1, 2, 3, 4]);
  });

  it("names the column that was meant", () => {
    expect(errorOf(() => replay.offer({ ...batch, lable: batch.label } as never)).hint).toContain('"label"');
  });
});

it("draws nothing from an empty memory, unless a limit may say so", async () => {
  const empty = await open();
  expect(errorOf(() => empty.draw(1)).code).toBe("E_STATE");
  expect(empty.draw(1, draws.limited({ samplesPerInsert: 1 })).count).toBe(0);
  expect(empty.draw(1, draws.adaptive()).count).toBe(0);
});

it("takes cosines below 0 as scores, and draws in proportion to none", async () => {
  const alike = await openMemory({ columns: { score: "f32" }, capacity: 3, insert: memory.similarity() });
  alike.offer({ score: [-0.5, 0.5] });
  expect(alike.update([0], [-1])).toBe(1);
  expect(errorOf(() => alike.draw(1, draws.proportional())).code).toBe("E_CONFIG");
  expect(errorOf(() => alike.offer({} as never)).code).toBe("E_DATA");
});

it("has no scores to update or draw by unless there is a column", async () => {
  const plain = await openMemory({ columns: { x: "f32" }, capacity: 3 });
  plain.offer({ x: [1] });
  expect(errorOf(() => plain.update([0], [1])).code).toBe("E_CONFIG");
  expect(errorOf(() => plain.draw(1, draws.top())).code).toBe("E_CONFIG");
  expect(errorOf(() => plain.forget([1])).code).toBe("E_CONFIG");
  expect(errorOf(() => plain.forget({ where: { x: 1 } }, { refuse: 3 })).code).toBe("E_CONFIG");
});

it("counts identities that are stored already and leaves their rows alone", () => {
  const slots = replay.offer({ ...batch, x: Uint8Array.of(9, 9, 9, 9), id: [10, 12] });
  expect([...slots]).toEqual([0xffffffff, 2]);
  expect(replay.stats().duplicates).toBe(1);
  expect([...replay.read([0, 1, 2]).x]).toEqual([1, 2, 3, 4, 9, 9]);
  replay.offer({ ...batch, id: [13, 13] });
  expect(replay.stats().duplicates).toBeGreaterThanOrEqual(1);
  expect(replay.stored).toBe(3);
});

it("ignores a late score of a row that has left", () => {
  const drawn = replay.draw(2);
  replay.forget([11]);
  replay.offer({ x: [1, 2], tokens: [3, 4], label: [1], id: [20], score: [3] });
  const scores = Array.from(drawn.slots, (slot) => 50 + slot);
  expect(replay.update(drawn, scores)).toBe(1);
  expect([...replay.read([0, 1]).score]).toEqual([50, 3]);
  expect(replay.update(drawn.slots, scores)).toBe(2);
  expect([...replay.read([0, 1]).score]).toEqual([50, 51]);
});

describe("saved memories", () => {
  it("are refused whatever byte is changed and wherever they end, and nothing changes", async () => {
    replay.forget([99], { refuse: 7 });
    const saved = replay.save();
    const target = await open(8);
    target.offer({ ...batch, id: [30, 31] });
    const before = target.save();
    for (let at = 0; at < saved.length; at++) {
      for (const mask of [1 << (at % 8), 255]) {
        const damaged = saved.slice();
        damaged[at] = (damaged[at] as number) ^ mask;
        expect(errorOf(() => target.load(damaged)).code).toBe("E_CORRUPT");
      }
      expect(errorOf(() => target.load(saved.subarray(0, at))).code).toBe("E_CORRUPT");
      if (at % 64 === 0) expect(target.save()).toEqual(before);
    }
    expect(target.save()).toEqual(before);
    target.load(saved);
    expect(target.save()).toEqual(saved);
  });

  it("of a newer version, or with rows missing behind a right checksum, are refused", () => {
    const sealed = (change: (bytes: Uint8Array) => Uint8Array): Uint8Array => {
      const bytes = change(replay.save());
      new DataView(bytes.buffer).setUint32(bytes.length - 4, crc(bytes.subarray(0, -4)), true);
      return bytes;
    };
    const before = replay.save();
    const newer = sealed((bytes) => bytes.fill(9, 4, 5));
    expect(errorOf(() => replay.load(newer)).code).toBe("E_VERSION");
    expect(errorOf(() => replay.load(sealed((bytes) => bytes.slice(4)))).code).toBe("E_CORRUPT");
    expect(errorOf(() => replay.load(sealed((bytes) => bytes.slice(0, -4)))).code).toBe("E_CORRUPT");
    expect(errorOf(() => replay.load("text" as never)).code).toBe("E_CORRUPT");
    expect(replay.save()).toEqual(before);
  });

  it.each([
    ["columns", { columns: { ...columns, x: { dtype: "u8", shape: [3] } } }],
    ["columns", { columns: { ...columns, x: { dtype: "u8", shape: [2], scale: 2 } } }],
    ["policy", { insert: memory.quota() }],
    ["policy", { insert: memory.stores({ a: memory.ring({ capacity: 1 }), b: memory.ring({ capacity: 2 }) }), capacity: undefined }],
    ["keys", { keys: ["label"] }],
    ["capacity", { capacity: 4 }],
  ])("of other %s are refused", async (what, options) => {
    const other = await openMemory({ columns, capacity: 3, insert: memory.classBalanced(), ...options } as never);
    const error = errorOf(() => other.load(replay.save()));
    expect([error.code, error.message]).toEqual(["E_MISMATCH", expect.stringContaining(what)]);
    if (what !== "capacity") expect(errorOf(() => other.merge(replay as never)).code).toBe("E_MISMATCH");
  });

  it("are the same bytes for the same memory, whatever the order of its columns", async () => {
    const { x, ...rest } = columns;
    const other = await openMemory({ columns: { ...rest, x }, capacity: 3, insert: memory.classBalanced(), seed: 7 });
    other.offer(batch);
    expect(other.save()).toEqual(replay.save());
  });
});

it("is of no use once closed", () => {
  replay.close();
  replay.close();
  const calls = [
    () => replay.offer(batch),
    () => replay.draw(1),
    () => replay.update([0], [1]),
    () => replay.read([0]),
    () => replay.forget([10]),
    () => replay.resize(4),
    () => replay.merge(replay),
    () => replay.signal(draws.adaptive(), 1),
    () => replay.stats(),
    () => replay.save(),
    () => replay.load(new Uint8Array(99)),
    () => replay.capacity,
    () => replay.stored,
    () => replay.seen,
  ];
  for (const call of calls) expect(errorOf(call).code).toBe("E_STATE");
});
