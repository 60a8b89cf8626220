import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRuntime, type Runtime } from "../../src/backend/runtime.ts";
import { type Control, experiment, type Outcome, type RunEvent, type Setup } from "../../src/cli/experiment.ts";
import { readFolder } from "../../src/cli/folder.ts";
import { defaults } from "../../src/cli/options.ts";
import { learnOptions } from "../../src/cli/settings.ts";
import { setUp } from "../../src/cli/setup.ts";
import { Learner } from "../../src/learner/learner.ts";
import { htmlReport } from "../../src/metrics/index.ts";
import { stores } from "../../src/store/index.ts";
import { batches, type Scenario, select } from "../../src/stream/index.ts";
import { tortureCommands } from "../torture/command.ts";
import { type Result, run, small, summaryIn, writeSet } from "./stage.ts";

let folder: string;
let data: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "palimpsest-"));
  data = await writeSet(join(folder, "tiny"), 300);
});
afterAll(() => rm(folder, { recursive: true }));

const words = (...more: string[]) => ["learn", "--data", data, ...small, "--optimizer", "adamw", "--schedule", "cosine", ...more];

describe("a run with --checkpoint", () => {
  // 30 steps, 6 in each task: before the first, within tasks, at the end of one, before the last.
  it.each([0, 1, 6, 11, 18, 29])("that is stopped after step %i and continued ends as one that never stopped", async (at) => {
    const whole = summaryIn(await run(words()));
    const checkpoint = join(folder, `stopped-${at}`);
    const said = at === 0 ? '"type":"start"' : `"type":"step","step":${at},`;
    const first = await run(words("--checkpoint", checkpoint), undefined, (text) => text.includes(said));
    expect(first.code).toBe(130);
    expect(first.lines().at(-1)).toEqual({ type: "interrupted", step: at, saved: true });
    expect(first.err).toContain(checkpoint);

    const second = await run(words("--checkpoint", checkpoint));
    expect(second.lines()[0]).toMatchObject({ type: "start", step: at, steps: 30 });
    expect(summaryIn(second)).toEqual(whole);
    const third = await run(words("--checkpoint", checkpoint));
    expect(third.lines().map(({ type }) => type)).toEqual(["start", "summary"]);
    expect(summaryIn(third)).toEqual(whole);
  });

  it("can be stopped again and again", async () => {
    const checkpoint = join(folder, "often");
    const codes: number[] = [];
    for (let left = 3; left > 0; left--) {
      let steps = 0;
      codes.push((await run(words("--checkpoint", checkpoint), undefined, (text) => text.includes('"step"') && ++steps > 8)).code);
    }
    expect(codes).toEqual([130, 130, 130]);
    expect(summaryIn(await run(words("--checkpoint", checkpoint)))).toEqual(summaryIn(await run(words())));
  });

  it("stops without a checkpoint, and says that nothing was saved", async () => {
    const result = await run(words(), undefined, (text) => text.includes('"step":3,'));
    expect(result.code).toBe(130);
    expect(result.lines().at(-1)).toEqual({ type: "interrupted", step: 3, saved: false });
  });
});

describe("a run that is left", () => {
  const settings = { ...defaults(learnOptions), hidden: [16], memory: 40, limit: 60 };
  let runtime: Runtime;
  let setup: Setup;
  let whole: Outcome | undefined;
  /** Follows a run until it ends, or `goesOn` has it left alone. */
  const follow = async (control: Control, goesOn: (event: RunEvent) => boolean = () => true): Promise<Outcome | undefined> => {
    for await (const event of experiment(runtime, setup, control)) {
      if (event.type === "end") return event.outcome;
      if (!goesOn(event)) break;
    }
    return undefined;
  };
  const report = (outcome: Outcome | undefined): string => {
    if (outcome === undefined) throw new Error("the run did not end");
    return htmlReport({ ...outcome.record, summary: { steps: outcome.steps, hash: outcome.stateHash } });
  };
  beforeAll(async () => {
    runtime = await openRuntime({ backend: "wasm" });
    setup = setUp(settings, await readFolder(data));
    whole = await follow({});
  });
  afterAll(() => runtime.close());

  it.each(["strict", "relaxed"] as const)(
    "after each event goes on from there, with the same report in the end: %s",
    async (durability) => {
      const store = stores.memory(`left ${durability}`);
      const told: RunEvent[] = [];
      for (let lives = 0, outcome: Outcome | undefined; outcome === undefined; lives++) {
        expect(lives).toBeLessThan(200);
        let seen = 0;
        outcome = await follow({ store, durability }, (event) => {
          seen += 1;
          if (event.type !== "start") told.push(event);
          return seen < 2;
        });
        if (outcome !== undefined) expect(report(outcome)).toBe(report(whole));
      }
      // Each step is told once, and so is each evaluation.
      const steps = told.flatMap((event) => (event.type === "step" ? [event.step] : []));
      expect(steps).toEqual(Array.from({ length: whole?.steps as number }, (_, i) => i + 1));
      expect(told.filter(({ type }) => type === "task" || type === "evaluation")).toHaveLength(whole?.record.curve.length as number);
    },
  );

  it("goes on under the other durability", async () => {
    const store = stores.memory("durability");
    await follow({ store, durability: "strict" }, (event) => event.type !== "step" || event.step < 8);
    expect(report(await follow({ store, durability: "relaxed" }))).toBe(report(whole));
  });

  it("is refused where a learner lies that no run made", async () => {
    const store = stores.memory("foreign");
    const learner = await Learner.create(runtime, { ...setup.learner, store, durability: "relaxed" });
    const { train } = setup.scenario.tasks[0] as Scenario["tasks"][number];
    for (const batch of batches(select(train, [0, 1]), { batchSize: 2 })) await learner.observe(batch);
    await learner.close();
    await expect(follow({ store })).rejects.toMatchObject({ code: "E_MISMATCH", hint: "Give --checkpoint another name." });
  });
});

describe("a run that is killed", () => {
  const deno = join(fileURLToPath(new URL("..", import.meta.url)), "runtimes/node_modules/@deno/linux-x64-glibc/deno");

  it("tells in the end what one tells that never was", async () => {
    expect(await tortureCommands({ runtime: [process.execPath], kills: 6, seed: 1 })).toEqual({ kills: 6, problems: [] });
  });

  it.skipIf(!existsSync(deno))("does so in Deno", async () => {
    const runtime = [deno, "run", "--no-config", "--allow-all"];
    expect(await tortureCommands({ runtime, kills: 6, seed: 1 })).toEqual({ kills: 6, problems: [] });
  });
});

describe("a checkpoint of a run", () => {
  it.each<[string, string[]]>([
    ["batch", ["--batch", "5"]],
    ["seed", ["--seed", "1"]],
    ["strategy", ["--strategy", "naive"]],
    ["memory-policy", ["--memory-policy", "reservoir"]],
    ["draw", ["--draw", "fading"]],
    ["epochs", ["--epochs", "2"]],
  ])("is refused under another --%s, and stays as it was", async (option, more) => {
    const checkpoint = join(folder, "refused");
    await run(words("--checkpoint", checkpoint), undefined, (text) => text.includes('"step":9,'));
    const result = await run(words("--checkpoint", checkpoint, ...more));
    expect(result.code).toBe(6);
    expect(result.lines().at(-1)).toMatchObject({
      type: "error",
      code: "E_MISMATCH",
      message: expect.stringContaining(`--${option}; expected`),
    });
    expect(result.err).toContain(checkpoint);
    expect((await run(words("--checkpoint", checkpoint))).lines()[0]).toMatchObject({ type: "start", step: 9 });
    await rm(checkpoint, { recursive: true });
  });

  it("is refused on other data", async () => {
    const checkpoint = join(folder, "moved");
    await run(words("--checkpoint", checkpoint), undefined, (text) => text.includes('"step":2,'));
    const other = await writeSet(join(folder, "other"), 200);
    const result = await run(["learn", "--data", other, ...words().slice(3), "--checkpoint", checkpoint]);
    expect([result.code, result.lines().at(-1)?.code]).toEqual([6, "E_MISMATCH"]);
  });

  it("is no file", async () => {
    const file = join(data, "train-labels-idx1-ubyte");
    const result = await run(words("--checkpoint", file));
    expect([result.code, result.lines().at(-1)]).toMatchObject([3, { code: "E_PATH", message: expect.stringContaining(file) }]);
  });

  it("is one run's at a time", async () => {
    const checkpoint = join(folder, "taken");
    let second: Promise<Result> | undefined;
    const first = await run(words("--checkpoint", checkpoint), undefined, (text) => {
      if (text.includes('"step":3,')) second = run(words("--checkpoint", checkpoint));
      return false;
    });
    expect(await second).toMatchObject({ code: 4, err: expect.stringContaining("another owner writes here") });
    expect(summaryIn(first)).toEqual(summaryIn(await run(words())));
  });

  it("is a store like any other", async () => {
    const checkpoint = join(folder, "store");
    const { stateHash } = summaryIn(await run(words("--checkpoint", checkpoint)));
    const told = await run(["status", checkpoint, "--json"]);
    expect(told.lines()).toMatchObject([{ type: "status", snapshot: { step: 30 }, damage: [] }]);
    expect((await run(["verify", checkpoint])).code).toBe(0);
    const file = join(folder, "exported");
    expect((await run(["export", checkpoint, file])).code).toBe(0);
    const runtime = await openRuntime({ backend: "wasm" });
    const learner = await Learner.open(runtime, stores.file(file));
    expect(await learner.stateHash()).toBe(stateHash);
    await learner.close();
    runtime.close();
    // What is done to the store from outside leaves the run what it was.
    expect((await run(["forget", checkpoint, "1000000"])).code).toBe(0);
    expect((await run(words("--checkpoint", checkpoint))).lines().at(-1)).toMatchObject({ type: "summary", steps: 30 });
  });
});
