/** What a fact must look like, by kind: facts are read from files, which hold anything. */
import { describe, nearestName } from "../errors.ts";
import type { Fact } from "./facts.ts";

/** Returns what is wrong with a value, or undefined: "expected a whole number ≥ 0, got -1". */
type Check = (value: unknown, path: string) => string | undefined;
type Fields = Readonly<Record<string, Check>>;

const is =
  (expected: string, test: (value: unknown) => boolean): Check =>
  (value, path) =>
    test(value) ? undefined : `"${path}" is wrong; expected ${expected}, got ${describe(value)}`;
const optional =
  (check: Check): Check =>
  (value, path) =>
    value === undefined ? undefined : check(value, path);
const orNull =
  (check: Check): Check =>
  (value, path) =>
    value === null ? undefined : check(value, path);
const list =
  (each: Check): Check =>
  (value, path) =>
    Array.isArray(value) ? first(value.map((item, i) => each(item, `${path}[${i}]`))) : `"${path}" is no list; got ${describe(value)}`;
const byName =
  (each: Check): Check =>
  (value, path) =>
    isRecord(value)
      ? first(Object.entries(value).map(([name, item]) => each(item, `${path}.${name}`)))
      : `"${path}" is no object; got ${describe(value)}`;
const object =
  (fields: Fields): Check =>
  (value, path) => {
    if (!isRecord(value)) return `"${path}" is no object; got ${describe(value)}`;
    const unknown = Object.keys(value).find((name) => !Object.hasOwn(fields, name));
    if (unknown !== undefined) {
      const near = nearestName(unknown, Object.keys(fields));
      return `"${join(path, unknown)}" is unknown; expected one of ${Object.keys(fields).join(", ")}${near === undefined ? "" : `, perhaps ${near}`}`;
    }
    return first(Object.entries(fields).map(([name, check]) => check(value[name], join(path, name))));
  };

const whole: Check = is("a whole number ≥ 0", (value) => Number.isSafeInteger(value) && (value as number) >= 0);
const real: Check = is("a finite number", Number.isFinite);
const amount: Check = is("a finite number ≥ 0", (value) => Number.isFinite(value) && (value as number) >= 0);
const text: Check = is("text", (value) => typeof value === "string");
const flag: Check = is("true or false", (value) => typeof value === "boolean");
const bit: Check = is("0 or 1", (value) => value === 0 || value === 1);
const only = (...choices: readonly unknown[]): Check =>
  is(choices.map((choice) => JSON.stringify(choice)).join(" or "), (value) => choices.includes(value));

const plain: Check = (value, path) => (isPlain(value, 32) ? undefined : `"${path}" is no plain data; got ${describe(value)}`);

const counts: Fields = { rows: is("a whole number ≥ 1", (value) => Number.isSafeInteger(value) && (value as number) >= 1), correct: whole };
const counted =
  (fields: Fields): Check =>
  (value, path) =>
    object({ ...counts, ...fields })(value, path) ?? atMost(value as { rows: number; correct: number }, path);

const shapes: { readonly [K in Fact["kind"]]: Fields } = {
  run: {
    ...{ format: only(1), name: text, learner: byName(plain), strategies: list(text), seed: real },
    ...{ stream: object({ name: text, tasks: list(text) }), versions: byName(text), backend: optional(text), masked: optional(flag) },
  },
  step: { step: whole, task: orNull(whole), loss: orNull(real), terms: optional(byName(orNull(real))), rate: real, ms: optional(amount) },
  evaluation: {
    ...{ step: whole, task: orNull(whole), probe: optional(flag) },
    tasks: list(counted({ task: whole, loss: optional(orNull(real)), classes: optional(byName(counted({}))) })),
    cumulative: optional(list(counted({ task: whole }))),
  },
  flips: {
    step: whole,
    task: whole,
    rows: counts.rows as Check,
    wrong: whole,
    flipped: list(is("an id", (id) => Number.isSafeInteger(id) || typeof id === "string")),
  },
  plasticity: {
    step: whole,
    layers: list(
      object({
        ...{ layer: text, rows: whole, units: whole, dead: whole, dormant: whole, tau: amount },
        ...{ effectiveRank: orNull(amount), approximateRank: orNull(amount), absoluteRank: orNull(amount), stableRank: orNull(amount) },
        weightMagnitude: optional(amount),
      }),
    ),
  },
  prequential: { index: whole, correct: list(bit), labels: optional(list(whole)), predictions: optional(list(whole)) },
  memory: { step: whole, classes: optional(byName(whole)), tasks: optional(byName(whole)) },
  boundary: { step: whole, task: whole },
  drift: { step: whole, detector: text, signal: only("warning", "drift") },
  cost: { step: whole, steps: whole, ms: amount, evaluationMs: optional(amount), bytes: byName(whole) },
};

/** Returns what keeps a value from being a fact, or undefined where it is one. */
export function flawOf(value: unknown): string | undefined {
  if (!isRecord(value)) return `this is no fact; expected an object, got ${describe(value)}`;
  const { kind, ...rest } = value;
  if (typeof kind !== "string" || !Object.hasOwn(shapes, kind)) {
    return `there is no such kind; expected one of ${Object.keys(shapes).join(", ")}, got ${describe(kind)}`;
  }
  const flaw = object(shapes[kind as Fact["kind"]])(rest, "");
  if (flaw !== undefined) return flaw;
  const fact = value as unknown as Fact;
  if (fact.kind === "flips" && !(fact.flipped.length <= fact.wrong && fact.wrong <= fact.rows)) {
    return `counts contradict; expected flipped ≤ wrong ≤ rows, got ${fact.flipped.length}, ${fact.wrong}, ${fact.rows}`;
  }
  if (fact.kind === "prequential") {
    const other = [fact.labels, fact.predictions].find((row) => row !== undefined && row.length !== fact.correct.length);
    if (other !== undefined) return `rows differ in number; expected ${fact.correct.length}, got ${other.length}`;
  }
  return undefined;
}

function atMost({ rows, correct }: { rows: number; correct: number }, path: string): string | undefined {
  return correct <= rows ? undefined : `"${path}.correct" is more than all; expected at most ${rows}, got ${correct}`;
}

function first(flaws: readonly (string | undefined)[]): string | undefined {
  return flaws.find((flaw) => flaw !== undefined);
}

/** Whether a value is the same once it was written as JSON and read. */
function isPlain(value: unknown, depth: number): boolean {
  if (value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)) return true;
  return (
    depth > 0 && typeof value === "object" && !ArrayBuffer.isView(value) && Object.values(value).every((item) => isPlain(item, depth - 1))
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
