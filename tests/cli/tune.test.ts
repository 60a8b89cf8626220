import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
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

const tune = (...words: string[]) => run(["tune", "--data", data, ...small, ...words]);

describe("palimpsest tune", () => {
  it("tries all combinations on the first tasks and learns the others with the best", async () => {
    const report = join(folder, "tuned.html");
    const grids = ["--grid", "er-ace.batch-size=1,20", "--grid", "learning-rate=0.000001,0.1"];
    const result = await tune("--strategy", "er-ace", ...grids, "--tune-tasks", "3", "--seeds", "2", "--report", report);
    expect([result.code, result.err]).toEqual([0, ""]);
    const lines = result.lines();
    const runs = lines.filter(({ type }) => type === "run");
    expect(runs).toHaveLength(4 * 2 + 2);
    // Three tasks of 80 rows less a fifth, then two whole ones.
    expect(runs.map(({ samples }) => samples)).toEqual([...new Array(8).fill(3 * 64), ...new Array(2).fill(160)]);
    const tuned = lines.at(-1) as Line & { trials: { label: string; accuracy: number }[] };
    expect(tuned).toMatchObject({ type: "tuned", runs: 8, tuneTasks: 3, seeds: [0, 1] });
    const labels = ["1, learning-rate 0.000001", "1, learning-rate 0.1", "20, learning-rate 0.000001", "20, learning-rate 0.1"];
    expect(tuned.trials.map(({ label }) => label)).toEqual(labels.map((rest) => `er-ace.batch-size ${rest}`));
    const most = Math.max(...tuned.trials.map(({ accuracy }) => accuracy));
    expect(tuned.trials.find(({ label }) => label === tuned.best)?.accuracy).toBe(most);
    expect(tuned.best).toContain("learning-rate 0.1");
    for (const [i, { label, accuracy }] of tuned.trials.entries()) {
      const own = runs.slice(2 * i, 2 * i + 2);
      expect(own.map(({ strategy }) => strategy)).toEqual([label, label]);
      expect(accuracy).toBeCloseTo(((own[0]?.accuracy as number) + (own[1]?.accuracy as number)) / 2, 12);
    }
    expect(await readFile(report, "utf8")).toContain(`${tuned.best} compared`);
  });

  it("never asks a test row while it tries", async () => {
    const grids = ["--strategy", "naive", "--grid", "learning-rate=0.05,0.1"];
    const other = await writeSet(join(folder, "other"), 400);
    const before = (await run(["tune", "--data", other, ...small, ...grids])).lines().at(-1) as Line;
    const third = await writeSet(join(folder, "third"), 500);
    for (const file of ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte"]) await copyFile(join(third, file), join(other, file));
    const after = (await run(["tune", "--data", other, ...small, ...grids])).lines().at(-1) as Line;
    expect(after.trials).toEqual(before.trials);
    expect(after.accuracies).not.toEqual(before.accuracies);
  });

  it("tells people how many runs it took, and which was best", async () => {
    const plain = small.filter((word) => word !== "--json");
    const words = ["--strategy", "l2", "--grid", "l2.lambda=0.0001,1e9", "--tune-tasks", "2"];
    const { code, out } = await run(["tune", "--data", data, ...plain, ...words]);
    expect(code).toBe(0);
    expect(out).toContain("2 runs on the first 2 of 5 tasks, judged by rows set aside from training");
    expect(out).toMatch(/^l2\.lambda 0\.0001 +[\d.]+ % +best$/m);
    expect(out).toMatch(/^l2\.lambda 1e9 +diverged/m);
    expect(out).toContain("The other 3 tasks, on their test rows, seed 0");
  });

  it.each<[string[], number, string]>([
    [[], 2, 'option "--grid" is missing'],
    [["--grid", "learning-rate"], 2, 'this is no grid; expected NAME=VALUE,VALUE…, got "learning-rate"'],
    [["--grid", "learning-rate="], 2, "this is no grid"],
    [["--grid", "learnin-rate=1"], 2, 'Did you mean "learning-rate"?'],
    [["--grid", "learning-rate=high"], 2, 'option "--grid learning-rate" is out of range'],
    [["--grid", "ewc.lambda=1"], 2, 'option "--ewc.lambda" is of a strategy that takes no part'],
    [["--grid", "replay.batch-size=1,-1"], 2, 'option "--replay.batch-size" is out of range'],
    [["--grid", "learning-rate=0.1", "--tune-tasks", "5"], 2, "no task is left to report on"],
    [["--strategy", "l2", "--grid", "l2.lambda=1e9"], 3, "every combination diverged"],
  ])("refuses %j", async (words, code, message) => {
    const result = await tune(...words);
    expect(result.code).toBe(code);
    expect(result.err).toContain(message);
  });
});
