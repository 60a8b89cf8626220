import { checkNumber, describe, fail } from "../errors.ts";
import type { Schedule } from "./schedule.ts";

/**
 * What warm-up multiplies the peak by at update t of W: 1 (default) gives (t + 1)/W, so that no update has rate 0; 0 gives t/W, as in
 * Hugging Face and optax; "neox" gives max(t, 1)/W and no rate below `final`, as in GPT-NeoX.
 */
export type WarmupOffset = 0 | 1 | "neox";

/** A number of updates. */
export const updates: { readonly min: 0; readonly max: number; readonly integer: true } = { min: 0, max: 2 ** 53, integer: true };

/** What a segment does, by the number that Wasm knows it by. */
export const shapes = {
  rise: 0,
  neox: 1,
  cosine: 2,
  linear: 3,
  sqrt: 4,
  mirrorCosine: 5,
  square: 6,
  rex: 7,
  exponential: 8,
  inverseSqrt: 9,
} as const;

/** A part of a schedule between two rates; `a` and `b` are parameters of the shape (`assembly/segments.ts`). */
export interface Segment {
  readonly start: number;
  readonly length: number;
  readonly shape: keyof typeof shapes;
  readonly from: number;
  readonly to: number;
  readonly a?: number;
  readonly b?: number;
}

/** Returns the words of a schedule made of segments, each until the next one starts. */
export function segmentWords(segments: readonly Segment[]): number[] {
  const words = segments.flatMap(({ start, length, shape, from, to, a = 1, b = 1 }) => [start, length, shapes[shape], from, to, a, b]);
  return [1, segments.length, ...words];
}

/** Returns the segment of linear warm-up, none where it has no length. */
export function warmupSegment(start: number, length: number, from: number, to: number, offset: WarmupOffset, floor = 0): Segment[] {
  if (length === 0) return [];
  return [{ start, length, shape: offset === "neox" ? "neox" : "rise", from, to, a: offset === "neox" ? floor : offset }];
}

/** What Wasm reads of a schedule. */
export type Words = Pick<Schedule, "parameters" | "marks">;

/** Returns one after the other, the marks of the second moved along. */
export function joinWords(first: Words, second: Words): Words {
  const shifted = Object.entries(second.marks).map(([name, words]) => {
    const before = Object.hasOwn(first.marks, name) ? (first.marks[name] as readonly number[]) : [];
    return [name, [...before, ...words.map((word) => word + first.parameters.length)]] as const;
  });
  return { parameters: [...first.parameters, ...second.parameters], marks: { ...first.marks, ...Object.fromEntries(shifted) } };
}

/** Returns words of which the first is a mark, ∞ until it happens. */
export function markWord(name: string): Words {
  return { parameters: [Number.POSITIVE_INFINITY], marks: { [name]: [0] } };
}

/** Returns the words of parts that follow each other: each until an update of its frame, or until something happens; the last for good. */
export function sequenceWords(parts: readonly { until: number | string; words: Words }[]): Words {
  let all: Words = { parameters: [9, parts.length], marks: {} };
  for (const { until, words } of parts) {
    all = joinWords(all, typeof until === "string" ? markWord(until) : { parameters: [until], marks: {} });
    all = joinWords(all, { parameters: [typeof until === "string" ? 1 : 0, words.parameters.length], marks: {} });
    all = joinWords(all, words);
  }
  return all;
}

/** Returns `value` where it is one of the choices for warm-up. @throws E_CONFIG */
export function checkOffset<T extends WarmupOffset>(where: string, value: unknown, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  fail("E_CONFIG", `${where}: option "warmupOffset" has no such choice; expected one of ${choices.join(", ")}, got ${describe(value)}`, {
    hint: "1 starts above rate 0, 0 starts at rate 0.",
  });
}

/** Refuses options that do nothing beside the others. @throws E_CONFIG */
export function refuse(where: string, options: object, names: readonly string[], because: string): void {
  const given = names.find((name) => (options as Record<string, unknown>)[name] !== undefined);
  if (given === undefined) return;
  fail("E_CONFIG", `${where}: option "${given}" has no effect; expected ${because}, got "${given}"`, { hint: `Remove "${given}".` });
}

/** Returns a share of a whole. @throws E_CONFIG */
export function checkShare(where: string, name: string, value: unknown, open?: "min" | "max" | "both"): number {
  return checkNumber(where, name, value, { min: 0, max: 1, ...(open !== undefined && { open }) });
}
