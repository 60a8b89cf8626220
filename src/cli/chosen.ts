/** The strategies that a command line asks for, with what the command gives them. */
import { fail, isError, PalimpsestError } from "../errors.ts";
import { factories } from "../strategy/config.ts";
import { features, noRows, type PresetOptions, smallNet } from "../strategy/presets.ts";
import type { Strategy } from "../strategy/strategy.ts";
import { type Dotted, dottedFlag } from "./dotted.ts";
import { baselineNames, baselineOf } from "./names.ts";
import { camelCased } from "./options.ts";
import { type DrawChoice, drawChoices, drawOf } from "./recall.ts";

/** What strategies are given where the command line does not say otherwise. */
export interface Given {
  /** Rows that one draws. */
  readonly batchSize: number;
  readonly draw: DrawChoice;
  /** Whether boundaries are told, so that presets need no detector. */
  readonly told: boolean;
  /** The classes of each task. */
  readonly classes: readonly (readonly number[])[];
}

type Options = Readonly<Record<string, unknown>>;
type Make = (options: Options) => Strategy | Strategy[];

const presets: Readonly<Record<string, (options: PresetOptions) => Strategy[]>> = { features, "small-net": smallNet, "no-rows": noRows };

/** Returns the strategies of names, as in {@link strategyNames}, with their options. @throws E_CONFIG in the words of the command line */
export function strategiesOf(where: string, names: readonly string[], dotted: readonly Dotted[], given: Given): Strategy[] {
  const alone = names.find((name) => baselineOf([name]) !== undefined);
  if (alone !== undefined && names.length > 1) {
    fail("E_CONFIG", `${where}: "${alone}" takes no strategies beside it; expected it alone, got ${names.join(", ")}`, {
      hint: `Leave out ${alone}, or the others.`,
    });
  }
  refuseStray(where, names, dotted);
  return names
    .filter((name) => !(baselineNames as readonly string[]).includes(name))
    .flatMap((name) => {
      const own = Object.fromEntries(dotted.flatMap(({ strategy, key, value }) => (strategy === name ? [[key, value]] : [])));
      return make(name, { ...defaultsOf(name, given), ...resolved(own) }, given);
    });
}

/** Refuses options of strategies that take no part. @throws E_CONFIG */
export function refuseStray(where: string, names: readonly string[], dotted: readonly Dotted[]): void {
  const stray = dotted.find(({ strategy }) => !names.includes(strategy));
  if (stray !== undefined) {
    fail(
      "E_CONFIG",
      `${where}: option "${dottedFlag(stray)}" is of a strategy that takes no part; expected one of ${names.join(", ")}, got "${stray.strategy}"`,
      { hint: `Add ${stray.strategy} to the strategies, or remove ${dottedFlag(stray)}.` },
    );
  }
}

/** Returns whether a strategy, or one that it uses, has a property. */
export function someOf(strategies: readonly Strategy[], has: (strategy: Strategy) => boolean | undefined): boolean {
  return strategies.some((strategy) => has(strategy) === true || someOf(strategy.uses ?? [], has));
}

function defaultsOf(name: string, { batchSize, draw, told, classes }: Given): Options {
  if (Object.hasOwn(presets, name)) return told ? { detector: false } : {};
  if (name === "replay") return { batchSize, draw: drawOf(draw, batchSize) };
  if (name === "detect") return { detector: { name: "pageHinkley", config: {} } };
  return name === "task-mask" ? { classes } : {};
}

/** Returns options in which detectors and draws that were given by their names stand as they are to be. */
function resolved(own: Options): Options {
  const { detector, draw, batchSize } = own;
  const known = (drawChoices as readonly unknown[]).includes(draw);
  const named = known ? drawOf(draw as DrawChoice, typeof batchSize === "number" ? batchSize : 10) : { draw };
  return {
    ...own,
    ...(typeof detector === "string" && { detector: { name: camelCased(detector), config: {} } }),
    ...(typeof draw === "string" && { draw: named }),
  };
}

/** A strategy that must be told how many rows to draw is told what the command line says of all. */
function make(name: string, options: Options, { batchSize }: Given): Strategy | Strategy[] {
  const of = (presets[name] ?? factories[camelCased(name)]) as Make;
  try {
    return of(options);
  } catch (error) {
    const asked = isError(error, "E_CONFIG") && error.context.option === "batchSize" && options.batchSize === undefined;
    if (!asked) throw inFlags(error, name);
    try {
      return of({ ...options, batchSize });
    } catch (other) {
      throw inFlags(other, name);
    }
  }
}

/** Returns an error of a strategy with the names that its options have on the command line. */
function inFlags(error: unknown, strategy: string): unknown {
  if (!isError(error, "E_CONFIG", "E_UNSUPPORTED")) return error;
  const flagIn = (text: string, pattern: RegExp): string =>
    text.replace(pattern, (_, before: string, key: string) => `${before}"${dottedFlag({ strategy, key })}"`);
  const message = flagIn(error.message, /(option )"(\w+)"/);
  // Of an option that is not known the hint names another, of a value that is none it names values.
  const hint = flagIn(error.hint, error.context.known === undefined ? /(Give )"(\w+)"/ : /(Did you mean |Remove )"(\w+)"/);
  return new PalimpsestError("E_CONFIG", message, { hint, context: error.context, cause: error });
}
