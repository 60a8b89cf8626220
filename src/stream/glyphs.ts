import { checkKeys, checkNumber, fail } from "../errors.ts";
import { RandomStream } from "../random.ts";
import { turn } from "./angle.ts";
import type { Dataset } from "./dataset.ts";
import { clear, coverage, draw } from "./raster.ts";
import type { Glyph } from "./strokes.ts";
import { glyphTable } from "./strokes.ts";

/** How glyphs are drawn. Each factor is drawn anew for each image, uniformly, from the seed. */
export interface GlyphsOptions {
  /** Number of images. */
  count: number;
  /** The first `classes` of {@link glyphNames}, 1–20; default 10, the digits. */
  classes?: number;
  /** Default 0. */
  seed?: number;
  /** Streams of different names share no image; default "train". */
  name?: string;
  /** Side in pixels, 8–256; default 28. */
  size?: number;
  /** Most degrees of rotation either way; default 15. */
  rotation?: number;
  /** Most change of width and of height, as a share; default 0.2. */
  scale?: number;
  /** Most slant either way: sideways step per step down; default 0.25. */
  shear?: number;
  /** Most shift either way, as a share of the side; default 0.06. */
  translate?: number;
  /** Most shift of the points of the warp either way, as a share of the side; default 0.25. */
  elastic?: number;
  /** Standard deviation of the noise on each pixel, as a share of full ink; default 0.1. */
  noise?: number;
  /** Mean width of the line in pixels of a side of 28, drawn from 0.6 to 1.4 times it; default 2.4. */
  thickness?: number;
  /** Whether ink is dark on bright; default false. */
  invert?: boolean;
}

/** Words of the random stream set aside for each image: image `i` depends on the seed, the name and `i` alone. */
const wordsPerImage = 2 ** 16;
/** The warp: 4 × 4 shifts, x and y. */
const latticeValues = 32;
/** Standard deviation of the sum of two uniform bytes: sqrt((256² − 1) / 6). */
const twoBytesDeviation = Math.sqrt(65535 / 6);

/** Returns the names of the twenty glyphs by class number. */
export function glyphNames(): string[] {
  return glyphTable().map((glyph) => glyph.name);
}

/**
 * Returns a set of drawn glyphs, `size` × `size` bytes each, with classes in turn. The pixels are the same in every
 * engine: nothing but + − × ÷, square root and floor makes them.
 * @throws E_CONFIG
 * @example
 * const train = glyphs({ count: 10_000, seed: 7 });
 * const test = glyphs({ count: 2_000, seed: 7, name: "test" });
 */
export function glyphs(options: GlyphsOptions): Dataset {
  const settings = checkOptions(options);
  const { count, classes, size, seed, name } = settings;
  const table = glyphTable();
  const random = new RandomStream(seed, `stream/glyphs/${name}`);
  const paint = painter(settings);
  const x = new Uint8Array(count * size * size);
  const y = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const label = i % classes;
    random.position = i * wordsPerImage;
    paint(table[label] as Glyph, random, x.subarray(i * size * size, (i + 1) * size * size));
    y[i] = label;
  }
  return { name: `glyphs/${name}`, x, y, shape: [size, size], classes, count };
}

/** Returns a function that draws one image of a glyph with the factors that `random` gives next. */
function painter(settings: Required<GlyphsOptions>): (glyph: Glyph, random: RandomStream, image: Uint8Array) => void {
  const { size, rotation, scale, shear, translate, elastic, noise, thickness, invert } = settings;
  const field = new Float64Array(size * size);
  const points = new Float64Array(256);
  const lattice = new Float64Array(latticeValues);

  return (glyph, random, image) => {
    const spread = (most: number): number => (2 * random.uniform() - 1) * most;
    const { cos, sin } = turn(spread(rotation));
    const slant = spread(shear);
    const wide = 1 + spread(scale);
    const high = 1 + spread(scale);
    const shiftX = spread(translate) + 0.5;
    const shiftY = spread(translate) + 0.5;
    const halfWidth = ((thickness * size) / 56) * (1 + spread(0.4));
    const ink = 255 * (0.8 + 0.2 * random.uniform());
    for (let k = 0; k < latticeValues; k++) lattice[k] = spread(elastic);

    clear(field);
    for (const stroke of glyph.strokes) {
      for (let k = 0; k < stroke.length; k += 2) {
        const u = stroke[k] as number;
        const v = stroke[k + 1] as number;
        const a = (u - 0.5 + warp(lattice, 0, u, v)) * wide;
        const b = (v - 0.5 + warp(lattice, latticeValues / 2, u, v)) * high;
        const slanted = a - slant * b;
        points[k] = (cos * slanted - sin * b + shiftX) * size;
        points[k + 1] = (sin * slanted + cos * b + shiftY) * size;
      }
      draw(field, size, points, stroke.length, halfWidth + 0.5);
    }

    const perByte = (255 * noise) / twoBytesDeviation;
    let word = 0;
    for (let p = 0; p < field.length; p++) {
      word = p % 2 === 0 ? random.u32() : word >>> 16;
      const grain = (word & 255) + ((word >>> 8) & 255) - 255;
      const value = Math.floor(ink * coverage(field[p] as number, halfWidth) + perByte * grain + 0.5);
      const byte = Math.max(0, Math.min(255, value));
      image[p] = invert ? 255 - byte : byte;
    }
  };
}

/**
 * Returns the shift at (u, v) of a bicubic Bernstein patch over the unit square with 4 × 4 shifts at `lattice[at…]`.
 * @see Sederberg, Parry 1986, "Free-form deformation of solid geometric models"
 */
function warp(lattice: Float64Array, at: number, u: number, v: number): number {
  return bernstein(
    v,
    bernstein(u, lattice[at] as number, lattice[at + 1] as number, lattice[at + 2] as number, lattice[at + 3] as number),
    bernstein(u, lattice[at + 4] as number, lattice[at + 5] as number, lattice[at + 6] as number, lattice[at + 7] as number),
    bernstein(u, lattice[at + 8] as number, lattice[at + 9] as number, lattice[at + 10] as number, lattice[at + 11] as number),
    bernstein(u, lattice[at + 12] as number, lattice[at + 13] as number, lattice[at + 14] as number, lattice[at + 15] as number),
  );
}

function bernstein(t: number, p0: number, p1: number, p2: number, p3: number): number {
  const s = 1 - t;
  return s * s * s * p0 + 3 * s * s * t * p1 + 3 * s * t * t * p2 + t * t * t * p3;
}

function checkOptions(options: GlyphsOptions): Required<GlyphsOptions> {
  const defaults = {
    classes: 10,
    seed: 0,
    name: "train",
    size: 28,
    rotation: 15,
    scale: 0.2,
    shear: 0.25,
    translate: 0.06,
    elastic: 0.25,
    noise: 0.1,
    thickness: 2.4,
    invert: false,
  };
  const where = "streams.glyphs";
  checkKeys(where, options, ["count", ...Object.keys(defaults)]);
  const settings: Required<GlyphsOptions> = { ...defaults, ...options };
  checkNumber(where, "count", settings.count, { min: 1, integer: true });
  checkNumber(where, "classes", settings.classes, { min: 1, max: glyphTable().length, integer: true });
  checkNumber(where, "seed", settings.seed, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  checkNumber(where, "size", settings.size, { min: 8, max: 256, integer: true });
  checkNumber(where, "rotation", settings.rotation, { min: 0, max: 180 });
  checkNumber(where, "thickness", settings.thickness, { min: 0, max: 28, open: "min" });
  checkNumber(where, "scale", settings.scale, { min: 0, max: 1, open: "max" });
  for (const share of ["shear", "translate", "elastic", "noise"] as const) checkNumber(where, share, settings[share], { min: 0, max: 1 });
  if (typeof settings.name !== "string") fail("E_CONFIG", `${where}: option "name" is no name; expected text, got ${typeof settings.name}`);
  if (typeof settings.invert !== "boolean") {
    fail("E_CONFIG", `${where}: option "invert" is neither on nor off; expected true or false, got ${typeof settings.invert}`);
  }
  return settings;
}
