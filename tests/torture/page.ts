/** A page that learns until its browser is killed, and tells its server how far it came. Loaded once more as a worker where it is to learn there. */
import { stores } from "palimpsest";
import { isError } from "../../src/errors.ts";
import { type Lesson, learnLesson } from "./lesson.ts";

/** What the address of the page asks for. */
export interface Asked extends Lesson {
  readonly place: "opfs" | "indexeddb";
  readonly thread: "page" | "worker";
  /** The name of the store. */
  readonly name: string;
}

/** What the server is told. */
export interface Told {
  /** When the page that tells it was loaded. */
  readonly page: number;
  readonly name: string;
  readonly what: "load" | "open" | "step" | "end" | "error";
  /** Steps done, the result, or what went wrong. */
  readonly value: number | string;
  /** How often the store was found taken. */
  readonly locked: number;
}

const asked = JSON.parse(decodeURIComponent(location.search.slice(1))) as Asked;
let locked = 0;

function tell(what: Told["what"], value: Told["value"]): void {
  const told: Told = { page: performance.timeOrigin, name: asked.name, what, value, locked };
  // What is to outlive the page may be no longer than 64 KiB.
  fetch("/told", { method: "POST", body: JSON.stringify(told), keepalive: what !== "end" }).catch(() => {});
}

/** A page that was left may hold the store for a moment. */
async function patiently(learn: () => Promise<string>): Promise<string> {
  for (const until = performance.now() + 5000; ; locked++) {
    try {
      return await learn();
    } catch (error) {
      if (!isError(error, "E_LOCKED") || performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

if (asked.thread === "worker" && globalThis.document !== undefined) new Worker(`/page.js${location.search}`, { type: "module" });
else {
  tell("load", 0);
  const store = asked.place === "opfs" ? stores.opfs(asked.name) : stores.indexeddb(asked.name);
  patiently(() => learnLesson(asked, store, (what, step) => (what === "open" || step % 8 === 0) && tell(what, step))).then(
    (result) => tell("end", result),
    (error: unknown) => tell("error", String((error as Error).stack ?? error)),
  );
}
