import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type MemoryColumns, memory, openMemory } from "../../src/index.ts";
import type { MemoryPolicy } from "../../src/memory/policy.ts";

const DROPPED = 0xffffffff;
const columns = {
  bytes: { dtype: "u8", shape: [2, 5], scale: 1 / 255, offset: -0.5 },
  raw: { dtype: "u8", shape: [3] },
  half: { dtype: "f16", shape: [5] },
  wide: { dtype: "f32", shape: [2] },
  tokens: { dtype: "u32", shape: [3] },
  when: "f64",
  label: "u32",
  id: "id",
  score: "f32",
  embedding: { dtype: "f32", shape: [3] },
} as const satisfies MemoryColumns;
const arrays = {
  ...{ bytes: Uint8Array, raw: Uint8Array, half: Float32Array, wide: Float32Array, tokens: Uint32Array },
  ...{ when: Float64Array, label: Uint32Array, id: Float64Array, score: Float32Array, embedding: Float32Array },
};
type Name = keyof typeof columns;
const names = Object.keys(columns) as Name[];

/** All finite f16 from 0 up, by definition. */
const halves = Array.from({ length: 31 * 1024 }, (_, bits) => {
  const [exponent, fraction] = [bits >> 10, bits & 1023];
  return exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
});

/** The f16 nearest to a finite number, that of even bits where two are. */
function nearestHalf(x: number): number {
  const size = Math.abs(x);
  if (size >= 65520) return Math.sign(x) * Number.POSITIVE_INFINITY;
  let [low, high] = [0, halves.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((halves[middle] as number) <= size) low = middle;
    else high = middle - 1;
  }
  const [below, above] = [halves[low] as number, halves[low + 1] ?? 65536];
  const up = size - below > above - size || (size - below === above - size && low % 2 === 1);
  return Math.sign(x) * (up ? above : below);
}

/** The row of an identity: values that tell it from any other. */
function given(id: number): Record<Name, number[]> {
  const value = (k: number): number => Math.imul(id + 1, 2654435761 + 2 * k) >>> 0;
  const float = (k: number): number => Math.fround((value(k) / 2 ** 32 - 0.5) * 8);
  return {
    bytes: Array.from({ length: 10 }, (_, k) => value(k) >>> 24),
    raw: Array.from({ length: 3 }, (_, k) => value(k + 10) >>> 24),
    half: Array.from({ length: 5 }, (_, k) => float(k + 13)),
    wide: [float(20), float(21)],
    tokens: [value(22), value(23), value(24)],
    when: [id + value(25) / 2 ** 32],
    label: [id % 3],
    id: [id],
    score: [Math.abs(float(26))],
    embedding: [float(27), float(28), float(29)],
  };
}

/** The same row as it is drawn. */
function drawn(id: number): Record<Name, number[]> {
  const row = given(id);
  const scale = (v: number): number => Math.fround(Math.fround(v * Math.fround(1 / 255)) - 0.5);
  return { ...row, bytes: row.bytes.map(scale), half: row.half.map(nearestHalf) };
}

function batchOf(ids: readonly number[]): { [K in Name]: InstanceType<(typeof arrays)[K]> } {
  const rows = ids.map(given);
  return Object.fromEntries(names.map((name) => [name, arrays[name].from(rows.flatMap((row) => row[name]))])) as never;
}

function open(insert: MemoryPolicy, seed = 7) {
  return openMemory({ columns, insert, seed });
}
type Open = Awaited<ReturnType<typeof open>>;

/** What a plain array of rows would hold: identities by slot, store by store. */
class Model {
  slots = new Map<number, number>();

  check(replay: Open): void {
    const slots = [...this.slots.keys()];
    expect(replay.stats().stored).toBe(slots.length);
    expectRows(replay.read(slots), [...this.slots.values()]);
  }

  offer(ids: readonly number[], slots: Uint32Array): void {
    for (const [i, slot] of slots.entries()) if (slot !== DROPPED) this.slots.set(slot, ids[i % ids.length] as number);
  }

  /** Takes the rows of identities out, the highest slot first; the last row of the store moves into the hole. */
  forget(ids: ReadonlySet<number>, first: number, end: number): number {
    const own = (): number[] => [...this.slots.keys()].filter((slot) => slot >= first && slot < end).sort((a, b) => b - a);
    let count = 0;
    for (const slot of own()) {
      if (!ids.has(this.slots.get(slot) as number)) continue;
      const last = own()[0] as number;
      this.slots.set(slot, this.slots.get(last) as number);
      this.slots.delete(last);
      count++;
    }
    return count;
  }
}

function expectRows(found: Record<Name, ArrayLike<number>>, ids: readonly number[]): void {
  const rows = ids.map(drawn);
  for (const name of names) expect([name, ...Array.from(found[name])]).toEqual([name, ...rows.flatMap((row) => row[name])]);
}

/** The identity in a slot, undefined where none is. */
function idAt(replay: Open, slot: number): number | undefined {
  try {
    return replay.read([slot]).id[0];
  } catch {
    return undefined;
  }
}

const policies: Record<string, (sizes: readonly number[]) => MemoryPolicy> = {
  reservoir: ([capacity = 0]) => memory.reservoir({ capacity }),
  ring: ([capacity = 0]) => memory.ring({ capacity }),
  quota: ([capacity = 0]) => memory.quota({ capacity }),
  "class-balanced": ([capacity = 0]) => memory.classBalanced({ capacity }),
  "loss-aware": ([capacity = 0]) => memory.lossAware({ capacity }),
  "two stores": ([recent = 0, past = 0]) =>
    memory.stores({ recent: memory.ring({ capacity: recent }), past: memory.reservoir({ capacity: past, method: "L" }) }),
};

describe.each(Object.entries(policies))("%s", (name, policy) => {
  it("holds what a plain array of rows would, whatever is done", async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ offer: fc.nat(12) }) },
      fc.record({ draw: fc.nat(6) }),
      fc.record({ forget: fc.uniqueArray(fc.nat(80), { maxLength: 6 }) }),
      fc.record({ resize: fc.integer({ min: 2, max: 20 }) }),
      fc.record({ reopen: fc.constant(true) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 12 }), fc.nat(), fc.array(step, { maxLength: 30 }), async (capacity, seed, steps) => {
        let sizes = name === "two stores" ? [capacity, 3] : [capacity];
        let replay = await open(policy(sizes), seed);
        const model = new Model();
        let next = 0;
        for (const current of steps) {
          if ("offer" in current) {
            const ids = Array.from({ length: current.offer }, () => next++);
            model.offer(ids, replay.offer(batchOf(ids)));
          } else if ("draw" in current) {
            if (replay.stored === 0) continue;
            const { rows, slots, count } = replay.draw(Math.min(current.draw, replay.stored));
            expect(new Set(slots).size).toBe(count);
            expectRows(
              rows,
              Array.from(slots, (slot) => model.slots.get(slot) as number),
            );
          } else if ("forget" in current) {
            const ids = new Set(current.forget);
            let first = 0;
            let gone = 0;
            for (const size of sizes) {
              gone += model.forget(ids, first, first + size);
              first += size;
            }
            expect(replay.forget(current.forget)).toBe(gone);
            next = Math.max(next, 81);
          } else if ("resize" in current) {
            const before = new Set(model.slots.values());
            const total = sizes.reduce((sum, size) => sum + size, 0);
            const counts = replay.stats().stored;
            sizes = sizes.map((size) => Math.max(1, Math.floor((size * current.resize) / total)));
            sizes[0] = (sizes[0] as number) + current.resize - sizes.reduce((sum, size) => sum + size, 0);
            replay.resize(current.resize);
            expect(replay.capacity).toBe(current.resize);
            if (sizes.length === 1) expect(replay.stored).toBe(Math.min(counts, current.resize));
            // Which rows go is the policy's choice; that they lie without a gap, each whole, is the memory's.
            model.slots = new Map();
            let first = 0;
            for (const size of sizes) {
              let slot = first;
              for (; slot < first + size; slot++) {
                const id = idAt(replay, slot);
                if (id === undefined) break;
                expect(before).toContain(id);
                model.slots.set(slot, id);
              }
              for (; slot < first + size; slot++) expect(idAt(replay, slot)).toBeUndefined();
              first += size;
            }
          } else {
            const bytes = replay.save();
            replay.close();
            replay = await open(policy(sizes), seed + 1);
            replay.load(bytes);
            expect(replay.save()).toEqual(bytes);
          }
          model.check(replay);
        }
        replay.close();
      }),
      { numRuns: 60 },
    );
  });
});

it("rounds to f16 as the definition does: every value, every middle and its neighbours", async () => {
  const values = new Float32Array(halves.length * 4);
  const bits = new Uint32Array(1);
  const step = (x: number, by: number): number => {
    new Float32Array(bits.buffer)[0] = x;
    bits[0] = (bits[0] as number) + by;
    return new Float32Array(bits.buffer)[0] as number;
  };
  for (const [i, half] of halves.entries()) {
    const middle = (half + (halves[i + 1] ?? 65536)) / 2;
    values.set([half, -middle, step(middle, 1), step(middle, -1)], 4 * i);
  }
  const replay = await openMemory({ columns: { x: { dtype: "f16", shape: [values.length] } }, capacity: 2 });
  replay.offer({ x: values });
  expect(replay.read([0]).x.findIndex((value, i) => value !== nearestHalf(values[i] as number))).toBe(-1);
  values.set([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0]);
  replay.offer({ x: values });
  expect([...replay.read([1]).x.subarray(0, 4)]).toEqual([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0]);
});

it("takes plain numbers, and its own views", async () => {
  const replay = await openMemory({ columns: { x: { dtype: "f32", shape: [2] }, label: "u32" }, capacity: 100 });
  replay.offer({ x: [1, 2, 3, 4], label: [7, 8] });
  for (let i = 0; i < 5; i++) replay.offer(replay.read(Array.from({ length: replay.stored }, (_, slot) => slot)));
  expect(replay.stored).toBe(64);
  expect([...replay.read([0, 1, 62, 63]).x]).toEqual([1, 2, 3, 4, 1, 2, 3, 4]);
});

it("gives a row without a score the largest so far, at first 1", async () => {
  const replay = await openMemory({ columns: { score: "f32", x: "f32" }, capacity: 10 });
  replay.offer({ x: [0] });
  replay.offer({ x: [1, 2], score: [5, 3] });
  replay.offer({ x: [3] });
  replay.update([1], [9]);
  replay.offer({ x: [4] });
  expect([...replay.read([0, 1, 2, 3, 4]).score]).toEqual([1, 9, 3, 5, 9]);
});

it("sizes itself by bytes, all columns and the index counted", async () => {
  const replay = await openMemory({ columns, capacity: { bytes: 100_000 }, insert: memory.classBalanced() });
  // 12 + 4 + 12 + 8 + 12 + 8 + 4 of columns; 4, id 8 + 16/3, score 4, embedding 12, label 8 + 16/3 of the index.
  expect(replay.capacity).toBe(Math.floor(100_000 / (60 + 4 + 8 + 16 / 3 + 4 + 12 + 8 + 16 / 3)));
});

it("knows of a row no more than 24 bytes beside its columns", async () => {
  const replay = await openMemory({ columns: { label: "u32", id: "id", score: "f32" }, capacity: 100_000, insert: memory.classBalanced() });
  expect(replay.stats().bytes.perRow).toBeLessThanOrEqual(24);
});
