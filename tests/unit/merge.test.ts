import { describe, expect, it } from "vitest";
import { type MemoryColumns, memory, openMemory } from "../../src/index.ts";
import type { MemoryPolicy } from "../../src/memory/policy.ts";

const columns = { x: { dtype: "f16", shape: [3] }, label: "u32", id: "id", score: "f32" } as const satisfies MemoryColumns;
const open = (insert: MemoryPolicy, seed = 7, keys: string[] = []) => openMemory({ columns, insert, seed, keys });
type Open = Awaited<ReturnType<typeof open>>;

/** Offers rows of which each value tells the identity; rows of odd identity are of label 1 unless `label` says. */
function offer(replay: Open, ids: readonly number[], label = (id: number) => id % 2): void {
  replay.offer({ x: ids.flatMap((id) => [id, id + 1, id + 2]), label: ids.map(label), id: ids, score: ids.map((id) => id / 4) });
}

const range = (first: number, end: number): number[] => Array.from({ length: end - first }, (_, i) => first + i);

/** Returns the identities stored, once each row is what it was. */
function idsOf(replay: Open): number[] {
  const { x, id, score } = replay.read(range(0, replay.stored));
  for (const [i, own] of id.entries()) {
    expect([...x.slice(3 * i, 3 * i + 3)]).toEqual([own, own + 1, own + 2]);
    expect(score[i]).toBe(own / 4);
  }
  return [...id];
}

/** Σ (observed - expected)²/expected, and the value that a right sampler exceeds once in a million (Wilson–Hilferty). */
function expectUniform(observed: readonly number[]): void {
  const expected = observed.reduce((sum, n) => sum + n) / observed.length;
  const k = observed.length - 1;
  const statistic = observed.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  expect(statistic).toBeLessThan(k * (1 - 2 / (9 * k) + 4.75 * Math.sqrt(2 / (9 * k))) ** 3);
}

describe("two samples become one", () => {
  it.each([
    ["reservoir", memory.reservoir({ capacity: 8 })],
    ["reservoir by L", memory.reservoir({ capacity: 8, method: "L" })],
    ["quota", memory.quota({ capacity: 8 })],
    ["class-balanced", memory.classBalanced({ capacity: 8 })],
  ])("of all rows that both stand for, uniform: %s", async (name, insert) => {
    // Two kept, from 30 rows and from 14; then 10 more rows, for the law must hold on.
    const [a, b] = await Promise.all([open(insert, 1), open(insert, 2)]);
    const chosen = new Array<number>(54).fill(0);
    for (let trial = 0; trial < 3000; trial++) {
      for (const replay of [a, b]) replay.forget({ where: () => true }, { refuse: 0 });
      offer(a, range(0, 30));
      offer(b, range(30, 44));
      a.merge(b);
      expect([a.stored, a.seen]).toEqual([8, 44]);
      offer(a, range(44, 54));
      const ids = idsOf(a);
      expect(ids).toHaveLength(8);
      if (!name.startsWith("reservoir")) expect(ids.filter((id) => id % 2 === 1)).toHaveLength(4);
      for (const id of ids) chosen[id] = (chosen[id] as number) + 1;
    }
    expectUniform(chosen);
  });

  it("of which one is whole: both whole, the sum is", async () => {
    const [a, b] = await Promise.all([open(memory.reservoir({ capacity: 8 })), open(memory.reservoir({ capacity: 8 }))]);
    offer(a, [1, 2, 3]);
    offer(b, [4, 5, 6]);
    expect(a.merge(b)).toBe(3);
    expect(idsOf(a).sort()).toEqual([1, 2, 3, 4, 5, 6]);
    expect([a.stored, a.seen, b.stored]).toEqual([6, 6, 3]);
  });

  it("of no more rows than the smaller of those that rows are missing from", async () => {
    const [a, b] = await Promise.all([open(memory.reservoir({ capacity: 8 })), open(memory.reservoir({ capacity: 3 }))]);
    offer(a, range(0, 6));
    offer(b, range(10, 30));
    a.merge(b);
    expect([a.stored, a.seen]).toEqual([3, 26]);
    idsOf(a);
  });

  it("of groups as equal as they allow, and counts them", async () => {
    const [a, b] = await Promise.all([open(memory.classBalanced({ capacity: 9 })), open(memory.classBalanced({ capacity: 9 }))]);
    const label = (id: number): number => Math.floor(id / 100);
    offer(a, range(0, 20), label);
    offer(b, [100, 101, ...range(200, 230)], label);
    a.merge(b);
    expect(a.stats().groups.label).toEqual([
      { key: 0, stored: 4, seen: 20, share: 4 / 9 },
      { key: 1, stored: 2, seen: 2, share: 2 / 9 },
      { key: 2, stored: 3, seen: 30, share: 3 / 9 },
    ]);
    expect(idsOf(a)).toEqual(expect.arrayContaining([100, 101]));
  });
});

describe("other policies are offered the rows, oldest first", () => {
  it.each([
    ["ring", memory.ring({ capacity: 5 }), [8, 9, 20, 21, 22]],
    ["loss-aware", memory.lossAware({ capacity: 100 }), [...range(0, 10), 20, 21, 22]],
  ])("%s", async (_, insert, expected) => {
    const [a, b] = await Promise.all([open(insert), open(insert)]);
    offer(a, range(0, 10));
    offer(b, [20, 21, 22]);
    expect(a.merge(b)).toBe(3);
    expect(idsOf(a).sort((x, y) => x - y)).toEqual(expected);
    // The newest of the other is the newest here.
    offer(a, [30]);
    const { histogram, least } = a.stats().ages;
    expect([least, histogram.counts[0]]).toEqual([1, 1]);
  });
});

it("leaves the other as it is, passes over what is here, and takes nothing that is refused", async () => {
  const insert = memory.stores({ recent: memory.ring({ capacity: 4 }), past: memory.reservoir({ capacity: 4 }) });
  const [a, b] = await Promise.all([open(insert, 1, ["label"]), open(insert, 2, ["label"])]);
  offer(a, [1, 2, 3]);
  offer(b, [3, 4, 5]);
  a.forget([4]);
  const before = b.save();
  a.merge(b);
  expect(b.save()).toEqual(before);
  expect(a.stats()).toMatchObject({ stored: 8, duplicates: 2, refused: 2 });
  const ids = [0, 1].map((s) => [...a.read(range(4 * s, 4 * s + 4)).id].sort());
  expect(ids).toEqual([
    [1, 2, 3, 5],
    [1, 2, 3, 5],
  ]);
  expect(a.stats().groups.label).toEqual([
    { key: 0, stored: 2, seen: 1, share: 2 / 8 },
    { key: 1, stored: 6, seen: 3, share: 6 / 8 },
  ]);
});

it("goes on the same after it was saved", async () => {
  const insert = memory.quota({ capacity: 6 });
  const [a, b] = await Promise.all([open(insert, 1), open(insert, 2)]);
  offer(a, range(0, 20));
  offer(b, range(20, 50));
  a.merge(b);
  const c = await open(insert, 3);
  c.load(a.save());
  for (const replay of [a, c]) offer(replay, range(50, 90));
  expect(idsOf(c)).toEqual(idsOf(a));
  expect(c.save()).toEqual(a.save());
});
