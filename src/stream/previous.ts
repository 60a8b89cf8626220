import { checkKeys, checkNumber, describe, fail } from "../errors.ts";
import type { Stream } from "./dataset.ts";

/** Options of {@link previousLabel}. */
export interface PreviousLabelOptions {
  /** Rows of a window. Default 1000. */
  readonly window?: number;
}

/** Accuracy of the answers of {@link previousLabel}. */
export interface PreviousLabel {
  readonly rows: number;
  /** Share of rows whose label is that of the row before. */
  readonly accuracy: number;
  /** The same of each window of rows, one after another; the last may be shorter. */
  readonly windows: readonly number[];
}

/**
 * Returns how often the last label seen is right for the next row: what accuracy on a stream whose labels persist is to be compared with. The first
 * row, which has none before it, counts as wrong.
 * @throws E_CONFIG, E_DATA where a label is no class or there are no rows
 * @see Žliobaitė et al. 2015, "Evaluation methods and decision theory for classification of streaming data with temporal dependence", the
 *   persistent classifier
 */
export async function previousLabel(stream: Stream, options: PreviousLabelOptions = {}): Promise<PreviousLabel> {
  const where = "streams.previousLabel";
  checkKeys(where, options, ["window"]);
  const window = checkNumber(where, "window", options.window ?? 1000, { min: 1, integer: true });
  let [rows, right, last] = [0, 0, -1];
  const hits: number[] = [];
  for await (const { y } of stream) {
    for (let i = 0; i < y.length; i++) {
      const label = y[i] as number;
      if (!(Number.isInteger(label) && label >= 0)) {
        fail("E_DATA", `${where}: the label of row ${rows} is no class; expected a whole number ≥ 0, got ${describe(label)}`, {
          context: { row: rows, label },
        });
      }
      if (rows % window === 0) hits.push(0);
      if (label === last) {
        right++;
        hits[hits.length - 1] = (hits[hits.length - 1] as number) + 1;
      }
      last = label;
      rows++;
    }
  }
  if (rows === 0) fail("E_DATA", `${where}: the stream is empty; expected at least one row, got none`);
  const windows = hits.map((count, i) => count / Math.min(window, rows - i * window));
  return { rows, accuracy: right / rows, windows };
}
