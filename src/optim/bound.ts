/** The convex last-iterate bound: what a schedule promises. */
import { checkChoice, checkKeys, checkNumber, fail } from "../errors.ts";
import { openPlanner, type Planner } from "../wasm/planner.ts";
import { checkValues } from "./values.ts";

/** What the last iterate's loss is bounded with: with base rate γ it lies at most t1/γ + γ(t2 + t3) above the least. */
export interface Bound {
  /** D²/(2Σηₜ): how far there is to go. */
  readonly t1: number;
  /** Σηₜ²Gₜ²/(2Σηₜ): the noise of the average. */
  readonly t2: number;
  /** What the last iterate adds to the average's noise. */
  readonly t3: number;
  /** The base rate that makes the bound least. */
  readonly bestRate: number;
  /** The bound at that rate. */
  readonly bestBound: number;
}

/** Options of {@link bound}. */
export interface BoundOptions {
  /** Multiplier of the base rate at each update [T]; the last is not 0. */
  readonly rates: ArrayLike<number>;
  /** Norm of the gradient: one number, or one for each update [T]. Default 1. */
  readonly gradientNorm?: number | ArrayLike<number>;
  /** Distance from the start to the optimum. Default 1. */
  readonly distance?: number;
}

/** The end of a run: linear to 0, or 1 − √ of the part that is done. */
export type CooldownShape = "linear" | "sqrt";

/** Options of {@link transfer}. */
export interface TransferOptions {
  /** Updates of the run. */
  readonly steps: number;
  /** Share of the run that cools down, where the rate was tuned. */
  readonly from: number;
  /** Share that is to cool down. */
  readonly to: number;
  /** Default "linear". */
  readonly shape?: CooldownShape;
}

/** Options of {@link extend}. */
export interface ExtendOptions {
  /** Updates of the run whose rate was tuned. */
  readonly steps: number;
  /** Updates of the longer run. */
  readonly to: number;
  /** Share of the tuned run that cools down. Default 0.2. */
  readonly cooldown?: number;
  /** Default "linear". */
  readonly shape?: CooldownShape;
}

/** Three ways to use a rate tuned for a shorter run. */
export interface Extension {
  /** Share of the longer run that must cool down for the rate to stay best; 1 where even that is too little. */
  readonly cooldown: number;
  /** With the cooldown's share kept: factor of the rate from the update on at which the shorter run would have begun to cool down. */
  readonly secondStage: number;
  /** With the cooldown's share kept and one rate throughout: factor of the rate. */
  readonly rate: number;
}

/**
 * Returns the bound that convex theory gives for a schedule; it orders schedules and rates as real runs do.
 * @throws E_CONFIG
 * @see Schaipp et al. 2025, arXiv 2501.18965
 */
export async function bound(options: BoundOptions): Promise<Bound> {
  const where = "planners.bound";
  checkKeys(where, options, ["rates", "gradientNorm", "distance"]);
  const rates = checkValues(where, "rates", options.rates, { min: 0 });
  const last = rates.length - 1;
  checkNumber(where, `rates[${last}]`, rates[last], { min: 0, open: "min" });
  const distance = checkNumber(where, "distance", options.distance ?? 1, { min: 0, open: "min" });
  const given = options.gradientNorm ?? 1;
  const norms =
    typeof given === "number"
      ? new Float64Array(rates.length).fill(checkNumber(where, "gradientNorm", given, { min: 0, open: "min" }))
      : checkValues(where, "gradientNorm", given, { min: 0 });
  if (norms.length !== rates.length) {
    fail("E_CONFIG", `${where}: option "gradientNorm" has another length; expected ${rates.length} like "rates", got ${norms.length}`, {
      hint: "Give one norm for each update, or one number.",
    });
  }
  if (norms.every((norm, t) => norm * (rates[t] as number) === 0)) {
    fail("E_CONFIG", `${where}: option "gradientNorm" is 0 wherever the rate is not; expected a gradient, got none`);
  }
  return evaluate(await openPlanner(), rates, norms, distance);
}

/** Returns the bound at a base rate. @throws E_CONFIG */
export function boundAt({ t1, t2, t3 }: Bound, rate: number): number {
  checkNumber("planners.boundAt", "rate", rate, { min: 0, open: "min" });
  return t1 / rate + rate * (t2 + t3);
}

/**
 * Returns what to multiply a tuned rate by when another share of the run cools down.
 * @throws E_CONFIG
 */
export async function transfer(options: TransferOptions): Promise<number> {
  const where = "planners.transfer";
  checkKeys(where, options, ["steps", "from", "to", "shape"]);
  const steps = checkNumber(where, "steps", options.steps, { min: 1, integer: true });
  const from = checkNumber(where, "from", options.from, { min: 0, max: 1 });
  const to = checkNumber(where, "to", options.to, { min: 0, max: 1 });
  const shape = checkChoice(where, "shape", options.shape ?? "linear", ["linear", "sqrt"]);
  const planner = await openPlanner();
  return best(planner, cooled(steps, length(steps, to), shape)) / best(planner, cooled(steps, length(steps, from), shape));
}

/**
 * Returns how a rate tuned for one run serves a longer one.
 * @throws E_CONFIG
 * @see Schaipp et al. 2025, arXiv 2501.18965
 */
export async function extend(options: ExtendOptions): Promise<Extension> {
  const where = "planners.extend";
  checkKeys(where, options, ["steps", "to", "cooldown", "shape"]);
  const steps = checkNumber(where, "steps", options.steps, { min: 1, integer: true });
  const to = checkNumber(where, "to", options.to, { min: steps, integer: true });
  const cooldown = checkNumber(where, "cooldown", options.cooldown ?? 0.2, { min: 0, max: 1 });
  const shape = checkChoice(where, "shape", options.shape ?? "linear", ["linear", "sqrt"]);
  const planner = await openPlanner();
  const tuned = best(planner, cooled(steps, length(steps, cooldown), shape));
  const kept = cooled(to, length(to, cooldown), shape);

  let low = length(to, cooldown);
  let high = to;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (best(planner, cooled(to, middle, shape)) < tuned) low = middle + 1;
    else high = middle;
  }
  const start = Math.floor(steps * (1 - cooldown));
  let least = 0;
  let most = 1;
  for (let i = 0; i < 40; i++) {
    const middle = (least + most) / 2;
    const staged = kept.map((rate, t) => (t < start ? rate : middle * rate));
    if (best(planner, staged) < tuned) most = middle;
    else least = middle;
  }
  return { cooldown: high === to ? 1 : high / (to + 1), secondStage: (least + most) / 2, rate: best(planner, kept) / tuned };
}

/** Multipliers of a run whose last `n` updates cool down towards the update after them, where the multiplier is 0. */
function cooled(steps: number, n: number, shape: CooldownShape): Float64Array {
  const rates = new Float64Array(steps).fill(1);
  const first = steps + 1 - n;
  for (let t = first; t < steps; t++) {
    const part = (t - first + 1) / n;
    rates[t] = 1 - (shape === "linear" ? part : Math.sqrt(part));
  }
  return rates;
}

/** Updates in a share of a run and the update after it; one always comes before. */
function length(steps: number, share: number): number {
  return Math.min(Math.floor(share * (steps + 1)), steps);
}

function best(planner: Planner, rates: Float64Array): number {
  return evaluate(planner, rates, new Float64Array(rates.length).fill(1), 1).bestRate;
}

function evaluate(planner: Planner, rates: Float64Array, norms: Float64Array, distance: number): Bound {
  const [rateAt, normAt, out] = planner.lay(rates, norms, 3) as [number, number, number];
  planner.exports.bound(rateAt, normAt, rates.length, distance, out);
  const [t1, t2, t3] = planner.read(out, 3) as unknown as [number, number, number];
  return { t1, t2, t3, bestRate: Math.sqrt(t1 / (t2 + t3)), bestBound: 2 * Math.sqrt(t1 * (t2 + t3)) };
}
