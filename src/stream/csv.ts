/** CSV: tables of labelled rows, in the order they came. */
import { checkKeys, describe, fail } from "../errors.ts";
import { type CsvOptions, namesOf, readCell, readingsOf } from "./cells.ts";
import { arrays, type Dataset } from "./dataset.ts";
import { type CsvRecord, recordsOf } from "./records.ts";

/** A data set read from CSV. */
export interface CsvDataset extends Dataset {
  readonly x: Float32Array;
  /** Name of each feature; that of a category is COLUMN=CATEGORY. */
  readonly features: readonly string[];
  /** Name of each class. */
  readonly classNames: readonly string[];
}

/**
 * Returns the labelled rows of a CSV file, in its order; the whole file is checked before there is a set. Spaces around a number do not count,
 * all others do. No cell may be missing. Rows in errors count from 1, without the header.
 * @throws E_CONFIG where an option does not fit or names no column, E_FORMAT where bytes are not UTF-8, E_DATA where a quote, the width of a row
 *   or a cell is wrong, a class or category is not declared, or there are no rows
 * @see RFC 4180; rows may also end in LF alone
 */
export function readCsv(source: string | Uint8Array, options: CsvOptions): CsvDataset {
  const where = "streams.readCsv";
  checkKeys(where, options, ["label", "classes", "columns", "header", "delimiter", "name"]);
  const { name = "csv", header = true, delimiter = "," } = options;
  if (typeof delimiter !== "string" || delimiter.length !== 1 || '"\r\n'.includes(delimiter)) {
    fail(
      "E_CONFIG",
      `${where}: option "delimiter" parts no cells; expected one character, no quote or line end, got ${describe(delimiter)}`,
    );
  }
  if (typeof header !== "boolean") {
    fail("E_CONFIG", `${where}: option "header" is no answer; expected true or false, got ${describe(header)}`);
  }
  const records = recordsOf(name, textOf(name, source), delimiter);
  const first = records.next().value;
  if (first === undefined) fail("E_DATA", `${name}: the file is empty; expected ${header ? "a header and rows" : "rows"}, got nothing`);
  const names = header ? first.cells : first.cells.map((_, i) => String(i));
  const { label, others } = readingsOf(name, names, options);
  const readings = [...others, label];
  let count = 0;
  const take = (record: CsvRecord) => {
    count++;
    if (record.cells.length !== names.length) {
      fail(
        "E_DATA",
        `${name}: row ${count} (line ${record.line}) has the wrong width; expected ${names.length} cells, got ${record.cells.length}`,
        {
          hint: record.cells.join("") === "" ? "Remove the blank line." : `Check the delimiter, ${describe(delimiter)}, and quotes.`,
          context: { row: count, line: record.line, expected: names.length, got: record.cells.length },
        },
      );
    }
    for (const reading of readings) reading.values.push(readCell(name, count, reading, record));
  };
  if (!header) take(first);
  for (const record of records) take(record);
  if (count === 0) fail("E_DATA", `${name}: there are no rows; expected at least one after the header, got none`);

  const parts = others.map((reading) => ({ reading, ...namesOf(reading) }));
  const features = parts.flatMap(({ reading, names }) =>
    reading.kind === "number" ? [reading.name] : names.map((category) => `${reading.name}=${category}`),
  );
  if (count * features.length > 2 ** 30) {
    fail("E_DATA", `${name}: the set is too large; expected at most 2^30 values, got ${count} rows of ${features.length}`, {
      hint: "Skip columns of many categories.",
    });
  }
  const x = new Float32Array(count * features.length);
  let offset = 0;
  for (const { reading, places } of parts) {
    const number = reading.kind === "number";
    for (const [row, value] of reading.values.entries()) {
      const at = row * features.length + offset;
      if (number) x[at] = value;
      else x[at + (places[value] as number)] = 1;
    }
    offset += number ? 1 : places.length;
  }
  const { names: classNames, places } = namesOf(label);
  const y = label.values.map((value) => places[value] as number);
  const set = arrays(x, y, { shape: [features.length], classes: classNames.length, name });
  return { ...set, x, features, classNames };
}

function textOf(name: string, source: string | Uint8Array): string {
  if (typeof source === "string") return source.startsWith("\ufeff") ? source.slice(1) : source;
  if (!(source instanceof Uint8Array)) fail("E_DATA", `${name}: this is no file; expected text or its bytes, got ${describe(source)}`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(source);
  } catch (cause) {
    return fail("E_FORMAT", `${name}: the bytes are no text; expected UTF-8, got ${source.length} bytes that are not`, {
      hint:
        source[0] === 0x1f && source[1] === 0x8b
          ? "The file is gzip-compressed: give it to streams.gunzip first."
          : "Save the file as UTF-8.",
      cause,
    });
  }
}
