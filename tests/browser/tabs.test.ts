/** Tabs of one origin: one leads, all hand batches over, whoever leads is closed, crashes or freezes, and another takes its place. */
import { Learner, type LearnerOptions, memory, nn, openRuntime, optim, schedules, stores } from "palimpsest";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as launch from "../../.config/browsers.mjs";
import { decodeCheckpoint, type StoredTensor } from "../../src/store/index.ts";
import { type Site, serve } from "./site.ts";

const TABS = 8;
const BATCHES = 20;

/** In Node and in tabs: options of the learner, and the batch of an id, which its row tells. */
const job = {
  learner: (
    palimpsest: Pick<typeof import("palimpsest"), "memory" | "nn" | "optim" | "schedules">,
    more: Pick<LearnerOptions, "store" | "durability"> = {},
  ): LearnerOptions => ({
    ...{
      model: palimpsest.nn.sequential(palimpsest.nn.linear(8), palimpsest.nn.tanh(), palimpsest.nn.classifier({ capacity: 4 })),
      input: [4],
    },
    ...{ optimizer: palimpsest.optim.adamw(), schedule: palimpsest.schedules.cosine({ peak: 0.01, total: 1000 }), seed: 3, batchSize: 1 },
    ...{ memory: palimpsest.memory.ring({ capacity: 4096 }), ...more },
  }),
  batch: (id: number) => ({ x: Float32Array.of(id, id % 7, id % 3, 1), y: [id % 4], id: [id] }),
};

/** What a tab runs. It tells Node `did(id)` of each batch that was acknowledged. */
const script = `
import * as palimpsest from "/dist/index.js";
const { Follower, Learner, openRuntime, stores } = palimpsest;
const job = { learner: ${job.learner}, batch: ${job.batch} };
const [place, tab] = location.hash.slice(1).split(",");
const store = stores[place]("tabs");
const runtime = await openRuntime({ backend: "wasm" });
const lead = async (learner) => {
  await learner.lead();
  globalThis.learner = learner;
  document.title = "leads";
};
globalThis.steal = async () => lead(await Learner.open(runtime, store, { steal: true }));
if (tab === "0") await lead(await Learner.create(runtime, job.learner(palimpsest, { store, durability: "relaxed" })));
else Learner.open(runtime, store, { waitMs: 600000 }).then(lead, (error) => globalThis.failed(String(error)));
const follower = await Follower.open(runtime, store, { waitMs: 60000 });
document.title ||= "follows";
globalThis.hand = async (first, count) => {
  for (let id = first; id < first + count; id++) {
    const { step } = await follower.observe(job.batch(id));
    globalThis.did(id, step);
  }
  await follower.refresh();
  return follower.stateHash();
};
globalThis.ready = true;
`;

let site: Site;
let browser: Browser;
beforeAll(async () => {
  [site, browser] = await Promise.all([serve(), chromium.launch(launch.chromium)]);
});
afterAll(async () => {
  await Promise.all([browser?.close(), site?.close()]);
});

describe.each(["opfs", "indexeddb"])("tabs with a learner in %s", (place) => {
  let context: BrowserContext;
  const did: number[] = [];
  /** Those that still run. */
  const tabs: Page[] = [];
  const remove = (page: Page): void => void (tabs.includes(page) && tabs.splice(tabs.indexOf(page), 1));
  const failures: string[] = [];
  beforeEach(async () => {
    context = await browser.newContext();
    context.setDefaultTimeout(120_000);
    did.length = 0;
    tabs.length = 0;
    failures.length = 0;
    await context.route("**/tab.html", (route) =>
      route.fulfill({ contentType: "text/html", body: '<!doctype html><script type="module" src="/tab.js"></script>' }),
    );
    await context.route("**/tab.js", (route) => route.fulfill({ contentType: "text/javascript", body: script }));
    await context.exposeFunction("did", (id: number) => void did.push(id));
    await context.exposeFunction("failed", (text: string) => void failures.push(text));
  });
  afterEach(() => context.close());

  async function open(tab: number): Promise<void> {
    const page = await context.newPage();
    page.on("pageerror", (error) => void failures.push(error.message));
    await page.goto(new URL(`tab.html#${place},${tab}`, site.url).href);
    await page.waitForFunction("globalThis.ready === true");
    // Tabs of one process go together.
    page.on("crash", () => remove(page));
    tabs.push(page);
  }

  it("have each batch learned once, in the one order that the store has, whoever leads", async () => {
    for (let tab = 0; tab < TABS; tab++) await open(tab);
    const leader = async (): Promise<Page> => {
      for (;;) for (const page of tabs) if ((await page.title()) === "leads") return page;
    };
    const hand = (page: Page, first: number, count: number): Promise<string> =>
      page.evaluate(`hand(${first}, ${count})`) as Promise<string>;
    /** All tabs hand over; meanwhile something befalls the one that leads. */
    const round = async (number: number, befall: (page: Page) => Promise<void>): Promise<string[]> => {
      const led = await leader();
      const before = did.length;
      const hashes = tabs.map((page, tab) => hand(page, 1000 * number + 100 * tab, BATCHES));
      await expect.poll(() => did.length, { timeout: 60_000 }).toBeGreaterThan(before + TABS);
      await befall(led);
      const settled = await Promise.allSettled(hashes);
      return settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    };

    await round(1, async (page) => {
      remove(page);
      await page.close();
    });
    await round(2, async (page) => {
      const gone = new Promise((resolve) => page.once("crash", resolve));
      page.goto("chrome://crash").catch(() => undefined);
      await gone;
    });
    const stale = await leader();
    const lifecycle = await context.newCDPSession(stale);
    await round(3, async (page) => {
      expect(page).toBe(stale);
      await lifecycle.send("Page.setWebLifecycleState", { state: "frozen" });
      remove(page);
      await (tabs[0] as Page).evaluate("steal()");
      await lifecycle.send("Page.setWebLifecycleState", { state: "active" });
    });
    const late = await stale.evaluate(
      "learner.observe(job.batch(9)).then(() => 'learned', (error) => error.code)".replace("job.batch(9)", `(${job.batch})(9)`),
    );
    expect(late).toBe("E_LOCKED");
    const hashes = await round(4, async () => undefined);
    expect(hashes).toHaveLength(tabs.length);
    expect(failures).toEqual([]);

    const bytes = (await (await leader()).evaluate("learner.checkpoint().then((bytes) => [...bytes])")) as number[];
    const { tensors, meta } = await decodeCheckpoint(Uint8Array.from(bytes), "the last");
    const { data } = tensors.get("memory/x") as StoredTensor;
    const rows = new Float32Array(data.slice().buffer);
    const order = [...rows].filter((_, i) => i % 4 === 0);
    expect(new Set(order).size).toBe(order.length);
    expect(did.filter((id) => !order.includes(id))).toEqual([]);
    expect(new Set(did).size).toBe(did.length);
    expect(meta.counters).toMatchObject({ step: order.length, samples: order.length });

    const runtime = await openRuntime({ backend: "wasm" });
    const repeated = await Learner.create(runtime, job.learner({ memory, nn, optim, schedules }));
    for (const id of order) await repeated.observe(job.batch(id));
    const { open: _, ...single } = stores.memory();
    await single.write(Uint8Array.from(bytes));
    const last = await Learner.open(runtime, single);
    expect(await last.stateHash()).toBe(await repeated.stateHash());
  });
});
