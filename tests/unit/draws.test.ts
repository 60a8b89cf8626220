import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/random.ts";
import type { Compiled } from "./assembly.ts";
import { Block, compileDraws, type DrawExports, kinds, type Rows } from "./block.ts";

let wasm: Compiled<DrawExports>;
beforeAll(async () => {
  wasm = await compileDraws();
});

const open = (rows: Rows): Block => new Block(wasm, rows);
const indices = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Uniform on [0, 1) from two words. */
const unit = (stream: RandomStream): number => {
  const high = stream.u32() >>> 5;
  return (high * 2 ** 26 + (stream.u32() >>> 6)) / 2 ** 53;
};

/** The first n of a shuffled array. */
function shuffle<T>(items: readonly T[], n: number, stream: RandomStream): T[] {
  const deck = [...items];
  for (let i = 0; i < Math.min(n, deck.length); i++) {
    const j = i + stream.below(deck.length - i);
    [deck[i], deck[j]] = [deck[j] as T, deck[i] as T];
  }
  return deck.slice(0, n);
}

/** The item in whose share the target falls. */
function choose<T>(items: readonly T[], weights: readonly number[], target: number): T {
  let i = 0;
  for (let total = weights[0] as number; total <= target; total += weights[i] as number) i++;
  return items[i] as T;
}

/** n draws in proportion to weights, independent or one in each of n strata. */
function sample<T>(items: readonly T[], weights: readonly number[], n: number, stream: RandomStream, stratified = false): T[] {
  const total = sum(weights);
  return indices(n).map((k) => choose(items, weights, (stratified ? (k + unit(stream)) / n : unit(stream)) * total));
}

/** (N·P)^-beta over the largest, of what was drawn with these chances. */
function importance(chances: readonly number[], stored: number, beta: number): number[] {
  const weights = chances.map((chance) => (stored * chance) ** -beta);
  return weights.map((weight) => weight / Math.max(...weights));
}

/** Counts by slot what so many draws give. */
function counts(stored: number, draw: () => Iterable<number>, times = 200): number[] {
  const seen = new Array<number>(stored).fill(0);
  for (let i = 0; i < times; i++) for (const slot of draw()) seen[slot] = (seen[slot] as number) + 1;
  return seen;
}

/** Fails where Σ (observed - expected)²/expected exceeds what a right sampler exceeds once in a million (Wilson–Hilferty). */
function expectShares(observed: readonly number[], shares: readonly number[]): void {
  const [n, total] = [sum(observed), sum(shares)];
  const cells = indices(shares.length).filter((i) => (shares[i] as number) > 0);
  for (const i of indices(shares.length)) if (shares[i] === 0) expect(observed[i]).toBe(0);
  const statistic = sum(
    cells.map((i) => {
      const expected = (n * (shares[i] as number)) / total;
      return ((observed[i] as number) - expected) ** 2 / expected;
    }),
  );
  const k = cells.length - 1;
  expect(statistic).toBeLessThan(k * (1 - 2 / (9 * k) + 4.75 * Math.sqrt(2 / (9 * k))) ** 3);
}

/** Distinct scores mixed with ties, zeros of both signs and, unless priorities, negative ones. */
const someScores = (n: number, negative: boolean): number[] =>
  indices(n).map((i) => [Math.fround(0.1 + ((i * 37) % 101) / 7), 0, negative ? -0 : 3, negative ? -((i * 11) % 13) : 5][i % 4] as number);

describe("uniform", () => {
  it("without replacement is a shuffle of all slots, cut short", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), fc.array(fc.nat(50), { maxLength: 8 }), (stored, seed, sizes) => {
        const block = open({ stored, seed });
        const stream = new RandomStream(seed, "draw");
        for (const n of sizes) {
          const { slots, weights } = block.draw("uniform", n);
          expect([...slots]).toEqual(shuffle(indices(stored), n, stream));
          expect([...weights]).toEqual(new Array(slots.length).fill(1));
          expect(block.position).toBe(stream.position);
        }
      }),
    );
    const [block, stream] = [open({ stored: 300_000 }), new RandomStream(1, "draw")];
    for (const n of [256, 20_000, 300_000]) expect([...block.draw("uniform", n).slots]).toEqual(shuffle(indices(300_000), n, stream));
  });

  it("draws each slot, and each ordered pair, equally often", () => {
    const block = open({ stored: 6 });
    const pairs = counts(36, () => [block.draw("uniform", 2).slots.reduce((a, b) => 6 * a + b)], 30_000);
    expectShares(
      pairs,
      pairs.map((_, i) => (i % 7 === 0 ? 0 : 1)),
    );
    const many = open({ stored: 1_000 });
    expectShares(
      counts(1_000, () => many.draw("uniform", 100).slots),
      new Array(1_000).fill(1),
    );
  });

  it("with replacement draws every slot independently", () => {
    const [block, stream] = [open({ stored: 7 }), new RandomStream(1, "draw")];
    expect([...block.draw("uniform", 5_000, 1).slots]).toEqual(indices(5_000).map(() => stream.below(7)));
    expectShares(
      counts(7, () => block.draw("uniform", 50, 1).slots),
      new Array(7).fill(1),
    );
  });
});

describe("balanced", () => {
  it("visits the groups in rounds, as the definition does", () => {
    const keys = fc.array(fc.integer({ min: 3, max: 7 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(keys, fc.nat(), fc.nat(50), (labels, seed, n) => {
        const block = open({ stored: labels.length, keys: labels, seed });
        const stream = new RandomStream(seed, "draw");
        let groups = [...new Set(labels)].map((key) => ({ left: indices(labels.length).filter((slot) => labels[slot] === key), taken: 0 }));
        const expected: number[] = [];
        while (expected.length < Math.min(n, labels.length)) {
          for (let i = 0; i < groups.length && expected.length < Math.min(n, labels.length); i++) {
            const j = i + stream.below(groups.length - i);
            [groups[i], groups[j]] = [groups[j] as (typeof groups)[0], groups[i] as (typeof groups)[0]];
            const group = groups[i] as (typeof groups)[0];
            const r = group.taken + stream.below(group.left.length - group.taken);
            [group.left[group.taken], group.left[r]] = [group.left[r] as number, group.left[group.taken] as number];
            expected.push(group.left[group.taken++] as number);
          }
          groups = groups.filter(({ left, taken }) => taken < left.length);
        }
        expect([...block.draw("balanced", n).slots]).toEqual(expected);
      }),
    );
  });

  it("gives each group its share of distinct rows, each row of a group the same chance", () => {
    const labels = [...new Array(90).fill(0), ...new Array(10).fill(1), ...new Array(3).fill(2)];
    const block = open({ stored: 103, keys: labels });
    const seen = counts(103, () => {
      const slots = [...block.draw("balanced", 18).slots];
      expect(new Set(slots).size).toBe(18);
      const byLabel = [0, 1, 2].map((label) => slots.filter((slot) => labels[slot] === label).length);
      expect(byLabel[2]).toBe(3);
      expect(Math.abs((byLabel[0] as number) - (byLabel[1] as number))).toBeLessThanOrEqual(1);
      return slots;
    });
    expectShares(seen.slice(0, 90), new Array(90).fill(1));
    expect(block.draw("balanced", 200).slots.slice().sort()).toEqual(Uint32Array.from(indices(103)));
  });

  it("with replacement draws a group, then a row of it", () => {
    const labels = [0, 0, 0, 0, 5, 5, 9];
    const [block, stream] = [open({ stored: 7, keys: labels }), new RandomStream(1, "draw")];
    const groups = [[0, 1, 2, 3], [4, 5], [6]];
    const expected = indices(2_000).map(() => {
      const group = groups[stream.below(3)] as number[];
      return group[stream.below(group.length)];
    });
    expect([...block.draw("balanced", 2_000, 1).slots]).toEqual(expected);
    expectShares(
      counts(7, () => block.draw("balanced", 50, 1).slots),
      [3, 3, 3, 3, 6, 6, 12],
    );
  });
});

describe("proportional", () => {
  it.each([
    [0, 0.4],
    [0.6, 0.4],
    [1, 1],
    [2.5, 0],
  ])("to score^%d in strata, with importance weights of exponent %d", (alpha, beta) => {
    const scores = someScores(203, false);
    const chances = scores.map((score) => (score === 0 ? 0 : score ** alpha));
    const total = sum(chances);
    const [block, stream] = [open({ stored: 203, capacity: 300, scores }), new RandomStream(1, "draw")];
    block.buildTree(alpha);
    expect(Math.abs(block.exports.totalPriority(block.state) / total - 1)).toBeLessThan(1e-13);
    for (const n of [1, 7, 256]) {
      const { slots, weights } = block.draw("proportional", n, alpha, beta);
      expect([...slots]).toEqual(sample(indices(203), chances, n, stream, true));
      const drawn = Array.from(slots, (slot) => (chances[slot] as number) / total);
      for (const [k, weight] of importance(drawn, 203, beta).entries()) expect(weights[k]).toBeCloseTo(weight, 6);
      expect(Math.max(...weights)).toBe(1);
    }
    expectShares(
      counts(203, () => block.draw("proportional", 1, alpha, beta).slots, 30_000),
      chances,
    );
  });

  it.each([1, 7, 8, 9, 64, 65, 3_000])("has, after many updates of %d rows, the bits of a fresh tree", (capacity) => {
    const stream = new RandomStream(capacity, "updates");
    const block = open({ stored: capacity, scores: indices(capacity).map(() => stream.uniform()) });
    block.buildTree(0.6);
    let stored = capacity;
    for (let i = 0; i < (capacity === 3_000 ? 10_000 : 300); i++) {
      const slots = indices(10).map(() => stream.below(stored));
      const scores = slots.map(() => (stream.below(5) === 0 ? 0 : stream.uniform() * 10 ** (stream.below(60) - 30)));
      block.update(slots, scores, stream.below(2) === 0);
      if (i % 10 !== 0 || stored === 1) continue;
      block.stored = --stored;
      block.exports.setPriority(block.state, stored);
    }
    const kept = block.tree();
    const chances = [...block.scores.subarray(0, stored)].map((score) => (score === 0 ? 0 : score ** 0.6));
    expect(Math.abs(block.exports.totalPriority(block.state) - sum(chances))).toBeLessThanOrEqual(1e-12 * sum(chances));
    block.buildTree(0.6);
    expect(kept).toEqual(block.tree());
  });

  it("never draws a row of priority 0, next to whatever scores", () => {
    const stream = new RandomStream(3, "scores");
    for (const alpha of [0, 0.3, 1, 7, 12]) {
      for (const capacity of [1, 9, 70, 600]) {
        const scores = indices(capacity).map((i) =>
          i === capacity - 1 ? 1e-45 : [0, 0, 0, 1e-45, 1e-30, 1, 3.4e38][stream.below(7)],
        ) as number[];
        const block = open({ stored: capacity, scores });
        block.buildTree(alpha);
        const total = block.exports.totalPriority(block.state);
        expect(total).toBeGreaterThan(0);
        expect(total).toBeLessThan(Infinity);
        const targets = [0, 5e-324, total * (1 - 2 ** -53), total, 2 * total, ...indices(500).map(() => unit(stream) * total)];
        for (const target of targets) expect(scores[block.exports.findPriority(block.state, target)]).toBeGreaterThan(0);
        expect(block.exports.findPriority(block.state, 2 * total)).toBe(capacity - 1);
        for (const slot of block.draw("proportional", 64, alpha, 0.5).slots) expect(scores[slot]).toBeGreaterThan(0);
      }
    }
  });

  it("draws nothing where every priority is 0, and leaves a memory without a tree alone", () => {
    const block = open({ stored: 20, scores: [2] });
    block.exports.setPriority(block.state, 0);
    block.update([0], [0], true);
    for (const alpha of [0, 0.6, 1]) {
      block.buildTree(alpha);
      expect(block.draw("proportional", 4, alpha, 1).slots).toHaveLength(0);
    }
  });
});

describe("rank", () => {
  it("draws by the power of the rank in strata, with importance weights", () => {
    const scores = someScores(150, true);
    const order = indices(150).sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
    for (const [alpha, beta] of [
      [0.7, 0.5],
      [1, 1],
      [0, 0.5],
      [2, 0],
    ] as const) {
      const [block, stream] = [open({ stored: 150, scores }), new RandomStream(1, "draw")];
      const chances = indices(150).map((i) => (i + 1) ** -alpha);
      for (const n of [1, 5, 300]) {
        const { slots, weights } = block.draw("rank", n, alpha, beta);
        expect([...slots]).toEqual(sample(order, chances, n, stream, true));
        const drawn = Array.from(slots, (slot) => (chances[order.indexOf(slot)] as number) / sum(chances));
        for (const [k, weight] of importance(drawn, 150, beta).entries()) expect(weights[k]).toBeCloseTo(weight, 6);
      }
      const seen = counts(150, () => block.draw("rank", 1, alpha, beta).slots, 20_000);
      expectShares(
        order.map((slot) => seen[slot] as number),
        chances,
      );
    }
  });
});

describe("a search among running sums", () => {
  it.each([
    [
      [1, 1, 3, 3],
      [0, 0.5, 1, 2.9, 3, 4],
      [0, 0, 2, 2, 2, 2],
    ],
    [
      [0, 0, 0.5, 0.5, 2, 7],
      [0, 0.4, 0.5, 2, 7],
      [2, 2, 4, 5, 5],
    ],
    [[0], [0, 1], [0, 0]],
  ])("never ends at a row that adds nothing: %j", (sums, targets, places) => {
    new Float64Array(wasm.memory.buffer, 65_536, sums.length).set(sums);
    expect(targets.map((target) => wasm.exports.search(65_536, sums.length, target))).toEqual(places);
  });
});

describe("by age", () => {
  /** Slot i holds the row that is i-th in a fixed shuffled order of ages. */
  const numbers = (n: number, gap: number): number[] => indices(n).map((i) => gap * ((i * 7 + 3) % n));
  const ages = (rows: readonly number[]): number[] => rows.map((number) => Math.max(...rows) + 1 - number);

  it.each([
    ["power-law", 1, (age: number) => 1 / age],
    ["power-law", 2.5, (age: number) => age ** -2.5],
    ["recency", 40, (age: number) => 2 ** (-age / 40)],
    ["recency", 1e6, (age: number) => 2 ** (-age / 1e6)],
  ] as const)("%s %d follows its law over rows", (kind, a, law) => {
    for (const gap of [1, 13]) {
      const rows = numbers(100, gap);
      const weights = ages(rows).map(law);
      const [block, stream] = [open({ stored: 100, numbers: rows }), new RandomStream(1, "draw")];
      expect([...block.draw(kind, 5_000, a).slots]).toEqual(sample(indices(100), weights, 5_000, stream));
      expectShares(
        counts(100, () => block.draw(kind, 100, a).slots),
        weights,
      );
    }
  });

  it("power law: the exponent can be read off the draws", () => {
    for (const exponent of [0.5, 1, 1.6]) {
      const block = open({ stored: 60 });
      const seen = counts(60, () => block.draw("power-law", 2_000, exponent).slots);
      // Least squares of log count over log age, each age weighted by its count.
      const points = seen.map((n, slot) => ({ x: Math.log(60 - slot), y: Math.log(n), n }));
      const total = sum(seen);
      const [x, y] = [sum(points.map((p) => p.n * p.x)) / total, sum(points.map((p) => p.n * p.y)) / total];
      const slope = sum(points.map((p) => p.n * (p.x - x) * (p.y - y))) / sum(points.map((p) => p.n * (p.x - x) ** 2));
      expect(Math.abs(slope + exponent)).toBeLessThan(0.05);
    }
  });

  it("power law over groups: .48 .24 .16 .12 of four past ones, the latest never unless alone, rows evenly", () => {
    // The latest rows come in the order 5, 8, 2, 6, 1; group 8 has three rows.
    const keys = [2, 1, 8, 8, 5, 8, 2, 6, 1];
    const block = open({ stored: 9, keys });
    const stream = new RandomStream(1, "draw");
    const past = [[7], [0, 6], [2, 3, 5], [4]];
    const expected = indices(3_000).map(() => {
      const group = choose(past, [1, 1 / 2, 1 / 3, 1 / 4], unit(stream) * (25 / 12));
      return group[stream.below(group.length)];
    });
    expect([...block.draw("power-law", 3_000, 1).slots]).toEqual(expected);
    const seen = counts(9, () => block.draw("power-law", 100, 1).slots);
    expectShares(seen, [0.12, 0, 0.16 / 3, 0.16 / 3, 0.12, 0.16 / 3, 0.12, 0.48, 0]);
    const alone = open({ stored: 3, keys: [4, 4, 4] });
    expectShares(
      counts(3, () => alone.draw("power-law", 100, 1).slots),
      [1, 1, 1],
    );
  });

  it("fading has the published chances, by age", () => {
    const tables = {
      5: [0, 0.08532544, 0.29513544, 0.30976534, 0.30977378],
      8: [0, 0.01437997, 0.0871525, 0.16743134, 0.18246192, 0.1828572, 0.18285854, 0.18285854],
    };
    for (const [n, table] of Object.entries(tables)) {
      const rows = numbers(Number(n), 300);
      const block = open({ stored: rows.length, numbers: rows });
      const seen = counts(rows.length, () => block.draw("fading", 1_000).slots);
      const order = indices(rows.length).sort((a, b) => (rows[a] as number) - (rows[b] as number));
      expectShares(
        order.map((slot) => seen[slot] as number),
        table,
      );
    }
    const rows = numbers(1_000, 70_000);
    const [block, stream] = [open({ stored: 1_000, numbers: rows }), new RandomStream(1, "draw")];
    const order = indices(1_000).sort((a, b) => (rows[a] as number) - (rows[b] as number));
    const law = indices(1_000).map((i) => Math.tanh(((Math.PI * i) / 1_000) ** Math.E));
    expect([...block.draw("fading", 5_000).slots]).toEqual(sample(order, law, 5_000, stream));
    expect([...open({ stored: 1 }).draw("fading", 3).slots]).toEqual([0, 0, 0]);
  });

  it("keeps its law when all rows are old", () => {
    const block = open({ stored: 3, numbers: [900, 5, 899], clock: 4e9 });
    expectShares(
      counts(3, () => block.draw("recency", 50, 1).slots),
      [2, 0, 1],
    );
    const [power, stream] = [open({ stored: 3, numbers: [2e9, 5, 1e9], clock: 4e9 }), new RandomStream(1, "draw")];
    expect([...power.draw("power-law", 2_000, 200).slots]).toEqual(sample([0, 1, 2], [1, 2 ** -200, 1.5 ** -200], 2_000, stream));
  });
});

describe("by score", () => {
  const scores = someScores(120, true);
  /** Highest first; of equal ones the lower slot. */
  const ranked = (slots: readonly number[], from: readonly number[] = scores): number[] =>
    [...slots].sort((a, b) => (from[b] as number) - (from[a] as number) || a - b);

  it.each([0.3, 1, 50])("softmax at temperature %d", (temperature) => {
    const [block, stream] = [open({ stored: 120, scores }), new RandomStream(1, "draw")];
    const law = scores.map((score) => Math.exp((score - Math.max(...scores)) / temperature));
    expect([...block.draw("softmax", 5_000, temperature).slots]).toEqual(sample(indices(120), law, 5_000, stream));
    const likely = law.map((weight, slot) => (weight > 1e-6 ? slot : -1)).filter((slot) => slot >= 0);
    const seen = counts(120, () => block.draw("softmax", 100, temperature).slots);
    expectShares(
      likely.map((slot) => seen[slot] as number),
      likely.map((slot) => law[slot] as number),
    );
  });

  it("softmax of scores beyond every exponent", () => {
    const block = open({ stored: 3, scores: [-3e38, 3e38, 3e38] });
    expectShares(
      counts(3, () => block.draw("softmax", 50, 1e-3).slots),
      [0, 1, 1],
    );
  });

  it("top takes the highest of all, or of as many candidates, without a random word more", () => {
    const [block, stream] = [open({ stored: 120, scores }), new RandomStream(1, "draw")];
    for (const n of [1, 30, 120, 500]) expect([...block.draw("top", n).slots]).toEqual(ranked(indices(120)).slice(0, n));
    for (const n of [5, 200]) expect([...block.draw("top", n, 120).slots]).toEqual(ranked(indices(120)).slice(0, n));
    expect(block.position).toBe(0);
    for (const [n, candidates] of [
      [3, 20],
      [20, 20],
      [30, 20],
      [1, 1],
      [7, 119],
    ] as const) {
      expect([...block.draw("top", n, candidates).slots]).toEqual(ranked(shuffle(indices(120), candidates, stream)).slice(0, n));
    }
    expect(block.position).toBe(stream.position);
  });

  it("ranks scores of every size and sign", () => {
    const stream = new RandomStream(5, "scores");
    const wild = indices(700).map(() => Math.fround((stream.uniform() - 0.5) * 2 ** (stream.below(250) - 125)));
    const block = open({ stored: 700, scores: wild });
    expect([...block.draw("top", 700).slots]).toEqual(ranked(indices(700), wild));
    const narrow = wild.map((score) => Math.fround(1 + (score % 1) / 1024));
    expect([...open({ stored: 700, scores: narrow }).draw("top", 700).slots]).toEqual(ranked(indices(700), narrow));
  });
});

describe("recall", () => {
  it.each([
    [1, 4],
    [5, 1],
    [16, 3],
    [17, 4],
    [1_000, 2],
  ])("visits each of %d rows %d times in succession, then all others first", (stored, views) => {
    const block = open({ stored });
    const cycles = indices(6).map(() => {
      const cycle: number[] = [];
      // Draws that end within a row's views, and beyond the cycle's end where one asks for that much.
      for (let left = stored * views; left > 0; left -= 7) cycle.push(...block.draw("recall", Math.min(left, 7), views).slots);
      return cycle;
    });
    const orders = cycles.map((cycle) => cycle.filter((_, i) => i % views === 0));
    for (const [i, cycle] of cycles.entries()) {
      expect(cycle).toEqual((orders[i] as number[]).flatMap((slot) => new Array(views).fill(slot)));
      expect([...(orders[i] as number[])].sort((a, b) => a - b)).toEqual(indices(stored));
    }
    if (stored > 4) expect(new Set(orders.map(String)).size).toBe(6);
    expect([...open({ stored }).draw("recall", 6 * stored * views, views).slots]).toEqual(cycles.flat());
    expect(block.position).toBe(0);
  });

  it("begins with every row, and with every order of two, equally often", () => {
    for (const stored of [3, 6, 20, 64]) {
      const block = open({ stored });
      const pairs = new Array<number>(stored ** 2).fill(0);
      for (let i = 0; i < 40_000; i++) {
        const [a, b] = [...block.draw("recall", stored, 1).slots] as unknown as [number, number];
        pairs[stored * a + b] = (pairs[stored * a + b] as number) + 1;
      }
      const firsts = indices(stored).map((slot) => sum(pairs.slice(stored * slot, stored * (slot + 1))));
      expectShares(firsts, new Array(stored).fill(1));
      const orders = pairs.map((_, i) => (i % (stored + 1) === 0 ? 0 : 1));
      expectShares(pairs, orders);
    }
  });

  it("skips what is no longer stored, takes new rows into the next cycle, and counts cycles past 2^32", () => {
    const block = open({ stored: 40, capacity: 60 });
    const first = [...block.draw("recall", 31, 3).slots];
    block.stored = 25;
    const kept = indices(25).filter((slot) => !first.includes(slot));
    const rest = [...block.draw("recall", 3 * kept.length + 2 * Number((first[30] as number) < 25), 3).slots];
    expect([...new Set(rest.filter((slot) => slot !== first[30]))].sort((a, b) => a - b)).toEqual(kept);
    block.stored = 60;
    const whole = [...block.draw("recall", 180, 3).slots];
    expect([...new Set(whole)].sort((a, b) => a - b)).toEqual(indices(60));
    block.carry.set([180, 60, 2 ** 32 - 1, 0]);
    expect([...block.draw("recall", 180, 3).slots]).not.toEqual(whole);
    expect([...block.carry]).toEqual([180, 60, 0, 1]);
  });
});

describe("any policy", () => {
  it.each(kinds)("%s draws nothing from an empty memory, and 0 rows from any", (kind) => {
    const grouped = kind === "balanced" ? { keys: indices(9) } : {};
    const block = open({ stored: 9, scores: indices(9), ...grouped });
    block.buildTree(1);
    expect(block.draw(kind, 0, 1, 1).slots).toHaveLength(0);
    expect(block.draw(kind, 4, 1, 1).slots).toHaveLength(kind === "top" ? 1 : 4);
    expect(open({ stored: 0, capacity: 9, ...(kind === "balanced" ? { keys: [] } : {}) }).draw(kind, 4, 1, 1).slots).toHaveLength(0);
  });
});
