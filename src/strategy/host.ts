/**
 * What strategies keep and compute on the host, in f64: records of pure functions over arrays of fixed lengths, so that all of it is saved,
 * rolled back and grown alike, whatever the method.
 */
import type { Shape } from "../program/shape.ts";
import type { RandomStream } from "../random.ts";
import type { Linear } from "../wasm/linear.ts";

/** Arrays by name, all of whose numbers are state. */
export type Numbers = Readonly<Record<string, Float64Array>>;

/** Dims of each array. The first may be "classes": it grows with the classifier, and what is new is 0. */
export type NumbersSpec = Readonly<Record<string, readonly (number | "classes")[]>>;

/** What a strategy may know of its learner before there is any state. */
export interface Facts {
  /** Classes there is room for; 1 where targets are values. */
  readonly classes: number;
  /** Numbers of a row that the classifier reads; those of the output where there is none. */
  readonly features: number;
  /** Numbers that are trained. */
  readonly parameters: number;
  readonly targets: "labels" | "values";
  /** Paths of the parameters that make logits of features, [features, classes] and [classes]; none where the model does not name its features. */
  readonly classifier?: readonly string[];
}

/** A layer of rectified units, between the weights that lead to them and those that lead on: made anew one by one, without any other unit's doing. */
export interface UnitLayer {
  /** How many there are: units of a linear layer, channels of a convolution. */
  readonly units: number;
  /** Which of a model's rectified layers they are, counted from 0. */
  readonly rectified: number;
  /** Path of the weight [..., units] whose columns lead to them, and of their bias [units]. */
  readonly weight: string;
  readonly bias: string | undefined;
  /** Numbers uniform on ±bound have the variance that the weight began with. */
  readonly bound: number;
  /** Path of the next layer's weight, [places, units, outputs] by shape, of which a unit's rows lead on from it; and of that layer's bias [outputs]. */
  readonly next: string;
  readonly nextShape: readonly [places: number, units: number, outputs: number];
  readonly nextBias: string | undefined;
}

/** What a strategy may know of its learner's model, besides. */
export interface ModelFacts extends Facts {
  /** Shapes of all parameters by path, in the order of the model. */
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly units: readonly UnitLayer[];
}

/** What a step can tell of each row that arrived, as it was before the update; features are those that answers see, without dropout. */
export type RowFact = "rowLoss" | "correct" | "features" | "logits";

/** What a step saw of the rows that arrived. */
export interface Seen {
  /** The number of the step, counted from 1. */
  readonly step: number;
  readonly count: number;
  /** Where targets are values, a 0 for each row. */
  readonly labels: Uint32Array;
  readonly task: number;
  /** What was asked for: `rowLoss` [count], `correct` [count] (1 or 0), `features` [count × features], `logits` [count × classes]. */
  readonly rows: Readonly<Partial<Record<RowFact, Float32Array>>>;
}

/** What a hook on the host may use. */
export interface HostServices {
  readonly facts: Facts;
  /** f64 linear algebra, where the strategy needs it. */
  readonly linear: Linear;
  /** Returns a stream of random numbers of this strategy, the same wherever this step is done. */
  random(stream: string): RandomStream;
}

/** What a fold tells: the stream drifted, or may be about to. */
export type Signal = "warning" | "drift";

/** A value gathered from what steps saw. */
export interface HostFold {
  readonly numbers: (facts: Facts) => NumbersSpec;
  /** What it reads of rows. */
  readonly reads: readonly RowFact[];
  /** Takes a step in, after the update. A step that changed nothing is not told. */
  push(numbers: Numbers, seen: Seen, services: HostServices): readonly Signal[] | undefined;
  /**
   * Takes rows out again as if they had never come, where that is exact: `rows` as they were told, by the model as it is. `learner.forget` calls it
   * for rows that leave memory, each once, if the fold reads nothing but features.
   */
  remove?(numbers: Numbers, rows: Pick<Seen, "count" | "labels" | "rows">, services: HostServices): void;
}

/** An answer from what folds gathered, in place of the model's own. */
export interface HostHead {
  /**
   * Returns a score of each class [rows × classes] for features [rows × features], larger for likelier, −∞ for a class that was never seen;
   * probabilities are their softmax.
   */
  scores(numbers: Numbers, features: Float32Array, rows: number, services: HostServices): Float64Array;
}

/** A detector of change in a stream of scalars, such as losses or errors. */
export interface Detector {
  readonly name: string;
  /** Plain data from which it can be made again. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Lengths of what it keeps, 0 at first. */
  readonly numbers: Readonly<Record<string, number>>;
  /** What it is to be told of each row: its loss, or 1 for an error and 0 for a right answer. */
  readonly watches: "loss" | "error";
  push(numbers: Numbers, value: number): Signal | undefined;
}
