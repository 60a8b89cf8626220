import { beforeAll, describe, expect, it } from "vitest";
import { exp, ln } from "../../src/natural.ts";
import { RandomStream } from "../../src/random.ts";
import * as streams from "../../src/stream/index.ts";
import { type Compiled, compileAssembly } from "./assembly.ts";
import { cclSizes, progressiveDataDropout } from "./published.ts";

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, relative = 1e-7): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i] as number, expected[i] as number];
    expect(Math.abs(a - e), `[${i}]: ${a} against ${e}`).toBeLessThanOrEqual(Math.max(relative * Math.abs(e), 1e-12));
  }
}

describe("e^x and ln x", () => {
  let wasm: Compiled<{ exp64(x: number): number; log64(x: number): number }>;
  beforeAll(async () => {
    wasm = await compileAssembly('export { exp64, log64 } from "./math";');
  });

  it("have the bits of the kernels' own", () => {
    const random = new RandomStream(1, "natural");
    const special = [0, -0, 1, -1, Number.NaN, Number.MAX_VALUE, Number.MIN_VALUE, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const wide = Array.from({ length: 20_000 }, () => (random.uniform() - 0.5) * 2 ** (random.below(2100) - 1070));
    const near = Array.from({ length: 20_000 }, () => (random.uniform() - 0.5) * 1440);
    const edges = [-708.3964185322641, -708.396418532265, 709.782712893384, 709.7827128933841, 2.2250738585072014e-308, 2.22e-308];
    for (const x of [...special, ...wide, ...near, ...edges]) {
      expect(Object.is(exp(x), wasm.exports.exp64(x)), `exp ${x}: ${exp(x)}`).toBe(true);
      expect(Object.is(ln(x), wasm.exports.log64(x)), `ln ${x}: ${ln(x)}`).toBe(true);
    }
  });
});

describe("a cyclical curriculum", () => {
  it.each(cclSizes)("has the published shares: $sp to $ep", ({ sp, ep, alpha, sizes, T }) => {
    expectClose(streams.cyclicalShares({ start: sp, end: ep, factor: alpha, total: T }), sizes, 1e-8);
    const curriculum = streams.cyclical({ start: sp, end: ep, factor: alpha });
    let state = curriculum.start();
    for (const share of sizes) {
      const drawn = curriculum.next(state, new Float64Array(1000).fill(1));
      expect(drawn.rows.length).toBe(Math.floor(1000 * state.share));
      expect(new Set(drawn.rows).size).toBe(drawn.rows.length);
      expectClose([state.share], [share], 1e-8);
      ({ state } = drawn);
    }
  });

  it("resumes from JSON at every epoch", () => {
    const curriculum = streams.cyclical({ ageing: 1.2, seed: 5 });
    const scores = streams.scoresOf(Array.from({ length: 60 }, (_, i) => i / 10));
    let [straight, resumed] = [curriculum.start(), curriculum.start()];
    for (let epoch = 0; epoch < 12; epoch++) {
      const drawn = curriculum.next(straight, scores);
      expect(curriculum.next(curriculum.resume(JSON.parse(JSON.stringify(resumed))), scores)).toEqual(drawn);
      straight = resumed = drawn.state;
    }
  });

  it("lets rows that were drawn wait where they age", () => {
    const draws = (ageing: number) => {
      const curriculum = streams.cyclical({ start: 0.5, end: 0.5, ageing, seed: 9 });
      let state = curriculum.start();
      let [last, repeats] = [new Set<number>(), 0];
      for (let epoch = 0; epoch < 100; epoch++) {
        const drawn = curriculum.next(state, new Float64Array(40).fill(1));
        for (const row of drawn.rows) repeats += Number(last.has(row));
        last = new Set(drawn.rows);
        ({ state } = drawn);
      }
      return repeats / (99 * 20);
    };
    // Without ageing half of an epoch was in the one before, within 4 deviations of 0.011.
    expect(Math.abs(draws(1) - 0.5)).toBeLessThan(0.045);
    expect(draws(3)).toBeLessThan(0.25);
  });

  it("draws batches of a data set", () => {
    const data = streams.arrays(new Float32Array(80), new Uint32Array(40), { shape: [2], classes: 1 });
    const { rows } = streams.cyclical().next(streams.cyclical().start(), new Float64Array(40).fill(2));
    const sizes = [...streams.batches(streams.select(data, rows), { batchSize: 4 })].map((batch) => batch.y.length);
    expect(sizes).toEqual([4, 4, 2]);
  });
});

describe("a weighted draw without replacement", () => {
  it("has the law of successive draws", () => {
    const scores = [1, 2, 3, 4, 0];
    const counts = new Map<string, number>();
    const runs = 20_000;
    for (let seed = 0; seed < runs; seed++) {
      const key = streams.weightedRows(scores, 2, { seed }).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    let chi = 0;
    for (const a of [0, 1, 2, 3]) {
      for (const b of [0, 1, 2, 3]) {
        if (a === b) continue;
        const [first, second] = [scores[a] as number, scores[b] as number];
        const expected = (runs * first * second) / (10 * (10 - first));
        chi += ((counts.get(`${a},${b}`) ?? 0) - expected) ** 2 / expected;
      }
    }
    expect([...counts.values()].reduce((sum, n) => sum + n, 0)).toBe(runs);
    expect(counts.size).toBe(12);
    // χ² of 11 degrees of freedom exceeds 31.3 once in a thousand.
    expect(chi).toBeLessThan(31.3);
  });

  it("takes rows of score 0 last, in order", () => {
    expect(streams.weightedRows([0, 0, 5, 0], 4, { seed: 1 })).toEqual([2, 0, 1, 3]);
    expect(streams.weightedRows([], 0, { seed: 1 })).toEqual([]);
  });
});

describe("progressive dropout", () => {
  it("keeps the published shares", () => {
    const { srdKeepFraction, inverseLinear, log } = progressiveDataDropout;
    const shares = (rule: streams.DropoutRule, epochs: readonly number[]) => epochs.map((epoch) => streams.keepShare({ rule }, epoch));
    expectClose(shares("decay", srdKeepFraction.epoch), srdKeepFraction.keep);
    expectClose(
      shares(
        "inverse",
        inverseLinear.epoch1based.map((e) => e - 1),
      ),
      inverseLinear.ratio,
    );
    expectClose(
      shares(
        "log",
        log.epoch1based.map((e) => e - 1),
      ),
      log.ratio,
    );
  });

  it("keeps the rows published as difficult, and as many at random", () => {
    const { pTrueClass, threshold, keep } = progressiveDataDropout.dbpdExample;
    const facts = { count: 5, probabilities: pTrueClass };
    const difficult = streams.progressiveDropout({ rule: "difficult", epochs: 3, threshold });
    const { rows, state } = difficult.next(difficult.start(), facts);
    expect(rows).toEqual([0, 1, 2, 3, 4].filter((i) => keep[i]));
    expect(state.kept).toBe(2);
    const scalar = streams.progressiveDropout({ rule: "scalar", epochs: 3, threshold });
    const counts = new Array(5).fill(0);
    let now = scalar.start();
    for (let i = 0; i < 2000; i++) {
      const drawn = scalar.next(now, facts);
      expect(drawn.rows.length).toBe(2);
      for (const row of drawn.rows) counts[row]++;
      now = drawn.state;
    }
    // Each row 800 times of 2000, within 4 deviations of 22.
    for (const count of counts) expect(Math.abs(count - 800)).toBeLessThan(88);
  });

  it("keeps every row in the epochs of revision, what is misclassified at a threshold of 0", () => {
    const policy = streams.progressiveDropout({ rule: "difficult", epochs: 2, threshold: 0 });
    const facts = { count: 3, correct: [true, false, true] };
    expect(policy.next(policy.start(), facts).rows).toEqual([1]);
    expect(policy.next(policy.advance(policy.start()), facts).rows).toEqual([0, 1, 2]);
    expect(policy.next(policy.start(), { count: 1, correct: [true] }).rows).toEqual([]);
  });

  it("raises its threshold by the intervals past, and starts anew at 1", () => {
    const policy = streams.progressiveDropout({ rule: "difficult", epochs: 99, threshold: 0.25, interval: 2, increment: 0.125 });
    let state = policy.start();
    const thresholds = Array.from({ length: 8 }, () => {
      const { threshold } = state;
      state = policy.advance(JSON.parse(JSON.stringify(state)));
      return threshold;
    });
    // Epochs 2 and 3 add 0.125, 4 and 5 0.25; 6 would reach 1.375.
    expect(thresholds).toEqual([0.25, 0.25, 0.375, 0.5, 0.75, 0.25, 0.625, 0.25]);
  });

  it("resumes from JSON at every batch, and picks rows of batches with all that belongs to them", () => {
    const policy = streams.progressiveDropout({ rule: "decay", epochs: 9, decay: 0.5, revision: 0 });
    let state = policy.advance(policy.start());
    for (let i = 0; i < 20; i++) {
      const drawn = policy.next(state, { count: 8 });
      expect(policy.next(policy.resume(JSON.parse(JSON.stringify(state))), { count: 8 })).toEqual(drawn);
      expect(drawn.rows.length).toBe(4);
      ({ state } = drawn);
    }
    const batch = {
      x: new Float32Array([1, 2, 3, 4, 5, 6]),
      y: [7, 8, 9],
      id: [10, 11, 12],
      weight: new Float32Array([1, 0.5, 0]),
      task: 3,
    };
    expect(streams.pickRows(batch, [2, 0], 3)).toEqual({
      ...{ x: new Float32Array([5, 6, 1, 2]), y: [9, 7], id: [12, 10], weight: new Float32Array([0, 1]), task: 3 },
    });
  });
});

describe("a bandit over sources", () => {
  it("draws by its chances", () => {
    const policy = streams.bandit({ sources: 3, exploration: 0.3, seed: 2 });
    let state: streams.BanditState = { ...policy.start(), logs: [0, -1, -50] };
    const chances = streams.chancesOf(state, 0.3);
    expectClose(chances, [0.7 / (1 + Math.exp(-1)) + 0.1, (0.7 * Math.exp(-1)) / (1 + Math.exp(-1)) + 0.1, 0.1], 1e-12);
    const counts = [0, 0, 0];
    for (let i = 0; i < 10_000; i++) {
      const drawn = policy.choose(state);
      counts[drawn.choice] = (counts[drawn.choice] as number) + 1;
      ({ state } = drawn);
    }
    // Within 4 deviations of at most 50.
    for (const [i, count] of counts.entries()) expect(Math.abs(count - 10_000 * (chances[i] as number))).toBeLessThan(200);
  });

  it("learns which source pays, with regret below the published bound", () => {
    const policy = streams.bandit({ sources: 4, exploration: 0.1, seed: 4 });
    const pays = [0.2, 0.3, 0.8, 0.4];
    const world = new RandomStream(11, "rewards");
    let state = policy.start();
    const steps = 4000;
    let reward = 0;
    for (let i = 0; i < steps; i++) {
      const drawn = policy.choose(state);
      const result = Number(world.uniform() < (pays[drawn.choice] as number));
      reward += result;
      expect(policy.learn(policy.resume(JSON.parse(JSON.stringify(drawn.state))), drawn.choice, result)).toEqual(
        policy.learn(drawn.state, drawn.choice, result),
      );
      state = policy.learn(drawn.state, drawn.choice, result);
    }
    // Theorem 3.1: (e − 1)γG + K ln K/γ.
    const best = 0.8 * steps;
    expect(best - reward).toBeLessThan((Math.E - 1) * 0.1 * best + (4 * Math.log(4)) / 0.1);
    expect(streams.chancesOf(state, 0.1)[2]).toBeGreaterThan(0.9);
  });
});

describe("adaptive difficulty", () => {
  it("settles where success is nearest its target, and follows the learner", () => {
    const policy = streams.adaptiveDifficulty({ levels: 8, target: 0.7, seed: 3 });
    const world = new RandomStream(5, "answers");
    let state = policy.start();
    const firsts: number[] = [];
    const chosen = (skill: number) => {
      const counts = new Array(8).fill(0);
      for (let i = 0; i < 1500; i++) {
        const drawn = policy.choose(policy.resume(JSON.parse(JSON.stringify(state))));
        if (firsts.length < 8 && !firsts.includes(drawn.choice)) firsts.push(drawn.choice);
        if (i >= 500) counts[drawn.choice]++;
        const success = world.uniform() < 1 / (1 + Math.exp(2 * (drawn.choice - skill)));
        state = policy.learn(drawn.state, drawn.choice, Number(success));
      }
      return counts.indexOf(Math.max(...counts));
    };
    // Success at a level d below the skill is 1/(1 + e^-2d): 0.73 at d = 0.5.
    expect(chosen(2.5)).toBe(2);
    expect(chosen(5.5)).toBe(5);
    expect(new Set(firsts).size).toBe(8);
  });

  it("tries the levels from the easiest on", () => {
    const policy = streams.adaptiveDifficulty({ levels: 3, exploration: 0 });
    let state = policy.start();
    const order = Array.from({ length: 4 }, () => {
      const drawn = policy.choose(state);
      state = policy.learn(drawn.state, drawn.choice, [0.95, 0.75, 0.1][drawn.choice] as number);
      return drawn.choice;
    });
    expect(order).toEqual([0, 1, 2, 1]);
  });
});

describe("refusals", () => {
  const refused: [code: string, message: RegExp, make: () => unknown][] = [
    [
      "E_CONFIG",
      /streams\.cyclical: option "start" is out of range; expected a finite number > 0 ≤ 1, got 0/,
      () => streams.cyclical({ start: 0 }),
    ],
    [
      "E_CONFIG",
      /option "end" is out of range; expected a finite number ≥ 0.5 ≤ 1, got 0.4/,
      () => streams.cyclical({ start: 0.5, end: 0.4 }),
    ],
    ["E_CONFIG", /option "factor" is out of range/, () => streams.cyclical({ factor: 1 })],
    ["E_CONFIG", /unknown option "age"/, () => streams.cyclical({ age: 1 } as never)],
    ["E_CONFIG", /option "rule" has no such choice/, () => streams.progressiveDropout({ rule: "dbpd" as never, epochs: 1 })],
    ["E_CONFIG", /option "revision" is out of range/, () => streams.progressiveDropout({ rule: "decay", epochs: 1, revision: 2 })],
    ["E_CONFIG", /option "rule" has no such choice; expected one of log/, () => streams.keepShare({ rule: "scalar" }, 1)],
    ["E_CONFIG", /option "exploration" is out of range/, () => streams.bandit({ sources: 2, exploration: 0 })],
    ["E_CONFIG", /option "levels" is out of range/, () => streams.adaptiveDifficulty({ levels: 0 })],
    [
      "E_DATA",
      /score of row 1 cannot be used; expected a finite number ≥ 0, got NaN/,
      () => streams.weightedRows([1, Number.NaN], 1, { seed: 0 }),
    ],
    ["E_DATA", /as many rows cannot be drawn; expected 0 to 2, got 3/, () => streams.weightedRows([1, 1], 3, { seed: 0 })],
    ["E_DATA", /loss of row 0 cannot be used/, () => streams.scoresOf([-1])],
    [
      "E_DATA",
      /result of row 0 cannot be used; expected a finite number from 0 to 1, got 2/,
      () => {
        const b = streams.bandit({ sources: 2 });
        return b.learn(b.start(), 0, 2);
      },
    ],
    [
      "E_DATA",
      /no such choice; expected 0 to 1, got 2/,
      () => {
        const b = streams.bandit({ sources: 2 });
        return b.learn(b.start(), 2, 1);
      },
    ],
    [
      "E_DATA",
      /"probabilities" are needed of each row; expected 2, got nothing/,
      () => {
        const p = streams.progressiveDropout({ rule: "difficult", epochs: 2 });
        return p.next(p.start(), { count: 2 });
      },
    ],
    [
      "E_DATA",
      /rows\[0\] is no row of the batch; expected 0 to 1, got 2/,
      () => streams.pickRows({ x: new Uint8Array(2), y: [0, 0] }, [2], 2),
    ],
    ["E_DATA", /does not divide into rows/, () => streams.pickRows({ x: new Uint8Array(3), y: [0, 0] }, [0], 2)],
  ];

  it.each(refused)("%s %s", (code, message, make) => {
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code }));
  });
});
