import { fail } from "../errors.ts";
import { describeFigure } from "./catalog.ts";
import { lineChart } from "./chart.ts";
import { type Figure, figureValue } from "./figure.ts";
import type { Markup } from "./markup.ts";
import { html } from "./markup.ts";
import { page } from "./page.ts";
import { panel, stepsOf } from "./panel.ts";
import { figuresIn, type RunRecord, seenIn } from "./record.ts";
import { fact, figureRow, keysOf, percent, rowsOf, table, told, undefinedList, wholePercent } from "./table.ts";

/**
 * Returns a report on one run, or on several side by side, as one HTML document that asks for nothing outside itself.
 * @throws E_CONFIG where there is no run
 */
export function htmlReport(runs: RunRecord | readonly RunRecord[]): string {
  const all = "name" in runs ? [runs] : runs;
  const [first] = all;
  if (first === undefined) fail("E_CONFIG", "metrics.htmlReport: there is nothing to report; expected at least one run, got none");
  const title = `${all.map((run) => run.name).join(" and ")} on ${first.tasks.length} tasks`;
  const figures = all.map(figuresIn);
  const body = html`<section class="tiles" aria-label="Key figures">${all.map((run, i) => tile(run.name, figures[i] ?? [], i))}</section>
<h2>Accuracy on the tasks seen so far</h2>
${lineChart({
  title: "Mean accuracy over the tasks whose training has begun",
  description: `one line per run; ${all.map((run, i) => `${run.name} ends at ${percent(valueIn(figures[i] ?? [], "averageAccuracy", ""))}`).join(", ")}`,
  lines: all.map((run) => ({
    label: run.name,
    points: run.curve.map((point) => ({ x: point.step, y: seenIn(run, point) ?? Number.NaN })),
  })),
  x: stepsOf(all),
  y: [0, 1],
  format: wholePercent,
  boundaries: first.boundaries.slice(0, -1),
  width: 1200,
})}
<h2>${all.length > 1 ? "The runs side by side" : "The run"}</h2>
<section class="${all.length > 1 ? "runs" : "run"}">${all.map((run, i) => panel(run, i, all))}</section>
<h2>Metrics</h2>
${metricTable(all, figures)}
<h2>Configuration</h2>
${optionTable(all)}`;
  return page(title, "continual learning report", body, legendOf(all));
}

function legendOf(all: readonly RunRecord[]): string {
  const drifts = all.some(({ drifts = [] }) => drifts.length > 0) ? " Dashed ones mark where a detector told of change." : "";
  return `Dotted lines mark where one task ends and the next begins.${drifts} A line is faint until the training of its task begins; a thick stroke beneath it is its stability gap. A stronger cell is a better accuracy; framed ones were just trained. Bold is the best of a row.`;
}

function tile(name: string, figures: readonly Figure[], index: number): Markup {
  return html`<div class="tile s${index % 8}"><span>${name}</span><b>${percent(valueIn(figures, "averageAccuracy", ""))}</b>
<span class="muted">average accuracy at the end<br>forgetting ${percent(valueIn(figures, "forgetting", "chaudhry"))} (Chaudhry)</span></div>`;
}

function valueIn(figures: readonly Figure[], metric: string, variant: string): number | undefined {
  const found = figures.find((one) => one.metric === metric && one.variant === variant);
  return found && figureValue(found);
}

function metricTable(all: readonly RunRecord[], figures: readonly (readonly Figure[])[]): Markup {
  const rows = rowsOf(figures).map((row) => ({ ...row, values: row.figures.map((one) => one && figureValue(one)) }));
  const known = rows.filter(({ values }) => values.some((value) => value !== undefined));
  const cells = (row: (typeof rows)[number]) =>
    row.values.map((value, i) => {
      const one = row.figures[i];
      if (value !== undefined) return told(value, describeFigure(row).unit);
      return html`–<small>${one !== undefined && "undefined" in one ? one.undefined : "not measured"}</small>`;
    });
  const names = all.map((run) => run.name);
  return html`${table("Metric", names, [
    known.map((row) => figureRow(row, row.values, cells(row))),
    keysOf(all.map((run) => run.summary)).map(
      (key) => html`<tr><th scope="row">${key}</th>${all.map((run) => html`<td>${fact(run.summary[key])}</td>`)}</tr>`,
    ),
  ])}${undefinedList(rows.filter((row) => !known.includes(row)))}`;
}

function optionTable(all: readonly RunRecord[]): Markup {
  const settings = all.map((run) => ({ backend: run.backend, seed: run.seed, ...run.options }) as Record<string, unknown>);
  return table(
    "Option",
    all.map((run) => run.name),
    keysOf(settings).map((key) => {
      const values = settings.map((setting) => fact(setting[key]));
      const differs = values.some((value) => value !== values[0]);
      return html`<tr${differs ? html` class="differs"` : undefined}><th scope="row">${key}</th>${values.map((value) => html`<td>${value}</td>`)}</tr>`;
    }),
  );
}
