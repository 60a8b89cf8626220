/** What a model answers, without learning anything. */
import { checkKeys, fail } from "../errors.ts";
import { sizeOf } from "../program/shape.ts";
import type { Stream } from "../stream/index.ts";
import { checkBatch, checkRows } from "./batch.ts";
import { argmax } from "./bytes.ts";
import { checkAveraged } from "./settings.ts";
import type { Work } from "./work.ts";

/** Answers for some rows. */
export interface Prediction {
  /** The likeliest class of each row, or of each of its places; empty where targets are values. */
  readonly labels: Uint32Array;
  /** [rows × classes], or [rows × places × classes]; empty where targets are values. */
  readonly probabilities: Float32Array;
  /** [rows × output] where targets are values, else empty. */
  readonly values: Float32Array;
}

/** Options of `predict`. */
export interface PredictOptions {
  /**
   * Whether row `i` goes on from where row `i` of the stream stands, in layers that carry state, rather than from 0; it stays there. At most
   * as many rows as a batch. Default false.
   */
  readonly carried?: boolean;
  /** Whether the weights that the optimizer averages answer, rather than those that are trained. Default false. */
  readonly averaged?: boolean;
}

/** Options of `evaluate`. */
export type EvaluateOptions = Pick<PredictOptions, "averaged">;

/** How well a learner answers. */
export interface Evaluation {
  /** Share of labels that are the likeliest class; NaN where targets are values. */
  readonly accuracy: number;
  /** Mean loss of the rows. */
  readonly loss: number;
  readonly count: number;
}

/** Returns the classes or values of rows [rows × row], flattened. @throws E_DATA */
export async function predictRows(work: Work, x: Float32Array | Uint8Array, options: PredictOptions): Promise<Prediction> {
  checkKeys("predict", options, ["carried", "averaged"]);
  const { config, layout } = work.engine;
  const rows = checkRows("predict", x, config);
  const count = rows.length / sizeOf(config.input.shape);
  const { carried = false, averaged = false } = options;
  if (averaged) checkAveraged("predict", config.optimizer);
  if (carried && count > layout.staging)
    fail("E_DATA", `predict: more rows than the stream has; expected at most ${layout.staging}, got ${count}`, {
      hint: "A carried row goes on from the row of the same place in the last batch.",
    });
  const { answers } = await work.safely((engine) => engine.infer(rows, undefined, carried, averaged));
  const none = new Float32Array(0);
  if (config.loss.targets === "values") return { labels: new Uint32Array(0), probabilities: none, values: answers };
  return { labels: argmax(answers, config.classes), probabilities: answers, values: none };
}

/** Returns how well batches with targets are answered. @throws E_CONFIG E_DATA */
export async function evaluateStream(work: Work, stream: Stream, options: EvaluateOptions): Promise<Evaluation> {
  checkKeys("evaluate", options, ["averaged"]);
  const { config } = work.engine;
  const { averaged = false } = options;
  if (averaged) checkAveraged("evaluate", config.optimizer);
  let [right, loss, count] = [0, 0, 0];
  for await (const batch of stream) {
    const { x, targets } = checkBatch("evaluate", batch, config);
    const { answers, rowLoss } = await work.safely((engine) => engine.infer(x, targets, false, averaged));
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
