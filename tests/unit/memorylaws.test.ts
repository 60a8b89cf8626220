import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as memory from "../../src/memory/policies.ts";
import type { MemoryPolicy } from "../../src/memory/policy.ts";
import { Replay } from "../../src/memory/replay.ts";
import { DROPPED, type Offer, type Slots } from "../../src/memory/slots.ts";
import { RandomStream } from "../../src/random.ts";
import { compileMemory, openSlots, type TestHost } from "./memoryhost.ts";

let newHost: () => TestHost;
let host: TestHost;
beforeAll(async () => {
  newHost = await compileMemory();
});
beforeEach(() => {
  host = newHost();
});

function open(policy: MemoryPolicy, capacity: number, seed = 7, dims = 0): Slots {
  return openSlots(host, { policy, capacity, seed, dims, ids: false, scores: true });
}

const plain = (count: number): Offer => ({ count, keys: {} });
const labelled = (...labels: number[]): Offer => ({ count: labels.length, keys: { label: Uint32Array.from(labels) } });
const same = (label: number, n: number): number[] => new Array(n).fill(label);
const scored = (...scores: number[]): Offer => ({ ...plain(scores.length), scores: Float32Array.from(scores) });

/** Returns where in the stream the stored rows came. */
const positions = (slots: Slots): number[] => [...slots.ages()].map((age) => slots.clock - age);
const counts = (slots: Slots): number[] => slots.groups("label").map(({ stored }) => stored);

/** Fails where a right sampler does once in a million: χ² of counts, their limit by Wilson and Hilferty. */
function expectLaw(observed: readonly number[], shares: readonly number[]): void {
  const [total, whole] = [observed.reduce((a, b) => a + b), shares.reduce((a, b) => a + b)];
  const statistic = observed.reduce((sum, n, i) => {
    const expected = (total * (shares[i] as number)) / whole;
    return sum + (expected === 0 ? n : (n - expected) ** 2 / expected);
  }, 0);
  const k = shares.filter((share) => share > 0).length - 1;
  expect(statistic).toBeLessThan(k * (1 - 2 / (9 * k) + 4.75 * Math.sqrt(2 / (9 * k))) ** 3);
}

function expectUniform(observed: readonly number[]): void {
  expectLaw(
    observed,
    observed.map(() => 1),
  );
}

/** Returns how often each of n rows was kept over many seeds. */
function kept(n: number, runs: number, run: (seed: number) => Slots): number[] {
  const times = same(0, n);
  for (let seed = 0; seed < runs; seed++) {
    host = newHost();
    for (const i of positions(run(seed))) times[i] = (times[i] as number) + 1;
  }
  return times;
}

/** Offers so many rows, in calls of odd lengths. */
function pass(slots: Slots, n: number): void {
  for (let i = 0; i < n; i += 17) slots.offer(plain(Math.min(17, n - i)));
}

describe.each([
  ["R", memory.reservoir()],
  ["L", memory.reservoir({ method: "L" })],
  ["chunks", memory.reservoir({ chunk: 5 })],
] as const)("a reservoir, %s,", (method, policy) => {
  it("keeps each row equally often, wherever it came", () => {
    const times = kept(100, 10_000, (seed) => {
      const slots = open(policy, 10, seed);
      pass(slots, 100);
      return slots;
    });
    expect(times.every((count) => Math.abs(count / 10_000 - 0.1) < 0.016)).toBe(true);
    if (method === "chunks") {
      expect(times.every((count, i) => count === times[i - (i % 5)])).toBe(true);
      expectUniform(times.filter((_, i) => i % 5 === 0));
    } else {
      expectUniform(times);
      // Drawing from one row too few keeps the second half 5 % too often.
      expectUniform([0, 50].map((first) => times.slice(first, first + 50).reduce((a, b) => a + b)));
    }
  });

  it("goes on by the same law when it was saved and loaded", () => {
    const times = kept(80, 3_000, (seed) => {
      const [before, after] = [open(policy, 10, seed), open(policy, 10, seed + 1)];
      pass(before, seed % 60);
      const bytes = before.save();
      after.load(bytes);
      pass(after, 80 - (seed % 60));
      return after;
    });
    expectUniform(method === "chunks" ? times.filter((_, i) => i % 5 === 0) : times);
  });

  it("goes on by the same law when it shrinks, and grows again", () => {
    const times = kept(300, 8_000, (seed) => {
      const slots = open(policy, 20, seed);
      pass(slots, 60);
      slots.resize(10);
      pass(slots, 60);
      slots.resize(40);
      pass(slots, 180);
      return slots;
    });
    const by = method === "chunks" ? 5 : 1;
    expectUniform(times.filter((_, i) => i % by === 0));
  });

  it("counts rows out that are forgotten, with those that they stood for", () => {
    const times = kept(240, 8_000, (seed) => {
      const slots = open(policy, 20, seed);
      const random = new RandomStream(seed, "forget");
      pass(slots, 60);
      for (let i = 0; i < 10; i++) slots.remove(random.below(slots.stored), true);
      expect(slots.seen).toBe(30);
      pass(slots, 180);
      return slots;
    });
    const by = method === "chunks" ? 5 : 1;
    const firsts = times.filter((_, i) => i % by === 0);
    // A row of the first 60 stands for half a row: half of them were forgotten.
    expectLaw(
      firsts,
      firsts.map((_, i) => (i < 60 / by ? 1 : 2)),
    );
  });
});

it("a reservoir keeps [e, c] of a … e when 1, 3 and 0 are drawn", () => {
  const draws = (seed: number): string => {
    const random = new RandomStream(seed, "store");
    return [3, 4, 5].map((n) => random.below(n)).join();
  };
  let seed = 0;
  while (draws(seed) !== "1,3,0") seed++;
  const slots = open(memory.reservoir(), 2, seed);
  slots.offer(plain(5));
  expect(positions(slots)).toEqual([4, 2]);
});

describe("class-balanced", () => {
  const [A, B] = [3, 5];

  it("takes a new class's rows in place of the largest class's, then by m/n", () => {
    let taken = 0;
    for (let seed = 0; seed < 2_000; seed++) {
      host = newHost();
      const slots = open(memory.classBalanced(), 4, seed);
      slots.offer(labelled(A, A, A, A, B, B));
      expect(counts(slots)).toEqual([2, 2]);
      if (slots.offer(labelled(A))[0] !== DROPPED) taken++;
      expect(counts(slots)).toEqual([2, 2]);
    }
    expectLaw([taken, 2_000 - taken], [2, 3]);
  });

  it("keeps every row of a class that is one in a hundred, where a reservoir keeps hardly any", () => {
    let rare = 0;
    for (let seed = 0; seed < 100; seed++) {
      const [balanced, uniform] = [open(memory.classBalanced(), 20, seed), open(memory.quota(), 20, seed)];
      const plainly = open(memory.reservoir(), 20, seed);
      for (let i = 0; i < 10; i++) {
        const part = labelled(...same(A, 99), B);
        for (const slots of [balanced, uniform, plainly]) slots.offer(part);
      }
      expect(counts(balanced)).toEqual([10, 10]);
      expect(counts(uniform)).toEqual([10, 10]);
      rare += positions(plainly).filter((i) => i % 100 === 99).length;
    }
    // 0.2 rows a run.
    expect(Math.abs(rare - 20)).toBeLessThan(4 * Math.sqrt(20));
  });

  it("keeps each row of a class equally often", () => {
    const times = kept(120, 4_000, (seed) => {
      const slots = open(memory.classBalanced(), 12, seed);
      for (let i = 0; i < 4; i++) slots.offer(labelled(...same(A, 20), ...same(B, 10)));
      return slots;
    });
    expectUniform(times.filter((_, i) => i % 30 < 20));
    expectUniform(times.filter((_, i) => i % 30 >= 20));
  });

  it("displaces any row of the largest classes", () => {
    const times = same(0, 8);
    for (let seed = 0; seed < 8_000; seed++) {
      host = newHost();
      const slots = open(memory.classBalanced(), 8, seed);
      slots.offer(labelled(3, 1, 3, 2, 1, 4, 3, 1));
      const slot = slots.offer(labelled(0))[0] as number;
      times[slot] = (times[slot] as number) + 1;
    }
    expectLaw(times, [1, 1, 1, 0, 1, 0, 1, 1]);
  });
});

it("quotas shrink as groups appear, and what is left is uniform in each", () => {
  const times = kept(150, 5_000, (seed) => {
    const slots = open(memory.quota(), 12, seed);
    for (const label of [0, 1, 2]) slots.offer(labelled(...same(label, 50)));
    expect(counts(slots)).toEqual([4, 4, 4]);
    slots.resize(7);
    expect(counts(slots)).toEqual([3, 2, 2]);
    return slots;
  });
  for (const first of [0, 50, 100]) expectUniform(times.slice(first, first + 50));
});

it("greedy keeps the first rows of each class in equal numbers", () => {
  const slots = open(memory.greedy(), 10);
  slots.offer(labelled(...same(0, 100)));
  slots.offer(labelled(...same(1, 100)));
  expect(counts(slots)).toEqual([5, 5]);
  expect(positions(slots).every((i) => i % 100 < 10)).toBe(true);
});

describe("merging", () => {
  const binomial = (n: number, k: number): number => Array.from({ length: k }).reduce((p: number, _, i) => (p * (n - i)) / (i + 1), 1);

  it("takes as many rows of each sample as a draw from both streams would, and any of them", () => {
    const slots = open(memory.reservoir(), 8);
    const [first, times] = [same(0, 7), same(0, 15)];
    for (let run = 0; run < 20_000; run++) {
      const chosen = [...slots.choose(7, 60, 8, 30, 6)];
      expect(new Set(chosen).size).toBe(6);
      const n = chosen.filter((i) => i < 7).length;
      first[n] = (first[n] as number) + 1;
      for (const i of chosen) times[i] = (times[i] as number) + 1;
    }
    expectLaw(
      first,
      first.map((_, k) => binomial(60, k) * binomial(30, 6 - k)),
    );
    expectUniform(times.slice(0, 7));
    expectUniform(times.slice(7));
  });

  it("takes all rows of streams that are stored whole", () => {
    const slots = open(memory.reservoir(), 8);
    expect([...slots.choose(2, 2, 3, 3, 8)].sort()).toEqual([0, 1, 2, 3, 4]);
    expect([...slots.choose(0, 0, 0, 0, 8)]).toEqual([]);
  });
});

/** Returns how often each row gives way when a memory of these rows shrinks by one. */
function victims(policy: MemoryPolicy, offer: Offer, runs = 6_000): number[] {
  const times = same(0, offer.count);
  for (let seed = 0; seed < runs; seed++) {
    host = newHost();
    const slots = open(policy, offer.count, seed);
    slots.offer(offer);
    const { to } = slots.resize(offer.count - 1)[0] as { to: number };
    times[to] = (times[to] as number) + 1;
  }
  return times;
}

it("loss-aware gives up rows of low loss, or of large classes, in proportion", () => {
  const rows = { ...labelled(0, 0, 0, 1), scores: Float32Array.of(3, 1, 0, 2) };
  expectLaw(victims(memory.lossAware(), rows), [0, 2, 3, 1]);
  expectLaw(victims(memory.lossAware({ balance: 1 }), rows), [3, 3, 3, 1]);
  const mixed = [0, 2, 3, 1].map((low, i) => low / 6 + (i < 3 ? 3 : 1) / 10);
  expectLaw(victims(memory.lossAware({ balance: 0.5 }), rows), mixed);
  expectUniform(victims(memory.lossAware(), { ...rows, scores: new Float32Array(4).fill(2) }));
});

describe("gradient-diverse", () => {
  const replaced = (stored: readonly number[], score: number): number[] => {
    const times = same(0, stored.length + 1);
    for (let seed = 0; seed < 2_000; seed++) {
      host = newHost();
      const slots = open(memory.gradientDiverse(), stored.length, seed);
      slots.offer(scored(...stored));
      const [slot] = slots.offer(scored(score)) as unknown as [number];
      const i = slot === DROPPED ? stored.length : slot;
      times[i] = (times[i] as number) + 1;
    }
    return times;
  };

  it("gives up rows in proportion to what they are above the least alike", () => {
    expectLaw(victims(memory.gradientDiverse(), scored(0.25, -0.5, 1, 0.25)), [3, 0, 6, 3]);
  });

  it("replaces the row that is like others for certain by one that is unlike all", () => {
    expect(replaced([1, -1], -1)).toEqual([2_000, 0, 0]);
  });

  it("replaces by the odds of the two", () => {
    expectLaw(replaced([0.5, -1], -0.5), [3, 0, 1]);
    expectLaw(replaced([0, -1], -0.5), [2, 0, 1]);
    expect(replaced([-1, -1], -0.5)).toEqual([0, 0, 2_000]);
  });

  it("takes no row that is like one it was held against", () => {
    expect(replaced([0.5, -1], 0)).toEqual([0, 0, 2_000]);
  });
});

describe("rows chosen by their embeddings", () => {
  const embeddings = Float32Array.of(2, 1, 2, 2, 4, 5, 0, 5, 3, 2);
  const five = { ...labelled(0, 0, 0, 0, 0), embeddings };

  it.each([
    ["herding", memory.herding(), [1, 2, 0, 3, 4]],
    ["closest-to-mean", memory.closestToMean(), [1, 4, 0, 2, 3]],
  ] as const)("%s ranks the five points as published, and shrinks from the end", (_, policy, order) => {
    const slots = open(policy, 5, 7, 2);
    slots.offer(five);
    expect(positions(slots)).toEqual(order);
    slots.resize(3);
    expect(positions(slots)).toEqual(order.slice(0, 3));
    const few = open(policy, 2, 7, 2);
    few.offer(five);
    expect(positions(few)).toEqual(order.slice(0, 2));
  });

  it("herding forgets what a row added to the mean of its class", () => {
    const slots = open(memory.herding(), 1, 7, 1);
    const point = (x: number): Offer => ({ ...labelled(0), embeddings: Float32Array.of(x) });
    for (const x of [8, 9, 10]) slots.offer(point(x));
    slots.remove(0, true);
    expect(slots.groups("label")).toEqual([{ key: 0, stored: 0, seen: 0 }]);
    // Of two rows with mean 2 the first is kept on a tie; a mean that remembered more would prefer one of them.
    slots.offer({ ...labelled(0, 0, 0), embeddings: Float32Array.of(1, 3, 2) });
    expect(positions(slots)).toEqual([5]);
  });

  it("clusters keep one of exact duplicates", () => {
    const slots = open(memory.clusters({ clusters: 1 }), 3, 7, 2);
    slots.offer({ ...plain(6), embeddings: Float32Array.of(1, 0, 1, 0, 0, 1, 1, 0, -1, 0, 0, 1) });
    expect(positions(slots).sort()).toEqual([0, 2, 4]);
  });

  it("similarity drops what is most alike", () => {
    const slots = open(memory.similarity(), 2);
    slots.offer(scored(0.5, 0.9, 0.7, 0.7, 0.2));
    expect([...slots.scores()].sort()).toEqual([0.2, 0.5].map(Math.fround));
  });
});

it("long-term: the past is uniform over the stream, what is recent is all recent", () => {
  const past: number[] = [];
  const [capacity, n] = [200, 1_000];
  for (let seed = 0; seed < 40; seed++) {
    const policy = memory.longTerm({ capacity, chunk: 1 });
    const replay = new Replay(host, { policy, capacities: [100, 100], keys: [], ids: false, scores: false, dims: 0 }, seed);
    for (let i = 0; i < n; i += 40) replay.offer(plain(40));
    const [recent, old] = replay.stores.map(({ slots }) => [...slots.ages()]) as [number[], number[]];
    expect(recent.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    past.push(...old);
  }
  // Kolmogorov–Smirnov, exceeded once in a thousand; the sample of one run is without repetition, which brings it closer still.
  const sorted = past.map((age) => (age - 0.5) / n).sort((a, b) => a - b);
  const distance = Math.max(...sorted.map((x, i) => Math.abs((i + 0.5) / sorted.length - x)));
  expect(distance).toBeLessThan(1.95 / Math.sqrt(sorted.length));
});

describe("rows past 2^32", () => {
  /** A saved state in which so many rows were seen. */
  const aged = (slots: Slots, clock: bigint): Uint8Array => {
    const bytes = slots.save();
    const view = new DataView(bytes.buffer);
    view.setBigUint64(64, clock, true);
    view.setBigUint64(72, clock, true);
    return bytes;
  };

  it("are counted, and drawn for by two words", () => {
    const slots = open(memory.reservoir(), 2);
    slots.offer(plain(2));
    slots.load(aged(slots, 2n ** 32n + 5n));
    expect([...slots.offer(plain(1_000))]).toEqual(same(DROPPED, 1_000));
    expect([slots.seen, slots.clock]).toEqual([2 ** 32 + 1_005, 2 ** 32 + 1_005]);
    // Another try is needed once in 2^31.
    expect(new DataView(slots.save().buffer).getBigUint64(40, true)).toBe(2_000n);
  });

  it("have the right ages where their numbers come round", () => {
    const slots = open(memory.ring(), 4);
    slots.load(aged(slots, 2n ** 32n - 2n));
    slots.offer(plain(3));
    expect([...slots.ages()]).toEqual([3, 2, 1]);
    expect([...slots.offer(plain(5))]).toEqual([DROPPED, 0, 1, 2, 3].map((slot, i) => (i === 0 ? DROPPED : slot)));
    expect([...slots.ages()].sort()).toEqual([1, 2, 3, 4]);
  });
});
