/** Where the software GPU drivers and browsers are on Debian, and how to launch the browsers so that they have WebGPU without a GPU. */
import { existsSync } from "node:fs";

/** SwiftShader, which comes with Chromium; Dawn runs on it. */
export const swiftshader = "/usr/lib/chromium/vk_swiftshader_icd.json";
/** Mesa's lavapipe; the WebGPU of Firefox and Deno runs on it. */
export const lavapipe = "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json";

/** Returns the environment in which the Vulkan loader sees that driver alone, where it is installed. @param {string} driver @returns {Record<string, string>} */
export const vulkan = (driver) => ({
  XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? "/tmp",
  ...(existsSync(driver) ? { VK_ICD_FILENAMES: driver } : {}),
});

/** Options for `playwright.chromium.launch`. */
export const chromium = {
  executablePath: "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    // SwiftShader compiles kernels with workgroup memory 20 times slower when it must zero that memory.
    "--enable-dawn-features=disable_workgroup_init",
  ],
};

/** Options for `playwright.firefox.launch`: the channel makes it drive a stock Firefox. */
export const firefox = {
  channel: "moz-firefox",
  executablePath: "/usr/bin/firefox-esr",
  firefoxUserPrefs: { "dom.webgpu.enabled": true, "gfx.webgpu.ignore-blocklist": true },
  env: { .../** @type {Record<string, string>} */ (process.env), ...vulkan(lavapipe) },
};

/** The headers under which a page may share memory between threads. */
export const isolation = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
