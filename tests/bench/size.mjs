/** The bytes a page loads of each library, minified and gzipped. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { titles } from "./targets.mjs";

/** @typedef {import("./contest.mjs").Row} Row */

const here = fileURLToPath(new URL(".", import.meta.url));
const peers = `${here}peers`;

/**
 * A program that learns, and no more: in a function, or at the top of its module, where `await` makes Rollup keep what chunks share in files of
 * their own, each compressed apart.
 * @param {boolean} atTop
 */
const learning = (atTop) => `
import { Learner, nn, openRuntime, optim } from "palimpsest";
const start = async () => {
  const model = nn.sequential(nn.linear(256), nn.relu(), nn.classifier({ capacity: 10 }));
  return Learner.create(await openRuntime(), { model, input: [784], optimizer: optim.adamw(), schedule: 1e-3 });
};
export const learner = ${atTop ? "await " : ""}start();
`;

/**
 * Returns gzipped bytes of a program with its libraries, minified by Vite: those loaded at once, and those of each chunk that is loaded when used.
 * @param {string} folder where they are looked for @param {string} program
 */
async function bundle(folder, program) {
  const entry = `${folder}/size.entry.mjs`;
  const given = await build({
    configFile: false,
    root: folder,
    logLevel: "error",
    plugins: [{ name: "entry", resolveId: (id) => (id === entry ? id : undefined), load: (id) => (id === entry ? program : undefined) }],
    build: {
      write: false,
      target: "es2022",
      modulePreload: false,
      rollupOptions: { input: entry, external: [/^node:/, "webgpu"], preserveEntrySignatures: "strict" },
    },
  });
  const { output } = /** @type {import("vite").Rollup.RollupOutput} */ (given);
  const chunks = output.filter((part) => part.type === "chunk");
  const bytes = new Map(chunks.map(({ fileName, code }) => [fileName, gzipSync(code).length]));
  const atOnce = new Set(chunks.filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName));
  // A set hands out what is added while it is walked.
  for (const file of atOnce)
    for (const next of chunks.find(({ fileName }) => fileName === file)?.imports ?? []) if (bytes.has(next)) atOnce.add(next);
  return {
    atOnce: [...atOnce].reduce((sum, file) => sum + (bytes.get(file) ?? 0), 0),
    chunks: chunks.flatMap(({ fileName, name }) => (atOnce.has(fileName) ? [] : [{ file: name, bytes: bytes.get(fileName) ?? 0 }])),
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
  const all = (/** @type {string[]} */ ...names) => names.map((name) => `export * from "${name}";`).join("\n");
  const core = await bundle(here, learning(false));
  const coreAtTop = await bundle(here, learning(true));
  const own = await bundle(here, all("palimpsest"));
  const jax = await bundle(peers, all("@jax-js/jax"));
  const tfjs = await bundle(peers, all("@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm"));
  const wasm = await readFile(`${peers}/node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm`);
  return [
    row("Palimpsest", "palimpsest", "core", core.atOnce),
    row("Palimpsest", "palimpsest", "core, awaited at the top of a module", coreAtTop.atOnce),
    row("Palimpsest", "palimpsest", "all of it", own.atOnce),
    ...own.chunks.map(({ file, bytes }) =>
      row(
        "Palimpsest",
        "palimpsest",
        { exact: "Wasm", fast: "Wasm of fast precision", planner: "Wasm of the planners" }[file.split(".")[0] ?? ""] ?? file,
        bytes,
      ),
    ),
    row("jax-js", "javascript", "all of it", jax.atOnce),
    ...jax.chunks.map(({ file, bytes }) => row("jax-js", "javascript", file.replace(/-.*/, ""), bytes)),
    row("tfjs with its Wasm backend", "javascript", "all of it", tfjs.atOnce),
    row("tfjs", "javascript", "Wasm", gzipSync(wasm).length),
  ];
}
