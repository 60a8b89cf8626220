/** Sets of labelled images, and how a run takes them: nothing here needs a file. */
import { fail } from "../errors.ts";
import { RandomStream } from "../random.ts";
import { type Dataset, glyphs, select, type TrainTest } from "../stream/index.ts";

/** A labelled set under the name that people know it by. */
export interface NamedData extends TrainTest {
  readonly name: string;
}

/** Returns glyphs, `count` of them to learn and an eighth to test. */
export function drawGlyphs(count: number): NamedData {
  return { name: "glyphs", train: glyphs({ count }), test: glyphs({ count: Math.ceil(count / 8), name: "test" }) };
}

/** Returns at most `count` rows of a set; of sets of one size, the same ones. */
export function sample(dataset: Dataset, count: number): Dataset {
  return dataset.count <= count ? dataset : select(dataset, shuffled(dataset.count).subarray(0, count).sort());
}

/**
 * Returns the `scale` and `offset` that give a set mean 0 and standard deviation 1 over all its values together.
 * @throws E_NONFINITE naming the row
 */
export function standardize(dataset: Dataset): { scale: number; offset: number } {
  const mean = average(dataset, (value) => value);
  if (!Number.isFinite(mean)) {
    const bad = dataset.x.findIndex((value) => !Number.isFinite(value));
    const row = Math.floor(bad / (dataset.x.length / dataset.y.length));
    fail("E_NONFINITE", `${dataset.name}: row ${row} holds no number; expected finite values, got ${dataset.x[bad]}`, {
      hint: "Repair the file.",
    });
  }
  const deviation = Math.sqrt(average(dataset, (value) => (value - mean) * (value - mean)));
  const scale = deviation === 0 ? 1 : 1 / deviation;
  return { scale, offset: -mean * scale };
}

/** Returns the rows of a set in an order that depends on their number alone. */
export function shuffled(count: number): Uint32Array {
  return new RandomStream(0, "cli/sample").shuffle(Uint32Array.from({ length: count }, (_, row) => row));
}

function average({ x, y, rows, count }: Dataset, of: (value: number) => number): number {
  const size = x.length / y.length;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const start = (rows === undefined ? i : (rows[i] as number)) * size;
    for (let p = start; p < start + size; p++) sum += of(x[p] as number);
  }
  return sum / (count * size);
}
