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

/**
 * Returns the contender that a script beside this file serves.
 * @param {string} script @param {readonly (string | number)[]} args
 * @returns {Promise<import("./contest.mjs").Contender>}
 */
export async function pytorch(script, args) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const env = { ...process.env, ...settings };
  const child = spawn("/usr/bin/python3", [path, ...args.map(String)], { stdio: ["pipe", "pipe", "inherit"], env });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const failed = new Promise((resolve) => child.on("error", () => resolve({ done: true })));
  const hello = await Promise.race([lines.next(), failed]);
  if (hello.done) throw new Error("the system's python3 has no torch; on Debian, as root: apt-get install python3-torch libopenblas0");
  const { version, speed, parameters } = JSON.parse(hello.value);
  /** @param {string} question @returns {Promise<string>} */
  const ask = async (question) => {
    child.stdin.write(`${question}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error(`${script} ended before it answered`);
    return value;
  };
  return {
    name: `PyTorch ${version}, ${speed < PLAIN ? "plain BLAS; on Debian, as root: apt-get install libopenblas0" : "one thread"}`,
    ...(parameters === undefined ? {} : { parameters }),
    answers: async () => JSON.parse(await ask("answers")),
    turn: async (seconds) => Number(await ask(String(seconds))),
    close: () => child.stdin.end(),
  };
}
