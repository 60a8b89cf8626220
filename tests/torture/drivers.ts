/** Browsers that are killed: started with a profile that stays, shown one page, and killed in one way or another. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import * as launch from "../../.config/browsers.mjs";

/** A browser that is used until it is killed, with one profile. */
interface Driver {
  readonly ways: readonly string[];
  /** Has the one tab show an address, in a browser that is started where none runs. */
  open(url: string): Promise<void>;
  kill(way: string): Promise<void>;
  close(): Promise<void>;
}

/** Starts a browser in its own group of processes, which may outlive it; its descriptors 3 and 4 are pipes to it and from it. */
function start(file: string, args: readonly string[]): ChildProcess {
  return spawn(file, args, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"], detached: true });
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

/** A command of the DevTools protocol, to the browser or to a session with a page. */
type Send = (method: string, params?: object, sessionId?: string) => Promise<Readonly<Record<string, unknown>>>;

/** Speaks with a Chromium over its pipes; `hear` is told of what happens. What was asked of a browser that is killed is not answered. */
function talk({ stdio }: ChildProcess, hear: (method: string, params: Readonly<Record<string, unknown>>) => void): Send {
  const [into, from] = [stdio[3] as Writable, stdio[4] as Readable];
  const waiting = new Map<number, { resolve(result: Readonly<Record<string, unknown>>): void; reject(error: Error): void }>();
  let asked = 0;
  let rest = "";
  into.on("error", () => {});
  from.on("error", () => {});
  from.setEncoding("utf8").on("data", (chunk: string) => {
    const texts = (rest + chunk).split("\0");
    rest = texts.pop() as string;
    for (const { id, result, error, method, params } of texts.map((text) => JSON.parse(text))) {
      if (id === undefined) hear(method, params);
      else if (error === undefined) waiting.get(id)?.resolve(result);
      else waiting.get(id)?.reject(new Error(error.message));
      waiting.delete(id);
    }
  });
  return (method, params = {}, sessionId) =>
    new Promise((resolve, reject) => {
      waiting.set(++asked, { resolve, reject });
      into.write(`${JSON.stringify({ id: asked, method, params, sessionId })}\0`);
    });
}

function chromiumDriver(profile: string): Driver {
  let browser: { readonly child: ChildProcess; readonly send: Send } | undefined;
  let tab: { readonly id: string; readonly session: string } | undefined;
  let crashed: () => void = () => {};
  const launched = async (): Promise<NonNullable<typeof browser>> => {
    const flags = ["--headless=new", "--no-first-run", "--remote-debugging-pipe", `--user-data-dir=${profile}`, "about:blank"];
    const child = start(launch.chromium.executablePath, [...launch.chromium.args, ...flags]);
    const send = talk(child, (method) => method === "Target.targetCrashed" && crashed());
    await send("Target.setDiscoverTargets", { discover: true });
    browser = { child, send };
    return browser;
  };
  return {
    ways: ["browser", "renderer", "crash", "reload", "close"],
    async open(url) {
      const { send } = browser ?? (await launched());
      if (tab === undefined) {
        const { targetId } = await send("Target.createTarget", { url: "about:blank" });
        const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
        tab = { id: targetId as string, session: sessionId as string };
      }
      await send("Page.navigate", { url }, tab.session);
    },
    async kill(way) {
      const { child, send } = browser as NonNullable<typeof browser>;
      const { id, session } = tab as NonNullable<typeof tab>;
      // A page that is shown another address, or its own again, is left in the midst of its work, by the next call of open.
      if (way === "reload") return;
      tab = undefined;
      if (way === "browser") {
        browser = undefined;
        return end(child);
      }
      if (way !== "close") {
        const gone = new Promise<void>((resolve) => {
          crashed = resolve;
        });
        if (way === "crash") send("Page.crash", {}, session).catch(() => {});
        else await killRenderers(send);
        await gone;
      }
      await send("Target.closeTarget", { targetId: id });
    },
    async close() {
      if (browser === undefined) return;
      await end(browser.child);
      sweep(browser.child);
    },
  };
}

/** Kills what shows pages, one made in advance included; resolves once the browser knows, lest it gives the next page to what is dead. */
async function killRenderers(send: Send): Promise<void> {
  const killed = await renderers(send);
  for (const pid of killed) process.kill(pid, "SIGKILL");
  while ((await renderers(send)).some((pid) => killed.includes(pid))) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function renderers(send: Send): Promise<number[]> {
  const { processInfo } = (await send("SystemInfo.getProcessInfo")) as { processInfo: { type: string; id: number }[] };
  return processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
}

/** Settings under which Firefox shows the page it is asked for, and nothing else. */
const prefs: readonly (readonly [name: string, value: string | number | boolean])[] = [
  ["app.normandy.enabled", false],
  ["app.update.enabled", false],
  ["browser.aboutwelcome.enabled", false],
  ["browser.newtabpage.enabled", false],
  // Else it loads pages once more behind the scenes, apart from their storage, to have pictures of them.
  ["browser.pagethumbnails.capturing_disabled", true],
  ["browser.sessionstore.resume_from_crash", false],
  ["browser.shell.checkDefaultBrowser", false],
  ["browser.startup.homepage_override.mstone", "ignore"],
  ["browser.startup.page", 0],
  ["datareporting.policy.dataSubmissionEnabled", false],
  ["network.captive-portal-service.enabled", false],
  ["toolkit.startup.max_resumed_crashes", -1],
];

function firefoxDriver(profile: string): Driver {
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
      const lines = prefs.map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`);
      await writeFile(join(profile, "user.js"), lines.join(""));
      child = start(launch.firefox.executablePath, ["--headless", "--no-remote", "--profile", profile, url]);
    },
    kill,
    async close() {
      const last = child;
      await kill();
      if (last !== undefined) sweep(last);
    },
  };
}

/** Makers of browsers with a profile. */
export const drivers: Readonly<Record<"chromium" | "firefox", (profile: string) => Driver>> = {
  chromium: chromiumDriver,
  firefox: firefoxDriver,
};
