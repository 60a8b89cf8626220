import { streams } from "palimpsest";
import { breathe } from "./breathe.ts";

/** Seed of the glyphs and of the learners. */
export const seed = 7;
/** Pixels on each side of a glyph. */
export const side = 28;
/** Digits to learn. */
export const classes = 10;

const glyphsAtOnce = 320;

/** Returns five tasks of two digits each, drawn a few glyphs at a time so that the page stays responsive. */
export async function drawCourse(): Promise<readonly streams.Task[]> {
  const train = await drawGlyphs("train", 8000);
  const test = await drawGlyphs("test", 640);
  return streams.splitClasses({ train, test }, { tasks: 5 }).tasks;
}

async function drawGlyphs(name: string, count: number): Promise<streams.Dataset> {
  const x = new Uint8Array(count * side * side);
  const y = new Uint32Array(count);
  for (let first = 0; first < count; first += glyphsAtOnce) {
    const glyphs = streams.glyphs({ count: glyphsAtOnce, classes, seed, size: side, name: `${name}/${first}` });
    x.set(glyphs.x, first * side * side);
    y.set(glyphs.y, first);
    await breathe();
  }
  return streams.arrays(x, y, { shape: [side, side], classes, name });
}
