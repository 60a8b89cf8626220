/** Strategies side by side, each over several runs. */
import { fail } from "../errors.ts";
import { describeFigure } from "./catalog.ts";
import { type Line, lineChart } from "./chart.ts";
import { figureValue } from "./figure.ts";
import type { Content, Markup } from "./markup.ts";
import { html } from "./markup.ts";
import { page } from "./page.ts";
import { stepsOf } from "./panel.ts";
import { figuresIn, type RunRecord, seenIn } from "./record.ts";
import { figureRow, percent, rowsOf, table, told, wholePercent } from "./table.ts";

/** Runs by the name of their strategy, one for each seed. */
export type RunsByStrategy = Readonly<Record<string, readonly RunRecord[]>>;

/** A figure over the runs of one strategy. */
export interface Spread {
  /** Runs that define the figure, and all there are. */
  readonly defined: number;
  readonly runs: number;
  /** Undefined unless every run defines it: a mean over those alone that do would flatter. */
  readonly mean: number | undefined;
  /** Standard deviation of a sample, undefined below two runs. */
  readonly sd: number | undefined;
}

/** A figure over the runs of several strategies. */
export interface Comparison {
  readonly metric: string;
  readonly variant: string;
  readonly strategies: Readonly<Record<string, Spread>>;
}

/** Returns mean and standard deviation of each figure that a run of any strategy defines, in the order of the report. @throws E_CONFIG */
export function compareRuns(runs: RunsByStrategy): Comparison[] {
  const groups = checked("metrics.compareRuns", runs);
  return rowsOf(groups.flatMap(([, records]) => records.map(figuresIn))).flatMap(({ metric, variant, figures }) => {
    let at = 0;
    const spreads = groups.map(([name, records]) => {
      const values = figures.slice(at, at + records.length).map((one) => one && figureValue(one));
      at += records.length;
      return [name, spreadOf(values)] as const;
    });
    return spreads.some(([, { defined }]) => defined > 0) ? [{ metric, variant, strategies: Object.fromEntries(spreads) }] : [];
  });
}

/**
 * Returns a report on strategies, each over several runs, as one HTML document that asks for nothing outside itself: mean ± standard deviation
 * of every figure, and of accuracy over time.
 * @throws E_CONFIG where a strategy has no run
 */
export function comparisonReport(runs: RunsByStrategy): string {
  const groups = checked("metrics.comparisonReport", runs);
  const all = groups.flatMap(([, records]) => records);
  const names = groups.map(([name]) => name);
  const rows = compareRuns(runs);
  const average = rows.find(({ metric }) => metric === "averageAccuracy")?.strategies ?? {};
  const body = html`<section class="tiles" aria-label="Key figures">${groups.map(([name, records], i) => tile(name, records, average[name], i))}</section>
<h2>Accuracy on the tasks seen so far</h2>
${lineChart({
  title: "Mean accuracy over the tasks whose training has begun, ± standard deviation over the runs",
  description: `one line per strategy; ${names.map((name) => `${name} ends at ${percent(average[name]?.mean)}`).join(", ")}`,
  lines: groups.map(([label, records]) => ({ label, ...overTime(records) })),
  x: stepsOf(all),
  y: [0, 1],
  format: wholePercent,
  boundaries: all[0]?.boundaries.slice(0, -1) ?? [],
  width: 1200,
})}
<h2>Metrics</h2>
${table(
  "Metric, mean ± standard deviation",
  names,
  rows.map((row) => {
    const spreads = names.map((name) => row.strategies[name] as Spread);
    return figureRow(
      row,
      spreads.map(({ mean }) => mean),
      spreads.map((spread) => cell(row, spread)),
    );
  }),
)}`;
  return page(
    `${names.join(", ")} compared`,
    "continual learning compared",
    body,
    "Dotted lines mark where one task ends and the next begins. Bold is the best mean of a row. What not every run defines has no mean.",
  );
}

function checked(where: string, runs: RunsByStrategy): [name: string, records: readonly RunRecord[]][] {
  const groups = Object.entries(runs);
  const empty = groups.length === 0 ? "strategy" : groups.find(([, records]) => records.length === 0)?.[0];
  if (empty !== undefined)
    fail("E_CONFIG", `${where}: there is nothing to compare; expected at least one run of each strategy, got none of ${empty}`);
  return groups;
}

function tile(name: string, records: readonly RunRecord[], spread: Spread | undefined, index: number): Markup {
  const seeds = records.map(({ seed }) => seed).join(", ");
  return html`<div class="tile s${index % 8}"><span>${name}</span><b>${percent(spread?.mean)}</b>
<span class="muted">average accuracy at the end${spread?.sd === undefined ? undefined : ` ± ${percent(spread.sd)}`}<br>${records.length} ${records.length === 1 ? "run, seed" : "runs, seeds"} ${seeds}</span></div>`;
}

function cell(row: Comparison, { mean, sd, defined, runs }: Spread): Content {
  const { unit } = describeFigure(row);
  if (mean === undefined) return html`–<small>${defined === 0 ? "not defined" : `defined in ${defined} of ${runs} runs`}</small>`;
  return sd === undefined ? told(mean, unit) : `${told(mean, unit)} ± ${told(sd, unit)}`;
}

/** Returns mean and spread of accuracy on the tasks seen, at the steps that were evaluated in every run. */
function overTime(records: readonly RunRecord[]): Pick<Line, "points" | "spread"> {
  const curves = records.map((run) => new Map(run.curve.map((point) => [point.step, seenIn(run, point)])));
  const steps = [...(curves[0]?.keys() ?? [])];
  const spreads = steps.map((step) => ({ step, ...spreadOf(curves.map((curve) => curve.get(step))) }));
  const known = spreads.flatMap(({ step, mean, sd = 0 }) => (mean === undefined ? [] : [{ step, mean, sd }]));
  const points = known.map(({ step, mean }) => ({ x: step, y: mean }));
  return { points, ...(records.length > 1 && { spread: known.map(({ sd }) => sd) }) };
}

function spreadOf(values: readonly (number | undefined)[]): Spread {
  const known = values.filter((value) => value !== undefined);
  const counts = { defined: known.length, runs: values.length };
  if (known.length < values.length || known.length === 0) return { ...counts, mean: undefined, sd: undefined };
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  // Of equal values the mean may be off by rounding, which is no spread.
  const same = known.every((value) => value === known[0]);
  const squares = same ? 0 : known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { ...counts, mean, sd: known.length < 2 ? undefined : Math.sqrt(squares / (known.length - 1)) };
}
