/** How well a model answers. */
import { checkKeys, describe, fail } from "../errors.ts";
import type { LayerPlasticity } from "../metrics/facts.ts";
import { sizeOf } from "../program/shape.ts";
import type { Stream } from "../stream/index.ts";
import { answer, type PredictOptions } from "./answers.ts";
import { checkBatch } from "./batch.ts";
import { argmax } from "./bytes.ts";
import type { Measured } from "./plasticity.ts";
import type { Work } from "./work.ts";

/** Options of `evaluate`. */
export interface EvaluateOptions extends Pick<PredictOptions, "averaged" | "head"> {
  /** Whether its rectified layers are measured, over the first 512 rows. Default false. */
  readonly plasticity?: boolean;
}

/** How well a learner answers. */
export interface Evaluation {
  /** Share of labels that are the likeliest class; NaN where targets are values. */
  readonly accuracy: number;
  /** Mean loss of the rows. */
  readonly loss: number;
  readonly count: number;
  /**
   * What each layer of `nn.relu` units still can, in their order, where that is asked: dead and dormant units, ranks, and the mean of the weights that
   * lead to them, without signs. Units of a convolution are its channels, in the mean of their places.
   */
  readonly layers?: readonly LayerPlasticity[];
}

/** Rows of which layers are measured: a singular value decomposition of as many. */
const MEASURED = 512;

/** Returns how well batches with targets are answered. @throws E_CONFIG E_DATA */
export async function evaluateStream(work: Work, stream: Stream, options: EvaluateOptions): Promise<Evaluation> {
  checkKeys("evaluate", options, ["averaged", "head", "plasticity"]);
  const { config } = work.engine;
  const { plasticity = false, ...by } = options;
  if (typeof plasticity !== "boolean")
    fail("E_CONFIG", `evaluate: option "plasticity" is neither; expected true or false, got ${describe(plasticity)}`);
  let [right, loss, count] = [0, 0, 0];
  const measured: Measured[] = [];
  for await (const batch of stream) {
    const { x, targets, task } = checkBatch("evaluate", batch, config);
    const { answers, rowLoss } = await answer(work, "evaluate", x, targets, { ...by, task });
    if (config.loss.targets === "labels") {
      const classes = argmax(answers, config.classes);
      for (let i = 0; i < targets.length; i++) if (classes[i] === targets[i]) right += 1;
    } else right = Number.NaN;
    for (const value of rowLoss) loss += value;
    if (plasticity && count < MEASURED) measured.push({ x: x.subarray(0, (MEASURED - count) * sizeOf(config.input.shape)), task });
    count += rowLoss.length;
  }
  if (count === 0) fail("E_DATA", "evaluate: the stream is empty; expected at least one row, got none");
  const told = { accuracy: right / (count * config.targets), loss: loss / count, count };
  if (!plasticity) return told;
  const { plasticityOf } = await import("./plasticity.ts");
  return { ...told, layers: await work.safely((engine) => plasticityOf(engine, measured)) };
}
