/** The command as a process of its own: signals, pipes and what it leaves in its folder. */
import { spawn } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { small, writeSet } from "./stage.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
let folder: string;
let cli: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "palimpsest-"));
  cli = join(folder, "dist/cli.mjs");
  const external = ["node:*", "webgpu"];
  await build({
    entryPoints: { cli: join(root, "src/cli/index.ts") },
    outfile: cli,
    bundle: true,
    format: "esm",
    platform: "neutral",
    external,
  });
  await copyFile(join(root, "package.json"), join(folder, "package.json"));
  await writeSet(join(folder, "tiny"), 2000);
});
afterAll(() => rm(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the command; `seen` is called with its output so far and the process. */
function start(words: readonly string[], seen: (out: string, child: ReturnType<typeof spawn>) => void = () => {}): Promise<Ended> {
  const child = spawn(process.execPath, [cli, ...words], { cwd: folder });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => {
    out += chunk;
    seen(out, child);
  });
  child.stderr.on("data", (chunk) => {
    err += chunk;
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
}

const learn = ["learn", "--data", "tiny", ...small, "--epochs", "20"];
const hash = ({ out }: Ended): string | undefined => /"stateHash":"(\w+)"/.exec(out)?.[1];

describe("the process", () => {
  it("knows its release", async () => {
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
    expect(await start(["--version"])).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });

  it.each(["SIGINT", "SIGTERM"] as const)("saves and ends with 130 on %s, and continues to the same state", async (signal) => {
    let sent = false;
    const stopped = await start([...learn, "--checkpoint", signal], (out, child) => {
      if (!sent && out.includes('"step"')) sent = child.kill(signal);
    });
    expect(stopped.code).toBe(130);
    expect(stopped.out.trimEnd().split("\n").at(-1)).toMatch(/^{"type":"interrupted","step":\d+,"saved":true}$/);
    const continued = await start([...learn, "--checkpoint", signal]);
    expect(Number(/"type":"start","step":(\d+)/.exec(continued.out)?.[1])).toBeGreaterThan(0);
    expect(hash(continued)).toBe(hash(await start(learn)));
  });

  it("stops when its reader goes away", async () => {
    const { code, err } = await start(learn, (_, child) => child.stdout?.destroy());
    expect([code, err]).toEqual([130, "palimpsest: interrupted\n"]);
  });
});

describe("palimpsest learn without options", () => {
  it("compares four strategies and writes the report", async () => {
    const { code, out, err } = await start(["learn"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^accuracy at the end +naive +replay +der\+\+ +small-net$/m);
    const [, naive, replay, , small] = (/^average accuracy +([\d.]+) % +([\d.]+) % +([\d.]+) % +([\d.]+) %$/m.exec(out) ?? []).map(Number);
    expect(naive).toBeLessThan(25);
    expect(replay).toBeGreaterThan(85);
    expect(small).toBeGreaterThan(85);
    expect(err).toMatch(/^naive {2}task 5\/5 .*%$/m);
    const report = await readFile(join(folder, "report.html"), "utf8");
    expect(report).toContain("<title>naive and replay and der++ and small-net on 5 tasks");
  });
});
