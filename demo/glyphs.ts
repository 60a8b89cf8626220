import { streams } from "palimpsest";
import { side } from "./course.ts";

/** Draws glyphs [count × side × side] onto a canvas, `columns` in a row, as ink on nothing: the page's colours shine through. */
export function showGlyphs(canvas: HTMLCanvasElement, glyphs: Uint8Array, columns: number): void {
  const count = glyphs.length / (side * side);
  canvas.width = columns * side;
  canvas.height = Math.ceil(count / columns) * side;
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  for (let i = 0; i < count; i++) {
    const image = context.createImageData(side, side);
    for (let p = 0; p < side * side; p++) image.data[4 * p + 3] = glyphs[i * side * side + p] as number;
    context.putImageData(image, (i % columns) * side, Math.floor(i / columns) * side);
  }
}

/** Returns the first `count` training glyphs of a task. */
export function samplesOf(task: streams.Task, count: number): Uint8Array {
  return streams.readRows(task.train, 0, count).x as Uint8Array;
}
