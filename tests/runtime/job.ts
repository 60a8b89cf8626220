/** The class-incremental job that every runtime and backend runs: the embedded stream, five tasks of two classes, replay, dropout, momentum. */
import {
  type Batch,
  Learner,
  type LearnerOptions,
  memory,
  nn,
  optim,
  type Runtime,
  type StepResult,
  type Strategy,
  schedules,
  strategies,
  streams,
} from "palimpsest";

const BATCH = 10;

/** Returns the learner's options; `drawn` gets the slots of every draw. */
export function jobOptions(drawn?: number[][]): LearnerOptions {
  const replay = strategies.replay({ batchSize: BATCH });
  const watched: Strategy = {
    ...replay,
    draw: {
      groups: replay.draw?.groups ?? [],
      async select(context) {
        const result = (await replay.draw?.select(context)) ?? {};
        drawn?.push(Array.from(result.replay?.slots ?? []));
        return result;
      },
    },
  };
  return {
    model: nn.sequential(nn.flatten(), nn.linear(64), nn.relu(), nn.dropout(0.2), nn.classifier({ capacity: 10 })),
    input: { shape: [14, 14], dtype: "u8", scale: 1 / 128, offset: -0.5 },
    optimizer: optim.chain(optim.clipByGlobalNorm({ maxNorm: 2 }), optim.sgd({ momentum: 0.9, weightDecay: 1e-4 })),
    schedule: schedules.cosine({ peak: 0.03, final: 0.003, warmup: 20, total: 500 }),
    memory: memory.classBalanced({ capacity: 200 }),
    strategies: [watched],
    seed: 11,
    batchSize: BATCH,
  };
}

/** Returns the batches of the job, `steps` of them spread over the five tasks. */
export function jobBatches(steps: number): Batch[] {
  const train = streams.glyphs({ count: steps * BATCH * 1.2, size: 14, seed: 3, name: "train" });
  const test = streams.glyphs({ count: 10, size: 14, seed: 3, name: "test" });
  const { tasks } = streams.splitClasses({ train, test }, { tasks: 5 });
  return tasks.flatMap((task) =>
    [...streams.batches(task.train, { batchSize: BATCH, seed: 5 })].filter((batch) => batch.y.length === BATCH).slice(0, steps / 5),
  );
}

/** Runs the job and returns what can be compared. */
export async function runJob(runtime: Runtime, steps: number): Promise<{ hash: string; losses: number[]; drawn: number[][] }> {
  const drawn: number[][] = [];
  const learner = await Learner.create(runtime, jobOptions(drawn));
  const results: StepResult[] = [];
  for (const batch of jobBatches(steps)) results.push(await learner.observe(batch));
  const hash = await learner.stateHash();
  await learner.close();
  return { hash, losses: results.map((result) => result.loss), drawn };
}
