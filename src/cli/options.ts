import { checkChoice, checkKeys, checkNumber, describe, fail, type NumberRange } from "../errors.ts";

/** One option of a command. */
export interface Option<T> {
  /** What stands for its value in the help; a flag has none. */
  readonly value?: string;
  /** What it does, for the help. */
  readonly text: string;
  /** What it is when it is not given. */
  readonly fallback: T;
  /** Returns what `given` means. @throws E_CONFIG */
  readonly read: (where: string, flag: string, given: string) => T;
  /** Words to choose from that are too many for one line. */
  readonly words?: readonly string[];
  /** Returns what it is once it is given again. Default: what is given last. */
  readonly join?: (before: T, now: T) => T;
}

/** The options of a command by the names of its settings: `replayBatch` is given as `--replay-batch`. */
export type Options<S> = { readonly [K in keyof S]: Option<S[K]> };

/** Returns an option without a value, which is on once it is given. */
export function flag(text: string): Option<boolean> {
  return { text, fallback: false, read: () => true };
}

/** Returns an option whose value is taken as it is. */
export function text(value: string, text: string): Option<string | undefined> {
  return { value, text, fallback: undefined, read: (_where, _flag, given) => given };
}

/** Returns an option that may be given several times, each value taken as it is. */
export function several(value: string, text: string): Option<readonly string[]> {
  return { value, text, fallback: [], read: (_where, _flag, given) => [given], join: (before, now) => [...before, ...now] };
}

/** Returns an option that takes one of a few words. */
export function choice<T extends string, F extends T | undefined>(choices: readonly T[], fallback: F, text: string): Option<T | F> {
  return { value: choices.join("|"), text, fallback, read: (where, flag, given) => checkChoice(where, flag, given, choices) };
}

/** Returns an option that takes one of many names, which the help lists below it. */
export function name<T extends string>(names: readonly T[], fallback: T, text: string): Option<T> {
  return { ...choice(names, fallback, text), value: "NAME", words: names };
}

/** Returns an option that takes a number. */
export function number<F extends number | undefined>(range: NumberRange, fallback: F, text: string): Option<number | F> {
  return { value: range.integer ? "N" : "X", text, fallback, read: (where, flag, given) => readNumber(where, flag, given, range) };
}

/** Returns an option that takes numbers between commas. */
export function numbers(range: NumberRange, fallback: readonly number[], text: string): Option<readonly number[]> {
  const read = (where: string, flag: string, given: string): number[] =>
    given.split(",").map((part) => readNumber(where, flag, part, range));
  return { value: "N,N…", text, fallback, read };
}

/**
 * Returns the settings that the words of a command line mean; an option given twice counts the last time.
 * @throws E_CONFIG naming the option, with the nearest known one
 */
export function parse<S extends object>(where: string, options: Options<S>, words: readonly string[]): S {
  const keys = new Map(keysOf(options).map((key) => [flagOf(key), key]));
  const settings = defaults(options);
  for (let at = 0; at < words.length; at++) {
    const word = words[at] === "-h" ? "--help" : (words[at] as string);
    const [flag, inline] = word.startsWith("-") ? divide(word) : [undefined, undefined];
    if (flag === undefined) {
      fail("E_CONFIG", `${where}: a word stands alone; expected options, got ${describe(word)}`, {
        hint: "Options look like --name value.",
      });
    }
    checkKeys(where, { [flag]: word }, [...keys.keys()]);
    const key = keys.get(flag) as keyof S & string;
    const option = options[key];
    if (option.value === undefined) {
      if (inline !== undefined) fail("E_CONFIG", `${where}: option "${flag}" takes no value; expected it alone, got ${describe(inline)}`);
      settings[key] = option.read(where, flag, "");
      continue;
    }
    const given = inline ?? words[++at];
    if (given === undefined || given === "" || (inline === undefined && given.startsWith("--"))) {
      const got = given === undefined ? "nothing" : describe(given);
      fail("E_CONFIG", `${where}: option "${flag}" has no value; expected ${option.value}, got ${got}`, {
        hint: `Give ${flag} ${option.value}.`,
      });
    }
    const now = option.read(where, flag, given);
    settings[key] = option.join === undefined ? now : option.join(settings[key], now);
  }
  return settings;
}

/** Returns the settings of a command without options. */
export function defaults<S extends object>(options: Options<S>): S {
  return Object.fromEntries(keysOf(options).map((key) => [key, options[key].fallback])) as S;
}

/** Returns the lines of the help that tell of the options. */
export function describeOptions<S extends object>(options: Options<S>): string {
  return keysOf(options)
    .map((key) => {
      const { value, text, fallback, words = [] } = options[key];
      const name = value === undefined ? flagOf(key) : `${flagOf(key)} ${value}`;
      const without = value === undefined || fallback === undefined || String(fallback) === "" ? "" : ` (default ${fallback})`;
      return `  ${name.padEnd(44)} ${text}${without}\n${linesOf(words)}`;
    })
    .join("");
}

/** Returns words as lines of help, indented below what they belong to. */
function linesOf(words: readonly string[]): string {
  const lines: string[] = [];
  for (const [i, word] of words.entries()) {
    const part = i + 1 < words.length ? `${word},` : word;
    const last = lines.at(-1);
    if (last !== undefined && last.length + part.length < 60) lines[lines.length - 1] = `${last} ${part}`;
    else lines.push(part);
  }
  return lines.map((line) => `${" ".repeat(49)}${line}\n`).join("");
}

/** Returns the name that a setting has on the command line. */
export function flagOf(key: string): string {
  return `--${flagged(key)}`;
}

/** Returns a name in lower case, its words apart: "replay-batch" for "replayBatch". */
export function flagged(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Returns a name whose words begin with capitals: "replayBatch" for "replay-batch". */
export function camelCased(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function keysOf<S extends object>(options: Options<S>): (keyof S & string)[] {
  return Object.keys(options) as (keyof S & string)[];
}

function divide(word: string): readonly [flag: string, inline: string | undefined] {
  const equals = word.indexOf("=");
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

/** What is no number is passed on as it was given, for the message to show it. */
function readNumber(where: string, flag: string, given: string, range: NumberRange): number {
  const value = given.trim() === "" ? Number.NaN : Number(given);
  return checkNumber(where, flag, Number.isNaN(value) ? given : value, range);
}
