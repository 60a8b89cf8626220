import { fail } from "../errors.ts";

/** What a safetensors header says of one tensor; `begin` and `end` count bytes from the start of the data. */
export interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** A parsed safetensors header, both parts in the order of the file. */
export interface Header {
  readonly entries: Map<string, HeaderEntry>;
  readonly metadata: Record<string, string>;
}

/** Longest tensor name, in UTF-16 units. */
export const maxNameLength = 4096;

const maxRank = 64;

/**
 * Returns the header held in `text`, read by the grammar of safetensors alone: `JSON.parse` would let the last of two equal
 * names win, round numbers above 2^53 and take any nesting. Time and memory are linear in the text.
 * @throws E_FORMAT naming the byte of the file where the grammar is left
 */
export function parseHeader(text: string, file: string): Header {
  let at = 0;

  function refuse(what: string, expected: string, index: number = at): never {
    const byteOffset = 8 + new TextEncoder().encode(text.slice(0, index)).length;
    const got = index < text.length ? JSON.stringify(text.slice(index, index + 16)) : "the end of the header";
    fail("E_FORMAT", `${file}: ${what} at byte ${byteOffset}; expected ${expected}, got ${got}`, {
      hint: "The file is no safetensors file, or it is damaged.",
      context: { file, byteOffset },
    });
  }

  function malformed(what: string, expected: string, index: number = at): never {
    refuse(`${what} is malformed`, expected, index);
  }

  function skipSpace(): void {
    for (let code = text.charCodeAt(at); code === 32 || code === 10 || code === 13 || code === 9; code = text.charCodeAt(++at));
  }

  function take(character: string, what: string): void {
    if (text[at] !== character) malformed(what, `"${character}"`);
    at++;
    skipSpace();
  }

  function string(what: string): string {
    const start = at;
    if (text[at] !== '"') malformed(what, "a string");
    let escaped = false;
    for (at++; text.charCodeAt(at) !== 34; at++) {
      if (!(text.charCodeAt(at) >= 32)) refuse(`${what} holds a broken string`, '"\\""');
      if (text[at] === "\\") {
        escaped = true;
        at++;
      }
    }
    const raw = text.slice(start + 1, at++);
    let value = raw;
    if (escaped) {
      try {
        value = JSON.parse(`"${raw}"`) as string;
      } catch {
        refuse(`${what} holds a bad escape`, "a JSON string", start);
      }
    }
    if (/\p{Surrogate}/u.test(value)) refuse(`${what} holds half a surrogate pair`, "well-formed Unicode", start);
    skipSpace();
    return value;
  }

  function whole(what: string): number {
    const start = at;
    while (text.charCodeAt(at) >= 48 && text.charCodeAt(at) <= 57) at++;
    const digits = text.slice(start, at);
    const padded = digits.length > 1 && digits.startsWith("0");
    if (digits === "" || padded || !Number.isSafeInteger(Number(digits)) || /[.eE]/.test(text[at] ?? "")) {
      malformed(what, "a whole number below 2^53", start);
    }
    skipSpace();
    return Number(digits);
  }

  function list(what: string): number[] {
    const values: number[] = [];
    take("[", what);
    while (text[at] !== "]") {
      if (values.length > 0) take(",", what);
      if (values.length === maxRank) malformed(what, `at most ${maxRank} numbers`);
      values.push(whole(what));
    }
    take("]", what);
    return values;
  }

  function object(what: string, member: (key: string, start: number) => void): void {
    const seen = new Set<string>();
    take("{", what);
    while (text[at] !== "}") {
      if (seen.size > 0) take(",", what);
      const start = at;
      const key = string(what);
      if (seen.has(key)) refuse(`${what} names "${key.slice(0, 64)}" twice`, "each name once", start);
      seen.add(key);
      take(":", what);
      member(key, start);
    }
    at++;
  }

  function tensor(key: string, start: number): HeaderEntry {
    if (key.length > maxNameLength) refuse(`a tensor name is ${key.length} characters long`, `at most ${maxNameLength}`, start);
    const what = `tensor "${key}"`;
    const found: { dtype?: string; shape?: number[]; range?: number[] } = {};
    object(what, (field, fieldStart) => {
      if (field === "dtype") found.dtype = string(`${what}: dtype`);
      else if (field === "shape") found.shape = list(`${what}: shape`);
      else if (field === "data_offsets") found.range = list(`${what}: data_offsets`);
      else refuse(`${what} has an unknown field`, "dtype, shape or data_offsets", fieldStart);
    });
    const { dtype, shape, range } = found;
    if (dtype === undefined || shape === undefined || range?.length !== 2) {
      refuse(`${what} has an incomplete description`, "dtype, shape and two data_offsets", start);
    }
    skipSpace();
    return { dtype, shape, begin: range[0] as number, end: range[1] as number };
  }

  const entries = new Map<string, HeaderEntry>();
  // Without a prototype, so that a key "__proto__" is a key like any other.
  const metadata = Object.create(null) as Record<string, string>;
  object("the header", (key, start) => {
    if (key === "__metadata__") {
      object("__metadata__", (field) => {
        metadata[field] = string("__metadata__");
      });
      skipSpace();
    } else {
      entries.set(key, tensor(key, start));
    }
  });
  for (; at < text.length; at++) if (text[at] !== " ") refuse("the header goes on after its JSON", "spaces");
  return { entries, metadata };
}
