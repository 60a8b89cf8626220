/** The bytes a page loads of each library, minified and gzipped. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { titles } from "./targets.mjs";

/** @typedef {import("./contest.mjs").Row} Row */

const here = fileURLToPath(new URL(".", import.meta.url));
const peers = `${here}peers`;

/**
 * Returns gzipped bytes of what is exported from libraries, minified: those loaded at once, and those of each chunk that is loaded when used.
 * @param {string} folder where they are looked for @param {readonly string[]} exports
 */
async function bundle(folder, exports) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: exports.map((line) => `export ${line};`).join("\n"), resolveDir: folder },
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

/** @param {string} library @param {Row["kind"]} kind @param {string} variant @param {number} bytes @returns {Row} */
const row = (library, kind, variant, bytes) => ({
  workload: titles.size,
  name: `${library}, ${variant}`,
  kind,
  variant,
  unit: "kB",
  value: bytes / 1000,
});

/** Returns a row for what is loaded at once, without Wasm, and for each part that is loaded when used. */
export async function run() {
  const all = (/** @type {string} */ name) => `* from "${name}"`;
  // What any learner needs.
  const core = await bundle(here, ['{ openRuntime, Learner, nn, optim } from "palimpsest"']);
  const own = await bundle(here, [all("palimpsest")]);
  const jax = await bundle(peers, [all("@jax-js/jax")]);
  const tfjs = await bundle(peers, ["@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm"].map(all));
  const wasm = await readFile(`${peers}/node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm`);
  return [
    row("Palimpsest", "palimpsest", "core", core.atOnce),
    row("Palimpsest", "palimpsest", "all of it", own.atOnce),
    ...own.chunks.map(({ file, bytes }) => row("Palimpsest", "palimpsest", file.startsWith("bytes") ? "Wasm" : file, bytes)),
    row("jax-js", "javascript", "all of it", jax.atOnce),
    ...jax.chunks.map(({ file, bytes }) => row("jax-js", "javascript", file.replace(/-.*/, ""), bytes)),
    row("tfjs with its Wasm backend", "javascript", "all of it", tfjs.atOnce),
    row("tfjs", "javascript", "Wasm", gzipSync(wasm).length),
  ];
}
