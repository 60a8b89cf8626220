import type { Content, Markup } from "./markup.ts";
import { html } from "./markup.ts";
import type { Bucket, Point } from "./series.ts";
import { downsample, ticks } from "./series.ts";

/** One line of a chart. */
export interface Line {
  readonly label: string;
  readonly points: readonly Point[];
  /** Where the line begins to matter: before it, it is drawn faint. */
  readonly from?: number;
  /** Number of its colour; default: its place among the lines. */
  readonly color?: number;
}

/** What {@link lineChart} draws. */
export interface Chart {
  readonly title: string;
  /** What the picture shows, in a sentence, for those who do not see it. */
  readonly description: string;
  readonly lines: readonly Line[];
  /** Range of the steps. */
  readonly x: readonly [number, number];
  /** Range of the values. */
  readonly y: readonly [number, number];
  readonly format: (value: number) => string;
  /** Steps at which one task ends and the next begins. */
  readonly boundaries: readonly number[];
  /** Default 600. */
  readonly width?: number;
  /** Default 260. */
  readonly height?: number;
}

/** Returns a line chart over steps as a figure. */
export function lineChart(chart: Chart): Markup {
  const { width = 600, height = 260 } = chart;
  return html`<figure><figcaption>${chart.title}</figcaption>
<svg${width > 600 ? html` class="wide"` : undefined} viewBox="0 0 ${width} ${height}" role="img" aria-label="${chart.title}: ${chart.description}">
${picture(chart)}
</svg>${chart.lines.length > 1 ? legend(chart.lines) : undefined}</figure>`;
}

/** Returns what is inside the chart's SVG element; lines of more points than pixels show their mean in a band from lowest to highest. */
export function picture(chart: Chart): Markup {
  const { width = 600, height = 260 } = chart;
  const plot = { left: 52, right: width - 12, top: 14, bottom: height - 36 };
  const across = scale(chart.x, plot.left, plot.right);
  const up = scale(chart.y, plot.bottom, plot.top);
  const place = (x: number, y: number): string => `${round(across(x))} ${round(up(y))}`;
  const inside = chart.boundaries.filter((step) => step > chart.x[0] && step < chart.x[1]);

  const draw = (line: Line, index: number): Content => {
    const buckets = downsample(line.points, plot.right - plot.left);
    const start = line.from === undefined ? 0 : buckets.findIndex((bucket) => bucket.x >= (line.from as number));
    const split = start < 0 ? buckets.length : start;
    const style = strokeOf(line, index);
    const path = (part: readonly Bucket[]): string => part.map(({ x, y }, i) => `${i === 0 ? "M" : "L"}${place(x, y)}`).join("");
    const edge = [...buckets.map(({ x, high }) => place(x, high)), ...buckets.toReversed().map(({ x, low }) => place(x, low))];
    return html`<g><title>${line.label}</title>${
      buckets.length < line.points.length && buckets.length > 1 ? html`<path class="band ${style}" d="M${edge.join("L")}Z"/>` : undefined
    }${split > 0 ? html`<path class="stroke ${style} faint" d="${path(buckets.slice(0, split + 1))}"/>` : undefined}${
      split < buckets.length ? html`<path class="stroke ${style}" d="${path(buckets.slice(split))}"/>` : undefined
    }</g>`;
  };

  return html`${ticks(chart.y[0], chart.y[1], 5).map(
    (value) =>
      html`<path class="grid" d="M${plot.left} ${round(up(value))}H${plot.right}"/><text x="${plot.left - 8}" y="${round(up(value) + 4)}" class="end">${chart.format(value)}</text>`,
  )}
${ticks(chart.x[0], chart.x[1], 6).map((step) => html`<text x="${round(across(step))}" y="${plot.bottom + 18}" class="middle">${grouped(step)}</text>`)}
${inside.map((step) => html`<path class="boundary" d="M${round(across(step))} ${plot.top}V${plot.bottom}"/>`)}
<path class="axis" d="M${plot.left} ${plot.bottom}H${plot.right}"/><text x="${plot.right}" y="${height - 3}" class="end">steps</text>
${chart.lines.map(draw)}`;
}

/** Returns a whole number with its thousands set apart by thin spaces. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

function legend(lines: readonly Line[]): Markup {
  return html`<ul class="legend">${lines.map(
    (line, i) =>
      html`<li><svg viewBox="0 0 22 8" aria-hidden="true"><path class="stroke ${strokeOf(line, i)}" d="M0 4H22"/></svg>${line.label}</li>`,
  )}</ul>`;
}

/** Eight colours, and after each eight another dash. */
function strokeOf(line: Line, index: number): string {
  const color = line.color ?? index;
  return `s${color % 8} d${Math.floor(color / 8) % 3}`;
}

function scale([low, high]: readonly [number, number], from: number, to: number): (value: number) => number {
  const span = high > low ? high - low : 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
