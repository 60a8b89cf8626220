/** What a user waits for: the first step, from the import of the library to the loss, each in a new process; and the bytes to load. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { contest } from "./contest.mjs";

/** @typedef {import("./contest.mjs").Contender} Contender */
/** @typedef {import("./contest.mjs").Row} Row */

const here = fileURLToPath(new URL(".", import.meta.url));
const peers = `${here}peers`;

/** Returns the contender whose step is a process of its own. @param {"palimpsest" | "jax" | "tfjs"} who @returns {Promise<Contender>} */
async function cold(who) {
  const start = async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [`${here}cold.mjs`, who]);
    return JSON.parse(stdout);
  };
  const { name, kind } = await start();
  return { name, kind, turn: async () => (await start()).ms, close() {} };
}

/**
 * Returns gzipped bytes of whole libraries, minified: those loaded at once, and those of each chunk that is loaded when used.
 * @param {string} folder where they are looked for @param {readonly string[]} libraries
 */
async function bundle(folder, libraries) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: libraries.map((name) => `export * from "${name}";`).join("\n"), resolveDir: folder },
    bundle: true,
    minify: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    outdir: "out",
    write: false,
    metafile: true,
    external: ["node:*", "webgpu"],
    logLevel: "error",
  });
  const bytes = new Map(outputFiles.map(({ path, contents }) => [basename(path), gzipSync(contents).length]));
  const { outputs } = metafile;
  const atOnce = new Set(Object.keys(outputs).filter((path) => basename(path) === "stdin.js"));
  // A set hands out what is added while it is walked.
  for (const path of atOnce)
    for (const { path: next, kind } of outputs[path]?.imports ?? []) if (kind === "import-statement" && outputs[next]) atOnce.add(next);
  const sizeOf = (/** @type {string} */ path) => bytes.get(basename(path)) ?? 0;
  return {
    atOnce: [...atOnce].reduce((sum, path) => sum + sizeOf(path), 0),
    chunks: Object.keys(outputs).flatMap((path) =>
      atOnce.has(path) ? [] : [{ file: basename(path).replace(/-\w+\.js$/, ""), bytes: sizeOf(path) }],
    ),
  };
}

/** @param {string} name @param {Row["kind"]} kind @param {number} bytes @param {Row["targets"]} [targets] @returns {Row} */
const sizeRow = (name, kind, bytes, targets = []) => ({ workload: "bytes, gzipped", name, kind, value: bytes / 1000, unit: "kB", targets });

/** Returns a row for each contender's first step and each part of a bundle. */
export async function run() {
  const rows = await contest("first step, MLP, batch 32, Wasm", [() => cold("palimpsest"), () => cold("jax"), () => cold("tfjs")], {
    unit: "ms",
    measure: (ms) => ms,
    turns: 5,
    seconds: 0,
  });
  const atMost = [{ atMost: 40 }];
  const own = await bundle(here, ["palimpsest"]);
  rows.push(sizeRow("Palimpsest, at once", "palimpsest", own.atOnce, atMost));
  for (const { file, bytes } of own.chunks) rows.push(sizeRow(`Palimpsest, when used: ${file}`, "palimpsest", bytes, atMost));
  const jax = await bundle(peers, ["@jax-js/jax"]);
  rows.push(sizeRow("jax-js, at once", "javascript", jax.atOnce));
  for (const { file, bytes } of jax.chunks) rows.push(sizeRow(`jax-js, when used: ${file}`, "javascript", bytes));
  const wasm = await readFile(`${peers}/node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm`);
  const tfjs = await bundle(peers, ["@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm"]);
  rows.push(sizeRow("tfjs with its Wasm backend, at once", "javascript", tfjs.atOnce));
  rows.push(sizeRow("tfjs, when used: the .wasm file", "javascript", gzipSync(wasm).length));
  return rows;
}
