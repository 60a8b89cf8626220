/**
 * What a layer still can: measures of its activations [rows × units], row-major, and of its weights.
 * @see Dohare et al. 2024, "Loss of plasticity in deep continual learning", and shibhansh/loss-of-plasticity
 */
import { checkChoice, checkKeys, checkNumber, fail } from "../errors.ts";
import { exp, ln } from "../natural.ts";
import type { LayerPlasticity } from "./facts.ts";

/** Numbers of any kind, by place. */
type Reals = ArrayLike<number> & Iterable<number>;

/** Returns the singular values, largest first, of a row-major matrix [m × n]: of f64 linear algebra, `(a, m, n) => linear.svd(a, m, n).values`. */
export type SingularValues = (a: Float64Array, m: number, n: number) => ArrayLike<number>;

/** Returns how many units gave 0 for every row. @throws E_DATA */
export function deadUnits(activations: Reals, rows: number, units: number): number {
  return sums(activations, rows, units).reduce((count, sum) => count + Number(sum === 0), 0);
}

/**
 * Returns how many units have a mean activation, without sign, of at most `tau` times the layer's; all where that is 0.
 * @param tau default 0.01
 * @throws E_CONFIG, E_DATA
 * @see Sokar et al. 2023, "The dormant neuron phenomenon in deep reinforcement learning", definition 3.1
 */
export function dormantUnits(activations: Reals, rows: number, units: number, tau = 0.01): number {
  checkNumber("metrics.dormantUnits", "tau", tau, { min: 0 });
  const totals = sums(activations, rows, units);
  const mean = totals.reduce((sum, value) => sum + value, 0) / units;
  return totals.reduce((count, sum) => count + Number(sum <= tau * mean), 0);
}

/**
 * Returns e^(−Σ p ln p) with p each singular value's share of their sum; undefined where all are 0.
 * @see Roy, Vetterli 2007, "The effective rank: a measure of effective dimensionality"
 */
export function effectiveRank(values: Reals): number | undefined {
  const total = sum(values, (value) => value);
  if (total === 0) return undefined;
  return exp(-sum(values, (value) => (value > 0 ? (value / total) * ln(value / total) : 0)));
}

/**
 * Returns the least number of singular values that make up a share of all: of their squares (`squares`), or of themselves (`values`; srank of
 * Kumar et al. 2021); undefined where all are 0.
 * @param variant default "squares"
 * @param share default 0.99
 * @throws E_CONFIG
 */
export function approximateRank(values: Reals, variant: "squares" | "values" = "squares", share = 0.99): number | undefined {
  checkChoice("metrics.approximateRank", "variant", variant, ["squares", "values"]);
  checkNumber("metrics.approximateRank", "share", share, { min: 0, max: 1, open: "min" });
  const weights = Float64Array.from(values, (value) => (variant === "squares" ? value * value : value))
    .sort()
    .reverse();
  const total = sum(weights, (weight) => weight);
  if (total === 0) return undefined;
  let reached = 0;
  const place = weights.findIndex((weight) => {
    reached += weight;
    return reached >= share * total;
  });
  // Rounding may leave the sum in this order a hair below the whole.
  return place < 0 ? weights.length : place + 1;
}

/** Returns ‖A‖²_F / σ²_max = Σσ² / σ²_max; undefined where all are 0. @see Rudelson, Vershynin 2007 */
export function stableRank(values: Reals): number | undefined {
  const most = [...values].reduce((high, value) => Math.max(high, value), 0);
  return most === 0 ? undefined : sum(values, (value) => (value / most) * (value / most));
}

/** Returns the mean of weights without their signs; undefined where there are none. */
export function weightMagnitude(weights: Reals): number | undefined {
  return weights.length === 0 ? undefined : sum(weights, Math.abs) / weights.length;
}

/** What {@link layerPlasticity} measures. */
export interface PlasticityInput {
  readonly layer: string;
  /** Row-major [rows × units]. */
  readonly activations: Reals;
  readonly rows: number;
  readonly units: number;
  readonly weights?: Reals;
  /** Default 0.01. */
  readonly tau?: number;
  readonly svd: SingularValues;
}

/** Returns every measure of one layer, as a plasticity fact has it. @throws E_CONFIG, E_DATA */
export function layerPlasticity(input: PlasticityInput): LayerPlasticity {
  checkKeys("metrics.layerPlasticity", input, ["layer", "activations", "rows", "units", "weights", "tau", "svd"]);
  const { layer, activations, rows, units, weights, tau = 0.01, svd } = input;
  const dead = deadUnits(activations, rows, units);
  const values = Float64Array.from(svd(Float64Array.from(activations), rows, units));
  const magnitude = weights === undefined ? undefined : weightMagnitude(weights);
  return {
    ...{ layer, rows, units, dead, dormant: dormantUnits(activations, rows, units, tau), tau },
    effectiveRank: effectiveRank(values) ?? null,
    approximateRank: approximateRank(values) ?? null,
    absoluteRank: approximateRank(values, "values") ?? null,
    stableRank: stableRank(values) ?? null,
    ...(magnitude !== undefined && { weightMagnitude: magnitude }),
  };
}

/** Returns Σ |activation| of each unit. */
function sums(activations: Reals, rows: number, units: number): Float64Array {
  if (activations.length !== rows * units || rows < 1 || units < 1) {
    fail("E_DATA", `metrics.plasticity: activations do not fit; expected ${rows} × ${units}, got ${activations.length}`);
  }
  const totals = new Float64Array(units);
  for (let i = 0; i < activations.length; i++) {
    const value = activations[i] as number;
    if (!Number.isFinite(value))
      fail("E_DATA", `metrics.plasticity: an activation is not finite; expected a number, got ${value} in row ${Math.floor(i / units)}`);
    totals[i % units] = (totals[i % units] as number) + Math.abs(value);
  }
  return totals;
}

function sum(values: Reals, of: (value: number) => number): number {
  let total = 0;
  for (const value of values) total += of(value);
  return total;
}
