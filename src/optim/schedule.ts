import { checkKeys, checkNumber } from "../errors.ts";

/** Constructors of {@link Schedule}. */
export type ScheduleKind =
  | "constant"
  | "cosine"
  | "linear"
  | "rex"
  | "rewarm"
  | "infinite"
  | "infiniteTasks"
  | "cooldown"
  | "sgdr"
  | "cyclic"
  | "oneCycle"
  | "meta"
  | "sigmoid"
  | "table"
  | "sequence"
  | "scale"
  | "clamp"
  | "restartOn"
  | "perGroup";

/** A schedule as plain JSON: {@link Schedule} without what Wasm needs. */
export interface ScheduleConfig {
  readonly kind: ScheduleKind;
  /** What it was made from, defaults filled in; schedules in it are of this type. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** A learning rate as a function of the update's index: plain data. */
export interface Schedule extends ScheduleConfig {
  /** The f64 words of the Wasm evaluator (`assembly/schedule.ts`). */
  readonly parameters: readonly number[];
  /** By the name of something that may happen while training: the words that then take the index of the next update, ∞ before. */
  readonly marks: Readonly<Record<string, readonly number[]>>;
  /** Of {@link perGroup}: where the words of each group's schedule begin. Those of all other groups begin at 0. */
  readonly groups?: Readonly<Record<string, number>>;
}

/** Options of {@link constant}. */
export interface ConstantOptions {
  rate: number;
}

/** A learning rate; beyond a million, one step can take weights to where every later one is not finite. */
export const rates: { readonly min: 0; readonly max: 1e6 } = { min: 0, max: 1e6 };

/** Returns a schedule without marks. */
export function plain(kind: ScheduleKind, options: ScheduleConfig["options"], parameters: readonly number[]): Schedule {
  return { kind, parameters, marks: {}, options };
}

/**
 * Returns a schedule of one rate: a number, or `{ rate }`.
 * @throws E_CONFIG
 */
export function constant(value: number | ConstantOptions): Schedule {
  const where = "schedules.constant";
  if (typeof value === "object") checkKeys(where, value, ["rate"]);
  const rate = checkNumber(where, "rate", typeof value === "object" ? value.rate : value, rates);
  return plain("constant", { rate }, [0, rate]);
}
