import { describe, expect, it } from "vitest";
import * as streams from "../../src/stream/index.ts";

/** `count` rows, each its own number, of classes in turn. */
const setOf = (count: number, classes: number, name = "set"): streams.Dataset =>
  streams.arrays(
    Float32Array.from({ length: count }, (_, i) => i),
    Uint32Array.from({ length: count }, (_, i) => i % classes),
    { shape: [1], classes, name },
  );
const both = (set: streams.Dataset): streams.TrainTest => ({ train: set, test: set });
const valuesOf = (set: streams.Dataset): number[] => [...streams.readRows(set, 0, set.count).x];
/** Share of the tasks that each class is in. */
const marginals = ({ tasks }: streams.Scenario, classes: number): number[] =>
  Array.from({ length: classes }, (_, label) => tasks.filter((task) => task.classes.includes(label)).length / tasks.length);

describe("recurring classes", () => {
  it.each([
    [10, 2],
    [7, 3],
    [4, 4],
  ])("bring each of %i classes in a share of k/C of the tasks, k = %i", (classes, classesPerTask) => {
    const scenario = streams.recurring(both(setOf(2 * classes, classes)), { tasks: 10_000, classesPerTask, seed: 3 });
    const share = classesPerTask / classes;
    // Five deviations of a share over ten thousand tasks.
    const most = 5 * Math.sqrt((share * (1 - share)) / 10_000) + 1e-12;
    for (const seen of marginals(scenario, classes)) expect(Math.abs(seen - share)).toBeLessThan(most);
    expect(new Set(scenario.tasks.flatMap((task) => task.classes.length))).toEqual(new Set([classesPerTask]));
  });

  it("skew classes as successive draws by frequency do", () => {
    const scenario = streams.recurring(both(setOf(20, 10)), { tasks: 20_000, skew: 2, seed: 5 });
    const p = [...streams.classFrequencies(10, { skew: 2 })];
    const inTwo = (a: number): number =>
      (p[a] as number) + p.reduce((sum, other, b) => (a === b ? sum : sum + (other * (p[a] as number)) / (1 - other)), 0);
    const expected = p.map((_, label) => inTwo(label));
    const seen = marginals(scenario, 10).sort((a, b) => b - a);
    expect(expected.reduce((sum, share) => sum + share, 0)).toBeCloseTo(2, 12);
    for (const [i, share] of expected.entries()) expect(Math.abs((seen[i] as number) - share)).toBeLessThan(0.015);
    // Which class is how frequent differs by seed.
    const least = [5, 6, 7, 8].map((seed) => {
      const shares = marginals(streams.recurring(both(setOf(20, 10)), { tasks: 2000, skew: 8, seed }), 10);
      return shares.indexOf(Math.min(...shares));
    });
    expect(new Set(least).size).toBeGreaterThan(1);
  });

  it("have the frequencies of the source", () => {
    const base = Array.from({ length: 10 }, (_, i) => 0.1 - 0.05 * i * 0.1);
    for (const skew of [0, 1, 2.5]) {
      const powers = base.map((value) => value ** skew);
      const sum = powers.reduce((total, value) => total + value, 0);
      for (const [i, value] of streams.classFrequencies(10, { skew }).entries()) expect(value).toBeCloseTo((powers[i] as number) / sum, 12);
    }
  });

  it("share rows among tasks alike, by the seed", () => {
    const set = setOf(30, 5);
    const scenario = streams.recurring({ train: set, test: setOf(10, 5, "test") }, { tasks: 300, seed: 1 });
    expect([scenario.kind, scenario.increment]).toEqual(["recurring", "class"]);
    expect(new Set(scenario.tasks).size).toBe(10);
    for (const { train, test, classes } of scenario.tasks.slice(0, 20)) {
      expect(train.x).toBe(set.x);
      expect(valuesOf(train)).toEqual(valuesOf(set).filter((i) => classes.includes(i % 5)));
      expect(test.count).toBe(4);
    }
    const names = (options: Partial<streams.RecurringOptions>) =>
      streams.recurring(both(set), { tasks: 50, ...options }).tasks.map(({ name }) => name);
    expect(names({ seed: 1 })).toEqual(scenario.tasks.slice(0, 50).map(({ name }) => name));
    expect(names({ seed: 2 })).not.toEqual(names({ seed: 1 }));
    const [task] = streams.recurring(both(set), { tasks: 1, increment: "task" }).tasks;
    expect([...streams.classMask(streams.recurring(both(set), { tasks: 1, increment: "task" }), 0)]).toEqual(
      [0, 1, 2, 3, 4].map((label) => Number(task?.classes.includes(label))),
    );
  });

  it("refuse what cannot be", () => {
    const refused = (options: object, named: string) =>
      expect(() => streams.recurring(both(setOf(10, 5)), options as streams.RecurringOptions)).toThrow(
        expect.objectContaining({ code: "E_CONFIG", message: expect.stringContaining(named) }),
      );
    refused({ tasks: 0 }, "tasks");
    refused({ tasks: 3, classesPerTask: 6 }, "classesPerTask");
    refused({ tasks: 3, skew: -1 }, "skew");
    refused({ tasks: 3, skew: 1, step: 0.25 }, "step");
    refused({ tasks: 3, increment: "domain" }, "increment");
    refused({ tasks: 3, k: 2 }, '"k"');
    const sparse = streams.arrays(new Float32Array(2), [0, 1], { shape: [1], classes: 3, name: "sparse" });
    expect(() => streams.recurring(both(sparse), { tasks: 20 })).toThrow(
      expect.objectContaining({ code: "E_DATA", message: "sparse: a class has no rows; expected some of each class, got none of 2" }),
    );
  });
});

describe("power-law environments", () => {
  const base = streams.splitClasses(both(setOf(40, 4)), { tasks: 4 });

  it("draw what comes again by the gap: four past, exponent 1", () => {
    const shares = streams.recurrenceShares([1, 2, 3, 4], 1);
    for (const [i, share] of [0.48, 0.24, 0.16, 0.12].entries()) expect(shares[i]).toBeCloseTo(share, 12);
    expect(streams.recurrenceShares([3, 9], 0)).toEqual([0.5, 0.5]);
  });

  it("come again with those chances", () => {
    const { tasks } = streams.environments(base, { visits: 12_000, exponent: 1.5, seed: 2 });
    const last = new Map<number, number>();
    // By rank of the gap: how often it came, less how often it should have, and the variance of that.
    const [off, variance] = [new Float64Array(4), new Float64Array(4)];
    for (const [visit, { environment = -1 }] of tasks.entries()) {
      if (last.size === 4) {
        const past = [...last].sort(([, a], [, b]) => b - a);
        const weights = past.map(([, before]) => (visit - before) ** -1.5);
        const sum = weights.reduce((total, weight) => total + weight, 0);
        for (const [rank, [which]] of past.entries()) {
          const share = (weights[rank] as number) / sum;
          off[rank] = (off[rank] as number) + Number(which === environment) - share;
          variance[rank] = (variance[rank] as number) + share * (1 - share);
        }
      }
      last.set(environment, visit);
    }
    for (const [rank, value] of off.entries()) expect(Math.abs(value) / Math.sqrt(variance[rank] as number)).toBeLessThan(4);
  });

  it("bring new ones evenly and in order, each as the task it is", () => {
    const scenario = streams.environments(base, { visits: 10, seed: 1 });
    const firsts = base.tasks.map((_, which) => scenario.tasks.findIndex(({ environment }) => environment === which));
    expect(firsts).toEqual([0, 2, 5, 7]);
    expect([scenario.kind, scenario.increment]).toEqual(["environments", "class"]);
    for (const { environment = -1, ...task } of scenario.tasks) expect(task).toEqual(base.tasks[environment]);
    expect(streams.environments(base, { visits: 10, seed: 1 })).toEqual(scenario);
  });

  it("stay for lengths of the law, on rows not yet seen until all were", () => {
    const lengths = { exponent: 2, min: 1, max: 64 };
    const { tasks } = streams.environments(base, { visits: 20_000, lengths, seed: 6 });
    const counts = new Float64Array(9);
    for (const { train } of tasks) if (train.count < 9) counts[train.count] = (counts[train.count] as number) + 1;
    expect(Math.max(...tasks.map(({ train }) => train.count))).toBeLessThanOrEqual(64);
    const [xs, ys] = [1, 2, 3, 4, 5, 6, 7, 8].reduce<[number[], number[]]>(
      ([a, b], n) => [
        [...a, Math.log(n)],
        [...b, Math.log(counts[n] as number)],
      ],
      [[], []],
    );
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    const [mx, my] = [mean(xs), mean(ys)];
    const slope = mean(xs.map((x, i) => (x - mx) * ((ys[i] as number) - my))) / mean(xs.map((x) => (x - mx) ** 2));
    expect(Math.abs(slope + 2)).toBeLessThan(0.1);
    const rows = tasks.filter(({ environment }) => environment === 1).flatMap(({ train }) => valuesOf(train));
    for (let pass = 0; pass < 20; pass++) {
      expect(rows.slice(10 * pass, 10 * pass + 10).sort((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, i) => 4 * i + 1));
    }
    expect(rows.slice(0, 10)).not.toEqual(rows.slice(10, 20));
  });

  it("refuse what cannot be", () => {
    const refused = (options: object, named: string) =>
      expect(() => streams.environments(base, options as streams.EnvironmentsOptions)).toThrow(
        expect.objectContaining({ code: "E_CONFIG", message: expect.stringContaining(named) }),
      );
    refused({ visits: 3 }, "visits");
    refused({ visits: 5, exponent: -1 }, "exponent");
    refused({ visits: 5, lengths: { exponent: 1, max: 0 } }, "lengths.max");
    refused({ visits: 5, lengths: { exponent: 1, min: 1.5, max: 4 } }, "lengths.min");
    refused({ visits: 5, lengths: { exponent: 1, max: 2 ** 21 } }, "too wide");
    refused({ visits: 5, lengths: { exponant: 1, max: 4 } }, 'unknown option "exponant"');
    refused({ visits: 5, alpha: 1 }, '"alpha"');
  });
});
