/** Parameters of several models as those of one. */
import { checkChoice, checkKeys, checkNumber, fail } from "../errors.ts";

/** How models are merged, τ = θ − θ₀ being what one has learned. */
export type MergeMethod = "average" | "slerp" | "arithmetic" | "magmax" | "ties" | "modelStock";

/** Options of {@link mergeModels}. */
export interface MergeOptions {
  /**
   * `average` (default): Σwθ. `slerp`: along the arc between two, one model after another, each tensor by itself. `arithmetic`: θ₀ + λ·Στ.
   * `magmax`: of each number the τ of largest magnitude. `ties`: of each τ the largest numbers alone; of those of the sign in which their sum
   * lies, the mean. `modelStock`: between θ₀ and the mean, the closer to it the smaller the angle between τ, each tensor by itself.
   */
  readonly method?: MergeMethod;
  /** Weight of each model, of which their shares are made, for `average` and `slerp`. Default: equal ones. */
  readonly weights?: ArrayLike<number>;
  /** Scale λ of what is added to θ₀. Default 1, for `arithmetic` 0.3. */
  readonly lambda?: number;
  /** Share of each τ's numbers, the largest, that `ties` keeps: 0 … 1. Default 0.2, as in the paper; its reference code takes 0.2 away instead. */
  readonly keep?: number;
  /** Numbers in each tensor, one after another. Default: one tensor. */
  readonly lengths?: readonly number[];
}

const METHODS = ["average", "slerp", "arithmetic", "magmax", "ties", "modelStock"] as const;

/** Returns the options of merging, checked and whole. @throws E_CONFIG */
export function checkMerge(where: string, options: MergeOptions): { method: MergeMethod; lambda: number; keep: number } {
  const method = checkChoice<MergeMethod>(where, "method", options.method ?? "average", METHODS);
  const lambda = checkNumber(where, "lambda", options.lambda ?? (method === "arithmetic" ? 0.3 : 1));
  const keep = checkNumber(where, "keep", options.keep ?? 0.2, { min: 0, max: 1 });
  return { method, lambda, keep };
}

/**
 * Returns the parameters [n] that merge models [n], which began as `start` [n].
 * @throws E_CONFIG E_DATA
 * @see Wortsman et al. 2022, arXiv 2203.05482 (average); Ilharco et al. 2023, arXiv 2212.04089 (arithmetic); Marczak et al. 2024, arXiv 2407.06322
 * (magmax); Yadav et al. 2023, arXiv 2306.01708 (ties); Jang et al. 2024, arXiv 2403.19522, equation 7 (modelStock); Shoemake 1985 (slerp)
 */
export function mergeModels<T extends Float32Array | Float64Array>(start: T, models: readonly T[], options: MergeOptions = {}): T {
  const where = "strategies.mergeModels";
  checkKeys(where, options, ["method", "weights", "lambda", "keep", "lengths"]);
  const { method, lambda, keep } = checkMerge(where, options);
  const n = start.length;
  const odd = models.find(({ length }) => length !== n);
  if (models.length === 0 || odd !== undefined)
    fail("E_DATA", `${where}: models do not fit; expected at least one of ${n} numbers each, got ${odd?.length ?? "none"}`);
  const weights = options.weights === undefined ? models.map(() => 1) : Array.from(options.weights);
  if (
    weights.length !== models.length ||
    weights.some((weight) => !(weight >= 0 && weight < Number.POSITIVE_INFINITY)) ||
    sumOf(weights) === 0
  )
    fail(
      "E_DATA",
      `${where}: weights do not fit; expected ${models.length} finite numbers from 0 on, not all 0, got ${weights.join(", ")}`,
    );
  const lengths = options.lengths ?? [n];
  if (sumOf(lengths) !== n) fail("E_DATA", `${where}: lengths do not fit; expected a sum of ${n}, got ${sumOf(lengths)}`);
  const merged = start.slice() as T;
  if (method === "ties") {
    addTo(
      merged,
      elected(
        models.map((model) =>
          trimmed(
            Float64Array.from(model, (x, i) => x - (start[i] as number)),
            keep,
          ),
        ),
      ),
      lambda,
    );
    return merged;
  }
  let from = 0;
  for (const length of lengths) {
    const part = (of: T): Float64Array => Float64Array.from(of.subarray(from, from + length));
    merged.set(mergePart(method, part(start), models.map(part), weights, lambda), from);
    from += length;
  }
  return merged;
}

function mergePart(
  method: Exclude<MergeMethod, "ties">,
  start: Float64Array,
  models: readonly Float64Array[],
  weights: readonly number[],
  lambda: number,
): Float64Array {
  const learned = (): Float64Array[] => models.map((model) => model.map((x, i) => x - (start[i] as number)));
  const merged = start.slice();
  switch (method) {
    case "average":
      merged.fill(0);
      for (const [m, model] of models.entries()) addTo(merged, model, (weights[m] as number) / sumOf(weights));
      return merged;
    case "slerp": {
      let before = weights[0] as number;
      return models.reduce((sum, model, m) => {
        const weight = weights[m] as number;
        before += weight;
        return weight === 0 ? sum : alongArc(sum, model, weight / before);
      });
    }
    case "arithmetic":
      for (const own of learned()) addTo(merged, own, lambda);
      return merged;
    case "magmax": {
      const largest = new Float64Array(start.length);
      for (const own of learned()) for (const [i, x] of own.entries()) if (Math.abs(x) > Math.abs(largest[i] as number)) largest[i] = x;
      addTo(merged, largest, lambda);
      return merged;
    }
    case "modelStock": {
      const all = learned();
      const count = all.length;
      const pairs = all.flatMap((a, i) => all.slice(i + 1).map((b) => cosine(a, b)));
      // Where what was learned goes apart, nothing of it is common.
      const angle = count === 1 ? 1 : Math.max(0, sumOf(pairs) / pairs.length);
      for (const own of all) addTo(merged, own, angle / (1 + (count - 1) * angle));
      return merged;
    }
  }
}

const sumOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);

function addTo(sum: Float32Array | Float64Array, values: Float64Array, scale: number): void {
  for (const [i, value] of values.entries()) sum[i] = (sum[i] as number) + scale * value;
}

/** Returns the cosine of the angle between two vectors; 1 where one has no length. */
function cosine(a: Float64Array, b: Float64Array): number {
  const length = Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b));
  return length === 0 ? 1 : dot(a, b) / length;
}

/** Returns the point at `t` of the way from `a` to `b` along the arc between them; along the line where they point almost one way, or opposite ones. */
function alongArc(a: Float64Array, b: Float64Array, t: number): Float64Array {
  const cos = cosine(a, b);
  if (Math.abs(cos) > 0.9995) return a.map((x, i) => (1 - t) * x + t * (b[i] as number));
  const angle = 2 * arctangent(Math.sqrt((1 - cos) / (1 + cos)));
  const [first, second] = [sine((1 - t) * angle) / sine(angle), sine(t * angle) / sine(angle)];
  return a.map((x, i) => first * x + second * (b[i] as number));
}

/** Returns arctan x of x ≥ 0, by arithmetic alone. */
function arctangent(x: number): number {
  let small = x;
  for (let i = 0; i < 4; i++) small /= 1 + Math.sqrt(1 + small * small);
  let sum = 0;
  for (let k = 19; k > 0; k -= 2) sum = 1 / k - small * small * sum;
  return 16 * small * sum;
}

/** Returns sin x of x in [0, π], by arithmetic alone. */
function sine(x: number): number {
  const near = x > Math.PI / 2 ? Math.PI - x : x;
  let sum = 1;
  for (let k = 20; k > 0; k -= 2) sum = 1 - (near * near * sum) / (k * (k + 1));
  return near * sum;
}

/** Returns values with all but a share of them, the largest in magnitude, at 0; of equal ones the first stay. */
function trimmed(values: Float64Array, keep: number): Float64Array {
  const count = Math.round(keep * values.length);
  const sizes = values.map(Math.abs).sort();
  const least = count === 0 ? Number.POSITIVE_INFINITY : (sizes[values.length - count] as number);
  let equal = count - sizes.reduce((above, size) => above + Number(size > least), 0);
  return values.map((value) => {
    const size = Math.abs(value);
    return size > least || (size === least && equal-- > 0) ? value : 0;
  });
}

/** Returns, number by number, the mean of those that have the sign of their sum. */
function elected(all: readonly Float64Array[]): Float64Array {
  return (all[0] as Float64Array).map((_, i) => {
    let [above, below, ups, downs] = [0, 0, 0, 0];
    for (const values of all) {
      const value = values[i] as number;
      if (value > 0) [above, ups] = [above + value, ups + 1];
      if (value < 0) [below, downs] = [below + value, downs + 1];
    }
    if (above + below === 0) return 0;
    return above + below > 0 ? above / ups : below / downs;
  });
}
