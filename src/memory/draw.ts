/** Which stored rows join a step, as plain data. */
import { checkChoice, checkKeys, checkNumber, fail, type NumberRange } from "../errors.ts";

interface Definition {
  /** Whether rows may be drawn by group, and the key then, where none is named. */
  readonly key?: string | null;
  /** Options in the order that Wasm takes them. */
  readonly options?: Readonly<Record<string, NumberRange & { readonly preset: number }>>;
  /** Whether rows are drawn by their scores, and whether these must not be negative. */
  readonly scores?: "any" | "priorities";
  /** Whether a draw of more rows than are stored must fail. */
  readonly distinct?: boolean;
}

const flag = { min: 0, max: 1, integer: true };

/** The name of a policy that draws from one store. */
export type DrawName = "uniform" | "balanced" | "proportional" | "rank" | "power-law" | "fading" | "recency" | "recall" | "top" | "softmax";

/** The policies in the order of their numbers in `assembly/draw.ts`. */
const definitions: Readonly<Record<DrawName, Definition>> = {
  uniform: { options: { replacement: { preset: 0, ...flag } }, distinct: true },
  balanced: { key: "label", options: { replacement: { preset: 0, ...flag } }, distinct: true },
  proportional: { options: { alpha: { preset: 0.6, min: 0, max: 16 }, beta: { preset: 0.4, min: 0, max: 16 } }, scores: "priorities" },
  rank: { options: { alpha: { preset: 0.7, min: 0, max: 16 }, beta: { preset: 0.5, min: 0, max: 16 } }, scores: "any" },
  "power-law": { key: null, options: { exponent: { preset: 1, min: 0, max: 16 } } },
  fading: {},
  recency: { options: { halfLife: { preset: 1000, min: 0, open: "min" } } },
  recall: { options: { views: { preset: 4, min: 1, max: 1024, integer: true } } },
  top: { options: { candidates: { preset: 0, min: 0, max: 2 ** 24, integer: true } }, scores: "any", distinct: true },
  softmax: { options: { temperature: { preset: 1, min: 0, open: "min" } }, scores: "any" },
};

/** One policy and its options. */
export interface StoreDraw {
  readonly draw: DrawName;
  /** The column whose values make groups. */
  readonly key?: string;
  readonly [option: string]: unknown;
}

/** A part of a {@link MixtureDraw}. */
export interface MixturePart {
  /** Its share of the rows; shares are taken in proportion. */
  readonly share: number;
  /** The store it draws from, by name; default: all. */
  readonly store?: string;
  /** How it draws; default: uniformly. */
  readonly policy?: DrawPolicy;
}

/** Fixed shares of several draws. */
export interface MixtureDraw {
  readonly draw: "mixture";
  readonly parts: readonly MixturePart[];
}

/** A draw of no more rows than the rows offered so far allow. */
export interface LimitedDraw {
  readonly draw: "limited";
  readonly samplesPerInsert: number;
  readonly minRows: number;
  readonly errorBuffer: number;
  readonly policy: DrawPolicy;
}

/** A draw of few rows for each one offered, and of more once plasticity is stable. */
export interface AdaptiveDraw {
  readonly draw: "adaptive";
  readonly low: number;
  readonly high: number;
  readonly gap: number;
  readonly check: number;
  readonly policy: DrawPolicy;
}

/** Which stored rows are drawn. */
export type DrawPolicy = StoreDraw | MixtureDraw | LimitedDraw | AdaptiveDraw;

/** The names of the policies that draw from one store. */
export const drawNames: readonly DrawName[] = Object.keys(definitions) as DrawName[];

/** Returns what is known of a policy. */
export function drawDefinition(name: DrawName): Definition {
  return definitions[name];
}

/** Returns the options of a policy as Wasm takes them. */
export function drawNumbers(policy: StoreDraw): readonly [number, number] {
  const { options = {} } = drawDefinition(policy.draw);
  const [a = 0, b = 0] = Object.entries(options).map(([name, { preset }]) =>
    Number((policy[name] as number | boolean | undefined) ?? preset),
  );
  return [a, b];
}

/** Returns the policies that draw from one store, of which a policy is made. */
export function plainDraws(policy: DrawPolicy): readonly StoreDraw[] {
  if (policy.draw === "mixture") return (policy as MixtureDraw).parts.flatMap((part) => plainDraws(part.policy ?? { draw: "uniform" }));
  if (policy.draw === "limited" || policy.draw === "adaptive") return plainDraws((policy as LimitedDraw).policy);
  return [policy as StoreDraw];
}

/** Returns the key that a policy groups rows by, if it does. */
export function drawKey(policy: StoreDraw): string | undefined {
  return policy.key ?? drawDefinition(policy.draw).key ?? undefined;
}

/**
 * Returns `value` as a policy with its defaults filled in.
 * @throws E_CONFIG
 */
export function checkDraw(where: string, value: DrawPolicy): DrawPolicy {
  const names = [...drawNames, "mixture", "limited", "adaptive"] as const;
  const draw = checkChoice(where, "draw", (value as DrawPolicy | undefined)?.draw, names);
  const inner = (policy: DrawPolicy | undefined): DrawPolicy => checkDraw(where, policy ?? { draw: "uniform" });
  const number = (option: string, range: NumberRange): number => checkNumber(where, option, (value as StoreDraw)[option], range);
  if (draw === "mixture") {
    checkKeys(where, value, ["draw", "parts"]);
    const { parts } = value as MixtureDraw;
    if (!Array.isArray(parts) || parts.length === 0) fail("E_CONFIG", `${where}: no parts; expected at least one, got none`);
    return { draw, parts: parts.map((part: MixturePart, i) => checkPart(`${where}: part ${i}`, part)) };
  }
  if (draw === "limited") {
    checkKeys(where, value, ["draw", "samplesPerInsert", "minRows", "errorBuffer", "policy"]);
    return {
      draw,
      samplesPerInsert: number("samplesPerInsert", { min: 0, open: "min" }),
      minRows: number("minRows", { min: 1, integer: true }),
      errorBuffer: number("errorBuffer", { min: 0 }),
      policy: inner((value as LimitedDraw).policy),
    };
  }
  if (draw === "adaptive") {
    checkKeys(where, value, ["draw", "low", "high", "gap", "check", "policy"]);
    const low = number("low", { min: 0, open: "min" });
    return {
      draw,
      low,
      high: number("high", { min: low }),
      gap: number("gap", { min: 0 }),
      check: number("check", { min: 1, integer: true }),
      policy: inner((value as AdaptiveDraw).policy),
    };
  }
  const { key, options = {} }: Definition = drawDefinition(draw);
  checkKeys(where, value, ["draw", ...(key === undefined ? [] : ["key"]), ...Object.keys(options)]);
  const named = (value as StoreDraw).key ?? key;
  if (named !== undefined && named !== null && (typeof named !== "string" || named === ""))
    fail("E_CONFIG", `${where}: option "key" names no column; expected a name such as "label", got ${JSON.stringify(named)}`);
  return {
    draw,
    ...(named && { key: named }),
    ...Object.fromEntries(
      Object.entries(options).map(([name, { preset, ...range }]) => [
        name,
        checkNumber(where, name, Number((value as StoreDraw)[name] ?? preset), range),
      ]),
    ),
  };
}

function checkPart(where: string, part: MixturePart): MixturePart {
  checkKeys(where, part, ["share", "store", "policy"]);
  return {
    share: checkNumber(where, "share", part.share, { min: 0, open: "min" }),
    ...(part.store !== undefined && { store: part.store }),
    policy: checkDraw(where, part.policy ?? { draw: "uniform" }),
  };
}
