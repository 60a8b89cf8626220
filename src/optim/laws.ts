/** Laws of the loss under a schedule: fitted to curves, then predicting others. */
import { checkChoice, checkKeys, checkNumber, describe, fail } from "../errors.ts";
import { openPlanner, type Planner } from "../wasm/planner.ts";
import { checkValues } from "./values.ts";

/** The loss as a function of the rates so far: plain data. Σ runs over the updates, S1 = Σ ηₜ. */
export type LossLaw = AnnealingLaw | MultiPowerLaw;

/** L = L0 + A·S1^−α − C·S2, where S2 sums a momentum of the falls of the rate: m ← λm + (ηₜ₋₁ − ηₜ). */
export interface AnnealingLaw {
  readonly kind: "annealing";
  readonly L0: number;
  readonly A: number;
  readonly alpha: number;
  readonly C: number;
  /** λ. Default 0.999. */
  readonly decay?: number;
  /** Σ Huber of the fit it came from. */
  readonly error?: number;
}

/** L = L0 + A·S1^−α − B·Σₖ (ηₖ₋₁ − ηₖ)(1 − (1 + C·ηₖ^−γ·(ηₖ + … + ηₜ))^−β). */
export interface MultiPowerLaw {
  readonly kind: "multiPower";
  readonly L0: number;
  readonly A: number;
  readonly alpha: number;
  readonly B: number;
  readonly C: number;
  readonly beta: number;
  readonly gamma: number;
  /** Σ Huber of the fit it came from. */
  readonly error?: number;
}

/** A run to fit a law to. */
export interface ObservedRun {
  /** Rate of each update. In a warm-up, rates of 0 at the start count as the first above 0. */
  readonly rates: ArrayLike<number>;
  /** Losses above 0 after some updates. */
  readonly losses: ArrayLike<number>;
  /** Number (0-based) of the update before each loss. Default: one loss after each update. */
  readonly steps?: ArrayLike<number>;
  /** Updates of warm-up, which count as if at the rate they lead to. Default 0. */
  readonly warmup?: number;
}

/** Options of {@link fitLaw}. */
export interface FitLawOptions {
  /** λ of annealing. Default 0.999. */
  readonly decay?: number;
  /** Where Huber's function turns from squares to absolute values of ln L̂ − ln L. Default 1e-3. */
  readonly delta?: number;
}

const names = {
  annealing: ["L0", "A", "alpha", "C"],
  multiPower: ["L0", "A", "alpha", "B", "C", "beta", "gamma"],
} as const;

/**
 * Returns the law of a kind that fits the losses of one run or several best: least Σ Huber(ln L̂ − ln L) over parameters ≥ 0. A run at a
 * constant rate beside one that decays tells the parameters apart.
 * @throws E_CONFIG
 * @see Tissue et al. 2024, arXiv 2408.11029; Luo et al. 2025, arXiv 2503.12811
 */
export async function fitLaw(kind: LossLaw["kind"], runs: readonly ObservedRun[], options: FitLawOptions = {}): Promise<LossLaw> {
  const where = "planners.fitLaw";
  checkChoice(where, "kind", kind, ["annealing", "multiPower"]);
  checkKeys(where, options, kind === "annealing" ? ["decay", "delta"] : ["delta"]);
  const decay = checkNumber(where, "decay", options.decay ?? 0.999, { min: 0, max: 1, open: "max" });
  const delta = checkNumber(where, "delta", options.delta ?? 1e-3, { min: 0, open: "min" });
  if (!Array.isArray(runs) || runs.length === 0) {
    fail("E_CONFIG", `${where}: option "runs" is no list of runs; expected at least one, got ${describe(runs)}`, {
      hint: "Give one { rates, losses } for each run.",
    });
  }
  const checked = (runs as readonly ObservedRun[]).map((run, i) => checkRun(`${where}: runs[${i}]`, run));
  const rates = concat(checked.map((run) => run.rates));
  const losses = concat(checked.map((run) => run.losses));
  const size = names[kind].length;
  if (losses.length < size) {
    fail("E_CONFIG", `${where}: too few losses; expected at least ${size} for ${kind}, got ${losses.length}`);
  }
  const starts = checked.map((_, i) => checked.slice(0, i).reduce((sum, run) => sum + run.rates.length, 0));
  const places = checked.map((run, i) => run.steps.map((step) => (starts[i] as number) + step));
  const planner = await openPlanner();
  const work = planner.lay(rates, 3 * rates.length, 4 * rates.length, concat(places), losses, size, planner.exports.fitScratch() / 8);
  const [rateAt, states, changes, placeAt, lossAt, best, scratch] = work as [number, number, number, number, number, number, number];
  const law = kind === "annealing" ? 0 : 1;
  let count = 0;
  for (const [i, run] of checked.entries()) {
    const start = starts[i] as number;
    count = planner.exports.trace(law, rateAt + 8 * start, run.rates.length, decay, states + 24 * start, changes, count);
  }
  const error = planner.exports.fit(law, states, changes, count, placeAt, lossAt, losses.length, delta, best, scratch);
  const values = planner.read(best, size);
  const parameters = Object.fromEntries(names[kind].map((name, i) => [name, values[i] as number]));
  return { kind, ...parameters, ...(kind === "annealing" && { decay }), error } as LossLaw;
}

/**
 * Returns the loss after each update that a law predicts for a schedule.
 * @throws E_CONFIG
 */
export async function predictLoss(law: LossLaw, rates: ArrayLike<number>, options: { warmup?: number } = {}): Promise<number[]> {
  const where = "planners.predictLoss";
  checkKeys(where, options, ["warmup"]);
  const kind = checkChoice(where, "law.kind", law?.kind, ["annealing", "multiPower"]);
  const parameters = names[kind].map((name) =>
    checkNumber(where, `law.${name}`, (law as unknown as Record<string, number>)[name], { min: 0 }),
  );
  const decay = law.kind === "annealing" ? checkNumber(where, "law.decay", law.decay ?? 0.999, { min: 0, max: 1, open: "max" }) : 0;
  const values = checkRates(where, rates, options.warmup);
  return predict(await openPlanner(), kind === "annealing" ? 0 : 1, parameters, decay, values);
}

function predict(planner: Planner, law: number, parameters: readonly number[], decay: number, rates: Float64Array): number[] {
  const n = rates.length;
  const work = planner.lay(rates, 3 * n, 4 * n, parameters, planner.exports.fitScratch() / 8, n);
  const [rateAt, states, changes, p, scratch, out] = work as [number, number, number, number, number, number];
  const count = planner.exports.trace(law, rateAt, n, decay, states, changes, 0);
  planner.exports.curve(law, states, n, changes, count, p, scratch, out);
  return Array.from(planner.read(out, n));
}

function checkRun(where: string, run: ObservedRun): { rates: Float64Array; losses: Float64Array; steps: Float64Array } {
  checkKeys(where, run, ["rates", "losses", "steps", "warmup"]);
  const rates = checkRates(where, run.rates, run.warmup);
  const losses = checkValues(where, "losses", run.losses, { min: 0, open: "min" });
  const steps =
    run.steps === undefined
      ? Float64Array.from(rates.keys())
      : checkValues(where, "steps", run.steps, { min: 0, max: rates.length - 1, integer: true });
  if (steps.length === losses.length) return { rates, losses, steps };
  const other = run.steps === undefined ? "rates" : "steps";
  fail("E_CONFIG", `${where}: option "losses" has another length; expected ${steps.length} like "${other}", got ${losses.length}`, {
    hint: run.steps === undefined ? 'Give "steps", the number of the update before each loss.' : 'Give one of "steps" for each loss.',
  });
}

/** Rates, a warm-up counted as if at the rate it leads to. */
function checkRates(where: string, values: ArrayLike<number>, warmup: number | undefined): Float64Array {
  const rates = checkValues(where, "rates", values, { min: 0 });
  const warm = checkNumber(where, "warmup", warmup ?? 0, { min: 0, max: rates.length - 1, integer: true });
  if (rates.every((rate) => rate === 0)) fail("E_CONFIG", `${where}: option "rates" is all 0; expected a rate above 0, got none`);
  return rates.fill(rates[warm] as number, 0, warm);
}

function concat(lists: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(lists.reduce((sum, list) => sum + list.length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}
