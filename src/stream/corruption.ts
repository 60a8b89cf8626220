/** Ways images get worse: functions of pixels, of a severity from 0, where nothing changes, to 1, and of random bits. */
import { checkChoice, checkKeys, checkNumber, describe, fail } from "../errors.ts";
import { RandomStream } from "../random.ts";
import { type Dataset, type Pixels, rowLength, viewed } from "./dataset.ts";

const kinds = ["noise", "blur", "contrast", "brightness", "occlusion", "pixelate"] as const;

/** Sizes of an image. */
interface Size {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Changes an image of values within 0 and 1, which may be left outside them. */
type Change = (image: Float64Array, size: Size, severity: number, random: RandomStream) => void;

/**
 * A way images get worse; what severity 1 comes to, of values within 0 and 1: "noise" of deviation ½; "blur" by a mean over a quarter of the
 * smaller side either way; no "contrast"; "brightness" 1 more; all of the image under an "occlusion", a rectangle of 0 at a random place
 * whose area is the severity; "pixelate" to blocks of half the smaller side. What leaves 0 and 1 is clipped.
 */
export type Corruption = (typeof kinds)[number];

/** Standard deviation of the sum of four uniform bytes. */
const fourBytesDeviation = Math.sqrt((4 * 65535) / 12);
/** Words of the random stream set aside for each row. */
const wordsPerRow = 2 ** 20;

const changes: Readonly<Record<Corruption, Change>> = {
  noise(image, _, severity, random) {
    const perByte = severity / 2 / fourBytesDeviation;
    for (let p = 0; p < image.length; p++) {
      const word = random.u32();
      image[p] = (image[p] as number) + perByte * ((word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24) - 510);
    }
  },
  blur(image, { height, width, channels }, severity) {
    const radius = (severity * Math.min(height, width)) / 4;
    const line = width * channels;
    for (let at = 0; at < image.length; at += line) {
      for (let channel = 0; channel < channels; channel++) smooth(image, at + channel, width, channels, radius);
    }
    for (let column = 0; column < line; column++) smooth(image, column, height, line, radius);
  },
  contrast(image, _, severity) {
    const mean = image.reduce((sum, value) => sum + value, 0) / image.length;
    for (let p = 0; p < image.length; p++) image[p] = mean + (1 - severity) * ((image[p] as number) - mean);
  },
  brightness(image, _, severity) {
    for (let p = 0; p < image.length; p++) image[p] = (image[p] as number) + severity;
  },
  occlusion(image, { height, width, channels }, severity, random) {
    const side = Math.sqrt(severity);
    const [tall, wide] = [Math.round(side * height), Math.round(side * width)];
    const top = random.below(height - tall + 1);
    const left = random.below(width - wide + 1);
    for (let row = top; row < top + tall; row++) image.fill(0, (row * width + left) * channels, (row * width + left + wide) * channels);
  },
  pixelate(image, { height, width, channels }, severity) {
    const block = 1 + Math.round(severity * (Math.max(2, Math.min(height, width) / 2) - 1));
    for (let top = 0; top < height; top += block) {
      for (let left = 0; left < width; left += block) {
        for (let channel = 0; channel < channels; channel++) {
          const within: number[] = [];
          for (let row = top; row < Math.min(height, top + block); row++) {
            for (let column = left; column < Math.min(width, left + block); column++)
              within.push((row * width + column) * channels + channel);
          }
          const mean = within.reduce((sum, p) => sum + (image[p] as number), 0) / within.length;
          for (const p of within) image[p] = mean;
        }
      }
    }
  },
};

/** How {@link corrupted} spoils. */
export interface CorruptionOptions {
  readonly kind: Corruption;
  /** What stands for 0 and 1; default 0 and 255 of bytes, 0 and 1 of floats. */
  readonly range?: readonly [number, number];
  /** Default 0. */
  readonly seed?: number;
}

/**
 * Returns the same rows seen through a corruption, which of a row depends on the seed and the number of the stored row alone. Rows must be
 * [height, width] or [height, width, channels].
 * @throws E_CONFIG, E_SHAPE where rows are not images
 */
export function corrupted(dataset: Dataset, options: CorruptionOptions & { readonly severity: number }): Dataset {
  const where = "streams.corrupted";
  checkKeys(where, options, ["kind", "severity", "range", "seed"]);
  const severity = checkNumber(where, "severity", options.severity, { min: 0, max: 1 });
  const corrupt = corruption(where, dataset.shape, options);
  return viewed(
    dataset,
    (source, from, target, to, row) => corrupt(source, from, target, to, row, severity),
    `${dataset.name}: ${options.kind} ${severity}`,
  );
}

/** Writes the row at `source[from…]`, made worse as a row of this number is, to `target[to…]`. */
export type Corrupt = (source: Pixels, from: number, target: Pixels, to: number, row: number, severity: number) => void;

/** Returns a corruption of rows of a shape. @throws E_CONFIG E_SHAPE */
export function corruption(where: string, shape: readonly number[], options: CorruptionOptions): Corrupt {
  const kind = checkChoice(where, "kind", options.kind, kinds);
  const seed = checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true });
  const [height, width, channels = 1, ...rest] = shape;
  if (height === undefined || width === undefined || rest.length > 0) {
    fail("E_SHAPE", `${where}: rows are not images; expected [height, width] or [height, width, channels], got [${shape.join(", ")}]`);
  }
  const { range } = options;
  if (range !== undefined && !(Array.isArray(range) && range.length === 2)) {
    fail("E_CONFIG", `${where}: option "range" is no range; expected [lowest, highest], got ${describe(range)}`);
  }
  if (range !== undefined) checkNumber(where, "range", range[1], { min: checkNumber(where, "range", range[0]), open: "min" });
  const image = new Float64Array(rowLength(shape));
  const random = new RandomStream(seed, `stream/corruption/${kind}`);
  return (source, from, target, to, row, severity) => {
    const bytes = target instanceof Uint8Array;
    const [low, high] = range ?? (bytes ? [0, 255] : [0, 1]);
    if (severity === 0) return target.set(source.subarray(from, from + image.length), to);
    for (let p = 0; p < image.length; p++) image[p] = ((source[from + p] as number) - low) / (high - low);
    random.position = row * wordsPerRow;
    changes[kind](image, { height, width, channels }, severity, random);
    for (let p = 0; p < image.length; p++) {
      const value = low + Math.max(0, Math.min(1, image[p] as number)) * (high - low);
      target[to + p] = bytes ? Math.floor(value + 0.5) : value;
    }
  };
}

/** Replaces each of `count` values by the mean of those within a radius, the outermost in part. */
function smooth(image: Float64Array, start: number, count: number, step: number, radius: number): void {
  const before = Float64Array.from({ length: count }, (_, i) => image[start + i * step] as number);
  const whole = Math.floor(radius);
  for (let i = 0; i < count; i++) {
    let [sum, weights] = [0, 0];
    for (let k = Math.max(0, i - whole - 1); k <= Math.min(count - 1, i + whole + 1); k++) {
      const weight = Math.abs(k - i) > whole ? radius - whole : 1;
      sum += weight * (before[k] as number);
      weights += weight;
    }
    image[start + i * step] = sum / weights;
  }
}
