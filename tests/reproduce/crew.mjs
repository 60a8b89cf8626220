/** Workers that share out the runs of a reproduction: a file starts itself once a core, and answers jobs there. */
import { availableParallelism } from "node:os";
import { parentPort, Worker } from "node:worker_threads";

/**
 * Runs the jobs, as many at once as there are cores, and hands each answer on.
 * @template Job, Answer
 * @param {string} url the file whose workers call `serve` @param {readonly Job[]} jobs @param {(job: Job, answer: Answer) => void} tell
 */
export async function runAll(url, jobs, tell) {
  const left = [...jobs];
  const crew = Array.from({ length: Math.min(availableParallelism(), jobs.length, 8) }, async () => {
    const worker = new Worker(new URL(url));
    for (let job = left.shift(); job !== undefined; job = left.shift()) {
      const answer = new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
      worker.postMessage(job);
      tell(job, /** @type {Answer} */ (await answer));
      worker.removeAllListeners("error");
    }
    await worker.terminate();
  });
  await Promise.all(crew);
}

/** Answers the jobs that come to this worker. @template Job, Answer @param {(job: Job) => Promise<Answer>} answer */
export function serve(answer) {
  parentPort?.on("message", async (job) => parentPort?.postMessage(await answer(job)));
}
