import { checkKeys, checkNumber } from "../errors.ts";
import { evaluateSchedule, type ScheduleContext } from "../optim/evaluate.ts";
import { asSchedule } from "../optim/rate.ts";
import type { Schedule } from "../optim/schedule.ts";
import { picture } from "./chart.ts";
import { html } from "./markup.ts";
import { colors, drawing } from "./style.ts";

/** Options of `schedules.plot`. */
export interface PlotOptions extends ScheduleContext {
  /** Updates that are drawn, default 1000. */
  readonly steps?: number;
  /** In pixels, default 600. */
  readonly width?: number;
  /** In pixels, default 260. */
  readonly height?: number;
  /** Default: the kind of the schedule. */
  readonly title?: string;
}

/** Room for the title. */
const HEADING = 24;

/** Returns the rates of a schedule as a picture: one SVG document that asks for nothing outside itself. @throws E_CONFIG */
export async function plotSchedule(value: Schedule | number, options: PlotOptions = {}): Promise<string> {
  const where = "schedules.plot";
  checkKeys(where, options, ["steps", "width", "height", "title", "marks", "group"]);
  const schedule = asSchedule(value, where);
  const steps = checkNumber(where, "steps", options.steps ?? 1000, { min: 1, max: 1e6, integer: true });
  const width = checkNumber(where, "width", options.width ?? 600, { min: 200, max: 10_000 });
  const height = checkNumber(where, "height", options.height ?? 260, { min: 100, max: 10_000 });
  const { title = schedule.kind, marks, group } = options;
  const context = { ...(marks !== undefined && { marks }), ...(group !== undefined && { group }) };
  const rates = await evaluateSchedule(schedule, [...Array(steps).keys()], context);
  const most = rates.reduce((high, rate) => Math.max(high, rate), 0);
  const chart = {
    ...{ title, width, height: height - HEADING, boundaries: Object.values(marks ?? {}) },
    description: `learning rate of ${steps} updates, at most ${short(most)}`,
    lines: [{ label: title, points: Array.from(rates, (y, x) => ({ x, y })) }],
    x: [0, Math.max(steps - 1, 1)] as const,
    y: [0, most > 0 ? most : 1] as const,
    format: short,
  };
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}: ${chart.description}">
<title>${title}</title><style>${{ markup: `${colors}text{font-family:system-ui,sans-serif}${drawing}` }}</style>
<rect width="100%" height="100%" fill="var(--card)"/><text x="${width / 2}" y="20" class="middle">${title}</text>
<g transform="translate(0 ${HEADING})">${picture(chart)}</g>
</svg>
`.markup;
}

/** Three digits, in the shorter of two ways: the place beside the axis is narrow. */
function short(value: number): string {
  const rounded = Number(value.toPrecision(3));
  const [plain, power] = [String(rounded), rounded.toExponential()];
  return plain.length > 6 && power.length < plain.length ? power : plain;
}
