import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { classBalanced, reservoir } from "../../src/memory/policies.ts";
import type { MemoryPolicy } from "../../src/memory/policy.ts";
import { DROPPED, type MemoryHost, type MemoryKernels, ReplayIndex } from "../../src/memory/replay.ts";
import { RandomStream } from "../../src/random.ts";
import { type Compiled, compileAssembly } from "./assembly.ts";

let wasm: Compiled<MemoryKernels>;
let top: number;
beforeAll(async () => {
  wasm = await compileAssembly<MemoryKernels>('export * from "./memory";', 1024);
});
beforeEach(() => {
  top = 65536;
});

/** A host whose allocator never reuses, knows what is live, and hands blocks out filled with ones. */
function newHost(): MemoryHost & { readonly live: Set<number> } {
  const live = new Set<number>();
  return {
    ...wasm,
    live,
    alloc(bytes) {
      const address = top;
      top += (bytes + 15) & ~7;
      new Uint8Array(wasm.memory.buffer, address, bytes).fill(255);
      live.add(address);
      return address;
    },
    free(address) {
      expect(live.delete(address)).toBe(true);
    },
  };
}

const open = (policy: MemoryPolicy, classes = 1, seed = 7): ReplayIndex => new ReplayIndex(newHost(), policy, classes, seed);
const rows = (...labels: number[]): Uint32Array => Uint32Array.from(labels);
const same = (label: number, n: number): Uint32Array => new Uint32Array(n).fill(label);

/** The definition, slowly: one array of labels by slot, decisions read from the same streams. */
class Model {
  readonly labels: number[] = [];
  readonly classes: number;
  readonly policy: MemoryPolicy;
  readonly #seen: number[];
  readonly #full = new Set<number>();
  readonly #store: RandomStream;
  readonly #draw: RandomStream;
  #deck: number[] = [];

  constructor(policy: MemoryPolicy, classes: number, seed: number) {
    this.policy = policy;
    this.classes = classes;
    this.#seen = new Array(classes).fill(0);
    this.#store = new RandomStream(seed, "store");
    this.#draw = new RandomStream(seed, "draw");
  }

  counts(): number[] {
    return Array.from({ length: this.classes }, (_, c) => this.labels.filter((label) => label === c).length);
  }

  /** The slots that the next row, of class `label`, may go to; none when it is dropped. */
  candidates(label: number): number[] {
    const { capacity, policy } = this.policy;
    this.#seen[label] = (this.#seen[label] as number) + 1;
    if (this.labels.length < capacity) return [this.labels.length];
    if (policy === "reservoir") {
      const r = this.#store.below(this.#seen.reduce((sum, n) => sum + n));
      return r < capacity ? [r] : [];
    }
    const counts = this.counts();
    let victim = label;
    if (this.#full.has(label)) {
      if (this.#store.below(this.#seen[label] as number) >= (counts[label] as number)) return [];
    } else {
      const most = Math.max(...counts);
      const tied = counts.flatMap((count, c) => (count === most ? [c] : []));
      victim = tied[Math.floor(this.#store.below(tied.length * most) / most)] as number;
    }
    return this.labels.flatMap((stored, slot) => (stored === victim ? [slot] : []));
  }

  put(slot: number, label: number): void {
    if (slot === this.labels.length) this.#deck.push(slot);
    this.labels[slot] = label;
    if (this.labels.length < this.policy.capacity) return;
    const counts = this.counts();
    for (const [c, count] of counts.entries()) if (count === Math.max(...counts)) this.#full.add(c);
  }

  draw(n: number): number[] {
    const deck = [...this.#deck];
    for (let i = 0; i < Math.min(n, deck.length); i++) {
      const j = i + this.#draw.below(deck.length - i);
      [deck[i], deck[j]] = [deck[j] as number, deck[i] as number];
    }
    this.#deck = deck;
    return deck.slice(0, n);
  }
}

/** Σ (observed - expected)²/expected, and the value that a right sampler exceeds once in a million (Wilson–Hilferty). */
function chiSquare(observed: readonly number[], expected: number): { statistic: number; limit: number } {
  const k = observed.length - 1;
  const statistic = observed.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  return { statistic, limit: k * (1 - 2 / (9 * k) + 4.75 * Math.sqrt(2 / (9 * k))) ** 3 };
}

function expectUniform(observed: readonly number[]): void {
  const { statistic, limit } = chiSquare(observed, observed.reduce((sum, n) => sum + n) / observed.length);
  expect(statistic).toBeLessThan(limit);
}

describe.each([reservoir, classBalanced])("%o", (make) => {
  it("decides as the definition does, and survives saving anywhere", () => {
    const step = fc.oneof(
      fc.record({ offer: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 12 }) }),
      fc.record({ draw: fc.integer({ min: 0, max: 12 }) }),
      fc.record({ reopen: fc.constant(true) }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.nat(), fc.array(step, { maxLength: 60 }), (capacity, seed, steps) => {
        const policy = make({ capacity });
        const model = new Model(policy, 5, seed);
        let index = open(policy, 5, seed);
        let seen = 0;
        for (const current of steps) {
          if ("reopen" in current) {
            const bytes = index.save();
            index = open(policy, 5, seed + 1);
            index.load(bytes);
          } else if ("draw" in current) {
            expect([...index.draw(current.draw)]).toEqual(model.draw(current.draw));
          } else {
            // One by one first, on a copy, to see the slots of rows that a later row of the call displaces.
            const copy = open(policy, 5, seed);
            copy.load(index.save());
            const taken = current.offer.map((label) => copy.offer(rows(label))[0] as number);
            for (const [i, slot] of taken.entries()) {
              const label = current.offer[i] as number;
              const candidates = model.candidates(label);
              if (candidates.length === 0) candidates.push(DROPPED);
              expect(candidates).toContain(slot);
              if (slot !== DROPPED) model.put(slot, label);
            }
            const kept = taken.map((slot, i) => (taken.indexOf(slot, i + 1) < 0 ? slot : DROPPED));
            expect([...index.offer(rows(...current.offer))]).toEqual(kept);
            expect(index.save()).toEqual(copy.save());
            seen += current.offer.length;
          }
          expect([...index.counts()]).toEqual(model.counts());
          expect(index.stored).toBe(model.labels.length);
          expect(index.seen).toBe(seen);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("draws every stored slot equally often, and every order of two", () => {
    const index = open(make({ capacity: 6 }));
    index.offer(same(0, 6));
    const times = new Array(36).fill(0);
    for (let i = 0; i < 30_000; i++) {
      const [a, b] = index.draw(2) as unknown as [number, number];
      times[6 * a + b]++;
    }
    expect(times.filter((_, i) => i % 7 === 0)).toEqual(new Array(6).fill(0));
    expectUniform(times.filter((_, i) => i % 7 !== 0));
  });

  it("draws what there is: nothing, less than asked, all", () => {
    const index = open(make({ capacity: 4 }));
    expect([...index.draw(3)]).toEqual([]);
    index.offer(same(0, 2));
    expect([...index.draw(3)].sort()).toEqual([0, 1]);
    expect([...index.draw(0)]).toEqual([]);
  });

  it("keeps each of the rows seen equally often, as one class", () => {
    const [capacity, n, runs] = [10, 100, 4_000];
    const kept = new Array(n).fill(0);
    for (let seed = 0; seed < runs; seed++) {
      const index = open(make({ capacity }), 1, seed);
      const owner = new Array(capacity).fill(-1);
      for (let first = 0; first < n; first += 20) {
        for (const [i, slot] of index.offer(same(0, 20)).entries()) if (slot !== DROPPED) owner[slot] = first + i;
      }
      for (const row of owner) kept[row]++;
    }
    expectUniform(kept);
    // The usual slip, drawing from {0 … N - 1}, keeps the last row 11 % too often: 440 times instead of 400, two standard deviations.
    const half = kept.slice(n / 2).reduce((sum, count) => sum + count, 0);
    expect(Math.abs(half - (runs * capacity) / 2)).toBeLessThan(4 * Math.sqrt(runs * capacity * 0.25));
  });

  it("counts past 2^32 rows", () => {
    const policy = make({ capacity: 2 });
    const index = open(policy);
    index.offer(same(0, 2));
    const bytes = index.save();
    new DataView(bytes.buffer).setBigUint64(24, 2n ** 32n + 5n, true);
    new DataView(bytes.buffer).setBigUint64(64, 2n ** 32n + 5n, true);
    index.load(bytes);
    expect([...index.offer(same(0, 1_000))]).toEqual(new Array(1_000).fill(DROPPED));
    expect(index.seen).toBe(2 ** 32 + 1_005);
    // Two words a draw; another try is needed once in 2^31.
    expect(new DataView(index.save().buffer).getBigUint64(40, true)).toBe(2_000n);
  });
});

describe("class-balanced", () => {
  const [A, B] = [0, 1];

  it("takes a new class's rows in place of the largest class's, then by m/n", () => {
    let kept = 0;
    for (let seed = 0; seed < 2_000; seed++) {
      const index = open(classBalanced({ capacity: 4 }), 2, seed);
      index.offer(rows(A, A, A, A, B, B));
      expect([...index.counts()]).toEqual([2, 2]);
      if (index.offer(rows(A))[0] !== DROPPED) kept++;
      expect([...index.counts()]).toEqual([2, 2]);
    }
    // Accepted with probability m/n = 2/5.
    expect(Math.abs(kept - 800)).toBeLessThan(4 * Math.sqrt(2_000 * 0.4 * 0.6));
  });

  it("keeps every row of a class that is one in a hundred", () => {
    for (let seed = 0; seed < 20; seed++) {
      const index = open(classBalanced({ capacity: 20 }), 2, seed);
      const uniform = open(reservoir({ capacity: 20 }), 2, seed);
      for (let i = 0; i < 10; i++) {
        const part = rows(...new Array(99).fill(A), B);
        index.offer(part);
        uniform.offer(part);
      }
      expect([...index.counts()]).toEqual([10, 10]);
      expect(uniform.counts()[B]).toBeLessThan(4);
    }
  });

  it("picks the displaced row uniformly among all rows of the largest classes", () => {
    const times = new Array(8).fill(0);
    for (let seed = 0; seed < 8_000; seed++) {
      const index = open(classBalanced({ capacity: 8 }), 5, seed);
      index.offer(rows(3, 1, 3, 2, 1, 4, 3, 1));
      times[index.offer(rows(0))[0] as number]++;
    }
    expect([times[3], times[5]]).toEqual([0, 0]);
    expectUniform(times.filter((_, slot) => slot !== 3 && slot !== 5));
  });
});

describe("saved state", () => {
  const saved = (): Uint8Array => {
    const index = open(classBalanced({ capacity: 8 }), 3);
    index.offer(rows(0, 1, 2, 0, 1));
    return index.save();
  };
  const altered = (offset: number, word: number): Uint8Array => {
    const bytes = saved();
    new DataView(bytes.buffer).setUint32(offset, word, true);
    return bytes;
  };
  const [labels, deck, grouped] = [112, 112 + 64, 112 + 96];

  it.each([
    ["too short", () => saved().subarray(0, 40), "E_CORRUPT", /at least 64 bytes, got 40/],
    ["cut", () => saved().subarray(0, -4), "E_CORRUPT", /expected 240 bytes, got 236/],
    ["of another kind", () => altered(0, 1), "E_CORRUPT", /mark/],
    ["newer", () => altered(4, 2), "E_VERSION", /expected 1, got 2/],
    ["of another policy", () => altered(8, 0), "E_MISMATCH", /another policy; expected class-balanced, got reservoir/],
    ["of another capacity", () => altered(12, 9), "E_MISMATCH", /another capacity; expected 8, got 9/],
    ["of more classes", () => altered(16, 4), "E_MISMATCH", /another classes; expected 3, got 4/],
    ["of fewer classes, but not their length", () => altered(16, 2), "E_CORRUPT", /expected \d+ bytes, got \d+/],
    ["too full", () => altered(20, 9), "E_CORRUPT", /disagree/],
    ["fuller than its stream", () => altered(24, 4), "E_CORRUPT", /disagree/],
    ["wrong in a count", () => altered(72, 3), "E_CORRUPT", /disagree/],
    ["wrong in the last count", () => altered(104, 0xfffffffe), "E_CORRUPT", /disagree/],
    ["wrong in a label", () => altered(labels + 4, 3), "E_CORRUPT", /disagree/],
    ["wrong in the deck", () => altered(deck, 5), "E_CORRUPT", /disagree/],
    ["wrong in a group", () => altered(grouped, 1), "E_CORRUPT", /disagree/],
    ["outside in a group", () => altered(grouped + 4, 0x10000000), "E_CORRUPT", /disagree/],
  ] as [string, () => Uint8Array, string, RegExp][])("is refused when %s, and nothing changes", (_, bytes, code, message) => {
    const host = newHost();
    const index = new ReplayIndex(host, classBalanced({ capacity: 8 }), 3, 1);
    index.offer(rows(2, 2));
    const before = index.save();
    const live = host.live.size;
    expect(() => index.load(bytes())).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
    expect(index.save()).toEqual(before);
    expect(host.live.size).toBe(live);
  });

  it("is refused when its counts add up only modulo 2^32", () => {
    const index = open(reservoir({ capacity: 8 }), 3);
    index.offer(rows(0, 1));
    const bytes = index.save();
    const view = new DataView(bytes.buffer);
    view.setUint32(72, 0xffffffff, true);
    view.setUint32(88, 3, true);
    expect(() => index.load(bytes)).toThrow(expect.objectContaining({ code: "E_CORRUPT" }));
  });

  it("takes bytes at any offset and replaces the seed's streams", () => {
    const bytes = saved();
    const moved = new Uint8Array(bytes.length + 3);
    moved.set(bytes, 3);
    const [one, two] = [open(classBalanced({ capacity: 8 }), 3), open(classBalanced({ capacity: 8 }), 3, 99)];
    one.load(bytes);
    two.load(moved.subarray(3));
    expect(two.draw(5)).toEqual(one.draw(5));
    expect(two.save()).toEqual(one.save());
  });

  it.each([classBalanced, reservoir])("of fewer classes goes on as if the others had always been there: %o", (policy) => {
    const [few, many] = [open(policy({ capacity: 8 }), 3), open(policy({ capacity: 8 }), 5)];
    const [first, second] = [rows(0, 1, 2, 0, 1, 0, 0, 2, 1, 1, 0), rows(4, 0, 3, 3, 1, 4, 4, 4, 2)];
    for (const index of [few, many]) index.offer(first);
    const grown = open(policy({ capacity: 8 }), 5, 99);
    grown.load(few.save());
    expect(grown.save()).toEqual(many.save());
    expect(grown.offer(second).slice()).toEqual(many.offer(second).slice());
    expect(grown.save()).toEqual(many.save());
  });
});

describe("a replay index", () => {
  it("refuses a bad batch whole", () => {
    const index = open(reservoir({ capacity: 8 }), 3);
    expect(() => index.offer(rows(0, 3))).toThrow(
      expect.objectContaining({ code: "E_DATA", message: expect.stringContaining("row 1 is no class; expected a label below 3, got 3") }),
    );
    expect(index.seen).toBe(0);
  });

  it("refuses bad options", () => {
    const config = expect.objectContaining({ code: "E_CONFIG" });
    expect(() => reservoir({ capacity: 0 })).toThrow(config);
    expect(() => classBalanced({ capacity: 1.5 })).toThrow(config);
    expect(() => reservoir({ size: 5 } as never)).toThrow(/memory\.reservoir: unknown option "size"/);
    expect(() => open({ policy: "balanced" as never, capacity: 5 })).toThrow(config);
    expect(() => open(reservoir({ capacity: 5 }), 0)).toThrow(config);
    expect(() => open(reservoir({ capacity: 5 })).draw(-1)).toThrow(config);
  });

  it("frees what it took, once, and is then closed", () => {
    const host = newHost();
    const index = new ReplayIndex(host, reservoir({ capacity: 5 }), 2, 1);
    index.offer(rows(1));
    index.offer(same(1, 500));
    index.load(index.save());
    index.close();
    index.close();
    expect(host.live.size).toBe(0);
    for (const use of [() => index.stored, () => index.draw(1), () => index.offer(rows(0)), () => index.save(), () => index.counts()]) {
      expect(use).toThrow(expect.objectContaining({ code: "E_STATE" }));
    }
  });
});
