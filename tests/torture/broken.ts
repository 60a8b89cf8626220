/** Steps whose numbers cannot stay finite, of every cause, among sound ones: what they leave is what the sound ones alone leave. */

import { isError } from "../../src/errors.ts";
import { type Batch, Learner, type LearnerOptions, memory, nn, optim, type Runtime, strategies } from "../../src/index.ts";
import { RandomStream } from "../../src/random.ts";
import { pick } from "./mutate.ts";

/** What was injected, by where, and what came of it that should not. */
export interface Injected {
  injected: number;
  /** Batches that were refused before a step, and steps that changed nothing. */
  refused: number;
  skipped: number;
  readonly problems: string[];
}

const ROWS = 6;
const INPUTS = 5;

const options: LearnerOptions = {
  model: nn.sequential(nn.linear(8), nn.batchNorm(), nn.relu(), nn.dropout(0.1), nn.classifier({ capacity: 3 })),
  input: [INPUTS],
  optimizer: optim.adamw(),
  schedule: 1e-2,
  memory: memory.classBalanced({ capacity: 20 }),
  strategies: [strategies.replay({ batchSize: 4 })],
  seed: 3,
};

function soundBatch(random: RandomStream): Required<Pick<Batch, "x" | "y" | "id">> & { x: Float32Array; y: number[]; id: number[] } {
  const x = Float32Array.from({ length: ROWS * INPUTS }, () => 2 * random.uniform() - 1);
  const y = Array.from({ length: ROWS }, () => random.below(3));
  return { x, y, id: y.map(() => random.below(1e6)) };
}

/** Ways to give a step numbers that it cannot use; those of the first list are told before it. */
const refusals = [
  "a row that is NaN",
  "a row that is infinite",
  "a label that is NaN",
  "a label beyond",
  "a weight that is NaN",
  "weights of 0",
];
const overflows = ["huge rows", "rows whose squares are too large"];

/** Injects `count` of them into a learner beside one that never sees them. */
export async function tortureBroken(runtime: Runtime, count: number, seed: number): Promise<Injected> {
  const result: Injected = { injected: 0, refused: 0, skipped: 0, problems: [] };
  const random = new RandomStream(seed, "broken");
  const [clean, tried] = [await Learner.create(runtime, options), await Learner.create(runtime, options)];
  const events: unknown[] = [];
  tried.on("skipped", (event) => events.push(event));
  while (result.injected < count && result.problems.length < 20) {
    const batch = soundBatch(random);
    if (random.below(2) === 0) {
      const [a, b] = [await tried.observe(batch), await clean.observe(batch)];
      if (JSON.stringify(a) !== JSON.stringify(b))
        result.problems.push(`step ${b.step}: ${JSON.stringify(a)} in place of ${JSON.stringify(b)}`);
      continue;
    }
    const way = pick(random, [...refusals, ...overflows]);
    result.injected += 1;
    const wrong = await inject(tried, batch, way, random, events);
    if (refusals.includes(way)) result.refused += 1;
    else result.skipped += 1;
    if (wrong !== undefined) result.problems.push(`step ${tried.step}, ${way}: ${wrong}`);
    if (tried.step !== clean.step) result.problems.push(`step ${tried.step}, ${way}: counted as a step`);
    // Hashing takes longer than a step; whatever was changed is still so a few later.
    if (result.injected % 10 === 0 && (await tried.stateHash()) !== (await clean.stateHash()))
      result.problems.push(`${way}: the state has changed`);
  }
  if ((await tried.stateHash()) !== (await clean.stateHash())) result.problems.push("the state has changed");
  await clean.close();
  await tried.close();
  return result;
}

/** Returns what is wrong with how a learner takes it. */
async function inject(
  learner: Learner,
  batch: ReturnType<typeof soundBatch>,
  way: string,
  random: RandomStream,
  events: unknown[],
): Promise<string | undefined> {
  const { x, y, id } = batch;
  const weight = new Float32Array(ROWS).fill(1);
  const at = random.below(x.length);
  const row = random.below(ROWS);
  if (way === "a row that is NaN") x[at] = Number.NaN;
  if (way === "a row that is infinite") x[at] = random.below(2) === 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  if (way === "a label that is NaN") y[row] = Number.NaN;
  if (way === "a label beyond") y[row] = pick(random, [3, -1, 1.5, Number.POSITIVE_INFINITY]);
  if (way === "a weight that is NaN") weight[row] = pick(random, [Number.NaN, Number.POSITIVE_INFINITY, -1]);
  if (way === "weights of 0") weight.fill(0);
  if (way === "huge rows") x[at] = (random.below(2) === 0 ? 1 : -1) * 3e38;
  if (way === "rows whose squares are too large") x[at] = 1e25;
  const told = events.length;
  try {
    const { skipped } = await learner.observe({ x, y, id, ...(way.includes("weight") && { weight }) });
    if (refusals.includes(way)) return "was not refused";
    if (skipped === undefined || events.length !== told + 1) return "was not skipped, or not told";
    if (skipped.step !== learner.step + 1 || skipped.rows.length === 0) return `was told as ${JSON.stringify(skipped)}`;
    return JSON.stringify(skipped.ids) === JSON.stringify(skipped.rows.map((each) => id[each])) ? undefined : "other rows were named";
  } catch (error) {
    // A learner pauses after twenty in a row, which chance may bring.
    if (isError(error, "E_DIVERGED")) learner.resume();
    else if (!(refusals.includes(way) && isError(error, "E_DATA"))) return String(error);
    return undefined;
  }
}
