import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drawChoices, policyChoices } from "../../src/cli/recall.ts";
import { type Line, run, small, summaryIn, writeSet } from "./stage.ts";

const rows = 300;
let folder: string;
let data: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "palimpsest-"));
  data = await writeSet(join(folder, "tiny"), rows);
});
afterAll(() => rm(folder, { recursive: true }));

const learn = (...words: string[]) => run(["learn", "--data", data, ...small, ...words]);

describe("palimpsest learn --json", () => {
  it("tells the run in events and ends in one summary that follows from them", async () => {
    const result = await learn("--tasks", "5", "--batch", "7");
    expect([result.code, result.err]).toEqual([0, ""]);
    const lines = result.lines();
    const [start] = lines as [Line];
    const stepsPerTask = Math.ceil(rows / 5 / 7);
    expect(start).toMatchObject({ type: "start", version: "1.2.3", step: 0, steps: 5 * stepsPerTask, backend: "wasm", seed: 0 });
    expect(start.tasks).toEqual(["classes 0, 1", "classes 2, 3", "classes 4, 5", "classes 6, 7", "classes 8, 9"]);
    expect(start.options).toMatchObject({
      data: `tiny (${rows} + ${rows / 2})`,
      strategy: "replay",
      "memory-policy": "class-balanced",
      draw: "uniform",
    });

    const steps = lines.filter(({ type }) => type === "step");
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 5 * stepsPerTask }, (_, i) => i + 1));
    expect(steps.map(({ task }) => task)).toEqual(steps.map((_, i) => Math.floor(i / stepsPerTask)));
    const tasks = lines.filter(({ type }) => type === "task");
    expect(tasks.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5].map((n) => n * stepsPerTask));

    const summary = lines.at(-1) as Line;
    expect(lines.filter(({ type }) => type === "summary")).toHaveLength(1);
    const matrix = summary.matrix as number[][];
    expect(matrix).toEqual(tasks.map(({ accuracies }) => accuracies));
    const R = (i: number, j: number): number => matrix[i]?.[j] as number;
    const mean = (values: number[]): number => values.reduce((a, b) => a + b) / values.length;
    expect(summary.accuracy).toBeCloseTo(mean([0, 1, 2, 3, 4].map((j) => R(4, j))), 12);
    expect(summary.bwt).toBeCloseTo(mean([0, 1, 2, 3].map((j) => R(4, j) - R(j, j))), 12);
    const best = (j: number): number => Math.max(...[0, 1, 2, 3].slice(j).map((i) => R(i, j)));
    expect(summary.forgetting).toBeCloseTo(mean([0, 1, 2, 3].map((j) => best(j) - R(4, j))), 12);
    expect(summary).toMatchObject({ forgettingVariant: "chaudhry", bwtVariant: "lopezPaz", steps: 5 * stepsPerTask, samples: rows });
    expect(summary).toMatchObject({ type: "summary", backend: "wasm", seed: 0, stateHash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(summary.samplesPerSecond).toBeGreaterThan(0);
  });

  it("tells the same of the same seed, and other things of another", async () => {
    const untimed = async (seed: string) => (await learn("--seed", seed)).out.replace(/"(steps|samples)PerSecond":[^,]+,/g, "");
    const [once, again, other] = [await untimed("3"), await untimed("3"), await untimed("4")];
    expect(again).toBe(once);
    const hash = (text: string) => /"stateHash":"(\w+)"/.exec(text)?.[1];
    expect(hash(other)).not.toBe(hash(once));
  });

  it("forgets without replay and remembers with it", async () => {
    const end = async (strategy: string) => summaryIn(await learn("--strategy", strategy, "--epochs", "4"));
    const [naive, replay] = [await end("naive"), await end("replay")];
    expect(naive.accuracy).toBeLessThan(0.3);
    expect(replay.accuracy).toBeGreaterThan(Number(naive.accuracy) + 0.3);
    expect(naive.forgetting).toBeGreaterThan(0.6);
    expect(replay).toMatchObject({ steps: naive.steps, samples: 4 * rows });
  });

  it("has null for what one task does not define", async () => {
    const summary = summaryIn(await learn("--tasks", "1"));
    expect(summary).toMatchObject({ forgetting: null, bwt: null, steps: rows / 10 });
  });

  it.each(["permuted", "rotated"])("learns %s tasks", async (scenario) => {
    const result = await learn("--scenario", scenario, "--tasks", "2", "--limit", "50");
    expect(result.code).toBe(0);
    expect(summaryIn(result)).toMatchObject({ steps: 10, samples: 100 });
    expect(result.lines()[0]?.tasks).toHaveLength(2);
  });

  it("asks about the tasks so far within a task, most at first, and about all at its end", async () => {
    const wide = await writeSet(join(folder, "wide"), 2000);
    const result = await run(["learn", "--data", wide, ...small, "--tasks", "2"]);
    const asked = result.lines().filter(({ type, step }) => type === "evaluation" && step !== 0);
    const within = (task: number) => asked.filter((line) => line.task === task).map(({ step }) => (step as number) - 100 * task);
    expect(within(0)).toEqual([Math.ceil(100 / 9), Math.ceil(400 / 9)]);
    expect(within(1)).toEqual([25]);
    expect(asked.map(({ accuracies }) => (accuracies as number[]).length)).toEqual([1, 1, 2]);
  });

  it.each<[string, (rates: number[]) => void]>([
    ["constant", (rates) => expect(new Set(rates)).toEqual(new Set([0.2]))],
    [
      "cosine",
      (rates) => {
        expect(rates[0]).toBeCloseTo(0.2, 12);
        expect(rates[15]).toBeCloseTo(0.2 * 0.5 * (1 + Math.cos((Math.PI * 14) / 29)), 12);
        expect(rates.at(-1)).toBeCloseTo(0.2 * 0.5 * (1 + Math.cos((Math.PI * 28) / 29)), 12);
      },
    ],
    [
      "rewarm",
      (rates) => {
        expect([rates[0], rates[15]]).toEqual([0.2, 0.2]);
        expect(rates[14]).toBeLessThan(0.03);
      },
    ],
    [
      "infinite",
      (rates) => {
        expect(rates[0]).toBe(0.2);
        expect(rates.slice(11, 24)).toEqual(new Array(13).fill(0.3 * 0.2));
        expect(rates.at(-1)).toBeLessThan(0.2 * 0.03);
      },
    ],
  ])("fits the schedule %s to the length of the run", async (schedule, check) => {
    const words = ["--schedule", schedule, "--learning-rate", "0.2", "--tasks", "2", "--limit", "150"];
    const steps = (await learn(...words)).lines().filter(({ type }) => type === "step");
    expect(steps).toHaveLength(30);
    check(steps.map(({ learningRate }) => learningRate as number));
  });

  it("takes every option that shapes the run", async () => {
    const reference = summaryIn(await learn("--limit", "30")).stateHash;
    const variants = ["--optimizer=adamw", "--momentum=0.9", "--weight-decay=0.1", "--clip=0.1", "--learning-rate=0.01", "--batch=5"];
    variants.push(
      "--replay-batch=3",
      "--memory=20",
      "--memory-policy=reservoir",
      "--draw=recency",
      "--hidden=16,8",
      "--dropout=0",
      "--epochs=2",
    );
    const hashes = await Promise.all(variants.map(async (variant) => summaryIn(await learn("--limit", "30", variant)).stateHash));
    expect(new Set([reference, ...hashes]).size).toBe(variants.length + 1);
  });
});

describe("every memory", () => {
  const reached = async (...words: string[]) => {
    const result = await learn("--tasks", "5", "--limit", "30", ...words);
    expect([result.code, result.err]).toEqual([0, ""]);
    const lines = result.lines();
    return { options: (lines[0] as Line).options as Record<string, unknown>, hash: summaryIn(result).stateHash };
  };

  it("keeps what --memory-policy says, each policy in its own way", async () => {
    const hashes = new Set<unknown>();
    for (const policy of policyChoices) {
      const { options, hash } = await reached("--memory-policy", policy, "--memory", "20");
      expect(options).toMatchObject({ "memory-policy": policy, memory: 20 });
      hashes.add(hash);
    }
    expect(policyChoices).toHaveLength(13);
    expect(hashes.size).toBe(13);
  });

  it("recalls as --draw says, each draw in its own way", async () => {
    const hashes = new Set<unknown>();
    for (const draw of drawChoices) {
      const { options, hash } = await reached("--draw", draw, "--memory-policy", "reservoir");
      expect(options.draw).toBe(draw);
      hashes.add(hash);
    }
    expect(drawChoices).toHaveLength(13);
    expect(hashes.size).toBe(13);
  });

  it("is told in the help by all its names", async () => {
    const { out } = await run(["learn", "--help"]);
    const listed = (flag: string): string[] => {
      const [, names = ""] = new RegExp(`--${flag} NAME[^\\n]*\\n((?: {20}.*\\n)+)`).exec(out) ?? [];
      return names.split(/[\s,]+/).filter((name) => name !== "");
    };
    expect(listed("memory-policy")).toEqual(policyChoices);
    expect(listed("draw")).toEqual(drawChoices);
  });
});

describe("palimpsest learn for people", () => {
  const plain = small.filter((word) => word !== "--json");

  it("writes a table, a line for each task and the report, and no control characters where there is no terminal", async () => {
    const report = join(folder, "run.html");
    const result = await run(["learn", "--data", data, ...plain, "--report", report]);
    expect(result.code).toBe(0);
    for (const name of ["classes 0, 1", "classes 8, 9", "average accuracy", "forgetting (chaudhry)", "steps/s"]) {
      expect(result.out).toMatch(new RegExp(`^${name.replace(/[()]/g, "\\$&")} +-?[\\d.,]+( %)?$`, "m"));
    }
    expect(result.err.match(/^replay {2}task \d\/5 {2}classes \d, \d: accuracy so far \d+\.\d %$/gm)).toHaveLength(5);
    for (const control of ["\r", "\x1b"]) expect(result.out + result.err).not.toContain(control);
    const html = await readFile(report, "utf8");
    expect(html).toContain("<!doctype html>");
    expect(html).toContain("classes 8, 9");
  });

  it("draws a bar on a terminal and never beyond its width", async () => {
    for (const columns of [110, 40]) {
      const { err } = await run(["learn", "--data", data, ...plain], columns);
      expect(err).toContain("\rreplay  task 1/5  \x1b[36m");
      const drawn = err
        .replaceAll("\x1b[36m", "")
        .replaceAll("\x1b[0m", "")
        .split(/[\r\n]/);
      expect(Math.max(...drawn.filter((line) => /[█░]/.test(line)).map((line) => line.length))).toBe(columns - 1);
      if (columns > 100) expect(err).toMatch(/ \d+\.\d % {2}accuracy \d+\.\d % {2}loss \d+\.\d{3} {2}[\d,]+ steps\/s {2}\d+ s left/);
    }
  });
});
