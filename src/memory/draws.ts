/** The policies that draw from a replay memory: which stored rows join a step. Each works on what any policy of `memory` keeps. */
import { checkKeys } from "../errors.ts";
import { checkDraw, type DrawName, type DrawPolicy, type MixturePart, type StoreDraw } from "./draw.ts";

/** Returns uniform draws, without replacement unless asked; O(1) a row. @throws E_CONFIG */
export function uniform(options: { readonly replacement?: boolean } = {}): DrawPolicy {
  return make("uniform", options);
}

/** Returns draws that take groups (default: classes) in turn, rows of a group uniformly; O(1) a row. @throws E_CONFIG */
export function balanced(options: { readonly key?: string; readonly replacement?: boolean } = {}): DrawPolicy {
  return make("balanced", options);
}

/** Options of draws by priority. */
export interface PriorityOptions {
  /** How much priorities count: 0 … 16. */
  readonly alpha?: number;
  /** How far the weights of the drawn rows make up for it: 0 not at all, 1 in full. */
  readonly beta?: number;
}

/**
 * Returns draws in proportion to score^alpha (default 0.6), stratified, with importance weights (n·P)^-beta (default 0.4) of which the largest is
 * 1. A row of score 0 is never drawn; a row that came without a score has the largest so far. O(log rows) a row.
 * @throws E_CONFIG
 * @see Schaul et al. 2016, arXiv 1511.05952, "Prioritized experience replay", section 3.3
 */
export function proportional(options: PriorityOptions = {}): DrawPolicy {
  return make("proportional", options);
}

/** Returns draws in proportion to 1/rank^alpha (default 0.7), the highest score first, otherwise like {@link proportional}. O(rows) a draw. @throws E_CONFIG */
export function rank(options: PriorityOptions = {}): DrawPolicy {
  return make("rank", options);
}

/**
 * Returns draws in proportion to age^-exponent (default 1), the age of a row in rows; or, with a key, of groups by how many groups were seen
 * later: the latest is drawn only when it is alone. O(rows) a draw, O(groups) with a key.
 * @throws E_CONFIG
 */
export function powerLaw(options: { readonly exponent?: number; readonly key?: string } = {}): DrawPolicy {
  return make("power-law", options);
}

/**
 * Returns draws that fade with age: in proportion to tanh((πi/n)^e), rows ordered from the oldest, i = 0, which is never drawn. O(rows) a draw.
 * @see the fading replay buffer of Symphony, github.com/SuspensionRailway/symphony
 */
export function fading(): DrawPolicy {
  return make("fading", {});
}

/** Returns draws in proportion to 2^(-age/halfLife), in rows (default 1000). O(rows) a draw. @throws E_CONFIG */
export function recency(options: { readonly halfLife?: number } = {}): DrawPolicy {
  return make("recency", options);
}

/**
 * Returns draws that visit every row, in random order, `views` times in place (default 4), before any is visited again. O(1) a row.
 * @throws E_CONFIG
 * @see "View-batch model", the recall interval: rows are seen as often, in fewer and denser visits
 */
export function recall(options: { readonly views?: number } = {}): DrawPolicy {
  return make("recall", options);
}

/** Returns draws of the highest scores, of all rows or of some `candidates` drawn uniformly. O(rows) or O(candidates) a draw. @throws E_CONFIG */
export function top(options: { readonly candidates?: number } = {}): DrawPolicy {
  return make("top", options);
}

/** Returns draws in proportion to e^(score/temperature) (default 1). O(rows) a draw. @throws E_CONFIG */
export function softmax(options: { readonly temperature?: number } = {}): DrawPolicy {
  return make("softmax", options);
}

/** Returns fixed shares of several draws. What is rounded off is made up for later, so that the shares of a long run are exact. @throws E_CONFIG */
export function mixture(parts: readonly MixturePart[]): DrawPolicy {
  return checkDraw("draws.mixture", { draw: "mixture", parts });
}

/** Options of {@link limited}. */
export interface LimitedOptions {
  /** Rows drawn for each row offered: the replay ratio. */
  readonly samplesPerInsert: number;
  /** Rows that must be stored before any is drawn; default 1. */
  readonly minRows?: number;
  /** Rows that may be drawn ahead; default 0. */
  readonly errorBuffer?: number;
  /** How they are drawn; default: uniformly. */
  readonly policy?: DrawPolicy;
}

/** Returns draws of no more rows than a ratio to the rows offered allows; what is not drawn waits for a later draw. @throws E_CONFIG */
export function limited(options: LimitedOptions): DrawPolicy {
  checkKeys("draws.limited", options, ["samplesPerInsert", "minRows", "errorBuffer", "policy"]);
  const { samplesPerInsert, minRows = 1, errorBuffer = 0, policy = uniform() } = options;
  return checkDraw("draws.limited", { draw: "limited", samplesPerInsert, minRows, errorBuffer, policy });
}

/** Options of {@link adaptive}. */
export interface AdaptiveOptions {
  /** Rows drawn for each row offered at first; default 0.5. */
  readonly low?: number;
  /** And once plasticity is stable; default 2. */
  readonly high?: number;
  /** How little the share of active units must change for that; default 0.001. */
  readonly gap?: number;
  /** Every how many signals it is held against the one before; default 50. */
  readonly check?: number;
  /** How they are drawn; default: uniformly. */
  readonly policy?: DrawPolicy;
}

/**
 * Returns draws of few rows for each row offered, and of more, for good, once the share of active units that `signal` tells is stable.
 * @throws E_CONFIG
 * @see Ma et al. 2024, arXiv 2310.07418, "Revisiting plasticity in visual reinforcement learning: data, modules and training stages"
 */
export function adaptive(options: AdaptiveOptions = {}): DrawPolicy {
  checkKeys("draws.adaptive", options, ["low", "high", "gap", "check", "policy"]);
  const { low = 0.5, high = 2, gap = 0.001, check = 50, policy = uniform() } = options;
  return checkDraw("draws.adaptive", { draw: "adaptive", low, high, gap, check, policy });
}

function make(draw: DrawName, options: object): DrawPolicy {
  return checkDraw(`draws.${draw}`, { ...options, draw } as StoreDraw);
}
