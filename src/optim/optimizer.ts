import type { Tensor } from "../program/graph.ts";
import { abs, less, select } from "../program/tensor.ts";

/** What an update rule reads: flat vectors [n] of one parameter group, and its scalars. */
export interface UpdateInputs {
  readonly params: Tensor;
  readonly grads: Tensor;
  readonly slots: Readonly<Record<string, Tensor>>;
  readonly scalars: Readonly<Record<string, Tensor>>;
}

/** What an update rule returns: the new vectors. */
export interface UpdateResult {
  readonly params: Tensor;
  readonly slots: Readonly<Record<string, Tensor>>;
}

/** A change of all gradients together before the update, expressed as one factor. */
export interface GradientScale {
  readonly name: string;
  readonly options: Readonly<Record<string, number>>;
  /** Returns the factor (one element) for gradients [n]. */
  factor(grads: Tensor): Tensor;
}

/** An optimizer: a traced recipe over flat vectors, and the scalars it is fed in each step. */
export interface Optimizer {
  readonly name: "sgd" | "adamw";
  /** What it was made from, defaults filled in. */
  readonly options: Readonly<Record<string, number | boolean>>;
  /** Vectors it keeps per parameter, all zeros at first. */
  readonly slots: readonly string[];
  readonly scales: readonly GradientScale[];
  /** Returns the scalars of update `k`, counted from 1, at a learning rate. */
  scalars(k: number, learningRate: number): Readonly<Record<string, number>>;
  /** The recipe: the update as ordinary operations. */
  update(inputs: UpdateInputs): UpdateResult;
  /** The hand-written kernel that equals the recipe: its name and compile-time choices. */
  readonly kernel: { readonly name: "sgd" | "adamw"; readonly flags: Readonly<Record<string, boolean>> };
}

/**
 * Returns a decaying mean with what is below 1e-30 taken to 0: for want of gradients it would stay subnormal for ever, and arithmetic on
 * subnormals is slow.
 */
export function settled(mean: Tensor): Tensor {
  return select(less(abs(mean), TINY), 0, mean);
}

const TINY = 1e-30;

/** Returns base^exponent for a whole exponent by repeated squaring: the same bits in every engine. */
export function integerPower(base: number, exponent: number): number {
  let result = 1;
  let square = base;
  for (let left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}
