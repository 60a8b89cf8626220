/** The pen strokes of the drawn glyphs, in a unit square with y downwards: each glyph is a list of polylines. */
import { turn } from "./angle.ts";

/** A polyline: x0 y0 x1 y1 … */
export type Stroke = readonly number[];

/** A glyph and what it is called. */
export interface Glyph {
  readonly name: string;
  readonly strokes: readonly Stroke[];
}

/** Returns the twenty glyphs by class number: the digits 0–9, then ten signs. */
export function glyphTable(): readonly Glyph[] {
  return [
    { name: "0", strokes: [arc(0.5, 0.5, 0.24, 0.36, 0, 360)] },
    { name: "1", strokes: [line(0.36, 0.3, 0.54, 0.14, 0.54, 0.86)] },
    { name: "2", strokes: [[...arc(0.5, 0.36, 0.23, 0.22, 185, 395), ...line(0.66, 0.52, 0.27, 0.86, 0.75, 0.86)]] },
    { name: "3", strokes: [[...arc(0.48, 0.32, 0.22, 0.18, 200, 450), ...arc(0.48, 0.68, 0.25, 0.18, 270, 520)]] },
    { name: "4", strokes: [line(0.58, 0.14, 0.24, 0.62, 0.78, 0.62), line(0.6, 0.4, 0.6, 0.86)] },
    { name: "5", strokes: [[...line(0.72, 0.14, 0.36, 0.14, 0.337, 0.44), ...arc(0.48, 0.63, 0.25, 0.23, 235, 510)]] },
    { name: "6", strokes: [[...arc(0.68, 0.64, 0.4, 0.5, 265, 180), ...arc(0.5, 0.64, 0.22, 0.22, 180, -180)]] },
    { name: "7", strokes: [line(0.26, 0.16, 0.74, 0.16, 0.44, 0.86)] },
    { name: "8", strokes: [arc(0.5, 0.32, 0.2, 0.18, 90, 450), arc(0.5, 0.68, 0.24, 0.18, -90, 270)] },
    { name: "9", strokes: [[...arc(0.5, 0.36, 0.22, 0.22, 0, -360), ...arc(0.32, 0.36, 0.4, 0.5, 0, 85)]] },
    { name: "plus", strokes: [line(0.5, 0.16, 0.5, 0.84), line(0.18, 0.5, 0.82, 0.5)] },
    { name: "cross", strokes: [line(0.24, 0.18, 0.76, 0.82), line(0.76, 0.18, 0.24, 0.82)] },
    { name: "triangle", strokes: [line(0.5, 0.16, 0.82, 0.82, 0.18, 0.82, 0.5, 0.16)] },
    { name: "E", strokes: [line(0.74, 0.14, 0.3, 0.14, 0.3, 0.86, 0.74, 0.86), line(0.3, 0.5, 0.66, 0.5)] },
    { name: "H", strokes: [line(0.26, 0.14, 0.26, 0.86), line(0.74, 0.14, 0.74, 0.86), line(0.26, 0.5, 0.74, 0.5)] },
    { name: "K", strokes: [line(0.28, 0.14, 0.28, 0.86), line(0.74, 0.14, 0.3, 0.52, 0.76, 0.86)] },
    { name: "N", strokes: [line(0.26, 0.86, 0.26, 0.14, 0.74, 0.86, 0.74, 0.14)] },
    { name: "U", strokes: [[...line(0.26, 0.14, 0.26, 0.58), ...arc(0.5, 0.58, 0.24, 0.28, 180, 0), ...line(0.74, 0.58, 0.74, 0.14)]] },
    { name: "Y", strokes: [line(0.22, 0.14, 0.5, 0.5, 0.5, 0.86), line(0.78, 0.14, 0.5, 0.5)] },
    { name: "psi", strokes: [arc(0.5, 0.2, 0.28, 0.38, 180, 0), line(0.5, 0.14, 0.5, 0.86)] },
  ];
}

/** An arc of an ellipse from one angle to another: 0 points right, 90 down. */
function arc(x: number, y: number, radiusX: number, radiusY: number, from: number, to: number): Stroke {
  const pieces = Math.ceil(Math.abs(to - from) / 24);
  return Array.from({ length: pieces + 1 }, (_, i) => turn(from + ((to - from) * i) / pieces)).flatMap(({ cos, sin }) => [
    x + radiusX * cos,
    y + radiusY * sin,
  ]);
}

/** Straight pieces between corners, cut short enough that a warp can bend them. */
function line(...corners: number[]): Stroke {
  const points = corners.slice(0, 2);
  for (let i = 2; i < corners.length; i += 2) {
    const [x0, y0, x1, y1] = corners.slice(i - 2, i + 2) as [number, number, number, number];
    const pieces = Math.ceil(Math.sqrt((x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0)) / 0.2);
    for (let k = 1; k <= pieces; k++) points.push(x0 + ((x1 - x0) * k) / pieces, y0 + ((y1 - y0) * k) / pieces);
  }
  return points;
}
