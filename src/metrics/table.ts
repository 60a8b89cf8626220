import { describeFigure, metrics, type Unit } from "./catalog.ts";
import { grouped } from "./chart.ts";
import type { Figure } from "./figure.ts";
import type { Content, Markup } from "./markup.ts";
import { html } from "./markup.ts";

/** Returns a table with a column for each name. */
export function table(corner: string, columns: readonly string[], rows: Content): Markup {
  return html`<div class="table"><table><thead><tr><th scope="col">${corner}</th>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** A figure of which there is one in each column; one that a column lacks is undefined. */
export interface Row {
  readonly metric: string;
  readonly variant: string;
  readonly figures: readonly (Figure | undefined)[];
}

/** Returns figures of several columns by name, in the order of the catalog, then as they come. */
export function rowsOf(columns: readonly (readonly Figure[])[]): Row[] {
  const name = ({ metric, variant }: Pick<Figure, "metric" | "variant">): string => JSON.stringify([metric, variant]);
  const byName = columns.map((figures) => new Map(figures.map((one) => [name(one), one])));
  const heads = new Map(columns.flat().map(({ metric, variant }) => [name({ metric, variant }), { metric, variant }]));
  const place = ({ metric }: Pick<Figure, "metric">): number => (metrics.includes(metric) ? metrics.indexOf(metric) : metrics.length);
  return [...heads]
    .map(([key, head]) => ({ ...head, figures: byName.map((figures) => figures.get(key)) }))
    .toSorted((a, b) => place(a) - place(b));
}

/** Returns the cells of a row of which each has a text, the best in bold where they differ. */
export function figureRow(
  row: Pick<Row, "metric" | "variant">,
  values: readonly (number | undefined)[],
  cells: readonly Content[],
): Markup {
  const { name, better, definition } = describeFigure(row);
  const defined = values.filter((value) => value !== undefined).map((value) => value * better);
  const best = better !== 0 && new Set(defined).size > 1 ? Math.max(...defined) : undefined;
  return html`<tr><th scope="row">${name}<small>${definition}</small></th>${cells.map(
    (cell, i) =>
      html`<td${best !== undefined && (values[i] ?? Number.NaN) * better === best ? html` class="best"` : undefined}>${cell}</td>`,
  )}</tr>`;
}

/** Returns a list of figures nothing defines, by the reason. */
export function undefinedList(rows: readonly Row[]): Markup | undefined {
  const reasons = new Map<string, string[]>();
  for (const row of rows) {
    const { name } = describeFigure(row);
    const reason = row.figures.map((one) => (one !== undefined && "undefined" in one ? one.undefined : undefined)).find((text) => text);
    reasons.set(reason ?? "not measured", [...(reasons.get(reason ?? "not measured") ?? []), name]);
  }
  if (reasons.size === 0) return undefined;
  return html`<details><summary>What is not defined here, and why</summary><ul>${[...reasons].map(
    ([reason, names]) => html`<li>${reason}: ${names.join(", ")}</li>`,
  )}</ul></details>`;
}

/** Returns a value as its unit wants it: "12.3 %", "0.517", "12 345". */
export function told(value: number, unit: Unit): string {
  if (unit === "share") return percent(value);
  return unit === "whole" || (Number.isInteger(value) && Math.abs(value) >= 1000) ? grouped(value) : plain(value).replace("-", "−");
}

/** Returns a share in percent, with a minus of the width of a digit. */
export function percent(value: number | undefined): string {
  return value === undefined ? "–" : `${(value * 100).toFixed(1)} %`.replace("-", "−");
}

/** Returns a share in whole percents. */
export function wholePercent(value: number): string {
  return `${Math.round(value * 100)} %`;
}

/** Returns a number in three digits. */
export function plain(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** Returns anything as text for a cell. */
export function fact(value: unknown): string {
  if (value === undefined) return "–";
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isInteger(value) ? grouped(value) : plain(value);
  return JSON.stringify(value) ?? String(value);
}

/** Returns the names that any of several records has. */
export function keysOf(records: readonly Readonly<Record<string, unknown>>[]): string[] {
  return [...new Set(records.flatMap((record) => Object.keys(record)))];
}
