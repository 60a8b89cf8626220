/** Answers that a strategy gives on the host, from features. */
import { exp, ln } from "../natural.ts";
import type { HostHead } from "../strategy/host.ts";
import type { Strategy } from "../strategy/strategy.ts";
import type { CheckedBatch } from "./batch.ts";
import type { Engine } from "./engine.ts";
import { type Asking, type Inferred, inferenceOf } from "./inference.ts";

/** Returns probabilities [rows × classes], and of given labels minus the logarithm. */
export async function answerOnHost(
  engine: Engine,
  strategy: Strategy,
  x: CheckedBatch["x"],
  labels: CheckedBatch["targets"] | undefined,
  asking: Asking,
): Promise<Pick<Inferred, "answers" | "rowLoss">> {
  const { hooked, config } = engine;
  const { shown, rowLoss } = await inferenceOf(engine).answer(x, undefined, { ...asking, by: "features" });
  const features = shown.get("features") as Float32Array;
  const rows = rowLoss.length;
  if (hooked === undefined) return { answers: new Float32Array(0), rowLoss };
  const scores = (strategy.head as HostHead).scores(hooked.numbersOf(strategy.name), features, rows, hooked.services(strategy));
  const { classes } = config;
  const answers = new Float32Array(rows * classes);
  const losses = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const own = scores.subarray(row * classes, (row + 1) * classes);
    const logTotal = fillSoftmax(own, answers.subarray(row * classes, (row + 1) * classes));
    const label = labels?.[row];
    if (label !== undefined) losses[row] = logTotal - (own[label] as number);
  }
  return { answers, rowLoss: losses };
}

/** Writes the softmax of scores, an even share where no class was ever seen; returns log Σ e^score. */
function fillSoftmax(scores: Float64Array, answers: Float32Array): number {
  const peak = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  if (peak === Number.NEGATIVE_INFINITY) {
    answers.fill(1 / scores.length);
    return 0;
  }
  const parts = scores.map((score) => (score === Number.NEGATIVE_INFINITY ? 0 : exp(score - peak)));
  const total = parts.reduce((a, b) => a + b, 0);
  answers.set(parts.map((part) => part / total));
  return peak + ln(total);
}
