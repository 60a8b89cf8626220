/** What a model answers, without learning anything. */
import { checkChoice, checkKeys, fail } from "../errors.ts";
import { sizeOf } from "../program/shape.ts";
import { type CheckedBatch, checkRows } from "./batch.ts";
import { argmax } from "./bytes.ts";
import { type Inferred, inferenceOf } from "./inference.ts";
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
  /** Who answers where a strategy does so in place of the model. Default: the strategy. */
  readonly head?: "strategy" | "model";
  /** The task of the rows, where answers depend on it. Default 0. */
  readonly task?: number;
}

/** Returns the classes or values of rows [rows × row], flattened. @throws E_DATA */
export async function predictRows(work: Work, x: Float32Array | Uint8Array, options: PredictOptions): Promise<Prediction> {
  checkKeys("predict", options, ["carried", "averaged", "head", "task"]);
  const { config, layout } = work.engine;
  const rows = checkRows("predict", x, config);
  const count = rows.length / sizeOf(config.input.shape);
  const { carried = false } = options;
  if (carried && count > layout.staging)
    fail("E_DATA", `predict: more rows than the stream has; expected at most ${layout.staging}, got ${count}`, {
      hint: "A carried row goes on from the row of the same place in the last batch.",
    });
  const { answers } = await answer(work, "predict", rows, undefined, options);
  const none = new Float32Array(0);
  if (config.loss.targets === "values") return { labels: new Uint32Array(0), probabilities: none, values: answers };
  return { labels: argmax(answers, config.classes), probabilities: answers, values: none };
}

/** Returns answers for sound rows, and each row's loss against targets, by whoever is to answer. @throws E_CONFIG */
export async function answer(
  work: Work,
  where: string,
  rows: CheckedBatch["x"],
  targets: CheckedBatch["targets"] | undefined,
  { carried = false, averaged = false, head = "strategy", task = 0 }: PredictOptions,
): Promise<Pick<Inferred, "answers" | "rowLoss">> {
  const { config } = work.engine;
  if (averaged) checkAveraged(where, config.optimizer);
  checkChoice(where, "head", head, ["strategy", "model"]);
  const owner = averaged || head === "model" ? undefined : config.strategies.find((strategy) => strategy.head !== undefined);
  if (owner?.head !== undefined && "scores" in owner.head) {
    const { answerOnHost } = await import("./heads.ts");
    return work.safely((engine) => answerOnHost(engine, owner, rows, targets, { carried, task }));
  }
  const by = averaged ? "averaged" : owner === undefined ? "model" : "head";
  return work.safely((engine) => inferenceOf(engine).answer(rows, targets, { carried, by, task }));
}
