/** Figures of a stream in which each row is answered before it is learned. */
import { checkKeys, checkNumber } from "../errors.ts";
import type { PrequentialFact } from "./facts.ts";
import type { Figure, Value } from "./figure.ts";
import { figure } from "./figure.ts";

/** Options of {@link prequential}. */
export interface PrequentialOptions {
  /** Rows of the window. Default 1000. */
  readonly window?: number;
  /** Weight of each row relative to the one after it. Default 0.999. */
  readonly fading?: number;
}

/**
 * Returns accuracy over all rows, over the last ones, and with the past fading; that of answering each row with the label before it
 * (`previousLabel`); and kappa: (p − q) / (1 − q) with q by that answer (`temporal`), or by answers of the same frequencies at random (`cohen`).
 * Those with the label before leave the first row out.
 * @throws E_CONFIG
 * @see Gama, Sebastião, Rodrigues 2013, "On evaluating stream learning algorithms"; Žliobaitė et al. 2015, "Evaluation methods and decision
 * theory for classification of streaming data with temporal dependence"; Cohen 1960
 */
export function prequential(facts: readonly PrequentialFact[], options: PrequentialOptions = {}): Figure[] {
  const where = "metrics.prequential";
  checkKeys(where, options, ["window", "fading"]);
  const window = checkNumber(where, "window", options.window ?? 1000, { min: 1, integer: true });
  const fading = checkNumber(where, "fading", options.fading ?? 0.999, { min: 0, max: 1, open: "min" });
  const correct = facts.flatMap((fact) => fact.correct);
  const labels = together(facts, "labels");
  const predictions = together(facts, "predictions");
  const none = correct.length === 0 ? "no row was answered before it was learned" : undefined;
  const unlabelled = none ?? (labels === undefined ? "labels were not logged" : undefined);

  let sum = 0;
  let weight = 0;
  for (const right of correct) {
    sum = right + fading * sum;
    weight = 1 + fading * weight;
  }
  const lasting = labels?.slice(1).map((label, i) => Number(label === labels[i])) ?? [];
  const temporal = unlabelled ?? (lasting.length === 0 ? "there is but one row" : kappa(share(correct.slice(1)), share(lasting)));
  const cohen =
    unlabelled ??
    (predictions === undefined ? "predictions were not logged" : kappa(share(correct), chance(labels as number[], predictions)));
  return [
    figure("prequentialAccuracy", "whole", none ?? share(correct)),
    figure("prequentialAccuracy", `window@${window}`, none ?? share(correct.slice(-window))),
    figure("prequentialAccuracy", `fading@${fading}`, none ?? sum / weight),
    figure("prequentialAccuracy", "previousLabel", unlabelled ?? (lasting.length === 0 ? "there is but one row" : share(lasting))),
    figure("kappa", "temporal", temporal),
    figure("kappa", "cohen", cohen),
  ];
}

function together(facts: readonly PrequentialFact[], field: "labels" | "predictions"): number[] | undefined {
  return facts.every((fact) => fact[field] !== undefined) ? facts.flatMap((fact) => fact[field] ?? []) : undefined;
}

function share(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function kappa(accuracy: number, reference: number): Value {
  return reference === 1 ? "the reference is always right" : (accuracy - reference) / (1 - reference);
}

/** Returns how often answers of the same frequencies as the predictions would be right by chance. */
function chance(labels: readonly number[], predictions: readonly number[]): number {
  const count = (values: readonly number[]): Map<number, number> => {
    const counts = new Map<number, number>();
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
    return counts;
  };
  const predicted = count(predictions);
  let sum = 0;
  for (const [label, times] of count(labels)) sum += (times / labels.length) * ((predicted.get(label) ?? 0) / labels.length);
  return sum;
}
