/** Names of strategies as the command line has them: `er-ace` for `strategies.erAce`. */
import { checkChoice } from "../errors.ts";
import { factories } from "../strategy/config.ts";
import { camelCased, flagged } from "./options.ts";

/** Several strategies under one name. */
export const presetNames = ["features", "small-net", "no-rows"] as const;

/** What strategies are compared with: nothing; all rows at once; all rows so far, by one learner, or by a new one for each task. */
export const baselineNames = ["naive", "joint", "cumulative", "scratch"] as const;

/** A name of {@link baselineNames}. */
export type Baseline = (typeof baselineNames)[number];

/** Every name that `--strategy` takes. */
export const strategyNames: readonly string[] = [...baselineNames, ...presetNames, ...Object.keys(factories).map(flagged)];

/** Returns the names between commas, in the form of {@link strategyNames}. @throws E_CONFIG with the nearest name */
export function namesIn(where: string, flag: string, given: string, separator = ","): string[] {
  return given.split(separator).map((name) => checkChoice(where, flag, flagged(camelCased(name.trim())), strategyNames));
}

/** Returns the names of a baseline that stands alone, or undefined. */
export function baselineOf(names: readonly string[]): Baseline | undefined {
  return names.length === 1 ? baselineNames.find((name) => name === names[0]) : undefined;
}
