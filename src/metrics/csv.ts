import type { Figure } from "./figure.ts";
import type { AccuracyMatrix } from "./matrix.ts";

/** Returns figures as CSV (RFC 4180, first line: metric, variant, value, undefined): the value, or the reason why there is none. */
export function figuresCsv(figures: readonly Figure[]): string {
  return lines([
    ["metric", "variant", "value", "undefined"],
    ...figures.map((figure) => [
      figure.metric,
      figure.variant,
      "value" in figure ? figure.value : "",
      "undefined" in figure ? figure.undefined : "",
    ]),
  ]);
}

/** Returns an accuracy matrix as CSV: a line for each task trained, a column for each task tested; what was not evaluated is empty. */
export function matrixCsv(matrix: AccuracyMatrix, tasks: readonly string[]): string {
  return lines([["trained up to", ...tasks], ...matrix.map((row, i) => [tasks[i] ?? `task ${i}`, ...tasks.map((_, j) => row[j] ?? "")])]);
}

function lines(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function cell(value: string | number): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
