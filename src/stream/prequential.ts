import { fail } from "../errors.ts";
import type { Batch, Pixels, Stream } from "./dataset.ts";
import { type DelayedOptions, delayed } from "./delayed.ts";

/** What {@link prequential} asks and teaches: a learner, or anything alike. */
export interface Predictor<Answer extends Answers, Result> {
  predict(x: Pixels): Answer | Promise<Answer>;
  observe(batch: Batch): Result | Promise<Result>;
}

/** Answers for rows: a class for each label, or where there are none, values. */
export interface Answers {
  readonly labels: ArrayLike<number>;
  readonly values?: ArrayLike<number>;
}

/** What was answered before it was learned. */
export interface Tested<Answer extends Answers, Result> {
  /** The number of the batch the rows came in. */
  readonly index: number;
  /** Rows whose labels came. */
  readonly rows: number;
  /** Labels that were answered right; NaN where targets are values. */
  readonly correct: number;
  /** Share of labels that were answered wrong, or the mean square of what values were off by. */
  readonly error: number;
  /** What was answered when the rows came, for all of them. */
  readonly answer: Answer;
  /** What `observe` returned. */
  readonly result: Result;
}

/**
 * Yields how each batch of a stream was answered, and what came of learning it after: rows are answered when they come, by what was learned
 * until then, and judged and learned when their labels come, as {@link delayed} lets them. Nothing is done until the next is asked for.
 * @throws E_CONFIG, E_DATA where answers do not fit the labels; what `predict` and `observe` throw
 * @see Gama, Sebastião, Rodrigues 2013, "On evaluating stream learning algorithms"
 */
export async function* prequential<Answer extends Answers, Result>(
  learner: Predictor<Answer, Result>,
  stream: Stream,
  options: DelayedOptions = {},
): AsyncGenerator<Tested<Answer, Result>, void, void> {
  const waiting = new Map<number, Answer>();
  const targets = options.targets ?? 1;
  for await (const arrival of delayed(stream, options)) {
    const { index } = arrival;
    if (arrival.type === "rows") {
      waiting.set(index, await learner.predict(arrival.x));
      continue;
    }
    const { batch, places } = arrival;
    const answer = waiting.get(index) as Answer;
    // Those before it whose labels never came.
    for (const earlier of waiting.keys()) if (earlier <= index) waiting.delete(earlier);
    const judged = judge(answer, batch, places, targets);
    yield { index, rows: places.length, ...judged, answer, result: await learner.observe(batch) };
  }
}

function judge({ labels, values = [] }: Answers, { y }: Batch, places: Uint32Array, targets: number): { correct: number; error: number } {
  const classes = labels.length > 0;
  const answers = classes ? labels : values;
  if (answers.length < ((places.at(-1) as number) + 1) * targets) {
    fail(
      "E_DATA",
      `streams.prequential: answers do not fit the targets; expected ${targets} for each row, got ${answers.length} for row ${places.at(-1)}`,
      { hint: 'Give "targets" the number of labels or values of a row.' },
    );
  }
  let [correct, square] = [0, 0];
  for (let i = 0; i < y.length; i++) {
    const off = (answers[(places[Math.floor(i / targets)] as number) * targets + (i % targets)] as number) - (y[i] as number);
    if (off === 0) correct += 1;
    square += off * off;
  }
  return classes ? { correct, error: 1 - correct / y.length } : { correct: Number.NaN, error: square / y.length };
}
