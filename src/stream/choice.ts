/** Which source, or how hard a one, comes next: bandit and adaptive difficulty. */
import { checkKeys, checkNumber, checkState, fail } from "../errors.ts";
import { exp } from "../natural.ts";
import { RandomStream } from "../random.ts";
import { checkFact } from "./curriculum.ts";

/** Options of {@link bandit}. */
export interface BanditOptions {
  /** Number of sources. */
  readonly sources: number;
  /** γ: share of draws spread evenly over the sources, and the speed of learning. Default 0.1. */
  readonly exploration?: number;
  /** Default 0. */
  readonly seed?: number;
}

/** State of {@link bandit}. */
export interface BanditState {
  /** Logarithms of the weights, the largest 0. */
  readonly logs: readonly number[];
  /** Random words read. */
  readonly position: number;
}

/** Options of {@link adaptiveDifficulty}. */
export interface AdaptiveDifficultyOptions {
  /** Number of levels, from the easiest on. */
  readonly levels: number;
  /** Success that is aimed at. Default 0.7. */
  readonly target?: number;
  /** Decay of a level's mean of successes. Default 0.9. */
  readonly decay?: number;
  /** Share of draws from any level, for the means of those not chosen grow old. Default 0.1. */
  readonly exploration?: number;
  /** Default 0. */
  readonly seed?: number;
}

/** State of {@link adaptiveDifficulty}. */
export interface DifficultyState {
  /** Mean success at each level; null before the first. */
  readonly success: readonly (number | null)[];
  /** Random words read. */
  readonly position: number;
}

/** A choice among a number of places, which learns from what came of it. */
export interface Chooser<State> {
  readonly options: Readonly<Record<string, unknown>>;
  start(): State;
  /** Returns a saved state, parsed from JSON. @throws E_MISMATCH where it is another's, or of another number of places */
  resume(saved: unknown): State;
  /** Returns which to take next, and the state after the draw. */
  choose(state: State): { readonly state: State; readonly choice: number };
  /** Returns the state after a result of a choice, from 0 to 1. @throws E_DATA */
  learn(state: State, choice: number, result: number): State;
}

/**
 * Returns the choice among sources by EXP3: no assumption on how rewards come about, which change while the model learns. A reward may be
 * the loss that a step on the source takes away, brought to [0, 1].
 * @throws E_CONFIG
 * @see Auer et al. 2002, "The nonstochastic multiarmed bandit problem", fig. 1
 */
export function bandit(options: BanditOptions): Chooser<BanditState> {
  const where = "streams.bandit";
  checkKeys(where, options, ["sources", "exploration", "seed"]);
  const sources = checkNumber(where, "sources", options.sources, { min: 1, integer: true });
  const exploration = checkNumber(where, "exploration", options.exploration ?? 0.1, { min: 0, max: 1, open: "min" });
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  const first: BanditState = { logs: new Array(sources).fill(0), position: 0 };
  return {
    options: { sources, exploration, seed },
    start: () => first,
    resume(saved) {
      const state = checkState(where, saved, first);
      checkPlaces(where, state.logs, sources);
      return state;
    },
    choose(state) {
      const random = new RandomStream(seed, "streams/bandit", state.position);
      let left = random.uniform();
      const chances = chancesOf(state, exploration);
      let choice = 0;
      while (choice < sources - 1 && left >= (chances[choice] as number)) left -= chances[choice++] as number;
      return { state: { ...state, position: random.position }, choice };
    },
    learn(state, choice, result) {
      checkPlace(where, choice, sources);
      const reward = checkFact(where, "result", result, choice, 1);
      const gain = (exploration * reward) / (sources * (chancesOf(state, exploration)[choice] as number));
      const logs = state.logs.map((log, i) => (i === choice ? log + gain : log));
      const largest = Math.max(...logs);
      return { ...state, logs: logs.map((log) => log - largest) };
    },
  };
}

/** Returns the chance of each source, in a bandit's state. */
export function chancesOf(state: BanditState, exploration: number): number[] {
  const weights = state.logs.map(exp);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => ((1 - exploration) * weight) / sum + exploration / weights.length);
}

/**
 * Returns the choice of the level whose mean success is nearest a target, the easier of equals; a level not yet tried counts as on target, so
 * all are tried from the easiest on. The rule is ours.
 * @throws E_CONFIG
 */
export function adaptiveDifficulty(options: AdaptiveDifficultyOptions): Chooser<DifficultyState> {
  const where = "streams.adaptiveDifficulty";
  checkKeys(where, options, ["levels", "target", "decay", "exploration", "seed"]);
  const levels = checkNumber(where, "levels", options.levels, { min: 1, integer: true });
  const target = checkNumber(where, "target", options.target ?? 0.7, { min: 0, max: 1 });
  const decay = checkNumber(where, "decay", options.decay ?? 0.9, { min: 0, max: 1, open: "max" });
  const exploration = checkNumber(where, "exploration", options.exploration ?? 0.1, { min: 0, max: 1 });
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  const first: DifficultyState = { success: new Array(levels).fill(null), position: 0 };
  return {
    options: { levels, target, decay, exploration, seed },
    start: () => first,
    resume(saved) {
      const state = checkState(where, saved, first);
      checkPlaces(where, state.success, levels);
      return state;
    },
    choose(state) {
      const random = new RandomStream(seed, "streams/adaptiveDifficulty", state.position);
      const any = random.uniform() < exploration ? random.below(levels) : undefined;
      const distances = state.success.map((mean) => Math.abs((mean ?? target) - target));
      return { state: { ...state, position: random.position }, choice: any ?? distances.indexOf(Math.min(...distances)) };
    },
    learn(state, choice, result) {
      checkPlace(where, choice, levels);
      const value = checkFact(where, "result", result, choice, 1);
      const mean = state.success[choice] ?? value;
      return { ...state, success: state.success.map((old, i) => (i === choice ? decay * mean + (1 - decay) * value : old)) };
    },
  };
}

function checkPlaces(where: string, places: readonly unknown[], count: number): void {
  if (places.length === count) return;
  fail("E_MISMATCH", `${where}: the saved state has other places; expected ${count}, got ${places.length}`, {
    hint: "Resume with the options the state was saved under.",
  });
}

function checkPlace(where: string, choice: number, count: number): void {
  if (Number.isInteger(choice) && choice >= 0 && choice < count) return;
  fail("E_DATA", `${where}: no such choice; expected 0 to ${count - 1}, got ${choice}`);
}
