/** Rows of cells of a text as RFC 4180 has them. */
import { fail } from "../errors.ts";

/** One row, and the line of the text on which it begins, from 1. */
export interface CsvRecord {
  readonly cells: readonly string[];
  readonly line: number;
}

/**
 * Yields the rows of a text, which end in CRLF or LF; after the last one that may be left out. A line without anything is a row of one empty cell.
 * @throws E_DATA at a quote that is not closed, doubled or around a whole cell, and at a CR that no LF follows
 */
export function* recordsOf(name: string, text: string, delimiter: string): Generator<CsvRecord, void, void> {
  let [at, line] = [0, 1];
  const refuse = (what: string, expected: string, got: string): never =>
    fail("E_DATA", `${name}: line ${line}: ${what}; expected ${expected}, got ${got}`, {
      hint: 'Put a cell that has quotes, delimiters or line ends into quotes, and write each quote in it twice: "".',
      context: { line },
    });
  /** Returns the cell in quotes that begins at `at`, which comes to stand behind it. */
  const quoted = (): string => {
    const start = at + 1;
    for (at = start; ; at += 2) {
      at = text.indexOf('"', at);
      if (at < 0) return refuse("a quote is not closed", "a quote at the end of the cell", "the end of the file");
      if (text[at + 1] !== '"') break;
    }
    const cell = text.slice(start, at++).replaceAll('""', '"');
    for (let i = cell.indexOf("\n"); i >= 0; i = cell.indexOf("\n", i + 1)) line++;
    const next = text[at];
    if (next !== undefined && next !== delimiter && next !== "\n" && next !== "\r") {
      refuse("a cell goes on after its quotes", "a delimiter or the end of the row", `"${next}"`);
    }
    return cell;
  };
  const plain = (): string => {
    const start = at;
    for (; at < text.length; at++) {
      const character = text[at];
      if (character === delimiter || character === "\n" || character === "\r") break;
      if (character === '"') refuse("a quote stands inside of a cell", "quotes around the whole cell or none", "one in its midst");
    }
    return text.slice(start, at);
  };
  while (at < text.length) {
    const [cells, begun] = [[] as string[], line];
    for (let more = true; more; ) {
      cells.push(text[at] === '"' ? quoted() : plain());
      more = text[at] === delimiter;
      if (more) at++;
    }
    if (text[at] === "\r" && text[at + 1] !== "\n") refuse("a CR stands alone", "CR and LF, or LF, at the end of a row", "CR");
    at += text[at] === "\r" ? 2 : 1;
    yield { cells, line: begun };
    line++;
  }
}
