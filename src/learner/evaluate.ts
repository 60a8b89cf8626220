/** How well a model answers. */
import { checkKeys, fail } from "../errors.ts";
import type { Stream } from "../stream/index.ts";
import { answer, type PredictOptions } from "./answers.ts";
import { checkBatch } from "./batch.ts";
import { argmax } from "./bytes.ts";
import type { Work } from "./work.ts";

/** Options of `evaluate`. */
export type EvaluateOptions = Pick<PredictOptions, "averaged" | "head">;

/** How well a learner answers. */
export interface Evaluation {
  /** Share of labels that are the likeliest class; NaN where targets are values. */
  readonly accuracy: number;
  /** Mean loss of the rows. */
  readonly loss: number;
  readonly count: number;
}

/** Returns how well batches with targets are answered. @throws E_CONFIG E_DATA */
export async function evaluateStream(work: Work, stream: Stream, options: EvaluateOptions): Promise<Evaluation> {
  checkKeys("evaluate", options, ["averaged", "head"]);
  const { config } = work.engine;
  let [right, loss, count] = [0, 0, 0];
  for await (const batch of stream) {
    const { x, targets, task } = checkBatch("evaluate", batch, config);
    const { answers, rowLoss } = await answer(work, "evaluate", x, targets, { ...options, task });
    if (config.loss.targets === "labels") {
      const classes = argmax(answers, config.classes);
      for (let i = 0; i < targets.length; i++) if (classes[i] === targets[i]) right += 1;
    } else right = Number.NaN;
    for (const value of rowLoss) loss += value;
    count += rowLoss.length;
  }
  if (count === 0) fail("E_DATA", "evaluate: the stream is empty; expected at least one row, got none");
  return { accuracy: right / (count * config.targets), loss: loss / count, count };
}
