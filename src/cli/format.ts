import { type Output, paint } from "./io.ts";

/** Returns a share in percent: "90.7 %". */
export function percent(value: number | null | undefined): string {
  return value === undefined || value === null ? "–" : `${(100 * value).toFixed(1)} %`;
}

/** Returns a number without its fraction, its thousands set apart: "1,204". */
export function whole(value: number): string {
  return Number.isFinite(value) ? value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ",") : "–";
}

/** Returns a time in its two largest units: "2 min 5 s". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  const s = Math.ceil(seconds);
  if (s < 60) return `${s} s`;
  return s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** Writes rows in columns, the first flush left and the others flush right; the first row is a heading. */
export function writeTable(output: Output, rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const [i, row] of rows.entries()) {
    const cells = row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)));
    const line = cells.join("   ");
    output.write(`${i === 0 ? paint(output, "bold", line) : line}\n`);
  }
}
