import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tools = join(root, "tests/runtimes/node_modules");
const runtimes: Readonly<Record<string, readonly string[]>> = {
  Node: [process.execPath],
  Deno: [join(tools, "@deno/linux-x64-glibc/deno"), "run", "--no-config", "--allow-all"],
  Bun: [join(tools, "@oven/bun-linux-x64/bin/bun")],
};

/** A program that writes, a thread of it and another program that follow. */
const script = `
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { Follower, Learner, nn, openRuntime, optim, stores } from ${JSON.stringify(join(root, "dist/index.js"))};
const script = fileURLToPath(import.meta.url);
const runtime = await openRuntime({ backend: "wasm" });
const store = stores.folder(process.env.STORE);
const x = Float32Array.of(1, 2);
if (!isMainThread || process.argv[2] === "reads") {
  const follower = await Follower.open(runtime, store, { waitMs: isMainThread ? 100 : 20_000 });
  const { step, loss } = await follower.observe({ x, y: [1] }).catch(({ code, hint }) => ({ step: code + " " + hint, loss: 0 }));
  const told = [step, loss > 0, follower.step, await follower.stateHash()].join();
  if (isMainThread) console.log(told);
  else parentPort.postMessage(told);
  await follower.close();
} else {
  const learner = await Learner.create(runtime, {
    model: nn.classifier({ capacity: 3 }), input: [2], optimizer: optim.sgd(), schedule: 0.1, store, durability: "strict",
  });
  await learner.lead();
  const before = await learner.stateHash();
  const worker = new Worker(script);
  const told = await new Promise((resolve, reject) => worker.on("message", resolve).on("error", reject));
  console.log(told.replace(before, "before"));
  const again = execFileSync(process.execPath, [...JSON.parse(process.env.GIVEN), script, "reads"], { encoding: "utf8" });
  console.log(again.trim().replace(await learner.stateHash(), "now"), learner.step);
  // Elsewhere an open channel keeps no program from ending.
  if (globalThis.Deno !== undefined) await learner.close();
}
`;

describe.each(Object.keys(runtimes))("followers in %s", (name) => {
  const [command = "", ...given] = runtimes[name] as readonly string[];
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "palimpsest-follow-"));
    writeFileSync(join(folder, "follow.mjs"), script);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.skipIf(!existsSync(command) && process.env.CI !== "true")("hand over from a thread, and read along from another program", () => {
    const env = { ...process.env, STORE: join(folder, "store"), GIVEN: JSON.stringify(given) };
    const [thread, program] = execFileSync(command, [...given, join(folder, "follow.mjs")], {
      encoding: "utf8",
      env,
      timeout: 60_000,
    }).split("\n");
    expect(thread).toBe("1,true,0,before");
    expect(program).toMatch(/^E_STATE .*other processes cannot be reached.*,false,1,now 1$/);
  });
});
