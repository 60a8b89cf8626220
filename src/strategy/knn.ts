import { checkKeys, checkNumber } from "../errors.ts";
import { exp, ln } from "../natural.ts";
import type { HostServices, Numbers, NumbersSpec } from "./host.ts";
import type { Strategy } from "./strategy.ts";
import { array, classSums, featuresOf, type Rows } from "./sums.ts";

/** Options of {@link knn}. */
export interface KnnOptions {
  /** How many of the nearest rows vote. Default 100. */
  readonly neighbours?: number;
  /** Votes are weighted by softmax(cosine/temperature), above 0. Default 0.1. */
  readonly temperature?: number;
  /** Rows kept of each class, the newest, 1 … 2^20. Default 100. */
  readonly perClass?: number;
  /** Rows kept of each class besides, whose labels are guesses, see {@link adopt}. Default 0. */
  readonly adopted?: number;
}

/**
 * Returns a memory of features and labels that answers by its nearest rows, at once and without training: scores are logarithms of their votes, a
 * class without votes has ln 1e-12. Rows by class, so that no class pushes out another. O(features) a row, O(rows kept·features) a prediction.
 * Removal takes out a row of those features; one that it had pushed out stays out.
 * @throws E_CONFIG
 * @see Zhang et al. 2023, arXiv 2304.12566, "AdaNPC: exploring non-parametric classifier for test-time adaptation", section 3
 */
export function knn(options: KnnOptions = {}): Strategy {
  const where = "strategies.knn";
  const config = checked(where, options);
  return {
    name: "knn",
    config: { ...config },
    needs: { features: true },
    fold: {
      numbers: (facts): NumbersSpec => {
        const { counts } = classSums(where, facts);
        const keys = { counts, keys: ["classes", config.perClass, facts.features] } as const;
        return config.adopted === 0 ? keys : { ...keys, guesses: counts, guessed: ["classes", config.adopted, facts.features] };
      },
      reads: ["features"],
      push(numbers, seen, { facts }) {
        for (let row = 0; row < seen.count; row++) {
          keep(array(numbers, "counts"), array(numbers, "keys"), seen.labels[row] as number, unit(featuresOf(seen), row, facts.features));
        }
        return undefined;
      },
      remove: (numbers, rows, { facts }) => take(numbers, rows, facts.features),
    },
    head: { scores: (numbers, features, rows, services) => votes(numbers, features, rows, services, config) },
  };
}

/**
 * Takes rows without labels into the memory of a {@link knn} of these options, each under the class with most votes if these are at least
 * `threshold` of all (default 0.1). They only push out one another, never rows whose labels are known. Returns how many were taken.
 * @throws E_CONFIG
 */
export function adopt(
  options: KnnOptions,
  numbers: Numbers,
  features: Float32Array,
  rows: number,
  services: HostServices,
  threshold = 0.1,
): number {
  const config = checked("adopt", options);
  checkNumber("adopt", "adopted", config.adopted, { min: 1 });
  const size = services.facts.features;
  let taken = 0;
  for (let row = 0; row < rows; row++) {
    const scores = votes(numbers, features.subarray(row * size), 1, services, config);
    const best = scores.reduce((most, score, c) => (score > (scores[most] as number) ? c : most), 0);
    if (!(exp(scores[best] as number) >= threshold)) continue;
    keep(array(numbers, "guesses"), array(numbers, "guessed"), best, unit(features, row, size));
    taken++;
  }
  return taken;
}

function checked(where: string, options: KnnOptions): Required<KnnOptions> {
  checkKeys(where, options, ["neighbours", "temperature", "perClass", "adopted"]);
  return {
    neighbours: checkNumber(where, "neighbours", options.neighbours ?? 100, { min: 1, max: 2 ** 20, integer: true }),
    temperature: checkNumber(where, "temperature", options.temperature ?? 0.1, { min: 0, open: "min" }),
    perClass: checkNumber(where, "perClass", options.perClass ?? 100, { min: 1, max: 2 ** 20, integer: true }),
    adopted: checkNumber(where, "adopted", options.adopted ?? 0, { min: 0, max: 2 ** 20, integer: true }),
  };
}

/** Returns a row scaled to length 1. */
function unit(features: Float32Array, row: number, size: number): Float64Array {
  const own = Float64Array.from(features.subarray(row * size, (row + 1) * size));
  const length = Math.sqrt(own.reduce((sum, x) => sum + x * x, 0));
  return length === 0 ? own : own.map((x) => x / length);
}

/** Writes a key over the oldest of its class. */
function keep(counts: Float64Array, keys: Float64Array, c: number, key: Float64Array): void {
  const places = keys.length / counts.length / key.length;
  const n = counts[c] as number;
  keys.set(key, (c * places + (n % places)) * key.length);
  counts[c] = n + 1;
}

/** Takes out the newest key that is as each row's, and moves those left to the front, oldest first. */
function take(numbers: Numbers, rows: Rows, size: number): void {
  const [counts, keys] = [array(numbers, "counts"), array(numbers, "keys")];
  const places = keys.length / counts.length / size;
  for (let row = 0; row < rows.count; row++) {
    const c = rows.labels[row] as number;
    const gone = unit(featuresOf(rows), row, size);
    const n = counts[c] ?? 0;
    const order = Array.from({ length: Math.min(n, places) }, (_, i) => (n <= places ? i : (n + i) % places));
    const held = order.map((place) => keys.slice((c * places + place) * size, (c * places + place + 1) * size));
    const found = held.findLastIndex((key) => key.every((x, i) => x === gone[i]));
    if (found < 0) continue;
    const left = held.toSpliced(found, 1);
    keys.fill(0, c * places * size, (c + 1) * places * size);
    for (const [i, key] of left.entries()) keys.set(key, (c * places + i) * size);
    counts[c] = left.length;
  }
}

function votes(
  numbers: Numbers,
  features: Float32Array,
  rows: number,
  { facts: { features: size } }: HostServices,
  { neighbours, temperature }: Required<KnnOptions>,
): Float64Array {
  const classes = array(numbers, "counts").length;
  const stores = [
    ["counts", "keys"],
    ["guesses", "guessed"],
  ].flatMap(([counts = "", keys = ""]) =>
    numbers[keys] === undefined ? [] : [{ counts: array(numbers, counts), keys: array(numbers, keys) }],
  );
  const out = new Float64Array(rows * classes).fill(Number.NEGATIVE_INFINITY);
  for (let row = 0; row < rows; row++) {
    const x = unit(features, row, size);
    const near: { readonly c: number; readonly cosine: number }[] = [];
    for (const { counts, keys } of stores) {
      const places = keys.length / classes / size;
      for (const [c, n] of counts.entries()) {
        if (n > 0) out[row * classes + c] = 1e-12;
        for (let place = 0; place < Math.min(n, places); place++) {
          let cosine = 0;
          for (let i = 0, at = (c * places + place) * size; i < size; i++) cosine += (x[i] as number) * (keys[at + i] as number);
          near.push({ c, cosine });
        }
      }
    }
    // Sorting is stable: of equally near rows, those of the lower class come first.
    near.sort((a, b) => b.cosine - a.cosine).length = Math.min(near.length, neighbours);
    const weights = near.map(({ cosine }) => exp((cosine - (near[0]?.cosine ?? 0)) / temperature));
    const all = weights.reduce((a, b) => a + b, 0);
    for (const [i, { c }] of near.entries()) out[row * classes + c] = (out[row * classes + c] as number) + (weights[i] as number) / all;
  }
  return out.map((vote) => (vote > 0 ? ln(vote) : vote));
}
