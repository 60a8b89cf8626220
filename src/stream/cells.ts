/** Columns of a CSV file, and what their cells stand for. */
import { describe, fail, nearestName } from "../errors.ts";
import type { CsvRecord } from "./records.ts";

/**
 * What a column is: numbers, categories learned from its cells, the categories listed, or nothing to learn from. Categories become as many
 * features as there are: 1 for the row's own, 0 for the others.
 */
export type CsvColumn = "number" | "category" | "skip" | readonly string[];

/** Options of `streams.readCsv`. */
export interface CsvOptions {
  /** The column of classes, by name or by number, from 0. */
  readonly label: string | number;
  /** Classes in the order of their numbers. Default: those of the file, sorted as numbers where all are, else by code units. */
  readonly classes?: readonly string[];
  /** What columns are, by name; one that is not listed holds numbers. */
  readonly columns?: Readonly<{ [column: string]: CsvColumn }>;
  /** Whether the first row has the names of columns; else they are "0", "1" …. Default true. */
  readonly header?: boolean;
  /** One character. Default ",". */
  readonly delimiter?: string;
  /** Name of the set, by which errors call it. Default "csv". */
  readonly name?: string;
}

/** Different cells that are learned of a column at most: one of numbers or dates is not to be taken for categories. */
const learnable = 1000;
const decimal = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/** A column while it is read: numbers, or places in `names`, which are those declared or those met so far. */
export interface Reading {
  readonly name: string;
  readonly column: number;
  readonly values: number[];
  readonly kind: "number" | "learned" | "declared";
  readonly names: Map<string, number>;
}

/** Returns the columns to read: that of the classes, and those of the features. @throws E_CONFIG, E_DATA */
export function readingsOf(name: string, names: readonly string[], options: CsvOptions): { label: Reading; others: readonly Reading[] } {
  const where = "streams.readCsv";
  const places = new Map(names.map((column, i) => [column, i]));
  const twice = names.find((column, i) => places.get(column) !== i);
  if (twice !== undefined) {
    fail("E_DATA", `${name}: two columns have one name; expected different names, got ${describe(twice)} twice`, {
      hint: "Name the columns, or tell that there is no header.",
    });
  }
  const indexOf = (option: string, column: string | number): number => {
    const found = typeof column === "string" ? places.get(column) : column;
    if (found !== undefined && Number.isInteger(found) && found >= 0 && found < names.length) return found;
    const near = nearestName(String(column), names);
    return fail("E_CONFIG", `${where}: option "${option}" names no column of ${name}; expected ${listed(names)}, got ${describe(column)}`, {
      hint: near === undefined ? "Name a column as the header does; without a header they are numbered from 0." : `Did you mean "${near}"?`,
      context: { option, column },
    });
  };
  const reading = (column: number, option: string, type: CsvColumn | undefined): Reading => {
    const rest = { name: names[column] as string, column, values: [] };
    const declared = Array.isArray(type) ? (type as readonly string[]) : undefined;
    if (declared !== undefined) {
      if (declared.length > 0 && declared.every((category, i) => typeof category === "string" && declared.indexOf(category) === i)) {
        return { ...rest, kind: "declared", names: new Map(declared.map((text, i) => [text, i])) };
      }
    } else if (option === "classes" ? type === undefined : type === undefined || type === "number" || type === "category") {
      return { ...rest, kind: option === "classes" || type === "category" ? "learned" : "number", names: new Map() };
    }
    const expected = option === "classes" ? "different texts" : `"number", "category", "skip" or different texts`;
    return fail("E_CONFIG", `${where}: option "${option}" is no kind of column; expected ${expected}, got ${describe(type)}`);
  };
  const place = indexOf("label", options.label);
  const types = new Map(Object.entries(options.columns ?? {}).map(([column, type]) => [indexOf("columns", column), type]));
  if (types.has(place)) {
    fail("E_CONFIG", `${where}: the label is among "columns"; expected only features there, got "${names[place]}"`, {
      hint: 'Give its classes as "classes".',
    });
  }
  const label = reading(place, "classes", options.classes);
  const kept = [...names.keys()].filter((column) => column !== place && types.get(column) !== "skip");
  if (kept.length === 0) {
    fail(
      "E_DATA",
      `${name}: there is nothing to learn from; expected columns besides the label, got ${names.length}, of which none is kept`,
    );
  }
  return { label, others: kept.map((column) => reading(column, `columns.${names[column]}`, types.get(column))) };
}

/** Returns the number that a row has in a column, or the place of its name there. @throws E_DATA */
export function readCell(name: string, row: number, reading: Reading, record: CsvRecord): number {
  const cell = record.cells[reading.column] as string;
  const refuse = (what: string, expected: string, hint: string) =>
    fail(
      "E_DATA",
      `${name}: row ${row} (line ${record.line}): column "${reading.name}" ${what}; expected ${expected}, got ${describe(cell)}`,
      {
        hint,
        context: { row, line: record.line, column: reading.name, cell: cell.slice(0, 40) },
      },
    );
  if (reading.kind === "number") {
    const text = cell.trim();
    const value = decimal.test(text) ? Math.fround(Number(text)) : Number.NaN;
    if (Number.isFinite(value)) return value;
    return refuse("holds no number", "a decimal number that is finite in f32", 'Mend the cell, or make the column "category" or "skip".');
  }
  const known = reading.names.get(cell);
  if (known !== undefined) return known;
  if (reading.kind === "declared") {
    const list = [...reading.names.keys()];
    const near = cell.length > 100 ? undefined : nearestName(cell, list);
    return refuse(
      "has what was not declared",
      listed(list),
      near === undefined ? "Declare it, or mend the cell." : `Did the file mean "${near}"?`,
    );
  }
  if (cell === "") return refuse("has an empty cell", "a name", "Mend the cell, or declare the names, the empty one among them.");
  if (reading.names.size === learnable) {
    return refuse("has too many different cells", `at most ${learnable}`, "Declare them all, or see whether it is a column of numbers.");
  }
  reading.names.set(cell, reading.names.size);
  return reading.names.size - 1;
}

/** Returns the names of a column in the order of their numbers, and the number of each as it was met. */
export function namesOf({ kind, names }: Reading): { names: readonly string[]; places: readonly number[] } {
  const met = [...names.keys()];
  if (kind !== "learned") return { names: met, places: met.map((_, i) => i) };
  const numbers = met.every((text) => decimal.test(text));
  const order = [...met].sort((a, b) => (numbers ? Number(a) - Number(b) : 0) || (a < b ? -1 : 1));
  const numbered = new Map(order.map((text, i) => [text, i]));
  return { names: order, places: met.map((text) => numbered.get(text) as number) };
}

/** Returns names as a message may hold them, the first ten. */
function listed(names: readonly string[]): string {
  const some = names.slice(0, 10).map((name) => name.slice(0, 40));
  return `one of ${some.join(", ")}${names.length > some.length ? ", …" : ""}`;
}
