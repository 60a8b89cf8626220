import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, firefox } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as launch from "../../.config/browsers.mjs";
import { serve } from "../torture/browse.ts";
import { drivers } from "../torture/drivers.ts";
import { type Site, serve as serveDemo } from "./site.ts";

const page = `<!doctype html><script type="module">
import { Learner, memory, nn, openRuntime, optim, strategies } from "/dist/index.js";
const runtime = await openRuntime({ backend: "wasm" });
const options = { model: nn.classifier({ capacity: 10 }), input: [784], optimizer: optim.sgd(), schedule: 0.1 };
const large = { memory: memory.reservoir({ capacity: 10_000_000 }), strategies: [strategies.replay({ batchSize: 4 })] };
const refused = await Learner.create(runtime, { ...options, ...large }).catch((error) => error);
const { backend } = runtime.info;
document.title = JSON.stringify({ backend, code: refused.code, budget: refused.context?.budget, device: navigator.deviceMemory ?? 1.5 });
</script>`;

/** A learner in a worker, with threads of its own, while the page counts its turns. */
const worker = `
addEventListener("unhandledrejection", ({ reason }) => postMessage({ error: String(reason) }));
import { Learner, nn, openRuntime, optim } from "/dist/index.js";
const runtime = await openRuntime({ backend: "wasm", threads: 2 });
const learner = await Learner.create(runtime, {
  model: nn.sequential(nn.linear(400), nn.relu(), nn.linear(400), nn.relu(), nn.classifier({ capacity: 10 })),
  input: [784], optimizer: optim.adamw(), schedule: 1e-3,
});
const x = new Float32Array(256 * 784).map((_, i) => ((i * 7919) % 255) / 255);
const y = Array.from({ length: 256 }, (_, i) => i % 10);
const start = performance.now();
let loss;
while (performance.now() - start < 1500) loss = (await learner.observe({ x, y })).loss;
postMessage({ threads: runtime.info.threads, step: learner.step, loss });
`;
const pageOfWorker = `<!doctype html><script type="module">
const worker = new Worker("/learner.js", { type: "module" });
let beats = 0;
const beat = setInterval(() => (beats += 1), 10);
worker.onmessage = ({ data }) => {
  clearInterval(beat);
  tell({ ...data, beats });
};
worker.onerror = (event) => tell({ error: event.message });
const tell = (told) => fetch("/told", { method: "POST", body: JSON.stringify(told) });
</script>`;

/** A page that learns, saves, opens again, answers and forgets. */
const quiet = `<!doctype html><script type="module">
import { Learner, memory, nn, openRuntime, optim, stores } from "/dist/index.js";
const runtime = await openRuntime({ backend: "wasm" });
const store = stores.auto("quiet page");
await store.remove();
const learner = await Learner.create(runtime, {
  model: nn.sequential(nn.linear(8), nn.relu(), nn.classifier({ capacity: 2 })), input: [4], optimizer: optim.adamw(), schedule: 1e-2,
  memory: memory.reservoir({ capacity: 20 }), store, durability: "relaxed",
});
const x = Float32Array.of(1, 2, 3, 4);
for (let i = 0; i < 200; i++) await learner.observe({ x, y: [i % 2], id: [i] });
await learner.save();
await learner.close();
const again = await Learner.open(runtime, store);
await again.predict(x);
await again.forget([199]);
const steps = again.step;
await again.close();
await store.remove();
document.title = JSON.stringify({ steps });
</script>`;

/** All that a page may do under a strict policy: nothing inline, no blob, no eval. */
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'";
const storing = `
import { stores } from "/dist/index.js";
const told = {};
try {
  const store = stores.auto("strict page");
  await store.write(Uint8Array.of(1, 2, 3));
  const storage = await store.open("write");
  told.place = storage.place;
  await storage.close();
  told.value = [...(await stores.auto("strict page").read())];
  await store.remove();
} catch (error) {
  told.error = error.message;
}
document.title = JSON.stringify(told);
`;

describe.each([
  ["chromium", () => chromium.launch(launch.chromium)],
  ["firefox", () => firefox.launch(launch.firefox)],
])("a plain page in %s", (_name, open) => {
  let site: Site;
  let browser: Browser;
  beforeAll(async () => {
    [site, browser] = await Promise.all([serveDemo(), open()]);
  });
  afterAll(async () => {
    await Promise.all([browser?.close(), site?.close()]);
  });

  it("loads the built library with a script of type module", async () => {
    const tab = await browser.newPage();
    tab.setDefaultTimeout(120_000);
    await tab.route("**/plain.html", (route) => route.fulfill({ contentType: "text/html", body: page }));
    await tab.goto(new URL("plain.html", site.url).href);
    await tab.waitForFunction("document.title !== ''");
    const { backend, code, budget, device } = JSON.parse(await tab.title());
    // A page would be ended without a word long before these 31 GB.
    expect({ backend, code, budget }).toEqual({ backend: "wasm", code: "E_OOM", budget: device * 2 ** 28 });
    await tab.close();
  });

  it("asks for nothing while it learns, keeps and forgets", async () => {
    const tab = await browser.newPage();
    tab.setDefaultTimeout(120_000);
    await tab.route("**/quiet.html", (route) => route.fulfill({ contentType: "text/html", body: quiet }));
    const asked: string[] = [];
    tab.on("request", (request) => asked.push(request.url()));
    await tab.goto(new URL("quiet.html", site.url).href);
    await tab.waitForFunction("document.title !== ''");
    expect(JSON.parse(await tab.title())).toEqual({ steps: 200 });
    // What is fetched is the page, and the modules and the worker of the library.
    expect(asked.filter((url) => url.endsWith("/dist/index.js"))).toHaveLength(1);
    const own = new RegExp(`^${new URL(".", site.url).href}(quiet\\.html|favicon\\.ico|dist/[\\w.-]+\\.js)$`);
    expect(asked.filter((url) => !own.test(url))).toEqual([]);
    await tab.close();
  });

  it("keeps a store by the built worker under a strict policy", async () => {
    const tab = await browser.newPage();
    tab.setDefaultTimeout(120_000);
    const body = '<!doctype html><script type="module" src="/storing.js"></script>';
    const headers = { "Content-Security-Policy": policy };
    await tab.route("**/strict.html", (route) => route.fulfill({ contentType: "text/html", headers, body }));
    await tab.route("**/storing.js", (route) => route.fulfill({ contentType: "text/javascript", body: storing }));
    await tab.goto(new URL("strict.html", site.url).href);
    await expect.poll(() => tab.title(), { timeout: 120_000 }).not.toBe("");
    expect(JSON.parse(await tab.title())).toEqual({ place: "opfs", value: [1, 2, 3] });
    await tab.close();
  });
});

/** The files of the built library, by their paths on a site. */
async function built(): Promise<[string, Uint8Array][]> {
  const folder = new URL("../../dist/", import.meta.url);
  const names = (await readdir(folder)).filter((name) => name.endsWith(".js"));
  return Promise.all(names.map(async (name) => [`/dist/${name}`, await readFile(new URL(name, folder))] as [string, Uint8Array]));
}

// Nothing drives these browsers: a Firefox that is driven blocks, about once in a hundred times, in the making of a worker by a worker.
describe.each(["chromium", "firefox"] as const)("a page of its own in %s", (name) => {
  it("stays free while a learner with threads works in a worker", async () => {
    const folder = await mkdtemp(join(tmpdir(), "palimpsest-page-"));
    const driver = drivers[name](folder);
    let hear: (told: unknown) => void = () => {};
    const told = new Promise<unknown>((resolve) => {
      hear = resolve;
    });
    const files = new Map<string, string | Uint8Array>([["/", pageOfWorker], ["/learner.js", worker], ...(await built())]);
    const server = await serve(files, (what) => hear(what), launch.isolation);
    try {
      await driver.open(`http://localhost:${(server.address() as AddressInfo).port}/`);
      const found = (await told) as { step: number; beats: number };
      expect(found).toMatchObject({ threads: 2, loss: expect.any(Number) });
      expect(found.step).toBeGreaterThan(2);
      // A page that computed itself would have had no turn in all of the 1.5 seconds.
      expect(found.beats).toBeGreaterThan(5);
    } finally {
      await driver.close();
      server.close();
      server.closeAllConnections();
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    }
  });
});
