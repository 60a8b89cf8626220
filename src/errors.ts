/** Every code an operation may fail with, and what it means. */
export const errorCodes = {
  E_CONFIG: "an option is unknown, missing or out of range",
  E_SHAPE: "a shape or dtype does not fit",
  E_DATA: "a batch or a data file holds something that cannot be learned from",
  E_TRACE: "a traced function did what a trace cannot record",
  E_PLAN: "a plan failed its verifier; this is a bug in Palimpsest",
  E_BACKEND: "a backend refused or failed an operation",
  E_NO_BACKEND: "no backend can run here",
  E_OOM: "memory for the state or the program cannot be had",
  E_DEVICE_LOST: "the GPU device was lost",
  E_DIVERGED: "training diverged and is paused",
  E_FORMAT: "a file is not in the format it should be in",
  E_UNSUPPORTED: "a feature, operation or dtype is not supported",
  E_PATH: "a path is not allowed",
  E_NONFINITE: "a number is NaN or infinite",
  E_VERSION: "a file is from a newer version",
  E_MISMATCH: "a file belongs to another model or configuration",
  E_CORRUPT: "stored bytes are damaged",
  E_LOCKED: "another owner holds the store",
  E_QUOTA: "the storage quota is exhausted",
  E_STORAGE_UNAVAILABLE: "no durable storage can be had",
  E_INSECURE_CONTEXT: "the page is not a secure context",
  E_STATE: "the object is closed or busy",
} as const;

/** A key of {@link errorCodes}. */
export type ErrorCode = keyof typeof errorCodes;

/** What may accompany an error's message. */
export interface ErrorDetails {
  /** What the caller can do about it. */
  hint?: string;
  /** The values the message speaks of, for programs. */
  context?: Record<string, unknown>;
  /** The error below this one. */
  cause?: unknown;
}

/** The one error class: `code` for programs, `message` and `hint` for people. */
export class PalimpsestError extends Error {
  override readonly name = "PalimpsestError";
  readonly code: ErrorCode;
  readonly hint: string;
  readonly context: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint ?? "";
    this.context = details.context ?? {};
  }
}

/** Throws a {@link PalimpsestError}; the message reads `where: what is wrong; expected X, got Y`. */
export function fail(code: ErrorCode, message: string, details?: ErrorDetails): never {
  throw new PalimpsestError(code, message, details);
}

/** Returns the known name closest to `name` by edit distance, or undefined when none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 2)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/**
 * Refuses options whose keys are not in `known`, naming the nearest one.
 * @throws E_CONFIG
 */
export function checkKeys(where: string, options: object, known: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    fail("E_CONFIG", `${where}: options are missing; expected an object, got ${describe(options)}`);
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const near = nearestName(key, known);
    fail("E_CONFIG", `${where}: unknown option "${key}"; expected one of ${known.join(", ")}, got "${key}"`, {
      hint: near === undefined ? `Remove "${key}".` : `Did you mean "${near}"?`,
      context: { option: key, known },
    });
  }
}

/** What a numeric option must satisfy: bounds are inclusive unless `open` names the side left open. */
export interface NumberRange {
  min?: number;
  max?: number;
  /** Bounds that the value must not equal. */
  open?: "min" | "max" | "both";
  integer?: boolean;
}

/**
 * Returns `value` when it is a finite number within `range`.
 * @throws E_CONFIG naming the option, the allowed range and what was given
 */
export function checkNumber(where: string, option: string, value: unknown, range: NumberRange = {}): number {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, open, integer = false } = range;
  const above = open === "min" || open === "both" ? (n: number) => n > min : (n: number) => n >= min;
  const below = open === "max" || open === "both" ? (n: number) => n < max : (n: number) => n <= max;
  if (typeof value === "number" && Number.isFinite(value) && above(value) && below(value) && (!integer || Number.isInteger(value))) {
    // -0 becomes 0: JSON, which keeps options in checkpoints, has but one zero.
    return value + 0;
  }
  const left = open === "min" || open === "both" ? ">" : "≥";
  const right = open === "max" || open === "both" ? "<" : "≤";
  const bounds = [min === Number.NEGATIVE_INFINITY ? "" : `${left} ${min}`, max === Number.POSITIVE_INFINITY ? "" : `${right} ${max}`];
  const kind = integer ? "a whole number" : "a finite number";
  const expected = [kind, ...bounds.filter((b) => b !== "")].join(" ");
  fail("E_CONFIG", `${where}: option "${option}" is out of range; expected ${expected}, got ${describe(value)}`, {
    hint: `Give "${option}" ${expected}.`,
    context: { option, value },
  });
}

/** Returns whether an error is of this package and has one of some codes. */
export function isError(error: unknown, ...codes: readonly ErrorCode[]): error is PalimpsestError {
  return error instanceof PalimpsestError && codes.includes(error.code);
}

/**
 * Returns `value` when it is one of `choices`.
 * @throws E_CONFIG naming the nearest choice
 */
export function checkChoice<T extends string>(where: string, option: string, value: unknown, choices: readonly T[]): T {
  if (typeof value === "string" && (choices as readonly string[]).includes(value)) return value as T;
  const near = typeof value === "string" ? nearestName(value, choices) : undefined;
  fail("E_CONFIG", `${where}: option "${option}" has no such choice; expected one of ${choices.join(", ")}, got ${describe(value)}`, {
    hint: near === undefined ? `Choose one of ${choices.join(", ")}.` : `Did you mean "${near}"?`,
    context: { option, value },
  });
}

/**
 * Returns a saved state when it has the fields of `like`, each of its type; where a field of `like` is null, a number or null.
 * @throws E_MISMATCH naming the field that differs
 */
export function checkState<State extends object>(where: string, saved: unknown, like: State): State {
  const kind = (value: unknown) => (Array.isArray(value) ? "array" : value === null ? "null" : typeof value);
  const fields = typeof saved === "object" && saved !== null ? Object.entries(saved) : [];
  const names = Object.keys(like);
  const differs = (name: string, value: unknown) => {
    const expected = kind(like[name as keyof State]);
    return kind(value) !== expected && !(expected === "null" && typeof value === "number");
  };
  const wrong =
    names.find((name) => !fields.some(([field]) => field === name)) ??
    fields.find(([field, value]) => !names.includes(field) || differs(field, value))?.[0];
  if (wrong === undefined) return saved as State;
  fail("E_MISMATCH", `${where}: the saved state is not one of this kind; expected ${names.join(", ")}, got another "${wrong}"`, {
    hint: "Give the state that was saved, parsed from JSON, with the options it was made with.",
    context: { field: wrong },
  });
}

/** Returns a short text that tells a person what a value is. */
export function describe(value: unknown): string {
  if (typeof value === "string") return `"${value.length > 40 ? `${value.slice(0, 40)}…` : value}"`;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return String(value);
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${(value as unknown as { length: number }).length}`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === "function" ? "a function" : `a value of type ${(value as object).constructor?.name ?? "object"}`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
