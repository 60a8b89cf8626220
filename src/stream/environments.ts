/** Environments that come again after gaps, or stay for times, that follow a power law. */
import { checkKeys, checkNumber, fail } from "../errors.ts";
import { power } from "../natural.ts";
import { RandomStream } from "../random.ts";
import { select } from "./dataset.ts";
import type { Scenario, Task } from "./scenario.ts";

/** A power law on whole numbers: the chance of n from `min` to `max` is in proportion to n^−exponent. */
export interface PowerLaw {
  readonly exponent: number;
  /** Default 1. */
  readonly min?: number;
  readonly max: number;
}

/** How {@link environments} visits. */
export interface EnvironmentsOptions {
  /** Number of visits, at least one to each environment. */
  readonly visits: number;
  /** Exponent a of the chance Δ^−a of an environment last visited Δ visits ago; 0 makes all that were seen alike. Default 1. */
  readonly exponent?: number;
  /** Rows learned in a visit; default all rows of the environment. */
  readonly lengths?: PowerLaw;
  /** Default 0. */
  readonly seed?: number;
}

/** More values than this are no table to draw from. */
const mostLengths = 2 ** 20;

/**
 * Returns the scenario whose tasks are visits to the tasks of another, its environments. New ones come in order and evenly: environment `e`
 * of `n` first at visit ⌊e·visits/n⌋. Every other visit is to one seen before, drawn by how long ago that was last, so a visit goes on with
 * the one before it most often. A visit that is shorter or longer than the environment takes its rows where the last one stopped, in an order
 * anew each time they are through. The law of gaps is that of rehearsal in the source; that of lengths is ours.
 * @throws E_CONFIG
 * @see Yoo et al. 2024, arXiv 2401.10393 (memory replay of power-law environments)
 */
export function environments(scenario: Scenario, options: EnvironmentsOptions): Scenario {
  const where = "streams.environments";
  checkKeys(where, options, ["visits", "exponent", "lengths", "seed"]);
  const { tasks } = scenario;
  const visits = checkNumber(where, "visits", options.visits, { min: tasks.length, integer: true });
  const exponent = checkNumber(where, "exponent", options.exponent ?? 1, { min: 0 });
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  const lengths = options.lengths === undefined ? undefined : lengthsOf(where, options.lengths);
  const random = new RandomStream(seed, "stream/environments");
  const walks = tasks.map((task, environment) => walk(task, environment, seed));
  const last: number[] = [];
  return {
    kind: "environments",
    increment: scenario.increment,
    tasks: Array.from({ length: visits }, (_, visit) => {
      const isNew = last.length < tasks.length && Math.floor((last.length * visits) / tasks.length) === visit;
      const gaps = last.map((before) => visit - before);
      const environment = isNew ? last.length : pick(recurrenceShares(gaps, exponent), random);
      last[environment] = visit;
      const task = tasks[environment] as Task;
      const length = lengths?.(random);
      return { ...task, environment, ...(length !== undefined && { train: (walks[environment] as Walk)(length) }) };
    }),
  };
}

/** Returns the chance of each environment, last visited `gaps` visits ago: gaps^−exponent, brought to the sum 1. */
export function recurrenceShares(gaps: readonly number[], exponent: number): number[] {
  const weights = gaps.map((gap) => power(gap, -exponent));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

type Walk = (length: number) => Task["train"];

/** Returns a function that gives the next rows of a task. */
function walk({ train }: Task, environment: number, seed: number): Walk {
  let [pass, at, order] = [0, train.count, new Uint32Array(0)];
  return (length) => {
    const rows = new Uint32Array(length);
    for (let i = 0; i < length; i++) {
      if (at === train.count) {
        const name = `stream/environments/${environment}/${pass++}`;
        order = new RandomStream(seed, name).shuffle(Uint32Array.from({ length: train.count }, (_, row) => row));
        at = 0;
      }
      rows[i] = order[at++] as number;
    }
    return select(train, rows);
  };
}

/** Returns a function that draws lengths. @throws E_CONFIG */
function lengthsOf(where: string, options: PowerLaw): (random: RandomStream) => number {
  checkKeys(`${where}: lengths`, options, ["exponent", "min", "max"]);
  const exponent = checkNumber(where, "lengths.exponent", options.exponent, { min: 0 });
  const min = checkNumber(where, "lengths.min", options.min ?? 1, { min: 1, integer: true });
  const max = checkNumber(where, "lengths.max", options.max, { min, integer: true });
  if (max - min >= mostLengths) {
    fail("E_CONFIG", `${where}: lengths have too wide a range; expected at most ${mostLengths} values, got ${max - min + 1}`);
  }
  let sum = 0;
  // Scaled by the largest, no power is 0 or infinite at the short end.
  const upTo = Float64Array.from({ length: max - min + 1 }, (_, i) => (sum += power((min + i) / min, -exponent)));
  return (random) => {
    const u = random.uniform() * sum;
    let [low, high] = [0, upTo.length - 1];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((upTo[middle] as number) > u) high = middle;
      else low = middle + 1;
    }
    return min + low;
  };
}

function pick(shares: readonly number[], random: RandomStream): number {
  let u = random.uniform();
  let choice = 0;
  while (choice < shares.length - 1 && u >= (shares[choice] as number)) u -= shares[choice++] as number;
  return choice;
}
