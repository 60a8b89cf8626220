/** A point of a line: x and y in the chart's own units. */
export type Point = readonly [x: number, y: number];

/** A line chart over the steps of a lesson. */
export interface Chart {
  readonly element: SVGSVGElement;
  /** Shows these lines in place of those before. */
  draw(lines: readonly (readonly Point[])[]): void;
}

/** What a chart shows. */
export interface ChartOptions {
  readonly label: string;
  readonly height: number;
  /** Largest x. */
  readonly steps: number;
  /** Parts of equal length into which x is divided, named below the axis. */
  readonly parts: readonly string[];
  /** Values of y with a line of their own; the last is the top, and what lies above is cut off there. */
  readonly ticks: readonly number[];
  readonly format: (tick: number) => string;
}

const width = 420;
const margin = { left: 40, right: 4, top: 8, bottom: 24 };

/** Returns an empty chart; line `i` has the class `line c<i>`. */
export function openChart({ label, height, steps, parts, ticks, format }: ChartOptions): Chart {
  const [right, bottom] = [width - margin.right, height - margin.bottom];
  const top = ticks.at(-1) as number;
  const atX = (x: number): number => margin.left + (x / steps) * (right - margin.left);
  const atY = (y: number): number => bottom - (Math.min(y, top) / top) * (bottom - margin.top);

  const element = svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const tick of ticks) {
    const y = atY(tick);
    element.append(
      svg("line", { class: "grid", x1: margin.left, x2: right, y1: y, y2: y }),
      svg("text", { class: "end", x: margin.left - 7, y: y + 4 }, format(tick)),
    );
  }
  for (const [i, part] of parts.entries()) {
    const start = atX((i * steps) / parts.length);
    const end = atX(((i + 1) * steps) / parts.length);
    element.append(
      svg("line", { class: `part c${i}`, x1: start + 1, x2: end - 1, y1: bottom + 5, y2: bottom + 5 }),
      svg("text", { class: "middle", x: (start + end) / 2, y: height - 4 }, part),
    );
    if (i > 0) element.append(svg("line", { class: "boundary", x1: start, x2: start, y1: margin.top, y2: bottom }));
  }

  const paths: SVGPathElement[] = [];
  return {
    element,
    draw(lines) {
      while (paths.length < lines.length) paths.push(element.appendChild(svg("path", { class: `line c${paths.length}` })));
      for (const [i, path] of paths.entries()) {
        const points = lines[i] ?? [];
        path.setAttribute("d", points.map(([x, y], k) => `${k === 0 ? "M" : "L"}${atX(x).toFixed(1)} ${atY(y).toFixed(1)}`).join(""));
      }
    },
  };
}

function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number>>,
  text = "",
): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.textContent = text;
  return element;
}
