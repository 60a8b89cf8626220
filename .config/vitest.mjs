import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL("..", import.meta.url));
const isolated = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

// Deno's worker_threads lack what vitest's thread pool needs, hence forks everywhere.
const server = (name, include, exclude = []) => ({
  test: { name, include, exclude: ["**/node_modules/**", ...exclude], environment: "node", pool: "forks", testTimeout: 30_000 },
});

const browser = (name, launchOptions) => ({
  server: { headers: isolated },
  test: {
    name,
    include: ["tests/runtime/**/*.test.ts"],
    testTimeout: 30_000,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions }),
      instances: [{ browser: name }],
    },
  },
});

/** The launch options under which both browsers have WebGPU on a machine without a GPU. */
export const launch = {
  chromium: {
    executablePath: "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--enable-unsafe-webgpu",
      "--use-webgpu-adapter=swiftshader",
      // SwiftShader compiles kernels with workgroup memory 20 times slower when it must zero that memory.
      "--enable-dawn-features=disable_workgroup_init",
    ],
  },
  firefox: {
    channel: "moz-firefox",
    executablePath: "/usr/bin/firefox-esr",
    firefoxUserPrefs: { "dom.webgpu.enabled": true, "gfx.webgpu.ignore-blocklist": true },
  },
};

export default defineConfig({
  root,
  test: {
    projects: [
      server("node", ["tests/**/*.test.ts"], ["tests/browser/**"]),
      server("runtime", ["tests/runtime/**/*.test.ts"]),
      server("browser", ["tests/browser/**/*.test.ts"]),
      browser("chromium", launch.chromium),
      browser("firefox", launch.firefox),
    ],
  },
});
