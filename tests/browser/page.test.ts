import { type Browser, chromium, firefox } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as launch from "../../.config/browsers.mjs";
import { type Site, serve } from "./site.ts";

const page = `<!doctype html><script type="module">
import { openRuntime } from "/dist/index.js";
const runtime = await openRuntime({ backend: "wasm" });
document.title = runtime.info.backend;
</script>`;

describe.each([
  ["chromium", () => chromium.launch(launch.chromium)],
  ["firefox", () => firefox.launch(launch.firefox)],
])("a plain page in %s", (_name, open) => {
  let site: Site;
  let browser: Browser;
  beforeAll(async () => {
    [site, browser] = await Promise.all([serve(), open()]);
  });
  afterAll(async () => {
    await Promise.all([browser?.close(), site?.close()]);
  });

  it("loads the built library with a script of type module", async () => {
    const tab = await browser.newPage();
    await tab.route("**/plain.html", (route) => route.fulfill({ contentType: "text/html", body: page }));
    await tab.goto(new URL("plain.html", site.url).href);
    await tab.waitForFunction("document.title !== ''");
    expect(await tab.title()).toBe("wasm");
  });
});
