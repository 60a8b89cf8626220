/** PyTorch on one thread, in a process of its own that waits while others take their turns. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** GFLOP/s that only a plain BLAS stays below. */
const PLAIN = 20;
/** One thread; and memory that is kept rather than given back in each step, which doubles the speed of some steps. */
const settings = {
  OMP_NUM_THREADS: "1",
  OPENBLAS_NUM_THREADS: "1",
  MALLOC_MMAP_MAX_: "0",
  MALLOC_TRIM_THRESHOLD_: String(2 ** 40),
};
let told = false;

/**
 * Returns the contender that a script beside this file serves; undefined where the system's Python has no torch.
 * @param {string} script @param {readonly (string | number)[]} args
 * @returns {Promise<import("./contest.mjs").Contender | undefined>}
 */
export async function pytorch(script, args) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const env = { ...process.env, ...settings };
  const child = spawn("/usr/bin/python3", [path, ...args.map(String)], { stdio: ["pipe", "pipe", "ignore"], env });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const failed = new Promise((resolve) => child.on("error", () => resolve({ done: true })));
  const hello = await Promise.race([lines.next(), failed]);
  if (hello.done) {
    tell("PyTorch left out; on Debian, as root: apt-get install python3-torch libopenblas0");
    return undefined;
  }
  const { version, speed } = JSON.parse(hello.value);
  if (speed < PLAIN) tell(`PyTorch's matrix products run at ${speed.toFixed(0)} GFLOP/s; on Debian, as root: apt-get install libopenblas0`);
  /** @param {string} question @returns {Promise<string>} */
  const ask = async (question) => {
    child.stdin.write(`${question}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error(`${script} ended before it answered`);
    return value;
  };
  return {
    name: `PyTorch ${version}, ${speed < PLAIN ? "plain BLAS" : "one thread"}`,
    kind: "native",
    answers: async () => JSON.parse(await ask("answers")),
    turn: async (seconds) => Number(await ask(String(seconds))),
    close: () => child.stdin.end(),
  };
}

/** Says something once. @param {string} text */
function tell(text) {
  if (!told) console.error(text);
  told = true;
}
