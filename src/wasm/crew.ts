/**
 * A crew: threads with the kernels over one shared memory, the caller's own thread being the first. They meet through atomics alone, so a run
 * passes no message; between runs the others look for work for a moment and then sleep.
 *
 * A run is a table of steps, for each step and thread two i32 words: the address of a list of kernels and its count. A step begins when
 * every thread has ended the one before.
 */
import { fail } from "../errors.ts";
import { builtin } from "./host.ts";

/** Threads that run tables together. */
export interface Crew {
  /** How many, the caller's included. */
  readonly size: number;
  /** Runs the table of `steps` at an address, and returns when all of it is done. @throws E_STATE once closed; E_BACKEND when a thread failed */
  run(table: number, steps: number): void;
  close(): void;
}

/** What a thread is given: plain data and the memory. */
interface Post {
  readonly module: Uint8Array<ArrayBuffer>;
  readonly memory: WebAssembly.Memory;
  readonly control: number;
  readonly index: number;
  readonly size: number;
}

interface Helper {
  /** Starts the thread and resolves when it waits for work. */
  start(post: Post): Promise<void>;
  stop(): void;
}

/** Bytes of a control block: i32 words as {@link takePart} reads them, on two cache lines. */
export const CONTROL_BYTES = 128;
const [RUNS, FAILED, TABLE, STEPS, FIRST, ARRIVED] = [0, 1, 2, 3, 4, 16] as const;
/** How long a thread may take to start before the crew does without it. */
const PATIENCE_MS = 10_000;

/**
 * Returns a crew of `size` threads over a shared memory, whose control block of zeros lies at `control`, or the reason why there is none.
 */
export async function openCrew(
  module: Uint8Array<ArrayBuffer>,
  own: Parameters<typeof takePart>[0],
  memory: WebAssembly.Memory,
  control: number,
  size: number,
): Promise<Crew | { refused: string }> {
  const helpers: Helper[] = [];
  let closed = false;
  const close = (): void => {
    closed = true;
    for (const helper of helpers) helper.stop();
  };
  try {
    for (let index = 1; index < size; index++) helpers.push(newHelper());
    await Promise.all(helpers.map((helper, i) => helper.start({ module, memory, control, index: i + 1, size })));
  } catch (error) {
    close();
    return { refused: `threads cannot start here: ${error instanceof Error ? error.message : String(error)}` };
  }
  const mayWait = canWait();
  return {
    size,
    run(table, steps) {
      // Nobody would ever arrive.
      if (closed) fail("E_STATE", "wasm: the runtime's threads have ended; expected an open runtime, got a run after close()");
      const words = new Int32Array(memory.buffer, control, CONTROL_BYTES / 4);
      words[TABLE] = table;
      words[STEPS] = steps;
      words[FIRST] = words[ARRIVED] as number;
      Atomics.add(words, RUNS, 1);
      Atomics.notify(words, RUNS);
      takePart(own, memory, control, 0, size, mayWait);
      if (Atomics.exchange(words, FAILED, 0) !== 0)
        fail("E_BACKEND", "wasm: a thread failed; expected that all end their part, got a trap");
    },
    close,
  };
}

/** Runs the share of one thread in the table that the control block names. It also runs as text in other threads: nothing from outside. */
function takePart(
  kernels: { run(list: number, count: number): void },
  memory: WebAssembly.Memory,
  control: number,
  index: number,
  size: number,
  mayWait: boolean,
): void {
  const words = new Int32Array(memory.buffer);
  const at = control >> 2;
  const arrivals = at + 16;
  const steps = words[at + 3] as number;
  let entry = ((words[at + 2] as number) >> 2) + 2 * index;
  let all = words[at + 4] as number;
  for (let step = 0; step < steps; step++, entry += 2 * size) {
    const count = words[entry + 1] as number;
    try {
      if (count > 0) kernels.run(words[entry] as number, count);
    } catch {
      Atomics.store(words, at + 1, 1);
    }
    // Arrivals only grow, and wrap together with what they are compared to.
    all = (all + size) | 0;
    if (((Atomics.add(words, arrivals, 1) + 1) | 0) === all) {
      Atomics.notify(words, arrivals);
      continue;
    }
    for (let tries = 0; ; tries++) {
      const arrived = Atomics.load(words, arrivals);
      if (((arrived - all) | 0) >= 0) break;
      if (mayWait && tries > 20_000) Atomics.wait(words, arrivals, arrived);
    }
  }
}

/** What a thread does with its life; it runs as text, beside {@link takePart}. */
function serve({ module, memory, control, index, size }: Post, part: typeof takePart, ready: () => void): void {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module), { env: { memory } });
  const words = new Int32Array(memory.buffer, control, 1);
  let seen = Atomics.load(words, 0);
  ready();
  for (;;) {
    for (let tries = 0; Atomics.load(words, 0) === seen; tries++) if (tries > 50_000) Atomics.wait(words, 0, seen);
    seen = (seen + 1) | 0;
    part(instance.exports as unknown as Parameters<typeof takePart>[0], memory, control, index, size, true);
  }
}

function threadSource(receive: string): string {
  return `${receive}(post,ready)=>(${serve})(post,${takePart},ready))`;
}

/** The part of `node:worker_threads` that a crew needs. */
interface Threads {
  readonly Worker: new (
    source: string,
    options: { eval: true },
  ) => {
    postMessage(post: Post): void;
    on(event: "message" | "error" | "exit", listener: (value: unknown) => void): void;
    unref(): void;
    terminate(): Promise<number>;
  };
}

function newHelper(): Helper {
  const threads = builtin("node:worker_threads") as Threads | undefined;
  return threads === undefined ? newPageHelper() : newNodeHelper(threads);
}

function newNodeHelper({ Worker }: Threads): Helper {
  const port = 'require("node:worker_threads").parentPort';
  const worker = new Worker(threadSource(`((f)=>${port}.once("message",(post)=>f(post,()=>${port}.postMessage(0))))(`), { eval: true });
  return {
    start: (post) =>
      inTime((resolve, reject) => {
        worker.on("message", resolve);
        worker.on("error", reject);
        worker.on("exit", () => reject(new Error("it ended")));
        worker.postMessage(post);
      }).finally(() => worker.unref()),
    stop: () => void worker.terminate(),
  };
}

function newPageHelper(): Helper {
  const source = threadSource("((f)=>{onmessage=({data})=>f(data,()=>postMessage(0))})(");
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url);
  return {
    start: (post) =>
      inTime((resolve, reject) => {
        worker.onmessage = resolve;
        worker.onerror = (event) => reject(new Error(event.message || "the page's policy forbids it"));
        worker.postMessage(post);
      }).finally(() => URL.revokeObjectURL(url)),
    stop: () => worker.terminate(),
  };
}

function inTime(start: (resolve: () => void, reject: (error: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE_MS} ms`)), PATIENCE_MS);
    const settle =
      <T>(action: (value: T) => void) =>
      (value: T): void => {
        clearTimeout(timer);
        action(value);
      };
    start(settle(resolve) as () => void, settle(reject));
  });
}

/** Whether this thread may sleep; a page's own may not. */
function canWait(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1);
    return true;
  } catch {
    return false;
  }
}
