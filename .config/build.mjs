/**
 * Builds everything: `assembly/`, `shaders/` and the list of strategies into `src/`'s generated files, then `src/` into `dist/`.
 * The option `--no-types` leaves out the .d.ts files, which take most of the time.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import asc from "assemblyscript/asc";
import * as esbuild from "esbuild";
import { renderCatalogue } from "./catalogue.mjs";
import { minifyShader } from "./minify.mjs";
import { checkShaders } from "./shadercheck.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Builds the package. @param {{ types: boolean }} options @throws an error that names the file at fault */
export async function build({ types }) {
  process.chdir(root);
  await all([buildKernels(), buildShaders(), buildCatalogue()]);
  await rm("dist", { recursive: true, force: true });
  await all([bundle(), ...(types ? [declare()] : [])]);
}

/** Waits for every step and throws what all of them have to say. @param {Promise<void>[]} steps */
async function all(steps) {
  const failures = (await Promise.allSettled(steps)).filter((step) => step.status === "rejected");
  if (failures.length > 0) throw new Error(failures.map((step) => step.reason.message).join("\n"));
}

/** `assembly/` → `build/kernels.wasm`, and the bytes of each precision, of the planners and of linear algebra as modules of text. */
async function buildKernels() {
  const exact = await assemble("index", []);
  const fast = await assemble("index", ["--enable", "relaxed-simd"]);
  const planner = await assemble("planner", ["--shrinkLevel", "2"]);
  const linear = await assemble("linear", []);
  for (const wasm of [exact, planner, linear]) {
    const imports = WebAssembly.Module.imports(await WebAssembly.compile(/** @type {Uint8Array<ArrayBuffer>} */ (wasm)));
    const names = imports.map((entry) => `${entry.module}.${entry.name}`).join(", ");
    if (names !== "env.memory") throw new Error(`assembly: a module imports from the host; expected env.memory, got ${names}`);
  }
  await put("build/kernels.wasm", exact);
  for (const [name, wasm] of /** @type {const} */ ([
    ["exact", exact],
    ["fast", fast],
    ["planner", planner],
    ["linear", linear],
  ])) {
    await put(`src/wasm/${name}.generated.ts`, `export const base64: string =\n  "${Buffer.from(wasm).toString("base64")}";\n`);
  }
}

/**
 * Returns the module that exports what `assembly/ENTRY.ts` does, made with more options than asconfig.json has.
 * @param {string} entry @param {string[]} options @returns {Promise<Uint8Array>}
 */
async function assemble(entry, options) {
  /** @type {Uint8Array | undefined} */
  let wasm;
  const { error, stderr } = await asc.main([`assembly/${entry}.ts`, "--config", "asconfig.json", ...options], {
    writeFile: (name, contents) => {
      if (name.endsWith(".wasm")) wasm = /** @type {Uint8Array} */ (contents);
    },
  });
  if (error !== null || wasm === undefined) throw new Error(`assembly: ${error?.message}\n${stderr.toString()}`);
  return wasm;
}

/** `shaders/`, once they are what the executor binds, → a module of texts. */
async function buildShaders() {
  const files = (await readdir("shaders")).filter((name) => name.endsWith(".wgsl")).sort();
  const entries = await Promise.all(
    files.map(async (file) => /** @type {const} */ ([file.slice(0, -".wgsl".length), await readFile(`shaders/${file}`, "utf8")])),
  );
  const problems = checkShaders(Object.fromEntries(entries), await readContract());
  if (problems.length > 0) throw new Error(`The shaders differ from src/backend/webgpu/contract.ts:\n${problems.join("\n")}`);
  const names = entries.map(([name]) => `  readonly ${name}: string;\n`).join("");
  const texts = entries.map(([name, text]) => `  ${name}:\n    ${JSON.stringify(minifyShader(text))},\n`).join("");
  await put("src/backend/webgpu/shaders.generated.ts", `export const shaders: {\n${names}} = {\n${texts}};\n`);
}

/** @returns {Promise<Parameters<typeof checkShaders>[1]>} */
async function readContract() {
  const { outputFiles } = await esbuild.build({
    entryPoints: ["src/backend/webgpu/contract.ts"],
    bundle: true,
    format: "esm",
    write: false,
  });
  const { contract } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0]?.text ?? "")}`);
  return contract;
}

/** The docstrings of `src/strategy/` → what the command lists. */
async function buildCatalogue() {
  await put("src/strategy/catalogue.generated.ts", await renderCatalogue());
}

/** `src/` → the library, its lazily loaded chunks and the command. */
async function bundle() {
  await esbuild.build({
    entryPoints: {
      index: "src/index.ts",
      testing: "src/testing.ts",
      worker: "src/store/worker.ts",
      ...(existsSync("src/cli/index.ts") ? { cli: "src/cli/index.ts" } : {}),
    },
    outdir: "dist",
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    minify: true,
    sourcemap: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    external: ["node:*", "webgpu"],
    logLevel: "warning",
  });
  await put("dist/kernels.wasm", await readFile("build/kernels.wasm"));
}

/** `src/` → its modules one by one with their types, from which bundlers take what a program uses. */
async function declare() {
  const run = promisify(execFile)(process.execPath, ["node_modules/typescript/bin/tsc", "--project", ".config"]);
  await run.catch(({ stdout }) => {
    throw new Error(`src: the types are wrong\n${stdout}`);
  });
}

/** Writes a file in one step, and only if that changes it: tests may be reading. @param {string} path @param {string | Uint8Array} contents */
async function put(path, contents) {
  const bytes = Buffer.from(contents);
  const old = await readFile(path).catch(() => undefined);
  if (old?.equals(bytes)) return;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, bytes);
  await rename(`${path}.new`, path);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const types = !process.argv.includes("--no-types");
  await build({ types }).catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
