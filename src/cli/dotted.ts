/** Options of strategies on the command line: `--ewc.lambda 100`. */
import { fail } from "../errors.ts";
import { camelCased, flagged } from "./options.ts";

/** An option of a strategy: its name, the option's, and the value, JSON where it is such, else text. */
export interface Dotted {
  /** As in {@link strategyNames}. */
  readonly strategy: string;
  readonly key: string;
  readonly value: unknown;
}

/** Returns the words that are no options of strategies, and those that are. @throws E_CONFIG where one has no value */
export function divideDotted(where: string, words: readonly string[]): { own: string[]; dotted: Dotted[] } {
  const own: string[] = [];
  const dotted: Dotted[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    const [, flag, inline] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    if (flag === undefined || !flag.includes(".")) {
      own.push(word);
      continue;
    }
    const given = inline ?? words[++at];
    if (given === undefined || given === "" || (inline === undefined && given.startsWith("--"))) {
      fail("E_CONFIG", `${where}: option "--${flag}" has no value; expected one, got ${given === undefined ? "nothing" : `"${given}"`}`, {
        hint: `Give --${flag} VALUE.`,
      });
    }
    dotted.push(readDotted(flag, given));
  }
  return { own, dotted };
}

/** Returns the option that `name.key` and a text mean. */
export function readDotted(flag: string, given: string): Dotted {
  const dot = flag.indexOf(".");
  return { strategy: flagged(camelCased(flag.slice(0, dot))), key: camelCased(flag.slice(dot + 1)), value: read(given) };
}

/** Returns how an option of a strategy is given. */
export function dottedFlag({ strategy, key }: Pick<Dotted, "strategy" | "key">): string {
  return `--${strategy}.${flagged(key)}`;
}

function read(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
