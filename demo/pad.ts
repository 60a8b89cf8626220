import { side } from "./course.ts";

/** A sheet on which the visitor draws. */
export interface Pad {
  /** Bytes of the drawing as a glyph of the course, or undefined while the sheet is blank. */
  glyph(): Uint8Array | undefined;
  clear(): void;
}

/** x0 y0 x1 y1 … as shares of the sheet's side. */
type Stroke = number[];

/** Most height and width of a glyph as shares of its frame, as the course draws its digits. */
const frame = { height: 0.72, width: 0.56 };
/** A drawing smaller than this is a dot, not a small digit. */
const smallest = 0.2;
/** Half the width of the course's mean line, and its ink. */
const halfWidth = 1.2;
const ink = 230;
const lineWidth = 0.06;

/** Returns the pad on a canvas; `onChange` is called whenever the drawing differs. */
export function openPad(canvas: HTMLCanvasElement, onChange: () => void): Pad {
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  let strokes: Stroke[] = [];
  /** The drawing before this one, which still shows through. */
  let older: Stroke[] = [];

  const paint = (): void => {
    const pixels = Math.round(canvas.clientWidth * devicePixelRatio);
    if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
    context.clearRect(0, 0, pixels, pixels);
    context.strokeStyle = getComputedStyle(canvas).color;
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = lineWidth * pixels;
    context.globalAlpha = 0.07;
    trace(context, older, pixels);
    context.globalAlpha = 1;
    trace(context, strokes, pixels);
  };

  const add = (event: PointerEvent): void => {
    const box = canvas.getBoundingClientRect();
    strokes.at(-1)?.push((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    canvas.setPointerCapture(event.pointerId);
    strokes.push([]);
    add(event);
    paint();
    onChange();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    const passed = event.getCoalescedEvents();
    for (const point of passed.length > 0 ? passed : [event]) add(point);
    paint();
    onChange();
  });
  new ResizeObserver(paint).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

  return {
    glyph: () => (strokes.length === 0 ? undefined : render(framed(strokes))),
    clear() {
      older = strokes;
      strokes = [];
      paint();
      onChange();
    },
  };
}

/** A single point is a line of no length, which a round cap makes a dot. */
function trace(context: CanvasRenderingContext2D, strokes: readonly Stroke[], scale: number): void {
  context.beginPath();
  for (const [x = 0, y = 0, ...rest] of strokes) {
    context.moveTo(x * scale, y * scale);
    context.lineTo(x * scale, y * scale);
    for (let i = 0; i + 1 < rest.length; i += 2) context.lineTo((rest[i] as number) * scale, (rest[i + 1] as number) * scale);
  }
  context.stroke();
}

/** Returns the strokes in pixels of a glyph: their box centred and as large as the course draws a digit. */
function framed(strokes: readonly Stroke[]): Stroke[] {
  const [left, right] = extent(strokes, 0);
  const [top, bottom] = extent(strokes, 1);
  const height = Math.max(bottom - top, smallest);
  const width = Math.max(right - left, smallest * (frame.width / frame.height));
  const scale = side * Math.min(frame.height / height, frame.width / width);
  const middle = [(left + right) / 2, (top + bottom) / 2] as const;
  return strokes.map((stroke) => stroke.map((value, i) => side / 2 + scale * (value - (middle[i % 2] as number))));
}

function extent(strokes: readonly Stroke[], axis: 0 | 1): [least: number, most: number] {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const stroke of strokes) {
    for (let i = axis; i < stroke.length; i += 2) {
      least = Math.min(least, stroke[i] as number);
      most = Math.max(most, stroke[i] as number);
    }
  }
  return [least, most];
}

/** Returns the image of strokes in pixels: ink where a pixel's centre is within the line, with an edge one pixel soft. */
function render(strokes: readonly Stroke[]): Uint8Array {
  const image = new Uint8Array(side * side);
  for (let p = 0; p < image.length; p++) {
    const distance = distanceTo(strokes, (p % side) + 0.5, Math.floor(p / side) + 0.5);
    image[p] = Math.round(ink * Math.max(0, Math.min(1, halfWidth + 0.5 - distance)));
  }
  return image;
}

function distanceTo(strokes: readonly Stroke[], x: number, y: number): number {
  let nearest = Number.POSITIVE_INFINITY;
  for (const stroke of strokes) {
    for (let i = 0; i < stroke.length; i += 2) {
      const [x0, y0, x1, y1] = [stroke[i], stroke[i + 1], stroke[i + 2] ?? stroke[i], stroke[i + 3] ?? stroke[i + 1]] as [
        number,
        number,
        number,
        number,
      ];
      const [dx, dy] = [x1 - x0, y1 - y0];
      const along = Math.max(0, Math.min(1, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1)));
      nearest = Math.min(nearest, Math.hypot(x - x0 - along * dx, y - y0 - along * dy));
    }
  }
  return nearest;
}
