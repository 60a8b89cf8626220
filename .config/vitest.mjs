/**
 * One suite, five runtimes. `node` is every test but those of pages; `runtime` is the part that Deno and Bun run too; `chromium` and
 * `firefox` run that part inside the browser; `browser` drives pages from outside.
 */
import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { chromium, firefox, isolation, lavapipe, swiftshader, vulkan } from "./browsers.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
/** What every runtime must do: the contract of the product, and every kernel against its meaning. */
const runtimeTests = ["tests/runtime/**/*.test.ts", "tests/conformance/{wasm,webgpu,program,sweep}.test.ts"];
const resolve = { alias: { palimpsest: `${root}src/index.ts` } };
const setup = (/** @type {string[]} */ ...names) => names.map((name) => fileURLToPath(new URL(`./${name}.mjs`, import.meta.url)));
const limits = { testTimeout: 180_000, hookTimeout: 180_000, expect: { poll: { timeout: 60_000 } } };

/** @param {string} name @param {string[]} include @param {string[]} exclude @param {string[]} setupFiles */
const local = (name, include, exclude = [], setupFiles = setup("offline")) => ({
  resolve,
  test: {
    ...limits,
    name,
    setupFiles,
    include,
    exclude: ["**/node_modules/**", ...exclude],
    env: vulkan("deno" in process.versions ? lavapipe : swiftshader),
    // Deno's worker threads lack what a pool of threads needs.
    pool: /** @type {const} */ ("forks"),
  },
});

/** @param {"chromium" | "firefox"} name @param {object} launchOptions */
const page = (name, launchOptions) => ({
  resolve,
  server: { headers: isolation },
  test: {
    ...limits,
    name,
    include: runtimeTests,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions }),
      instances: [{ browser: name }],
    },
  },
});

export default defineConfig({
  root,
  test: {
    maxWorkers: 2,
    projects: [
      local("node", ["tests/**/*.test.ts"], ["tests/browser/**"], setup("offline", "properties")),
      local("runtime", runtimeTests),
      local("browser", ["tests/browser/**/*.test.ts"]),
      page("chromium", chromium),
      page("firefox", firefox),
    ],
  },
});
