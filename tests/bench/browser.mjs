/** Benchmarks in a browser, on a page that is not isolated from others, where all contenders have one thread. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium, firefox } from "playwright";
import * as launch from "../../.config/browsers.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
/** The page exists only in what the browser is told; its name makes it one that may use WebGPU. */
const origin = "http://localhost/";
const types = { html: "text/html", js: "text/javascript", wasm: "application/wasm" };

const browsers = { chromium: () => chromium.launch(launch.chromium), firefox: () => firefox.launch(launch.firefox) };

/** Returns the files of the page by name. @returns {Promise<Map<string, string | Buffer>>} */
async function bundlePage() {
  const { devDependencies } = JSON.parse(await readFile(`${here}peers/package.json`, "utf8"));
  const peers = Object.keys(devDependencies).map((name) => /** @type {const} */ ([name, name.replaceAll(/\W/g, "")]));
  const { outputFiles } = await build({
    absWorkingDir: `${here}peers`,
    entryPoints: { page: `${here}page.mjs`, ...Object.fromEntries(peers.map(([name, file]) => [file, name])) },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    outdir: "out",
    write: false,
    external: ["node:*", "webgpu"],
    logLevel: "error",
  });
  const map = JSON.stringify({ imports: Object.fromEntries(peers.map(([name, file]) => [name, `/${file}.js`])) });
  const wasm = "tfjs-backend-wasm-simd.wasm";
  return new Map(
    /** @type {[string, string | Buffer][]} */ ([
      ["", `<!doctype html><script type="importmap">${map}</script><script type="module" src="/page.js"></script>`],
      ...outputFiles.map(({ path, contents }) => [basename(path), Buffer.from(contents)]),
      [wasm, await readFile(`${here}peers/node_modules/@tensorflow/tfjs-backend-wasm/dist/${wasm}`)],
    ]),
  );
}

/** Returns how benchmarks run in a browser. @param {keyof typeof browsers} name */
export async function openPage(name) {
  const [files, browser] = await Promise.all([bundlePage(), browsers[name]()]);
  const page = await browser.newPage();
  await page.route(`${origin}**`, (route) => {
    const file = new URL(route.request().url()).pathname.slice(1);
    const body = files.get(file);
    if (body === undefined) return route.fulfill({ status: 404 });
    const contentType = types[/** @type {keyof typeof types} */ (file.split(".").at(-1))] ?? types.html;
    return route.fulfill({ body, contentType });
  });
  page.on("pageerror", (error) => console.error(error.message));
  await page.goto(origin);
  await page.waitForFunction("globalThis.bench !== undefined");
  return {
    where: `${name} ${browser.version()}`,
    /** @param {string} benchmark @returns {Promise<import("./contest.mjs").Row[]>} */
    run: (benchmark) => page.evaluate((asked) => /** @type {any} */ (globalThis).bench(asked), benchmark),
    close: () => browser.close(),
  };
}
