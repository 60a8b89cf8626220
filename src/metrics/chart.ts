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
  /** How far the value may be off at each of its points: drawn as a band around the line. */
  readonly spread?: readonly number[];
}

/** A fall from one value to another at one step. */
export interface Fall {
  readonly step: number;
  readonly from: number;
  readonly to: number;
  readonly label: string;
  /** Number of its colour. */
  readonly color: number;
}

/** Where a picture is drawn and what its axes show. */
export interface Frame {
  /** Range of the steps. */
  readonly x: readonly [number, number];
  /** Range of the values. */
  readonly y: readonly [number, number];
  readonly format: (value: number) => string;
  /** Steps at which one task ends and the next begins. */
  readonly boundaries: readonly number[];
  /** Steps at which something happened, with what it was. */
  readonly happened?: readonly { readonly step: number; readonly label: string }[];
  /** Default 600. */
  readonly width?: number;
  /** Default 260. */
  readonly height?: number;
}

/** What {@link lineChart} draws. */
export interface Chart extends Frame {
  readonly title: string;
  /** What the picture shows, in a sentence, for those who do not see it. */
  readonly description: string;
  readonly lines: readonly Line[];
  readonly falls?: readonly Fall[];
}

/** Returns a line chart over steps as a figure. */
export function lineChart(chart: Chart): Markup {
  const { lines } = chart;
  return figureOf(
    chart,
    picture(chart),
    lines.length > 1 ? legend(lines.map(({ label, color }, i) => [label, `stroke ${strokeOf(color ?? i)}`])) : undefined,
  );
}

/** Returns a picture with its title and what is told beneath it. */
export function figureOf(chart: Frame & Pick<Chart, "title" | "description">, inside: Markup, beneath: Content): Markup {
  const { width = 600, height = 260, title, description } = chart;
  return html`<figure><figcaption>${title}</figcaption>
<svg${width > 600 ? html` class="wide"` : undefined} viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}: ${description}">
${inside}
</svg>${beneath}</figure>`;
}

/** Returns what is inside the chart's SVG element; lines of more points than pixels show their mean in a band from lowest to highest. */
export function picture(chart: Chart): Markup {
  const { across, up, pixels, axes } = frameOf(chart);
  const place = (x: number, y: number): string => `${round(across(x))} ${round(up(y))}`;
  const draw = (line: Line, index: number): Content => {
    const buckets = downsample(line.points, pixels);
    const start = line.from === undefined ? 0 : buckets.findIndex((bucket) => bucket.x >= (line.from as number));
    const split = start < 0 ? buckets.length : start;
    const style = strokeOf(line.color ?? index);
    const path = (part: readonly Point[]): string => part.map(({ x, y }, i) => `${i === 0 ? "M" : "L"}${place(x, y)}`).join("");
    const edges = line.spread === undefined ? edgesOf(buckets, buckets.length < line.points.length) : spreadOf(line, line.spread, pixels);
    const edge = edges.flatMap((points, i) => (i === 0 ? points : points.toReversed())).map(({ x, y }) => place(x, y));
    return html`<g><title>${line.label}</title>${
      buckets.length > 1 && edge.length > 0 ? html`<path class="band ${style}" d="M${edge.join("L")}Z"/>` : undefined
    }${split > 0 ? html`<path class="stroke ${style} faint" d="${path(buckets.slice(0, split + 1))}"/>` : undefined}${
      split < buckets.length ? html`<path class="stroke ${style}" d="${path(buckets.slice(split))}"/>` : undefined
    }</g>`;
  };
  const fall = ({ step, from, to, label, color }: Fall): Markup =>
    html`<path class="fall ${strokeOf(color)}" d="M${place(step, from)}V${round(up(to))}"><title>${label}</title></path>`;
  return html`${axes}
${chart.lines.map(draw)}${chart.falls?.map(fall)}`;
}

/** Returns how steps and values are placed in a picture, its room across in pixels, and its axes. */
export function frameOf(frame: Frame): { across: (step: number) => number; up: (value: number) => number; pixels: number; axes: Markup } {
  const { width = 600, height = 260, format, happened = [] } = frame;
  const plot = { left: 52, right: width - 12, top: 14, bottom: height - 36 };
  const across = scale(frame.x, plot.left, plot.right);
  const up = scale(frame.y, plot.bottom, plot.top);
  const inside = (step: number): boolean => step > frame.x[0] && step < frame.x[1];
  const axes = html`${ticks(frame.y[0], frame.y[1], 5).map(
    (value) =>
      html`<path class="grid" d="M${plot.left} ${round(up(value))}H${plot.right}"/><text x="${plot.left - 8}" y="${round(up(value) + 4)}" class="end">${format(value)}</text>`,
  )}
${ticks(frame.x[0], frame.x[1], 6).map((step) => html`<text x="${round(across(step))}" y="${plot.bottom + 18}" class="middle">${grouped(step)}</text>`)}
${frame.boundaries.filter(inside).map((step) => html`<path class="boundary" d="M${round(across(step))} ${plot.top}V${plot.bottom}"/>`)}${happened
  .filter(({ step }) => inside(step))
  .map(
    ({ step, label }) => html`<path class="happened" d="M${round(across(step))} ${plot.top}V${plot.bottom}"><title>${label}</title></path>`,
  )}
<path class="axis" d="M${plot.left} ${plot.bottom}H${plot.right}"/><text x="${plot.right}" y="${height - 3}" class="end">steps</text>`;
  return { across, up, pixels: plot.right - plot.left, axes };
}

/** The lowest and highest of each bucket, where there are several points in one. */
function edgesOf(buckets: readonly Bucket[], several: boolean): Point[][] {
  return several ? [buckets.map(({ x, high }) => ({ x, y: high })), buckets.map(({ x, low }) => ({ x, y: low }))] : [];
}

/** The mean upper and lower end of what the line may be off. */
function spreadOf({ points }: Line, spread: readonly number[], pixels: number): Point[][] {
  return [1, -1].map((sign) =>
    downsample(
      points.map(({ x, y }, i) => ({ x, y: y + sign * (spread[i] ?? 0) })),
      pixels,
    ),
  );
}

/** Returns a whole number with its thousands set apart by thin spaces. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

/** Returns the names of what a picture shows, each beside its look. */
export function legend(entries: readonly (readonly [label: string, look: string])[]): Markup {
  return html`<ul class="legend">${entries.map(
    ([label, look]) => html`<li><svg viewBox="0 0 22 8" aria-hidden="true"><path class="${look}" d="M0 4H22"/></svg>${label}</li>`,
  )}</ul>`;
}

/** Eight colours, and after each eight another dash. */
function strokeOf(color: number): string {
  return `s${color % 8} d${Math.floor(color / 8) % 3}`;
}

function scale([low, high]: readonly [number, number], from: number, to: number): (value: number) => number {
  const span = high > low ? high - low : 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

/** Returns a place in a picture to a tenth of a pixel. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
