import { fail } from "../errors.ts";
import type { Chart } from "./chart.ts";
import { grouped, lineChart } from "./chart.ts";
import type { CurvePoint } from "./curve.ts";
import { anytimeAccuracy, seenAccuracy } from "./curve.ts";
import { heatMap } from "./heatmap.ts";
import type { Content, Markup } from "./markup.ts";
import { html } from "./markup.ts";
import type { AccuracyMatrix } from "./matrix.ts";
import { summarize } from "./matrix.ts";
import { style } from "./style.ts";

/** Everything a report tells of one run. */
export interface RunRecord {
  readonly name: string;
  /** The configuration, as given. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly backend: string;
  readonly seed: number;
  /** Names of the tasks, in the order they were learned. */
  readonly tasks: readonly string[];
  readonly matrix: AccuracyMatrix;
  /** Accuracy of each task on the untrained model, where it was measured. */
  readonly baseline?: readonly (number | null)[];
  readonly curve: readonly CurvePoint[];
  /** The step after which each task's training was over. */
  readonly boundaries: readonly number[];
  readonly training: readonly { readonly step: number; readonly loss: number; readonly learningRate: number }[];
  /** Further facts for the table, such as steps, time and hash. */
  readonly summary: Readonly<Record<string, number | string | undefined>>;
}

type Metrics = Readonly<Record<string, number | undefined>>;

/** The rows of the table of metrics: key, name, which way is better, definition. R[i][j] is the accuracy on j after training i. */
const metricRows: readonly (readonly [key: string, name: string, better: 1 | -1, definition: string])[] = [
  ["averageAccuracy", "Average accuracy", 1, "mean over all tasks at the end"],
  ["averageIncrementalAccuracy", "Average incremental accuracy", 1, "mean over time of the mean on the tasks trained so far"],
  ["anytimeAccuracy", "Average anytime accuracy", 1, "the same at every evaluation, not only at the end of a task"],
  ["learningAccuracy", "Learning accuracy", 1, "mean on each task right after its training"],
  ["forgetting/chaudhry", "Forgetting (Chaudhry)", -1, "best before the last task, minus the end; mean over the tasks but the last"],
  ["forgetting/first", "Forgetting (first)", -1, "right after training, minus the end"],
  ["forgetting/columnMax", "Forgetting (column maximum)", -1, "best since training, the end included, minus the end; never negative"],
  [
    "backwardTransfer/lopezPaz",
    "Backward transfer (Lopez-Paz)",
    1,
    "the end, minus right after training; mean over the tasks but the last",
  ],
  ["backwardTransfer/pairs", "Backward transfer (pairs)", 1, "every later evaluation, minus right after training; mean over all pairs"],
  ["forwardTransfer/lopezPaz", "Forward transfer (Lopez-Paz)", 1, "right before training, minus the untrained model"],
];

/**
 * Returns a report on one run, or on several side by side, as one HTML document that asks for nothing outside itself.
 * @throws E_CONFIG where there is no run
 */
export function htmlReport(runs: RunRecord | readonly RunRecord[]): string {
  const all = "name" in runs ? [runs] : runs;
  const [first] = all;
  if (first === undefined) fail("E_CONFIG", "metrics.htmlReport: there is nothing to report; expected at least one run, got none");
  const title = `${all.map((run) => run.name).join(" and ")} on ${first.tasks.length} tasks`;
  const metrics: Metrics[] = all.map((run) => ({
    ...summarize(run.matrix, run.baseline),
    anytimeAccuracy: anytimeAccuracy(run.curve, run.boundaries),
  }));
  const document = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title} · Palimpsest</title><style>${{ markup: style }}</style></head>
<body><main>
<header><small>Palimpsest · continual learning report</small><h1>${title}</h1></header>
<section class="tiles" aria-label="Key figures">${all.map((run, i) => tile(run, metrics[i] ?? {}, i))}</section>
<h2>Accuracy on the tasks seen so far</h2>
${lineChart({
  title: "Mean accuracy over the tasks whose training has begun",
  description: `one line per run; ${all.map((run, i) => `${run.name} ends at ${percent(metrics[i]?.averageAccuracy)}`).join(", ")}`,
  lines: all.map((run) => ({
    label: run.name,
    points: run.curve.map((point) => ({ x: point.step, y: seenAccuracy(point, run.boundaries) ?? Number.NaN })),
  })),
  x: steps(all),
  y: [0, 1],
  format: wholePercent,
  boundaries: first.boundaries.slice(0, -1),
  width: 1200,
})}
<h2>${all.length > 1 ? "The runs side by side" : "The run"}</h2>
<section class="${all.length > 1 ? "runs" : "run"}">${all.map((run, i) => panel(run, i, all))}</section>
<h2>Metrics</h2>
${metricTable(all, metrics)}
<h2>Configuration</h2>
${optionTable(all)}
<footer>Dotted lines mark where one task ends and the next begins. A line is faint until the training of its task begins. A stronger cell is a better accuracy; framed ones were just trained. Bold is the best of a row.</footer>
</main></body></html>
`;
  return document.markup;
}

function tile(run: RunRecord, metrics: Metrics, index: number): Markup {
  return html`<div class="tile s${index % 8}"><span>${run.name}</span><b>${percent(metrics.averageAccuracy)}</b>
<span class="muted">average accuracy at the end<br>forgetting ${percent(metrics["forgetting/chaudhry"])} (Chaudhry)</span></div>`;
}

function panel(run: RunRecord, index: number, all: readonly RunRecord[]): Markup {
  const shared = { x: steps(all), boundaries: run.boundaries.slice(0, -1) };
  const training = (key: "loss" | "learningRate"): Pick<Chart, "lines" | "y"> => ({
    lines: [{ label: run.name, color: index, points: run.training.map((entry) => ({ x: entry.step, y: entry[key] })) }],
    y: [0, highest(all.flatMap((other) => other.training.map((entry) => entry[key])))],
  });
  const lost = run.training.filter((entry) => !Number.isFinite(entry.loss)).length;
  return html`<div><h3><span class="dot s${index % 8}"></span>${run.name} <small>${run.backend} · seed ${run.seed}</small></h3>
${lineChart({
  ...shared,
  title: "Accuracy on each task",
  description: "one line per task; it falls where a task is forgotten",
  lines: run.tasks.map((task, j) => ({
    label: `${j + 1} · ${task}`,
    points: run.curve.map((point) => ({ x: point.step, y: point.accuracies[j] ?? Number.NaN })),
    from: run.boundaries[j - 1] ?? 0,
  })),
  y: [0, 1],
  format: wholePercent,
})}
${heatMap(run.matrix, run.tasks)}
${lineChart({ ...shared, ...training("loss"), title: lost === 0 ? "Training loss" : `Training loss (steps left out, their loss not finite: ${lost})`, description: "loss of each step", format: plain })}
${lineChart({ ...shared, ...training("learningRate"), title: "Learning rate", description: "learning rate of each step", format: plain })}</div>`;
}

function metricTable(all: readonly RunRecord[], metrics: readonly Metrics[]): Markup {
  const row = ([key, name, better, definition]: (typeof metricRows)[number]): Markup => {
    const values = metrics.map((metric) => metric[key]);
    const defined = values.filter((value) => value !== undefined).map((value) => value * better);
    const best = defined.length > 1 ? Math.max(...defined) * better : undefined;
    return html`<tr><th scope="row">${name}<small>${definition}</small></th>${values.map(
      (value) => html`<td${best !== undefined && value === best ? html` class="best"` : undefined}>${percent(value)}</td>`,
    )}</tr>`;
  };
  return table("Metric", all, [
    metricRows.map(row),
    keysOf(all.map((run) => run.summary)).map(
      (key) => html`<tr><th scope="row">${key}</th>${all.map((run) => html`<td>${fact(run.summary[key])}</td>`)}</tr>`,
    ),
  ]);
}

function optionTable(all: readonly RunRecord[]): Markup {
  const settings = all.map((run) => ({ backend: run.backend, seed: run.seed, ...run.options }) as Record<string, unknown>);
  return table(
    "Option",
    all,
    keysOf(settings).map((key) => {
      const values = settings.map((setting) => fact(setting[key]));
      const differs = values.some((value) => value !== values[0]);
      return html`<tr${differs ? html` class="differs"` : undefined}><th scope="row">${key}</th>${values.map((value) => html`<td>${value}</td>`)}</tr>`;
    }),
  );
}

function table(corner: string, all: readonly RunRecord[], rows: Content): Markup {
  return html`<div class="table"><table><thead><tr><th scope="col">${corner}</th>${all.map((run) => html`<th scope="col">${run.name}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

function keysOf(records: readonly Readonly<Record<string, unknown>>[]): string[] {
  return [...new Set(records.flatMap((record) => Object.keys(record)))];
}

function steps(all: readonly RunRecord[]): readonly [number, number] {
  return [0, highest(all.flatMap((run) => [run.boundaries.at(-1) ?? 0, run.curve.at(-1)?.step ?? 0, run.training.at(-1)?.step ?? 0]))];
}

/** The largest finite value, at least a hair above zero so that it can end an axis. */
function highest(values: readonly number[]): number {
  return values.reduce((most, value) => (Number.isFinite(value) && value > most ? value : most), 1e-9);
}

function percent(value: number | undefined): string {
  return value === undefined ? "–" : `${(value * 100).toFixed(1)} %`.replace("-", "−");
}

function wholePercent(value: number): string {
  return `${Math.round(value * 100)} %`;
}

function plain(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function fact(value: unknown): string {
  if (value === undefined) return "–";
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isInteger(value) ? grouped(value) : plain(value);
  return JSON.stringify(value) ?? String(value);
}
