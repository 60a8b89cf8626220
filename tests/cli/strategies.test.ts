import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { divideDotted } from "../../src/cli/dotted.ts";
import { strategyNames } from "../../src/cli/names.ts";
import type { Listed } from "../../src/cli/strategies.ts";
import { figuresCsv, figuresOf, fromNdjson, recordOf } from "../../src/metrics/index.ts";
import { factories } from "../../src/strategy/config.ts";
import { type Line, type Result, run, small, summaryIn, writeSet } from "./stage.ts";

let folder: string;
let data: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "palimpsest-"));
  data = await writeSet(join(folder, "tiny"), 200);
});
afterAll(() => rm(folder, { recursive: true }));

const learn = (...words: string[]) => run(["learn", "--data", data, ...small, ...words]);

describe("palimpsest strategies", () => {
  it("lists every one with what it is, takes and costs, and those of a paper with it", async () => {
    const result = await run(["strategies", "--json"]);
    expect(result.code).toBe(0);
    const listed = result.lines() as unknown as Listed[];
    expect(listed.map(({ name }) => name)).toEqual(strategyNames);
    expect(listed.filter(({ kind }) => kind === "strategy")).toHaveLength(Object.keys(factories).length);
    for (const { name, kind, about, cost } of listed) {
      expect(about, name).not.toBe("");
      if (kind !== "baseline")
        for (const value of Object.values(cost ?? { missing: Number.NaN })) expect(value, name).toBeGreaterThanOrEqual(0);
    }
    const named = new Map(listed.map((each) => [each.name, each]));
    expect(named.get("replay")).toMatchObject({ needs: ["a memory"], cost: { rows: 10, forward: 2, backward: 2, bytes: 0 } });
    expect(named.get("er-ace")?.source).toMatch(/^Caccia et al\. 2022/);
    // EWC keeps F, F·θ* and what a boundary gathers, a number for each parameter, and two more; LwF a teacher.
    expect(named.get("ewc")).toMatchObject({ needs: ["a memory", "boundaries", "labels"], cost: { rows: 0, forward: 1, backward: 1 } });
    expect(named.get("ewc")?.cost?.bytes).toBeCloseTo(3, 2);
    expect(named.get("lwf")?.cost).toMatchObject({ forward: 2, backward: 1 });
  });

  it("tells people", async () => {
    const { out } = await run(["strategies"]);
    expect(out).toMatch(/^er-ace +replay with asymmetric cross-entropy\n +takes a memory, labels\n +10 rows, 2\.0 forward/m);
    expect((await run(["strategies", "--help"])).out).toContain("Usage: palimpsest strategies");
  });
});

describe("options of strategies", () => {
  it("are JSON where they can be, by either form", () => {
    const words = ["--ewc.lambda", "1e2", "--json", "--si.c=0.5", "--er-ace.batch-size", "3", "--detect.detector", "page-hinkley"];
    const { own, dotted } = divideDotted("learn", words);
    expect(own).toEqual(["--json"]);
    expect(dotted).toEqual([
      { strategy: "ewc", key: "lambda", value: 100 },
      { strategy: "si", key: "c", value: 0.5 },
      { strategy: "er-ace", key: "batchSize", value: 3 },
      { strategy: "detect", key: "detector", value: "page-hinkley" },
    ]);
  });

  it("change the run, and stand in what is told of it", async () => {
    const plain = await learn("--strategy", "der");
    const other = await learn("--strategy", "der", "--der.alpha", "2");
    expect(other.lines()[0]).toMatchObject({ options: { strategy: "der", "der.alpha": "2" } });
    expect(summaryIn(other).stateHash).not.toBe(summaryIn(plain).stateHash);
    const drawn = await Promise.all(
      [
        ["--draw", "balanced"],
        ["--replay.draw", "balanced"],
      ].map((words) => learn(...words)),
    );
    expect(new Set(drawn.map((result) => summaryIn(result).stateHash)).size).toBe(1);
    const given = await learn("--strategy", "der", "--der.batch-size", "10", "--der.alpha", "0.3");
    expect(summaryIn(given).stateHash).toBe(summaryIn(plain).stateHash);
  });

  it.each<[string[], string, string]>([
    [["--strategy", "eewc"], 'option "--strategy" has no such choice', 'Did you mean "ewc"?'],
    [["--strategy", "ewc", "--ewc.lamda", "1"], 'unknown option "--ewc.lamda"', 'Did you mean "--ewc.lambda"?'],
    [["--strategy", "ewc", "--ewc.lambda", "-1"], 'option "--ewc.lambda" is out of range; expected a finite number ≥ 0', "Give"],
    [["--strategy", "ewc", "--ewc.fisher", "tru"], 'option "--ewc.fisher" has no such choice', 'Did you mean "true"?'],
    [["--replay.draw", "balancd"], 'option "--replay.draw" has no such choice', 'Did you mean "balanced"?'],
    [["--strategy", "detect", "--detect.detector", "adwim"], 'no detector is called "adwim"', 'Did you mean "adwin"?'],
    [["--strategy", "si", "--ewc.lambda", "1"], 'option "--ewc.lambda" is of a strategy that takes no part', "Add ewc"],
    [["--strategy", "naive", "--ewc.lambda", "1"], "expected one of naive", "Add ewc"],
    [["--strategy", "ewc", "--ewc.lambda"], 'option "--ewc.lambda" has no value', "Give --ewc.lambda VALUE."],
    [["--strategy", "joint,ewc"], '"joint" takes no strategies beside it', "Leave out joint"],
    [["--strategy", "ewc", "--boundaries", "hidden"], "expected a detector of hidden ones", "Give --strategy ewc,detect."],
    [["--strategy", "ewc,detect"], "a detector finds boundaries that are told", "Give --boundaries hidden"],
    [["--strategy", "slda,ncm"], "all answer in place of the model", "Leave all but one"],
    [["--increment", "task", "--blur", "10"], "rows of several tasks come together", "--increment class"],
    [["--scenario", "permuted", "--increment", "class"], 'option "--increment" has no effect here', "--scenario split"],
    [["--gap-exponent", "2"], 'option "--gap-exponent" has no effect here', "--visits"],
    [["--blur", "10", "--epochs", "2"], "blurred tasks come once", "--epochs 1"],
    [["--label-noise", "2"], 'option "--label-noise" is out of range', "Give"],
  ])("%j is refused", async (words, message, hint) => {
    const { code, err } = await learn(...words);
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(err).toContain(hint);
  });
});

describe("every strategy", () => {
  it.each(strategyNames.filter((name) => name !== "detect"))("%s learns", async (name) => {
    const result = await learn("--strategy", name, "--learning-rate", "0.001", "--limit", "20");
    expect([result.code, result.err]).toEqual([0, ""]);
    expect(summaryIn(result)).toMatchObject({ type: "summary" });
  });
});

describe("scenarios", () => {
  const accuracyOf = async (...words: string[]): Promise<number> => {
    const result = await learn(...words, "--epochs", "5");
    expect([result.code, result.err]).toEqual([0, ""]);
    return result.lines().at(-1)?.accuracy as number;
  };

  it("know by the task what they cannot know by the class", async () => {
    const [byClass, byTask] = [await accuracyOf("--strategy", "naive"), await accuracyOf("--strategy", "naive", "--increment", "task")];
    expect(byClass).toBeLessThan(0.35);
    expect(byTask).toBeGreaterThan(0.7);
  });

  it("have labels of their own where what is new is the domain", async () => {
    const { out } = await learn("--strategy", "naive", "--increment", "domain");
    expect(out).toContain('"increment":"domain"');
    expect(await accuracyOf("--strategy", "naive", "--increment", "domain")).toBeGreaterThan(0.5);
  });

  it.each([
    [["--boundaries", "hidden"], 20],
    [["--blur", "15"], 20],
    [["--long-tail", "0.1"], undefined],
    [["--label-noise", "0.2"], undefined],
    [["--scenario", "recurring", "--classes-per-task", "3"], undefined],
    [["--visits", "9"], undefined],
    [["--visits", "8", "--gap-exponent", "2", "--increment", "task"], undefined],
    [["--scenario", "permuted", "--visits", "6"], undefined],
    [["--boundaries", "hidden", "--batch", "70"], 3],
    [["--strategy", "small-net", "--boundaries", "hidden"], 20],
    [["--strategy", "ewc,detect", "--ewc.lambda", "1", "--boundaries", "hidden"], 20],
  ] as const)("%j end like any other", async (words, steps) => {
    const result = await learn(...words);
    expect([result.code, result.err]).toEqual([0, ""]);
    const summary = summaryIn(result);
    if (steps !== undefined) expect(summary.steps).toBe(steps);
    expect(summary.accuracy).toBeGreaterThan(0);
    expect(summaryIn(await learn(...words))).toEqual(summary);
  });

  it("go on after a stop where boundaries are hidden and tasks come again", async () => {
    for (const [i, words] of [
      ["--blur", "15"],
      ["--visits", "8"],
      ["--strategy", "joint"],
    ].entries()) {
      const checkpoint = ["--checkpoint", join(folder, `stopped ${i}`)];
      const whole = summaryIn(await learn(...words));
      const first = await run(["learn", "--data", data, ...small, ...words, ...checkpoint], undefined, (text) =>
        text.includes('"step":13,'),
      );
      expect(first.code).toBe(130);
      expect(summaryIn(await learn(...words, ...checkpoint))).toEqual(whole);
    }
    const scratch = await learn("--strategy", "scratch", "--checkpoint", join(folder, "scratch"));
    expect([scratch.code, scratch.err.includes("scratch")]).toEqual([2, true]);
  });

  it("leave the hidden layers as they are where asked to", async () => {
    const words = ["--strategy", "slda", "--dropout", "0"];
    const hashes = await Promise.all([[], ["--freeze"]].map(async (more) => summaryIn(await learn(...words, ...more)).stateHash));
    expect(new Set(hashes).size).toBe(2);
    const [features, frozen] = await Promise.all(["features", "slda"].map(async (name) => learn("--strategy", name, "--freeze")));
    expect(summaryIn(features as Result).accuracy).toBe(summaryIn(frozen as Result).accuracy);
  });
});

describe("files of a run", () => {
  it("follow from its facts", async () => {
    const paths = { facts: join(folder, "run.ndjson"), csv: join(folder, "run.csv"), tensorboard: join(folder, "events") };
    const words = Object.entries(paths).flatMap(([flag, path]) => [`--${flag}`, path]);
    const result = await learn(...words);
    const log = fromNdjson(await readFile(paths.facts, "utf8"));
    const lines = result.lines();
    const { matrix, accuracy, steps } = lines.at(-1) as Line;
    expect(recordOf(log).matrix).toEqual(matrix);
    expect(log.of("step").map(({ step, loss }) => ({ step, loss }))).toEqual(
      lines.flatMap(({ type, step, loss }) => (type === "step" ? [{ step, loss }] : [])),
    );
    expect(log.of("boundary").map(({ task }) => task)).toEqual([0, 1, 2, 3, 4]);
    expect(log.of("run")[0]).toMatchObject({ name: "replay", strategies: ["replay"], versions: { palimpsest: "1.2.3" } });
    expect(log.of("cost")[0]).toMatchObject({ step: steps, bytes: { state: expect.any(Number) } });
    const csv = await readFile(paths.csv, "utf8");
    expect(csv).toBe(figuresCsv(figuresOf(log)));
    expect(csv).toContain(`averageAccuracy,,${accuracy},`);
    const [name = ""] = await readdir(paths.tensorboard);
    expect(name).toMatch(/^events\.out\.tfevents\.\d+\.palimpsest\.0$/);
    expect((await readFile(join(paths.tensorboard, name))).length).toBeGreaterThan(1000);
  });

  it("have what the memory holds and what the layers still can before the first task and after each", async () => {
    const facts = join(folder, "kept.ndjson");
    const result = await learn("--memory-policy", "quota", "--facts", facts);
    const log = fromNdjson(await readFile(facts, "utf8"));
    const steps = [0, ...log.of("boundary").map(({ step }) => step)];
    const { tasks = [] } = result.lines()[0] as { tasks?: string[] };
    const memory = log.of("memory");
    expect(memory.map(({ step }) => step)).toEqual(steps);
    expect(memory[0]).toMatchObject({ classes: {}, tasks: {} });
    for (const [i, held] of memory.entries()) {
      expect(Object.keys(held.tasks ?? {})).toEqual(tasks.slice(0, i).map((_, task) => String(task)));
      const sum = (rows: Readonly<Record<string, number>> = {}) => Object.values(rows).reduce((a, b) => a + b, 0);
      expect([sum(held.tasks), sum(held.classes)]).toEqual(i === 0 ? [0, 0] : [40, 40]);
    }
    const layers = log.of("plasticity");
    expect(layers.map(({ step }) => step)).toEqual(steps);
    for (const { layers: measured } of layers) expect(measured).toMatchObject([{ units: 16, weightMagnitude: expect.any(Number) }]);
    expect(new Set(layers.map(({ layers: [layer] }) => layer?.weightMagnitude)).size).toBe(steps.length);
  });

  it("have what detectors tell, and a run that is continued has it again", async () => {
    const words = ["--strategy", "l2,detect", "--boundaries", "hidden", "--detect.detector", "ddm"];
    const driftsOf = async (...more: string[]) => {
      const facts = join(folder, "drifts.ndjson");
      await learn(...words, "--facts", facts, ...more);
      return fromNdjson(await readFile(facts, "utf8")).of("drift");
    };
    const drifts = await driftsOf();
    expect(drifts.length).toBeGreaterThan(0);
    expect(drifts[0]).toMatchObject({ detector: "detect", signal: expect.stringMatching(/^(warning|drift)$/) });
    const kept = join(folder, "drifting");
    expect(await driftsOf("--checkpoint", kept)).toEqual(drifts);
    expect(await driftsOf("--checkpoint", kept)).toEqual(drifts);
  });

  it("lie in folders that there are", async () => {
    for (const flag of ["--facts", "--csv", "--tensorboard"]) {
      const { code, err } = await learn(flag, "/nowhere/at/all/file");
      expect([code, err.includes(`${flag} lies in no folder`)]).toEqual([3, true]);
    }
  });

  it("have as many evaluations as the budget allows", async () => {
    const asked = async (...words: string[]) =>
      (await learn("--epochs", "20", ...words)).lines().filter(({ type }) => type === "evaluation").length - 1;
    expect(await asked("--evaluation-share", "0")).toBe(0);
    const [few, many, cheap] = [await asked(), await asked("--evaluation-share", "0.5"), await asked("--evaluation-cap", "5")];
    expect(many).toBeGreaterThan(few);
    expect(cheap).toBeGreaterThan(few);
  });
});
