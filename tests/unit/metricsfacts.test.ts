import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evaluationBudget } from "../../src/metrics/budget.ts";
import { figuresCsv, matrixCsv } from "../../src/metrics/csv.ts";
import type { Fact } from "../../src/metrics/facts.ts";
import { factLine, factLog, fromNdjson, toNdjson } from "../../src/metrics/log.ts";
import { workedLog } from "./metricslog.ts";

const step: Fact = { kind: "step", step: 3, task: null, loss: 0.5, rate: 0.1 };
const evaluation: Fact = { kind: "evaluation", step: 3, task: 0, tasks: [{ task: 0, rows: 10, correct: 5 }] };
const boundary: Fact = { kind: "boundary", step: 3, task: 0 };
const others: readonly Fact[] = [
  { kind: "flips", step: 3, task: 0, rows: 10, wrong: 4, flipped: [1, "b"] },
  { kind: "memory", step: 3, classes: { cat: 3 }, tasks: { "0": 3 } },
  { kind: "drift", step: 3, detector: "adwin", signal: "warning" },
  { kind: "prequential", index: 4, correct: [1, 0], labels: [3, 4] },
  { kind: "cost", step: 3, steps: 3, ms: 1.5, bytes: { state: 10 } },
  {
    ...{ kind: "evaluation", step: 4, task: 0, probe: true },
    tasks: [{ task: 0, rows: 10, correct: 5, loss: null, classes: { cat: { rows: 4, correct: 2 } } }],
    cumulative: [{ task: 0, rows: 10, correct: 5 }],
  },
];

describe("factLog", () => {
  it("keeps facts in order, as copies, and tells of each", () => {
    const told: Fact[] = [];
    const log = factLog({ onFact: (fact) => told.push(fact) });
    const tasks = [{ task: 0, rows: 10, correct: 5 }];
    log.append(step);
    log.append({ ...evaluation, tasks });
    (tasks[0] as { correct: number }).correct = 9;
    for (const fact of others) log.append(fact);
    expect([...log]).toEqual([step, evaluation, ...others]);
    expect(told).toEqual([...log]);
    expect(log.length).toBe(8);
    expect(log.of("evaluation")).toHaveLength(2);
  });

  it("comes back from NDJSON as it was", () => {
    const log = workedLog();
    for (const fact of others) log.append({ ...fact, ...("step" in fact && { step: 12 + fact.step }) } as Fact);
    const text = toNdjson(log);
    expect(text.endsWith("}\n")).toBe(true);
    expect(text.split("\n")[0]).toBe(factLine([...log][0] as Fact));
    expect([...fromNdjson(text)]).toEqual([...log]);
    expect([...fromNdjson(`\n${text.replaceAll("\n", "\r\n")}\n`)]).toEqual([...log]);
    expect(fromNdjson("").length).toBe(0);
  });

  it.each<[string, unknown, RegExp]>([
    ["no object", 3, /no fact; expected an object, got 3/],
    ["no kind", { kind: "stp" }, /no such kind; expected one of run, step, .* got "stp"/],
    ["a field of no kind", { ...step, los: 1 }, /"los" is unknown; .* perhaps loss/],
    ["a missing field", { kind: "boundary", step: 3 }, /"task" is wrong; expected a whole number ≥ 0, got nothing/],
    ["a loss that is not finite", { ...step, loss: Number.NaN }, /"loss" is wrong; expected a finite number, got NaN/],
    ["a broken step", { ...step, step: 1.5 }, /"step" is wrong; .* got 1.5/],
    ["a negative step", { ...step, step: -1 }, /"step" is wrong/],
    [
      "more right answers than rows",
      { ...evaluation, tasks: [{ task: 0, rows: 3, correct: 4 }] },
      /"tasks\[0\]\.correct" is more than all/,
    ],
    ["no rows", { ...evaluation, tasks: [{ task: 0, rows: 0, correct: 0 }] }, /"tasks\[0\]\.rows" is wrong/],
    ["what is no list", { ...evaluation, tasks: { length: 0 } }, /"tasks" is no list/],
    ["more flips than errors", { ...others[0], wrong: 1 }, /expected flipped ≤ wrong ≤ rows, got 2, 1, 10/],
    ["labels of other rows", { ...others[3], labels: [1] }, /rows differ in number; expected 2, got 1/],
    ["another signal", { ...others[2], signal: "maybe" }, /"signal" is wrong; expected "warning" or "drift"/],
    ["inherited names", { kind: "toString" }, /no such kind/],
    [
      "options that are no plain data",
      { ...[...workedLog()][0], learner: { model: () => 1 } },
      /"learner\.model" is no plain data; got a function/,
    ],
  ])("refuses %s, and stays as it was", (_, fact, message) => {
    const log = factLog();
    expect(() => log.append(fact as Fact)).toThrow(expect.objectContaining({ code: "E_DATA", message: expect.stringMatching(message) }));
    expect(log.length).toBe(0);
  });

  it("refuses the past and a second run", () => {
    const log = factLog();
    for (const fact of [step, ...others]) log.append(fact);
    expect(() => log.append(boundary)).toThrow(/steps go back; expected a step ≥ 4, got 3/);
    expect(() => log.append(others[3] as Fact)).toThrow(/rows go back; expected an index ≥ 6, got 4/);
    expect(() => log.append([...workedLog()][0] as Fact)).toThrow(/the run is told twice/);
    expect(() => factLog({ onfact: () => {} } as never)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  });

  it("names the line of a file that is no fact", () => {
    const text = toNdjson([step, evaluation]);
    const refused = (changed: string, line: number, what: RegExp): void =>
      expect(() => fromNdjson(changed)).toThrow(
        expect.objectContaining({ code: "E_FORMAT", message: expect.stringMatching(what), context: { line } }),
      );
    refused(text.slice(0, -5), 2, /line 2: no JSON/);
    refused(`${text}\n{"kind":"step"}`, 4, /line 4: "step" is wrong/);
    refused(`${text}${factLine({ ...boundary, step: 0 })}`, 3, /line 3: steps go back/);
    refused("null", 1, /line 1: this is no fact; expected an object, got null/);
  });

  it("reads a damaged file, or names the line that is none", () => {
    const text = toNdjson(workedLog());
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom("0", "9", "-", ".", '"', "{", "}", "[", "]", ",", "e", "\n", ""), (at, put) => {
        const changed = text.slice(0, at) + put + text.slice(at + 1);
        try {
          expect(toNdjson(fromNdjson(changed)).length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toMatchObject({ code: "E_FORMAT", context: { line: expect.any(Number) } });
        }
      }),
      { numRuns: 300 },
    );
  });

  it("refuses whatever is not a fact without breaking", () => {
    fc.assert(
      fc.property(fc.json(), (line) => {
        expect(() => fromNdjson(line)).toThrow(expect.objectContaining({ code: "E_FORMAT" }));
      }),
    );
  });
});

describe("CSV", () => {
  it("quotes what must be, and leaves open what is not known", () => {
    expect(
      figuresCsv([
        { metric: "forgetting", variant: "first", value: 0.25 },
        { metric: "bytes", variant: 'a "b", c', undefined: "no, none" },
      ]),
    ).toBe('metric,variant,value,undefined\r\nforgetting,first,0.25,\r\nbytes,"a ""b"", c",,"no, none"\r\n');
    expect(matrixCsv([[0.5, null], [1]], ["a,b", "c"])).toBe('trained up to,"a,b",c\r\n"a,b",0.5,\r\nc,1,\r\n');
  });
});

describe("evaluationBudget", () => {
  it("asks as often as its share allows", () => {
    const { due } = evaluationBudget({ share: 0.1 });
    const spent = { stepMs: 100, stepRows: 100, evaluationMs: 0, evaluationRows: 0 };
    // A row takes 1 ms to learn, and is taken to take as much to ask until one was.
    expect(due(spent, 10)).toBe(true);
    expect(due(spent, 11)).toBe(false);
    expect(due({ ...spent, evaluationMs: 4, evaluationRows: 20 }, 30)).toBe(true);
    expect(due({ ...spent, evaluationMs: 4, evaluationRows: 20 }, 31)).toBe(false);
    expect(due({ ...spent, stepMs: 0, stepRows: 0 }, 1)).toBe(false);
    expect(due(spent, 0)).toBe(false);
  });

  it("stays within its share however long steps and rows take, where rows take no longer than those before", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 9 }),
        (times, tenth) => {
          const { due } = evaluationBudget({ share: 0.2 });
          const spent = { stepMs: 0, stepRows: 0, evaluationMs: 0, evaluationRows: 0 };
          for (const ms of times) {
            spent.stepMs += ms;
            spent.stepRows += 10;
            if (!due(spent, 5)) continue;
            const perRow = spent.evaluationRows > 0 ? spent.evaluationMs / spent.evaluationRows : spent.stepMs / spent.stepRows;
            spent.evaluationMs += (5 * perRow * tenth) / 10;
            spent.evaluationRows += 5;
            expect(spent.evaluationMs).toBeLessThanOrEqual(0.2 * spent.stepMs);
          }
        },
      ),
    );
  });

  it("asks the same rows of a task each time, and others of another, under another seed", () => {
    const budget = evaluationBudget({ cap: 5, seed: 3 });
    const rows = budget.rows(1, 1000);
    expect(rows).toEqual(evaluationBudget({ cap: 5, seed: 3 }).rows(1, 1000));
    expect(rows).not.toEqual(budget.rows(2, 1000));
    expect(rows).not.toEqual(evaluationBudget({ cap: 5, seed: 4 }).rows(1, 1000));
    expect(budget.rows(0, 3)).toEqual(Uint32Array.of(0, 1, 2));
    fc.assert(
      fc.property(fc.nat(300), fc.integer({ min: 1, max: 40 }), (count, cap) => {
        const chosen = [...evaluationBudget({ cap }).rows(0, count)];
        expect(new Set(chosen).size).toBe(Math.min(cap, count));
        expect(chosen).toEqual(chosen.toSorted((a, b) => a - b));
        expect(chosen.every((row) => row < count)).toBe(true);
      }),
    );
  });

  it("gives each row the same chance", () => {
    const counts = new Array<number>(10).fill(0);
    for (let task = 0; task < 4000; task++)
      for (const row of evaluationBudget({ cap: 4 }).rows(task, 10)) counts[row] = (counts[row] as number) + 1;
    // 1600 each, with a standard deviation of 31.
    for (const count of counts) expect(Math.abs(count - 1600)).toBeLessThan(5 * 31);
  });

  it("refuses what is out of range", () => {
    for (const options of [{ share: -1 }, { cap: 0 }, { seed: 0.5 }, { shares: 1 }]) {
      expect(() => evaluationBudget(options as never)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
    }
  });
});
