/**
 * Puts the log of a store, and learners that keep one, to the torture, and prints what was tried and what was lost.
 *
 *   npm run torture                          the counts of an ordinary run, kills on Node and Deno
 *   npm run torture -- --full                a million crashes, ten thousand kills each, hundreds of browsers: hours
 *   npm run torture -- --only faults --seed 7 --count 300
 */
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { chromium, firefox } from "../../.config/browsers.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const outfile = `${root}build/torture.mjs`;
const deno = `${root}tests/runtimes/node_modules/@deno/linux-x64-glibc/deno`;
const child = fileURLToPath(new URL("./child.ts", import.meta.url));
const tab = fileURLToPath(new URL("./tab.ts", import.meta.url));

const { values } = parseArgs({
  options: { full: { type: "boolean" }, count: { type: "string" }, only: { type: "string" }, seed: { type: "string", default: "1" } },
});
const seed = Number(values.seed);

const contents = [
  "crash",
  "faults",
  "damage",
  "fuzz",
  "kill",
  "relearn",
  "command",
  "browse",
  "tabs",
  "files",
  "forged",
  "soak",
  "broken",
  "paged",
]
  .map((name) => `export * from "./${name}.ts";`)
  .concat('export { openRuntime } from "../../src/index.ts";')
  .join("\n");
const stdin = { contents, resolveDir: `${root}tests/torture` };
await build({
  stdin,
  outfile,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "es2022",
  alias: { palimpsest: `${root}src/index.ts` },
  external: ["esbuild", "webgpu"],
  logLevel: "error",
});
const {
  tortureCrashes,
  tortureFaults,
  tortureDamage,
  tortureForgery,
  tortureKills,
  tortureLearners,
  tortureCommands,
  tortureBrowser,
  tortureOwners,
  torturePages,
  tortureFaultyPages,
  tortureFiles,
  tortureForged,
  soakSteps,
  soakSessions,
  tortureBroken,
  openRuntime,
} = await import(outfile);

/** @param {readonly string[]} runtime */
const learners = (runtime) => async (/** @type {number} */ count) => {
  // One with its rows in memory, one with a part of them.
  const [strict, relaxed] = await Promise.all(
    [{ durability: "strict" }, { durability: "relaxed", residentBytes: 2000 }].map((more) =>
      tortureLearners({ runtime, ...more, kills: count / 2, steps: 400, seed, here: import.meta.url }),
    ),
  );
  return { kills: strict.kills + relaxed.kills, problems: [...strict.problems, ...relaxed.problems] };
};

/** @param {readonly string[]} runtime */
const commands = (runtime) => (/** @type {number} */ kills) => tortureCommands({ runtime, kills, seed, here: import.meta.url });

/** A quarter of the kills are of Firefox, which takes longest to start. @param {number} count */
const browsers = async (count) => {
  const share = Math.ceil(count / 4);
  const first = await tortureBrowser({ browser: "chromium", kills: count - share, seed, here: import.meta.url });
  const second = await tortureBrowser({ browser: "firefox", kills: share, seed, here: import.meta.url });
  const kills = Object.entries(first.kills).map(([way, times]) => `${way} ${times}`);
  const ways = `kills (chromium: ${kills.join(", ")}; firefox: ${share})`;
  return { [ways]: count, "stores still held": first.locked + second.locked, problems: [...first.problems, ...second.problems] };
};

const runtimes = [[process.execPath], ...(existsSync(deno) ? [[deno, "run", "--no-config", "-A"]] : [])];
const owners = (/** @type {number} */ count) => tortureOwners({ runtimes, handovers: count, seed, entry: tab });
/** @param {(count: number) => Promise<{ done: number, grown: Record<string, number>, problems: string[] }>} run */
const soaked = (run) => async (/** @type {number} */ count) => {
  const { done, grown, problems } = await run(count);
  const growth = Object.fromEntries(Object.entries(grown).map(([what, bytes]) => [`more ${what}`, bytes]));
  return { done, ...growth, problems };
};

/** @type {Record<string, [few: number, full: number, run: (count: number) => Promise<{ problems: string[] }>]>} */
const tortures = {
  crashes: [20_000, 1_000_000, (count) => tortureCrashes(count, 1, seed)],
  faults: [1500, 100_000, (count) => tortureFaults(count, seed)],
  damage: [2000, 10_000, (count) => tortureDamage(count, seed)],
  forgery: [5000, 1_000_000, (count) => tortureForgery(count, seed)],
  files: [200_000, 10_000_000, (count) => tortureFiles(count, seed)],
  forged: [150, 20_000, (count) => tortureForged(count, seed)],
  broken: [500, 10_000, async (count) => tortureBroken(await openRuntime({ backend: "wasm" }), count, seed)],
  soak: [100_000, 10_000_000, soaked((count) => soakSteps(count, seed))],
  sessions: [1000, 10_000, soaked((count) => soakSessions(count))],
  pages: [500, 50_000, (count) => torturePages(count, 8, seed)],
  faulty_pages: [200, 20_000, (count) => tortureFaultyPages(count, 8, seed)],
  kills: [100, 10_000, (count) => tortureKills([process.execPath], count, seed, child)],
  learners: [100, 10_000, learners([process.execPath])],
  commands: [6, 200, commands([process.execPath])],
  ...(existsSync(chromium.executablePath) && existsSync(firefox.executablePath) ? { browsers: [20, 500, browsers] } : {}),
  owners: [50, 1000, owners],
  ...(existsSync(deno)
    ? {
        kills_deno: [100, 10_000, (/** @type {number} */ count) => tortureKills([deno, "run", "-A"], count, seed, child)],
        learners_deno: [100, 10_000, learners([deno, "run", "--no-config", "--no-prompt", "--allow-read", `--allow-write=${tmpdir()}`])],
        commands_deno: [6, 200, commands([deno, "run", "--no-config", "-A"])],
      }
    : {}),
};
for (const [name, [few, full, run]] of Object.entries(tortures)) {
  if (values.only !== undefined && !values.only.split(",").includes(name)) continue;
  const start = performance.now();
  const { problems, ...tried } = await run(values.count === undefined ? (values.full ? full : few) : Number(values.count));
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const counts = Object.entries(tried).map(([what, count]) => `${count} ${what}`);
  console.log(`${name.padEnd(12)} ${counts.join(", ")}; ${problems.length} problems, ${seconds} s`);
  for (const problem of problems) console.log(`  ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
}
