import { checkChoice, checkKeys, checkNumber, fail } from "../errors.ts";
import { RandomStream } from "../random.ts";
import { type Dataset, storedRow } from "./dataset.ts";

const kinds = ["symmetric", "pairwise"] as const;

/** How labels go wrong: "symmetric" to any other class alike, "pairwise" to the next one, the last to the first. */
export type LabelNoise = (typeof kinds)[number];

/** How {@link noisyLabels} spoils. */
export interface NoisyLabelsOptions {
  /** Share of labels that are wrong. */
  readonly rate: number;
  /** Default "symmetric". */
  readonly kind?: LabelNoise;
  /** Default 0. */
  readonly seed?: number;
}

/** A set some of whose labels are wrong. Sets made from it, as `select` makes them, are such too. */
export interface NoisyDataset extends Dataset {
  /** True label of each stored row. */
  readonly truth: Uint32Array;
}

/** Words of the random stream set aside for each row: one says whether, the others which; a second try is needed once in 2^32 / classes. */
const wordsPerRow = 8;

/**
 * Returns the same rows, each with its label wrong with the chance `rate`; a label that is wrong is never the true one. It depends on the
 * seed and the number of the stored row alone, so a row is wrong in every task it comes in, or in none.
 * @throws E_CONFIG, E_DATA where there is but one class
 * @see Han et al. 2018, "Co-teaching", appendix A
 */
export function noisyLabels(dataset: Dataset, options: NoisyLabelsOptions): NoisyDataset {
  const where = "streams.noisyLabels";
  checkKeys(where, options, ["rate", "kind", "seed"]);
  const rate = checkNumber(where, "rate", options.rate, { min: 0, max: 1 });
  const kind = checkChoice(where, "kind", options.kind ?? "symmetric", kinds);
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  const { classes, y: truth, name } = dataset;
  if (classes < 2) fail("E_DATA", `${name}: no label can be wrong; expected at least 2 classes, got ${classes}`);
  const random = new RandomStream(seed, "stream/labels");
  const y = truth.map((label, row) => {
    random.position = row * wordsPerRow;
    if (random.uniform() >= rate) return label;
    return (label + (kind === "pairwise" ? 1 : 1 + random.below(classes - 1))) % classes;
  });
  return { ...dataset, name: `${name}: noisy labels`, y, truth };
}

/** Returns [count] the true labels of the rows of a set of noisy labels, or of one made from it. */
export function trueLabels(dataset: NoisyDataset): Uint32Array {
  return Uint32Array.from({ length: dataset.count }, (_, i) => dataset.truth[storedRow(dataset, i)] as number);
}
