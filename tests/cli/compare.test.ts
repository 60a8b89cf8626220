import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Line, run, small, writeSet } from "./stage.ts";

let folder: string;
let data: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "palimpsest-"));
  data = await writeSet(join(folder, "tiny"), 400);
});
afterAll(() => rm(folder, { recursive: true }));

const compare = (...words: string[]) => run(["compare", "--data", data, ...small, ...words]);

interface Figure {
  readonly metric: string;
  readonly variant: string;
  readonly strategies: Readonly<Record<string, { readonly mean?: number; readonly sd?: number; readonly runs: number }>>;
}

describe("palimpsest compare", () => {
  it("tells mean and standard deviation over the runs that it told one by one, and writes them", async () => {
    const report = join(folder, "compared.html");
    const words = ["--strategies", "naive,er-ace+ema,joint", "--seeds", "3", "--seed", "5", "--er-ace.batch-size", "7", "--report", report];
    const result = await compare(...words);
    expect([result.code, result.err]).toEqual([0, ""]);
    const lines = result.lines();
    const runs = lines.filter(({ type }) => type === "run");
    expect(runs.map(({ strategy, seed }) => [strategy, seed])).toEqual(
      [5, 6, 7].flatMap((seed) => ["naive", "er-ace+ema", "joint"].map((strategy) => [strategy, seed])),
    );
    const { type, strategies, figures } = lines.at(-1) as unknown as Line & { strategies: string[]; figures: Figure[] };
    expect([type, strategies]).toEqual(["comparison", ["naive", "er-ace+ema", "joint"]]);
    const average = figures.find(({ metric }) => metric === "averageAccuracy") as Figure;
    for (const name of strategies) {
      const values = runs.flatMap(({ strategy, accuracy }) => (strategy === name ? [accuracy as number] : []));
      const mean = values.reduce((a, b) => a + b) / 3;
      expect(average.strategies[name]?.mean).toBeCloseTo(mean, 12);
      expect(average.strategies[name]?.sd).toBeCloseTo(Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 2), 12);
    }
    // What is missed beside joint training is known, for that took part.
    expect(figures.find(({ metric }) => metric === "intransigence")?.strategies.joint?.mean).toBeDefined();
    expect(await readFile(report, "utf8")).toContain("naive, er-ace+ema, joint compared");
  });

  it("gives every strategy the same rows: a run is that of learn", async () => {
    const [one] = (await compare("--strategies", "replay", "--seeds", "1", "--report", join(folder, "one.html"))).lines() as [Line];
    const alone = (await run(["learn", "--data", data, ...small])).lines().at(-1) as Line;
    expect(one.stateHash).toBe(alone.stateHash);
  });

  it("tells people in a table", async () => {
    const plain = small.filter((word) => word !== "--json");
    const report = join(folder, "told.html");
    const { out, err } = await run([
      "compare",
      "--data",
      data,
      ...plain,
      "--strategies",
      "naive,replay",
      "--seeds",
      "2",
      "--report",
      report,
    ]);
    expect(out).toMatch(/^ +average accuracy +incremental +forgetting +backward transfer +steps\/s$/m);
    for (const name of ["naive", "replay"]) expect(out).toMatch(new RegExp(`^${name} +[\\d.]+ ± [\\d.]+ % .*\\d$`, "m"));
    expect(err.match(/^\d\/4 {2}(naive|replay), seed [01]: accuracy [\d.]+ %$/gm)).toHaveLength(4);
  });

  it("passes over runs that diverge, and says so", async () => {
    const report = join(folder, "diverged.html");
    const result = await compare("--strategies", "naive,l2", "--l2.lambda", "1e9", "--seeds", "1", "--report", report);
    expect(result.code).toBe(0);
    expect(result.lines()[1]).toMatchObject({ type: "run", strategy: "l2", diverged: true });
    expect(result.err).toContain("l2, seed 0: learn: training diverged at step");
  });

  it("stops when it is told to", async () => {
    const result = await run(
      ["compare", "--data", data, ...small, "--strategies", "naive,replay", "--seeds", "1", "--report", join(folder, "stopped.html")],
      undefined,
      (text) => text.includes('"type":"run"'),
    );
    expect([result.code, result.err]).toEqual([130, "palimpsest: interrupted\n"]);
  });

  it.each<[string[], string, string]>([
    [["--strategies", "naive,rplay"], 'option "--strategies" has no such choice', 'Did you mean "replay"?'],
    [["--strategies", "naive,naive"], 'option "--strategies" names one twice', ""],
    [["--strategies", "naive+ewc"], '"naive" takes no strategies beside it', "Leave out naive"],
    [["--strategies", "naive", "--ewc.lambda", "1"], 'option "--ewc.lambda" is of a strategy that takes no part', "Add ewc"],
    [["--strategies", "naive,scratch", "--increment", "task"], "rows of several tasks come together", "--increment class"],
    [["--seeds", "0"], 'option "--seeds" is out of range', "Give"],
    [["--checkpoint", "x"], 'unknown option "--checkpoint"', ""],
  ])("refuses %j before anything runs", async (words, message, hint) => {
    const { code, out, err } = await compare(...words);
    expect([code, out.includes('"type":"run"')]).toEqual([2, false]);
    expect(err).toContain(message);
    expect(err).toContain(hint);
  });
});

describe("baselines", () => {
  const told = async (name: string, ...words: string[]) => {
    const result = await run(["learn", "--data", data, ...small, "--strategy", name, ...words]);
    expect([result.code, result.err]).toEqual([0, ""]);
    return result.lines();
  };

  it("see the rows that they say", async () => {
    // 400 rows of 10 classes: 80 in each of five tasks.
    for (const [name, steps, samples] of [
      ["naive", 40, 400],
      ["joint", 40, 400],
      ["cumulative", 8 + 16 + 24 + 32 + 40, 80 * 15],
      ["scratch", 8 + 16 + 24 + 32 + 40, 80 * 15],
    ] as const) {
      const lines = await told(name);
      expect(lines.at(-1), name).toMatchObject({ steps, samples });
      expect(
        lines.filter(({ type }) => type === "task"),
        name,
      ).toHaveLength(5);
    }
  });

  it("know all tasks at the end, though joint knows them from the beginning", async () => {
    for (const name of ["joint", "cumulative", "scratch"]) {
      const { accuracy } = (await told(name, "--epochs", "10")).at(-1) as Line;
      expect(accuracy, name).toBeGreaterThan(0.5);
    }
    const tasks = (await told("joint", "--epochs", "10")).filter(({ type }) => type === "task");
    const { accuracies } = tasks[1] as Line & { accuracies: number[] };
    expect(Math.min(...accuracies)).toBeGreaterThan(0.1);
  });

  it("begin anew where they say so: the last task of scratch is what one task of all rows is", async () => {
    const last = (await told("scratch")).filter(({ type }) => type === "step").slice(-40);
    const first = (await told("cumulative")).filter(({ type }) => type === "step").slice(-40);
    expect(last[0]?.loss).toBeGreaterThan(first[0]?.loss as number);
  });
});
