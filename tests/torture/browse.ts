/** Browsers, and their tabs, are killed while a page learns; opened again, it must end where a program ends that never was killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { stores } from "palimpsest";
import { type Browser, chromium, type Page } from "playwright";
import * as launch from "../../.config/browsers.mjs";
import { RandomStream } from "../../src/random.ts";
import { type Lesson, learnLesson } from "./lesson.ts";
import type { Asked, Told } from "./page.ts";

/** What was tried, by the way of the kill, and what came of it. */
export interface Killed {
  readonly kills: Readonly<Record<string, number>>;
  /** How often a store was found taken by a page that was gone. */
  readonly locked: number;
  readonly problems: readonly string[];
}

/** A browser that is used until it is killed, with one profile. */
interface Driver {
  readonly ways: readonly string[];
  /** Has the one tab show an address, in a browser that is started where none runs. */
  open(url: string): Promise<void>;
  kill(way: string): Promise<void>;
  close(): Promise<void>;
}

/** Starts a browser in its own group of processes, which may outlive it. */
function start(file: string, args: readonly string[]): ChildProcess {
  return spawn(file, args, { stdio: ["ignore", "ignore", "pipe"], detached: true });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

/** Ends what a browser that was killed has left. */
function sweep({ pid }: ChildProcess): void {
  try {
    process.kill(-(pid as number), "SIGKILL");
  } catch {
    // There was nothing left.
  }
}

/** Returns where Chromium is to be spoken to, which it says once it has started. */
function endpointOf({ stderr }: ChildProcess): Promise<string> {
  let said = "";
  return new Promise((resolve, reject) => {
    stderr?.on("data", (chunk) => {
      said += chunk;
      const [, endpoint] = /DevTools listening on (ws:\S+)/.exec(said) ?? [];
      if (endpoint !== undefined) resolve(endpoint);
    });
    stderr?.on("end", () => reject(new Error(`chromium does not start: ${said}`)));
  });
}

function chromiumDriver(profile: string): Driver {
  let child: ChildProcess | undefined;
  let browser: Browser | undefined;
  let page: Page | undefined;
  const processes = async (): Promise<readonly { readonly type: string; readonly id: number }[]> => {
    const session = await (browser as Browser).newBrowserCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    await session.detach();
    return processInfo;
  };
  const connect = async (): Promise<Browser> => {
    const flags = ["--headless=new", "--no-first-run", "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"];
    child = start(launch.chromium.executablePath, [...launch.chromium.args, ...flags]);
    browser = await chromium.connectOverCDP(await endpointOf(child));
    return browser;
  };
  return {
    ways: ["browser", "renderer", "crash", "reload", "close"],
    async open(url) {
      for (let tries = 1; ; tries++) {
        try {
          page ??= await (browser ?? (await connect())).contexts()[0]?.newPage();
          await page?.goto(url, { waitUntil: "commit" });
          return;
        } catch (error) {
          // A new tab may have got a process that was made in advance, and killed with the others.
          if (tries === 3) throw error;
          await page?.close().catch(() => {});
          page = undefined;
        }
      }
    },
    async kill(way) {
      if (way === "browser") {
        await end(child as ChildProcess);
        await browser?.close().catch(() => {});
        [browser, page] = [undefined, undefined];
        return;
      }
      // A page that is shown another address is left in the midst of its work, by the next call of open.
      if (way === "reload") return;
      const crash = way === "close" ? undefined : (page as Page).waitForEvent("crash");
      if (way === "crash") (page as Page).goto("chrome://crash").catch(() => {});
      if (way === "renderer") for (const { type, id } of await processes()) if (type === "renderer") process.kill(id, "SIGKILL");
      await crash;
      await page?.close();
      page = undefined;
    },
    async close() {
      await browser?.close().catch(() => {});
      if (child === undefined) return;
      await end(child);
      sweep(child);
    },
  };
}

function firefoxDriver(profile: string): Driver {
  const prefs = {
    ...{
      "browser.shell.checkDefaultBrowser": false,
      "browser.sessionstore.resume_from_crash": false,
      "browser.aboutwelcome.enabled": false,
    },
    ...{ "toolkit.startup.max_resumed_crashes": -1, "datareporting.policy.dataSubmissionEnabled": false, "app.update.enabled": false },
    ...{
      "app.normandy.enabled": false,
      "network.captive-portal-service.enabled": false,
      "browser.startup.homepage_override.mstone": "ignore",
    },
    // Else it loads pages once more behind the scenes, apart from their storage, to have pictures of them.
    ...{ "browser.pagethumbnails.capturing_disabled": true, "browser.newtabpage.enabled": false, "browser.startup.page": 0 },
  };
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    if (child === undefined) return;
    await end(child);
    child = undefined;
  };
  return {
    ways: ["browser"],
    async open(url) {
      await kill();
      await mkdir(profile, { recursive: true });
      const lines = Object.entries(prefs).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`);
      await writeFile(join(profile, "user.js"), lines.join(""));
      child = start(launch.firefox.executablePath, ["--headless", "--no-remote", "--profile", profile, url]);
      child.stderr?.resume();
    },
    kill,
    async close() {
      const last = child;
      await kill();
      if (last !== undefined) sweep(last);
    },
  };
}

/** Milliseconds in which a page must come to its end. */
const PATIENCE = 60_000;
/** After so many kills a store is left to come to its end, for others to have their turn. */
const KILLS_OF_A_LIFE = 4;

const drivers = { chromium: chromiumDriver, firefox: firefoxDriver } as const;

/** Returns the files of the site by path. */
async function bundle(here: string): Promise<Map<string, string>> {
  const root = fileURLToPath(new URL("../..", here));
  const { outputFiles } = await build({
    entryPoints: { page: join(root, "tests/torture/page.ts"), worker: join(root, "src/store/worker.ts") },
    alias: { palimpsest: join(root, "src/index.ts") },
    ...{ outdir: "out", write: false, bundle: true, format: "esm", platform: "browser", target: "es2022", logLevel: "error" },
    external: ["node:*", "webgpu"],
  });
  const html = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>';
  return new Map([["/", html], ...outputFiles.map(({ path, text }) => [path.slice(path.lastIndexOf("/")), text] as const)]);
}

/** Serves the site, and passes on what its pages tell. */
async function serve(files: ReadonlyMap<string, string>, hear: (told: Told) => void): Promise<Server> {
  const server = createServer((request, response) => {
    const [path = ""] = (request.url ?? "").split("?");
    if (request.method !== "POST") {
      const type = path.endsWith(".js") ? "text/javascript" : "text/html";
      const body = files.get(path);
      return response.writeHead(body === undefined ? 404 : 200, { "Content-Type": type, "Cache-Control": "no-store" }).end(body);
    }
    let text = "";
    request.on("data", (chunk) => {
      text += chunk;
    });
    // A page that is killed may not come to the end of what it tells.
    request.on("end", () => {
      hear(JSON.parse(text) as Told);
      response.end();
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server;
}

/** What is asked of {@link tortureBrowser}. */
export interface BrowseOptions {
  readonly browser: keyof typeof drivers;
  readonly kills: number;
  readonly seed: number;
  /** The address of this folder, where the code lies elsewhere. */
  readonly here?: string;
}

/** Kills a browser again and again, in each of its ways, until there were as many kills as asked for. */
export async function tortureBrowser({ browser, kills: wanted, seed, here = import.meta.url }: BrowseOptions): Promise<Killed> {
  const random = new RandomStream(seed, `browser ${browser}`);
  const pick = <T>(choices: readonly T[]): T => choices[random.below(choices.length)] as T;
  const folder = await mkdtemp(join(tmpdir(), `palimpsest-${browser}-`));
  const driver = drivers[browser](join(folder, "profile"));
  const kills: Record<string, number> = {};
  const problems: string[] = [];
  let [done, locked] = [0, 0];
  let hear: (told: Told) => void = () => {};
  const server = await serve(await bundle(here), (told) => hear(told));
  const site = `http://localhost:${(server.address() as AddressInfo).port}/`;
  const expected = new Map<string, string>();
  const inNode = async ({ kind, durability }: Lesson): Promise<string> => {
    const key = `${kind} ${durability}`;
    const known = expected.get(key) ?? (await learnLesson({ kind, durability }, stores.memory(), () => {}));
    expected.set(key, known);
    return known;
  };
  try {
    for (let life = 0; done < wanted && problems.length < 10; life++) {
      const asked: Asked = {
        ...{ kind: life % 2 === 0 ? "learner" : "run", durability: life % 5 < 3 ? "relaxed" : "strict", name: `life ${life}` },
        ...{ place: life % 3 === 1 ? "indexeddb" : "opfs", thread: life % 4 < 2 ? "page" : "worker" },
      };
      const story = newStory(asked.name);
      const most = done + KILLS_OF_A_LIFE;
      for (let over = false; !over; ) {
        const way = done < Math.min(wanted, most) ? pick(driver.ways) : undefined;
        const [phase, after] = [pick(["load", "open", "open", "open"] as const), random.below(400)];
        const visit = story.visit();
        hear = story.hear;
        await driver.open(`${site}?${encodeURIComponent(JSON.stringify(asked))}`);
        const kill = way === undefined ? [] : [visit.phase(phase).then(() => new Promise<void>((resolve) => setTimeout(resolve, after)))];
        const result = await Promise.race([visit.result, ...kill]);
        if (result === undefined) {
          await driver.kill(way as string);
          kills[way as string] = (kills[way as string] ?? 0) + 1;
          done += 1;
          continue;
        }
        over = true;
        if (result !== (await inNode(asked)))
          problems.push(`${JSON.stringify(asked)}, after ${done} kills: ended with ${result.slice(0, 1000)}`);
      }
      locked += story.locked();
      problems.push(...story.problems.map((problem) => `${JSON.stringify(asked)}, after ${done} kills: ${problem}`));
    }
    return { kills, locked, problems };
  } finally {
    await driver.close();
    server.close();
    server.closeAllConnections();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** One visit of a page: what it came to, and when it had come so far. */
interface Visit {
  readonly result: Promise<string>;
  phase(name: "load" | "open"): Promise<void>;
}

/** Follows what the pages of one store tell, and finds what was acknowledged and lost. */
function newStory(name: string) {
  const problems: string[] = [];
  let [page, locked] = [0, 0];
  /** Where the last page began, once it is known, and what it and those before it acknowledged. */
  let opened: number | undefined;
  let [present, past] = [0, 0];
  let reach: (what: Told["what"], value: string) => void = () => {};
  return {
    problems,
    locked: () => locked,
    hear({ page: from, name: of, what, value, locked: times }: Told): void {
      if (of !== name) return;
      if (from > page) [page, past, present, opened] = [from, Math.max(past, present), 0, undefined];
      // What a page that is gone told last may come late.
      const late = from < page;
      if (what === "step" && late) past = Math.max(past, Number(value));
      if (what === "step" && !late) present = Math.max(present, Number(value));
      if (what === "open" && !late) [opened, locked] = [Number(value), locked + times];
      if (opened !== undefined && past > opened) {
        problems.push(`step ${past} was acknowledged, and what was opened is at step ${opened}`);
        past = 0;
      }
      if (!late) reach(what, String(value));
    },
    visit(): Visit {
      const phases = new Map<string, () => void>();
      const reached = new Map(["load", "open"].map((what) => [what, new Promise<void>((resolve) => phases.set(what, resolve))]));
      const result = new Promise<string>((resolve) => {
        const timer = setTimeout(() => resolve(`nothing for ${PATIENCE / 1000} s`), PATIENCE);
        timer.unref();
        reach = (what, value) => {
          phases.get(what)?.();
          if (what === "end" || what === "error") resolve(value);
        };
      });
      return { result, phase: (what) => reached.get(what) as Promise<void> };
    },
  };
}
