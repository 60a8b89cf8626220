/** Every strategy as it is tried, and a learner to try it on. */
import { augment, detectors, Learner, type LearnerOptions, memory, nn, optim, type Runtime, type Strategy, strategies } from "palimpsest";
import { expect } from "vitest";
import { RandomStream } from "../../src/random.ts";

/** Strategies as they are tried: small, each part of them at work. */
export const shelf: readonly (readonly [name: string, make: () => Strategy])[] = [
  ["replay", () => strategies.replay({ batchSize: 4 })],
  ["replay, separate means", () => strategies.replay({ batchSize: 4, mean: "separate", weight: 0.5 })],
  ["erAce", () => strategies.erAce({ batchSize: 4 })],
  ["der", () => strategies.der({ batchSize: 4, beta: 0 })],
  ["der++", () => strategies.der({ batchSize: 4 })],
  ["ewc, empirical", () => strategies.ewc({ rows: 20, lambda: 10 })],
  ["ewc, true, separate", () => strategies.ewc({ rows: 20, lambda: 10, fisher: "true", form: "separate" })],
  ["ewc, sampled", () => strategies.ewc({ rows: 20, lambda: 10, fisher: "sampled" })],
  ["ewc, predicted", () => strategies.ewc({ rows: 20, lambda: 10, fisher: "predicted" })],
  ["ewc, batched", () => strategies.ewc({ lambda: 10, fisher: "batched" })],
  ["si", () => strategies.si({ c: 1 })],
  ["lwf", () => strategies.lwf()],
  [
    "lwf, task by task",
    () =>
      strategies.lwf({
        classes: [
          [0, 1],
          [2, 3],
        ],
      }),
  ],
  ["l2", () => strategies.l2()],
  ["l2, towards the first parameters", () => strategies.l2({ towards: "init" })],
  ["l2, towards the last boundary", () => strategies.l2({ towards: "boundary" })],
  ["ema", () => strategies.ema({ decay: 0.9 })],
  ["agem", () => strategies.agem({ batchSize: 6 })],
  ["rankOneFisher", () => strategies.rankOneFisher({ rows: 20 })],
  ["rankOneFisher, trace", () => strategies.rankOneFisher({ rows: 20, scale: "trace" })],
  ["mas", () => strategies.mas({ rows: 20, lambda: 0.1 })],
  ["featureDistillation", () => strategies.featureDistillation()],
  ["featureDistillation, mse", () => strategies.featureDistillation({ distance: "mse" })],
  ["centerLoss", () => strategies.centerLoss()],
  ["spectral", () => strategies.spectral({ lambda: 1e-2 })],
  ["wasserstein", () => strategies.wasserstein({ every: 2 })],
  ["shrinkPerturb", () => strategies.shrinkPerturb()],
  ["shrinkPerturb, in steps", () => strategies.shrinkPerturb({ on: { every: 3 }, shrink: 0.99 })],
  ["normalizeProject", () => strategies.normalizeProject({ norms: true })],
  ["redo", () => strategies.redo({ every: 3, threshold: 0.3 })],
  ["continualBackprop", () => strategies.continualBackprop({ rate: 0.1, maturity: 2 })],
  ["continualBackprop, every second step", () => strategies.continualBackprop({ rate: 0.1, maturity: 2, every: 2 })],
  ["weightInterpolation", () => strategies.weightInterpolation({ decay: 0.9 })],
  ["balancedEma", () => strategies.balancedEma()],
  ["merge, average", () => strategies.merge({ tasks: 2 })],
  ["merge, ties, from what is merged", () => strategies.merge({ method: "ties", keep: 0.5, start: "merged" })],
  ["gdumb", () => strategies.gdumb({ epochs: 3, batchSize: 8 })],
  ["gdumb, every 5 steps, with steps", () => strategies.gdumb({ epochs: 2, batchSize: 8, every: 5, online: true })],
  ["pcr", () => strategies.pcr({ batchSize: 4 })],
  ["pcr, two views", () => strategies.pcr({ batchSize: 4, augment: augment.noise() })],
  ["hpcr", () => strategies.hpcr({ batchSize: 4, period: 5 })],
  ["hpcr, two views", () => strategies.hpcr({ batchSize: 4, augment: augment.noise() })],
  ["gem", () => strategies.gem({ tasks: 2, batchSize: 4 })],
  ["mer", () => strategies.mer({ batches: 2, batchSize: 3 })],
  ["efficientMer", () => strategies.efficientMer({ batchSize: 4, every: 3 })],
  ["refresh", () => strategies.refresh({ rate: 0.01, rows: 20 })],
  ["refresh without importance", () => strategies.refresh({ rate: 0.01, rows: 0 })],
  ["fpf", () => strategies.fpf({ parts: ["head", "norm", "stem"], steps: 20, batchSize: 4 })],
  ["fpf, every 3 steps", () => strategies.fpf({ steps: 3, batchSize: 4, every: 3 })],
  ["uer", () => strategies.uer({ batchSize: 4 })],
  ["powerLawReplay", () => strategies.powerLawReplay({ batchSize: 4 })],
  ["adaptiveReplay", () => strategies.adaptiveReplay({ batchSize: 12, check: 1, gap: 1 })],
  ["viewBatch", () => strategies.viewBatch({ views: 3, after: 2, ramp: 4 })],
  ["cal", () => strategies.cal({ batchSize: 4 })],
  ["ncm", () => strategies.ncm()],
  ["slda", () => strategies.slda()],
  ["lda", () => strategies.lda()],
  ["fecam", () => strategies.fecam()],
  ["ranpac", () => strategies.ranpac({ width: 12 })],
  ["ridge", () => strategies.ridge({ width: 12, pseudo: 4 })],
  ["kalman", () => strategies.kalman({ samples: 4 })],
  ["knn", () => strategies.knn({ neighbours: 3, perClass: 5 })],
  ["firstSession", () => strategies.firstSession()],
  ["firstSession of film", () => strategies.firstSession({ trains: "film" })],
  ["slca", () => strategies.slca({ epochs: 2, samples: 12, batchSize: 8 })],
  ["slca, full covariance", () => strategies.slca({ epochs: 1, samples: 8, batchSize: 8, covariance: "full", local: false })],
  ["fetril", () => strategies.fetril({ epochs: 3, batchSize: 8 })],
  ["energy", () => strategies.energy()],
  [
    "taskMask",
    () =>
      strategies.taskMask({
        classes: [
          [0, 1],
          [2, 3],
        ],
      }),
  ],
  ["detect", () => strategies.detect({ detector: detectors.cusum({ mean: 0.5, threshold: 2 }) })],
  ["mir", () => strategies.mir({ batchSize: 4, candidates: 8 })],
];

/** One of each name. */
export const named = shelf.filter(([, make], i) => shelf.findIndex(([, other]) => other().name === make().name) === i);

const everything = process.env.TORTURE === "full";
const allPairs = named.flatMap(([a, one], i) => named.slice(i + 1).map(([b, other]) => [a, b, [one, other]] as const));

/** Returns one of `share` pairs of them; all, where everything is to be tried. */
export const pairs = (share: number) => allPairs.filter((_, i) => everything || i % share === 0);

/** Rows of a batch. */
const ROWS = 6;
/** Classes there are. */
const CLASSES = 4;
/** Returns the options of a small learner with some strategies. */
export const options = (...list: Strategy[]): LearnerOptions => ({
  model: nn.sequential(nn.linear(8), nn.film(), nn.relu(), nn.linear(7), nn.relu(), nn.classifier({ capacity: CLASSES })),
  input: [5],
  optimizer: optim.adamw(),
  schedule: 0.01,
  memory: memory.reservoir({ capacity: 30 }),
  strategies: list,
  seed: 3,
  batchSize: ROWS,
});

/** Returns a learner with some strategies; undefined where they clash, which they must say. */
export async function together(
  runtime: Runtime,
  make: readonly (() => Strategy)[],
  more: Partial<LearnerOptions> = {},
): Promise<Learner | undefined> {
  try {
    return await Learner.create(runtime, { ...options(...make.map((one) => one())), ...more });
  } catch (error) {
    expect(error).toMatchObject({
      code: "E_CONFIG",
      message: expect.stringMatching(/both decide the loss|in place of the model|two are called|both have a group/),
    });
    return undefined;
  }
}

/** Two classes a task; four batches a task. */
export function batchAt(index: number) {
  const draw = new RandomStream(11, `batch ${index}`);
  const task = Math.floor(index / 4) % 2;
  const y = Array.from({ length: ROWS }, () => 2 * task + draw.below(2));
  const x = Float32Array.from({ length: 5 * ROWS }, (_, i) => draw.uniform() - 0.5 + (i % 5 === (y[Math.floor(i / 5)] as number) ? 1 : 0));
  return { x, y, task, id: Array.from({ length: ROWS }, (_, row) => ROWS * index + row) };
}

/** Learns batches `from` … `to` − 1, a boundary after each fourth. */
export async function learn(learner: Learner, from: number, to: number): Promise<number[]> {
  const losses: number[] = [];
  for (let index = from; index < to; index++) {
    losses.push((await learner.observe(batchAt(index))).loss);
    if (index % 4 === 3) await learner.consolidate();
  }
  return losses;
}
