/** Browsers, and their tabs, are killed while a page learns; opened again, it must end where a program ends that never was killed. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { stores } from "palimpsest";
import { RandomStream } from "../../src/random.ts";
import { drivers } from "./drivers.ts";
import { type Lesson, learnLesson } from "./lesson.ts";
import type { Asked, Told } from "./page.ts";

/** What was tried, by the way of the kill, and what came of it. */
export interface Killed {
  readonly kills: Readonly<Record<string, number>>;
  /** How often a store was found taken by a page that was gone. */
  readonly locked: number;
  readonly problems: readonly string[];
}

/** Milliseconds in which a page must come to its end. */
const PATIENCE = 60_000;
/** After so many kills a store is left to come to its end, for others to have their turn. */
const KILLS_OF_A_LIFE = 4;

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

/** Serves a site under the headers, and passes on what its pages post, which is JSON. */
export async function serve<T>(
  files: ReadonlyMap<string, string | Uint8Array>,
  hear: (told: T) => void,
  headers: Readonly<Record<string, string>> = {},
): Promise<Server> {
  const server = createServer((request, response) => {
    const [path = ""] = (request.url ?? "").split("?");
    if (request.method !== "POST") {
      const type = path.endsWith(".js") ? "text/javascript" : "text/html";
      const body = files.get(path);
      return response
        .writeHead(body === undefined ? 404 : 200, { ...headers, "Content-Type": type, "Cache-Control": "no-store" })
        .end(body);
    }
    let text = "";
    request.on("data", (chunk) => {
      text += chunk;
    });
    // A page that is killed may not come to the end of what it tells.
    request.on("end", () => {
      hear(JSON.parse(text) as T);
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
  const server = await serve<Told>(await bundle(here), (told) => hear(told));
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
      for (let [over, before] = [false, "none"]; !over; ) {
        const way = done < Math.min(wanted, most) ? pick(driver.ways) : undefined;
        const [phase, after] = [pick(["load", "open", "open", "open"] as const), random.below(400)];
        const visit = story.visit();
        hear = story.hear;
        await driver.open(`${site}?${encodeURIComponent(JSON.stringify(asked))}`);
        const kill = way === undefined ? [] : [visit.phase(phase).then(() => new Promise<void>((resolve) => setTimeout(resolve, after)))];
        const result = await Promise.race([visit.result, ...kill]);
        if (result === undefined) {
          await driver.kill(way as string);
          before = way as string;
          kills[before] = (kills[before] ?? 0) + 1;
          done += 1;
          continue;
        }
        over = true;
        if (result !== (await inNode(asked)))
          problems.push(`${JSON.stringify(asked)}, after ${done} kills, the last by ${before}: ended with ${result.slice(0, 1000)}`);
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
        let last = "nothing";
        const timer = setTimeout(() => resolve(`nothing for ${PATIENCE / 1000} s, behind ${last}`), PATIENCE);
        timer.unref();
        reach = (what, value) => {
          last = `${what} ${value}`;
          phases.get(what)?.();
          if (what === "end" || what === "error") resolve(value);
        };
      });
      return { result, phase: (what) => reached.get(what) as Promise<void> };
    },
  };
}
