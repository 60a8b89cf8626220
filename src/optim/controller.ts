/** What all controllers of a learning rate are: plain options, plain state, pure steps. */
import { checkNumber, checkState, describe, fail } from "../errors.ts";

/**
 * A rate that follows what is observed: plain data and pure functions. The state is JSON; saved and read back, it goes on bit for bit.
 */
export interface Controller<State extends { readonly rate: number }, Observation> {
  readonly kind: string;
  /** What it was made from, defaults filled in. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Returns the state before the first observation; its `rate` is the first rate. */
  start(): State;
  /** Returns a saved state, parsed from JSON. @throws E_MISMATCH where it is another controller's */
  resume(saved: unknown): State;
  /** Returns the state after an observation, and the rate from then on. The old state is not changed. @throws E_DATA */
  next(state: State, observation: Observation): { readonly state: State; readonly rate: number };
}

/** Returns a controller of a step function. */
export function controller<State extends { readonly rate: number }, Observation>(
  kind: string,
  options: Readonly<Record<string, unknown>>,
  first: State,
  step: (state: State, observation: Observation) => State,
): Controller<State, Observation> {
  return {
    kind,
    options,
    start: () => first,
    resume: (saved) => checkState(`controllers.${kind}`, saved, first),
    next(state, observation) {
      const after = step(state, observation);
      return { state: after, rate: after.rate };
    },
  };
}

/** Returns an observed number. @throws E_DATA where it is not finite, or below `min` */
export function observed(where: string, name: string, value: unknown, min: number = Number.NEGATIVE_INFINITY): number {
  if (typeof value === "number" && Number.isFinite(value) && value >= min) return value;
  const expected = min === Number.NEGATIVE_INFINITY ? "a finite number" : `a finite number ≥ ${min}`;
  fail("E_DATA", `${where}: observation "${name}" cannot be used; expected ${expected}, got ${describe(value)}`, {
    context: { observation: name },
  });
}

/** Returns a value held between two bounds. */
export function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

/** Returns the first rate, checked. @throws E_CONFIG */
export function checkRate(where: string, rate: unknown): number {
  return checkNumber(where, "rate", rate, { min: 0, open: "min" });
}
