import { type Browser, chromium, firefox, type Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as launch from "../../.config/browsers.mjs";
import { type Site, serve } from "./site.ts";

/** A digit as a visitor draws it, in shares of the sheet. */
const seven = [
  [0.3, 0.2],
  [0.7, 0.2],
  [0.58, 0.5],
  [0.45, 0.85],
] as const;

let site: Site;
beforeAll(async () => {
  site = await serve();
});
afterAll(() => site?.close());

/** Returns the demo in a fresh profile, ready to start, and the list of what went wrong on the page. */
async function visit(
  browser: Browser,
  prepare: (page: Page) => Promise<unknown> = async () => {},
): Promise<{ page: Page; problems: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1200 } });
  page.setDefaultTimeout(120_000);
  const problems: string[] = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("request", (request) => request.url().startsWith(site.url) || problems.push(`foreign request: ${request.url()}`));
  page.on("requestfailed", (request) => problems.push(`failed request: ${request.url()}`));
  page.on("response", (response) => response.ok() || problems.push(`${response.status()}: ${response.url()}`));
  await prepare(page);
  await page.goto(site.url);
  await reach(page, "ready");
  return { page, problems };
}

const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click();
const reach = (page: Page, state: string) => page.waitForSelector(`body[data-state=${state}]`);
const number = async (page: Page, selector: string) => Number.parseInt((await page.locator(selector).innerText()).replace(",", ""), 10);
const step = (page: Page) => number(page, "#step");
const passStep = (page: Page, least: number) =>
  page.waitForFunction((n) => Number(document.querySelector("#step")?.textContent?.replace(",", "")) >= n, least);
/** Digits answered, naive first. */
const answers = (page: Page) => page.locator("#answers b").allInnerTexts();

async function choose(page: Page, backend: string): Promise<void> {
  await page.selectOption("#backend", backend);
  await page.waitForFunction((name) => document.querySelector("#place")?.textContent?.startsWith(name), backend);
  await reach(page, "ready");
}

async function draw(page: Page, corners: readonly (readonly [number, number])[]): Promise<void> {
  const box = (await page.locator("#pad").boundingBox()) as { x: number; y: number; width: number };
  for (const [i, [x, y]] of corners.entries()) {
    await page.mouse.move(box.x + x * box.width, box.y + y * box.width, { steps: 4 });
    if (i === 0) await page.mouse.down();
  }
  await page.mouse.up();
  await page.waitForFunction(() => document.querySelector("#answers p:last-child b")?.textContent !== "–");
}

/** Returns the sum of each student's probabilities as the bars show them. */
const barSums = (page: Page) =>
  page.$$eval("#bars td", (cells) =>
    [0, 1].map((student) =>
      cells.reduce((sum, cell) => sum + Number((cell.children[student] as HTMLElement).style.getPropertyValue("--share")), 0),
    ),
  );

describe.each([
  ["chromium", () => chromium.launch(launch.chromium)],
  ["firefox", () => firefox.launch(launch.firefox)],
])("the demo in %s", (_name, open) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await open();
  });
  afterAll(() => browser?.close());

  it("learns on wasm, stops, answers, goes on to the end and is kept for the next visit", async () => {
    const { page, problems } = await visit(browser);
    await choose(page, "wasm");
    await press(page, "Start");
    await passStep(page, 15);
    for (const line of [".accuracies .line.c0", ".losses .line"]) await page.waitForSelector(`${line}[d*=L]`);

    await press(page, "Stop");
    await reach(page, "stopped");
    const stoppedAt = await step(page);
    await draw(page, seven);
    for (const sum of await barSums(page)) expect(sum).toBeCloseTo(1, 4);
    expect(await step(page)).toBe(stoppedAt);

    await page.click("text=Full speed");
    await press(page, "Continue");
    await reach(page, "finished");
    await passStep(page, 1500);
    expect(await page.locator(".cell.strong").count()).toBe(5 + 15);
    expect(await number(page, ".card:first-child .accuracy")).toBeLessThan(30);
    expect(await number(page, ".card:last-child .accuracy")).toBeGreaterThan(80);
    // The naive student knows nothing but its last task, the digits 8 and 9.
    await expect.poll(() => answers(page)).toEqual([expect.stringMatching(/[89]/), "7"]);

    await press(page, "Keep");
    await page.waitForSelector("#notice:has-text('Kept')");
    await page.reload();
    await reach(page, "finished");
    await passStep(page, 1500);
    await draw(page, seven);
    expect(await answers(page)).toEqual([expect.stringMatching(/[89]/), "7"]);

    await press(page, "Clear");
    await expect.poll(() => answers(page)).toEqual(["–", "–"]);
    await press(page, "Start over");
    await reach(page, "ready");
    await expect.poll(() => step(page)).toBe(0);
    expect(problems).toEqual([]);
  });
});

describe("the backends of the demo", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch(launch.chromium);
  });
  afterAll(() => browser?.close());

  it("says why a backend cannot be had, and takes another", async () => {
    const { page, problems } = await visit(browser, (page) =>
      page.addInitScript(() => Object.defineProperty(navigator, "gpu", { value: undefined })),
    );
    await page.selectOption("#backend", "webgpu");
    await reach(page, "failed");
    expect(await page.locator("#notice.warning").innerText()).toContain("no WebGPU backend");
    await choose(page, "wasm");
    expect(problems).toEqual([]);
  });

  it("learns on webgpu, and warns when the adapter is software", async () => {
    const { page, problems } = await visit(browser);
    await choose(page, "webgpu");
    expect(await page.locator("#place em").innerText()).toContain("computes on the CPU");
    await page.click("text=Full speed");
    await press(page, "Start");
    await passStep(page, 15);
    await draw(page, seven);
    await press(page, "Stop");
    await reach(page, "stopped");
    for (const sum of await barSums(page)) expect(sum).toBeCloseTo(1, 4);
    expect(problems).toEqual([]);
  });
});
