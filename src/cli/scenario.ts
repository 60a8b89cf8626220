/** The tasks that settings ask for. */
import { fail } from "../errors.ts";
import {
  type Dataset,
  environments,
  longTailed,
  noisyLabels,
  permuted,
  recurring,
  rotated,
  type Scenario,
  splitClasses,
} from "../stream/index.ts";
import { type NamedData, sample } from "./data.ts";
import { flagOf } from "./options.ts";
import type { RunSettings } from "./settings.ts";

/** What tasks a scenario has, each once however often it is visited. */
export interface Columns {
  /** The task of each visit, by its place below. */
  readonly of: readonly number[];
  readonly names: readonly string[];
  readonly tests: readonly Dataset[];
  /** The classes of each. */
  readonly classes: readonly (readonly number[])[];
}

/** Returns the tasks, each with at most `limit` samples in either part. @throws E_CONFIG for an option without effect; E_DATA, E_SHAPE */
export function scenarioOf(settings: RunSettings, data: NamedData): Scenario {
  const { scenario, tasks, seed, increment, visits, gapExponent, classesPerTask, longTail, labelNoise } = settings;
  needs(settings, "increment", scenario === "split", "--scenario split");
  needs(settings, "classesPerTask", scenario === "recurring", "--scenario recurring");
  needs(settings, "gapExponent", visits !== undefined, "--visits");
  let { train } = data;
  if (longTail !== undefined) train = longTailed(train, { ratio: longTail, seed });
  if (labelNoise !== undefined) train = noisyLabels(train, { rate: labelNoise, seed });
  const parts = { train, test: data.test };
  const make = {
    split: () => splitClasses(parts, { tasks, ...(increment !== undefined && { increment }) }),
    permuted: () => permuted(parts, { tasks, seed }),
    rotated: () => rotated(parts, { tasks }),
    recurring: () => recurring(parts, { tasks, seed, ...(classesPerTask !== undefined && { classesPerTask }) }),
  };
  const whole = limited(make[scenario](), settings.limit);
  if (visits === undefined) return whole;
  return environments(whole, { visits, seed, ...(gapExponent !== undefined && { exponent: gapExponent }) });
}

/** Returns each task of a scenario once, in the order in which they first come. */
export function columnsOf({ tasks }: Scenario): Columns {
  const tests = [...new Set(tasks.map(({ test }) => test))];
  const of = tasks.map(({ test }) => tests.indexOf(test));
  const firsts = tests.map((test) => tasks.find((task) => task.test === test) as Scenario["tasks"][number]);
  return { of, tests, names: firsts.map(({ name }) => name), classes: firsts.map(({ classes }) => classes) };
}

/** Tasks that share a part share what is taken of it. */
function limited(whole: Scenario, limit: number | undefined): Scenario {
  if (limit === undefined) return whole;
  const taken = new Map<Dataset, Dataset>();
  const take = (part: Dataset): Dataset => {
    const known = taken.get(part) ?? sample(part, limit);
    taken.set(part, known);
    return known;
  };
  return { ...whole, tasks: whole.tasks.map((task) => ({ ...task, train: take(task.train), test: take(task.test) })) };
}

function needs(settings: RunSettings, key: keyof RunSettings, met: boolean, expected: string): void {
  if (settings[key] === undefined || met) return;
  fail("E_CONFIG", `options: option "${flagOf(key)}" has no effect here; expected ${expected}, got none`, {
    hint: `Give ${expected}, or remove ${flagOf(key)}.`,
  });
}
