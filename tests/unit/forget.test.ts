import { describe, expect, it } from "vitest";
import { draws, memory, openMemory } from "../../src/index.ts";
import type { MemoryPolicy } from "../../src/memory/policy.ts";

const DROPPED = 0xffffffff;
const columns = { x: { dtype: "f32", shape: [4] }, label: "u32", task: "u32", id: "id", embedding: { dtype: "f32", shape: [2] } } as const;

async function open(insert: MemoryPolicy = memory.reservoir({ capacity: 20 })) {
  return openMemory({ columns, insert, keys: ["task"] });
}
type Open = Awaited<ReturnType<typeof open>>;

function offer(replay: Open, ids: readonly number[]): Uint32Array {
  return replay.offer({
    x: ids.flatMap((id) => [id, 7e7 + id, id, id]),
    label: ids.map((id) => id % 5),
    task: ids.map((id) => Math.floor(id / 10)),
    id: ids,
    embedding: ids.flatMap((id) => [9e9 + 1024 * id, id]),
  });
}

const range = (first: number, end: number): number[] => Array.from({ length: end - first }, (_, i) => first + i);
const idsOf = (replay: Open): number[] => [...replay.read(range(0, replay.stored)).id].sort((a, b) => a - b);

describe("rows go", () => {
  it("by identity, by equality and by a test", async () => {
    const replay = await open();
    offer(replay, range(0, 20));
    expect(replay.forget([3, 3, 500])).toBe(1);
    expect(replay.forget({ where: { task: 1, label: 2 } })).toBe(2);
    expect(replay.forget({ where: ({ id = 0, age = 0, label }) => label === 0 && id + age === 20 })).toBe(4);
    expect(idsOf(replay)).toEqual([1, 2, 4, 6, 7, 8, 9, 11, 13, 14, 16, 18, 19]);
    expect(replay.stats()).toMatchObject({ stored: 13, forgotten: 7, seen: 13 });
    expect(replay.forget({ where: { task: 9 } })).toBe(0);
    expect(replay.forget([])).toBe(0);
  });

  it("and are refused for so many rows, for good or not at all", async () => {
    const replay = await open();
    offer(replay, [1, 2, 3]);
    replay.forget([1], { refuse: 3 });
    replay.forget([2, 50]);
    replay.forget([3], { refuse: 0 });
    // Rows offered: 1 2 3 | 1 10 1 1 2 50 3.
    expect([...offer(replay, [1, 10, 1])]).toEqual([DROPPED, 0, DROPPED]);
    const copy = await open();
    copy.load(replay.save());
    for (const each of [replay, copy]) {
      expect([...offer(each, [1, 2, 50, 3])]).toEqual([1, DROPPED, DROPPED, 2]);
      expect(each.stats().refused).toBe(4);
      expect(idsOf(each)).toEqual([1, 3, 10]);
    }
    expect(copy.save()).toEqual(replay.save());
  });

  it.each([
    ["reservoir", memory.reservoir({ capacity: 20 })],
    ["class-balanced", memory.classBalanced({ capacity: 20 })],
    ["herding", memory.herding({ capacity: 20 })],
    ["clusters", memory.clusters({ capacity: 20 })],
  ])("and leave no trace in the memory: %s", async (_, insert) => {
    const replay = await open(insert);
    offer(replay, range(0, 15));
    const slots = offer(replay, [777]);
    expect([...slots]).not.toContain(DROPPED);
    replay.resize(30);
    replay.resize(16);
    replay.save();
    replay.draw(replay.stored);
    const { x } = replay.read([0]);
    const marks = [7e7 + 777, 9e9 + 1024 * 777].map(Math.fround);
    const found = (): number => new Float32Array(x.buffer).reduce((sum, value) => sum + (marks.includes(value) ? 1 : 0), 0);
    expect(found()).toBeGreaterThan(1);
    expect(replay.forget([777])).toBe(1);
    // Centroids are means; the first rows of a cluster begin it.
    expect(found()).toBe(0);
    expect(idsOf(replay)).toHaveLength(replay.stored);
  });
});

it("tells what there is", async () => {
  const replay = await open(memory.stores({ a: memory.ring({ capacity: 6 }), b: memory.classBalanced({ capacity: 4 }) }));
  offer(replay, range(0, 16));
  replay.draw(
    5,
    draws.mixture([
      { share: 4, store: "a" },
      { share: 1, store: "b" },
    ]),
  );
  const stats = replay.stats();
  expect(stats).toMatchObject({ stored: 10, seen: 16, capacity: 10, drawn: 5, effectiveShare: { a: 0.8, b: 0.2 } });
  const { id, task } = replay.read(range(0, 10));
  const ages = [...id].map((own) => 16 - own);
  expect(stats.ages).toMatchObject({ least: 1, most: Math.max(...ages), mean: ages.reduce((sum, age) => sum + age) / 10 });
  const { edges, counts } = stats.ages.histogram;
  expect(counts).toEqual(edges.map((edge) => ages.filter((age) => age >= edge && age < 2 * edge).length));
  expect(stats.groups.task?.map(({ stored }) => stored)).toEqual([0, 1].map((own) => task.filter((value) => value === own).length));
  expect(stats.groups.task?.map(({ seen }) => seen)).toEqual([10, 6]);
  expect(stats.groups.label?.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
  expect(stats.bytes.columns).toBe(10 * (16 + 4 + 4 + 8 + 8));
});
