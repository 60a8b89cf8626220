import { streams } from "palimpsest";
import { side } from "./course.ts";

/** Pixels between glyphs. */
const gap = 2;

/** Draws glyphs [count × side × side] onto a canvas, `columns` in a row, as ink on nothing: the page's colours shine through. */
export function showGlyphs(canvas: HTMLCanvasElement, glyphs: Uint8Array, columns: number): void {
  const count = glyphs.length / (side * side);
  canvas.width = columns * (side + gap) - gap;
  canvas.height = Math.ceil(count / columns) * (side + gap) - gap;
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  for (let i = 0; i < count; i++) {
    const image = context.createImageData(side, side);
    for (let p = 0; p < side * side; p++) image.data[4 * p + 3] = glyphs[i * side * side + p] as number;
    context.putImageData(image, (i % columns) * (side + gap), Math.floor(i / columns) * (side + gap));
  }
}

/** Returns the first `count` training glyphs of a task. */
export function samplesOf(task: streams.Task, count: number): Uint8Array {
  return streams.readRows(task.train, 0, count).x as Uint8Array;
}
