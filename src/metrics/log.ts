import { checkKeys, fail } from "../errors.ts";
import type { Fact, FactOf } from "./facts.ts";
import { flawOf } from "./shape.ts";

/** A log of facts, in the order in which they came. */
export interface FactLog extends Iterable<Fact> {
  readonly length: number;
  /**
   * Takes a fact in, as a copy.
   * @throws E_DATA where it is no fact, the run is told anywhere but first, or steps or rows go back; the log stays as it was
   */
  append(fact: Fact): void;
  /** Returns the facts of one kind, in order. */
  of<K extends Fact["kind"]>(kind: K): FactOf<K>[];
}

/** Options of {@link factLog}. */
export interface FactLogOptions {
  /** Told of each fact once it is in the log. */
  readonly onFact?: (fact: Fact) => void;
}

/** Returns an empty log. @throws E_CONFIG */
export function factLog(options: FactLogOptions = {}): FactLog {
  checkKeys("metrics.factLog", options, ["onFact"]);
  const facts: Fact[] = [];
  let last = 0;
  let rows = 0;
  return {
    get length() {
      return facts.length;
    },
    append(given) {
      const flaw = flawOf(given) ?? misplaced(given, facts.length, last, rows);
      if (flaw !== undefined) fail("E_DATA", `metrics.append: ${flaw}`, { hint: "Log each fact as it happens, in the form of its kind." });
      const fact = structuredClone(given);
      if ("step" in fact) last = fact.step;
      if (fact.kind === "prequential") rows = fact.index + fact.correct.length;
      facts.push(fact);
      options.onFact?.(fact);
    },
    of: <K extends Fact["kind"]>(kind: K) => facts.filter((fact): fact is FactOf<K> => fact.kind === kind),
    [Symbol.iterator]: () => facts[Symbol.iterator](),
  };
}

/** Returns a fact as one line of NDJSON, without its end. */
export function factLine(fact: Fact): string {
  return JSON.stringify(fact);
}

/** Returns facts as NDJSON: a line each. */
export function toNdjson(facts: Iterable<Fact>): string {
  return Array.from(facts, (fact) => `${factLine(fact)}\n`).join("");
}

/**
 * Returns the log that was written as NDJSON; empty lines are passed over.
 * @throws E_CONFIG; E_FORMAT naming the line that is no fact, or out of its order
 */
export function fromNdjson(text: string, options?: FactLogOptions): FactLog {
  const log = factLog(options);
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    let fact: Fact;
    try {
      fact = JSON.parse(line) as Fact;
    } catch (cause) {
      refuse(i, "no JSON", cause);
    }
    try {
      log.append(fact);
    } catch (cause) {
      refuse(i, (cause as Error).message.replace("metrics.append: ", ""), cause);
    }
  }
  return log;
}

function refuse(index: number, what: string, cause: unknown): never {
  fail("E_FORMAT", `metrics.fromNdjson: line ${index + 1}: ${what}`, {
    hint: "Remove the line; the last one of a log may be cut short where its run was killed.",
    context: { line: index + 1 },
    cause,
  });
}

/** Returns what keeps a fact from coming now, after `length` others. */
function misplaced(fact: Fact, length: number, last: number, rows: number): string | undefined {
  if (fact.kind === "run") return length === 0 ? undefined : `the run is told twice; expected it first, got it after ${length} facts`;
  if ("step" in fact && fact.step < last) return `steps go back; expected a step ≥ ${last}, got ${fact.step}`;
  return fact.kind === "prequential" && fact.index < rows ? `rows go back; expected an index ≥ ${rows}, got ${fact.index}` : undefined;
}
