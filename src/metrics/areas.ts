import { type Frame, figureOf, frameOf, grouped, legend, round } from "./chart.ts";
import type { Markup } from "./markup.ts";
import { html } from "./markup.ts";

/** What {@link areaChart} draws: amounts of several kinds over steps, one upon another. */
export interface Areas extends Omit<Frame, "y" | "format"> {
  readonly title: string;
  readonly description: string;
  readonly points: readonly { readonly step: number; readonly amounts: Readonly<Record<string, number>> }[];
}

/** As many kinds are told apart; the smaller ones are put together. */
const most = 16;
const others = "others";

/** Returns stacked areas as a figure. */
export function areaChart(areas: Areas): Markup {
  const kinds = kindsOf(areas.points.map(({ amounts }) => amounts));
  const points = thinned(areas.points).map(({ step, amounts }) => {
    let top = 0;
    const tops = kinds.map((kind) => {
      top += kind === others ? rest(amounts, kinds) : (amounts[kind] ?? 0);
      return top;
    });
    return { step, tops };
  });
  const highest = points.reduce((high, { tops }) => Math.max(high, tops.at(-1) ?? 0), 1);
  const frame: Frame = { ...areas, y: [0, highest], format: grouped };
  const { across, up, axes } = frameOf(frame);
  const edge = (k: number): string[] => points.map(({ step, tops }) => `${round(across(step))} ${round(up(k < 0 ? 0 : (tops[k] ?? 0)))}`);
  const shapes = kinds.map(
    (kind, k) => html`<path class="area s${k % 8}" d="M${[...edge(k), ...edge(k - 1).reverse()].join("L")}Z"><title>${kind}</title></path>`,
  );
  return figureOf(
    { ...frame, title: areas.title, description: areas.description },
    html`${points.length > 0 ? shapes : undefined}${axes}`,
    legend(kinds.map((kind, k) => [kind, `swatch s${k % 8}`])),
  );
}

/** The kinds in the order in which they came; of too many, those of which there was most. */
function kindsOf(all: readonly Readonly<Record<string, number>>[]): string[] {
  const peaks = new Map<string, number>();
  for (const amounts of all) for (const [kind, amount] of Object.entries(amounts)) peaks.set(kind, Math.max(amount, peaks.get(kind) ?? 0));
  const kinds = [...peaks.keys()];
  if (kinds.length <= most) return kinds;
  const large = new Set(kinds.toSorted((a, b) => (peaks.get(b) as number) - (peaks.get(a) as number)).slice(0, most - 1));
  return [...kinds.filter((kind) => large.has(kind)), others];
}

function rest(amounts: Readonly<Record<string, number>>, kinds: readonly string[]): number {
  const told = new Set(kinds);
  return Object.entries(amounts).reduce((sum, [kind, amount]) => (told.has(kind) && kind !== others ? sum : sum + amount), 0);
}

/** Returns at most 300 of the points, the first and the last among them. */
function thinned<T>(points: readonly T[]): readonly T[] {
  const limit = 300;
  if (points.length <= limit) return points;
  return Array.from({ length: limit }, (_, i) => points[Math.round((i * (points.length - 1)) / (limit - 1))] as T);
}
