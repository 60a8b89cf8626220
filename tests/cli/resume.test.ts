import { copyFile, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRuntime } from "../../src/backend/runtime.ts";
import { readFolder } from "../../src/cli/data.ts";
import { experiment, type RunEvent } from "../../src/cli/experiment.ts";
import { defaults } from "../../src/cli/options.ts";
import { learnOptions } from "../../src/cli/settings.ts";
import { setUp } from "../../src/cli/setup.ts";
import { htmlReport } from "../../src/metrics/index.ts";
import { stores } from "../../src/store/index.ts";
import { run, small, summaryIn, writeSet } from "./stage.ts";

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

describe("a run that dies", () => {
  it("goes on from its last save, with the same report in the end", async () => {
    const settings = { ...defaults(learnOptions), hidden: [16], memory: 40, limit: 60 };
    const setup = setUp(settings, await readFolder(data));
    const runtime = await openRuntime({ backend: "wasm" });
    const store = stores.file(join(folder, "dying"));
    const follow = async (control: Parameters<typeof experiment>[2], seen: (event: RunEvent) => boolean = () => true) => {
      for await (const event of experiment(runtime, setup, control)) {
        if (event.type === "end") return event.outcome;
        if (!seen(event)) break;
      }
      return undefined;
    };
    // Saved after each step up to the one before the last told, as nothing is saved on the way out.
    expect(await follow({ store, saveEvery: 0 }, (event) => event.type !== "step" || event.step < 15)).toBeUndefined();
    const starts: number[] = [];
    const continued = await follow({ store, saveEvery: 3600 }, (event) => event.type !== "start" || starts.push(event.step) > 0);
    expect(starts).toEqual([14]);
    const whole = await follow({});
    runtime.close();
    expect(continued?.stateHash).toBe(whole?.stateHash);
    const report = (outcome: typeof whole) => {
      if (outcome === undefined) throw new Error("the run did not end");
      return htmlReport({ ...outcome.record, summary: { steps: outcome.steps, hash: outcome.stateHash } });
    };
    expect(report(continued)).toBe(report(whole));
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
    const { mtimeMs } = await stat(checkpoint);
    const result = await run(words("--checkpoint", checkpoint, ...more));
    expect(result.code).toBe(6);
    expect(result.lines().at(-1)).toMatchObject({
      type: "error",
      code: "E_MISMATCH",
      message: expect.stringContaining(`--${option}; expected`),
    });
    expect(result.err).toContain(checkpoint);
    expect((await stat(checkpoint)).mtimeMs).toBe(mtimeMs);
  });

  it("is refused on other data", async () => {
    const checkpoint = join(folder, "moved");
    await run(words("--checkpoint", checkpoint), undefined, (text) => text.includes('"step":2,'));
    const other = await writeSet(join(folder, "other"), 200);
    const result = await run(["learn", "--data", other, ...words().slice(3), "--checkpoint", checkpoint]);
    expect([result.code, result.lines().at(-1)?.code]).toEqual([6, "E_MISMATCH"]);
    await copyFile(join(data, "train-labels-idx1-ubyte"), join(folder, "labels"));
    const foreign = await run(words("--checkpoint", join(folder, "labels")));
    expect([foreign.code, foreign.lines().at(-1)?.code]).toEqual([3, "E_FORMAT"]);
  });
});
