import { checkKeys, checkNumber, type NumberRange } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { abs, add, less, mul, select } from "../program/tensor.ts";
import type { Estimate } from "./hessian.ts";
import type { Placed, SlotSpec } from "./places.ts";

/** Numbers by name that an update is made with. */
export type Hyper = Readonly<Record<string, number>> & { readonly learningRate: number };

/** Plain data that a part of an optimizer is made from. */
export type Options = Readonly<Record<string, unknown>>;

/** What a recipe reads: flat vectors [n] of all parameters, what it keeps, and its scalars. */
export interface UpdateInputs<L extends string = string, S extends string = string> {
  readonly params: Tensor;
  readonly grads: Tensor;
  readonly slots: Readonly<Record<L, Tensor>>;
  /** One element each; [n] where groups of parameters differ in it. */
  readonly scalars: Readonly<Record<S, Tensor>>;
  /** The tensors that the vectors are made of, in their order. */
  readonly tensors: readonly Placed[];
  /** Returns the results of a recipe for each tensor in its own shape, put together. */
  each<R extends Results>(recipe: (tensor: TensorInputs<L, S>) => R): R;
  /** Returns normal numbers [n] of a stream, new in every step. */
  normal(stream: string): Tensor;
  /** Returns the gradients [n] that the loss of this step has at other parameters [n]. @throws E_UNSUPPORTED where there is no loss */
  gradientsAt(params: Tensor): Tensor;
  /** Returns the product [n] of the Hessian of the loss with a vector [n]. @throws E_UNSUPPORTED where there is no loss */
  hessian(along: Tensor): Tensor;
  /** Returns an estimate [n] of the diagonal of the Hessian. @throws E_UNSUPPORTED where there is no loss */
  curvature(estimate: Estimate): Tensor;
}

/** One tensor of many, as a recipe sees it: vectors in its shape, slots by row or column as [rows, 1] and [1, columns] of its matrix. */
export interface TensorInputs<L extends string = string, S extends string = string>
  extends Pick<UpdateInputs<L, S>, "params" | "grads" | "slots" | "scalars"> {
  readonly path: string;
  readonly shape: readonly number[];
  /** Its place among the tensors. */
  readonly index: number;
  /** Returns what a vector [n] holds of this tensor. */
  of(vector: Tensor): Tensor;
}

/** Tensors by name. */
export type Results = Readonly<Record<string, Tensor>>;

/** What a recipe returns: the new vectors; a slot left out stays as it is. */
export interface UpdateResult<L extends string = string> {
  readonly params: Tensor;
  readonly slots: Readonly<Partial<Record<L, Tensor>>>;
  /** One element each, to be told of the step. */
  readonly metrics?: Results;
}

/** Parameters whose path a pattern matches, and how their update differs. */
export interface Group {
  /** A regular expression. */
  readonly match: string;
  /** Times the learning rate. Default 1. */
  readonly rateScale?: number;
  /** In place of the optimizer's own. */
  readonly weightDecay?: number;
  /** The group of `schedules.perGroup` whose rate it has. Default "rest". */
  readonly schedule?: string;
}

/** What rules and transforms have in common. */
interface Part {
  readonly name: string;
  /** What it was made from, defaults filled in. */
  readonly options: Options;
  /** Numbers among the options that may change while training, each with its range. */
  readonly hyper: Readonly<Record<string, NumberRange>>;
  /** What it keeps from step to step. */
  readonly slots: readonly SlotSpec[];
  /** Scalars that follow from the learning rate or the weight decay, in which groups of parameters may differ. */
  readonly rates: readonly string[];
  /** Returns its scalars at update `k`, counted from 1. */
  scalars(k: number, hyper: Hyper): Readonly<Record<string, number>>;
  /** The weights to answer with, where they are not those that are trained. */
  averaged?(inputs: UpdateInputs): Tensor;
}

/** What stands before an update rule, and may change what it is given or what becomes of its result. */
export interface Transform extends Part {
  readonly kind: "transform";
  readonly groups?: readonly Group[];
  /** Returns the one factor of all gradients, where that is all it does. */
  factor?(grads: Tensor, scalars: Results): Tensor;
  /** Returns the result of the rest of the chain, changed; `when` holds what the rest keeps as it is where it is 0 (u32). */
  around?(
    inputs: UpdateInputs,
    rest: (changed: Partial<Pick<UpdateInputs, "params" | "grads">>) => UpdateResult,
  ): UpdateResult & { readonly when?: Tensor };
  /** Returns which update of the rest update `k` is. Default: the same. */
  updates?(k: number): number;
}

/** An optimizer: a traced recipe over flat vectors, the scalars it is fed in each step, and what stands before it. */
export interface Optimizer extends Part {
  readonly kind: "rule";
  readonly transforms: readonly Transform[];
  /** The recipe: the update as ordinary operations. */
  update(inputs: UpdateInputs): UpdateResult;
  /** The hand-written kernel that equals the recipe, where there is one: its name and compile-time choices. */
  readonly kernel?: { readonly name: "sgd" | "adamw"; readonly flags: Readonly<Record<string, boolean>> };
}

/** Slots by name: how they lie and what they hold at first. */
export type SlotTable<L extends string> = Readonly<Record<L, Omit<SlotSpec, "name" | "per"> & { readonly per?: SlotSpec["per"] }>>;

interface Written<L extends string, S extends string, H extends string> {
  readonly name: string;
  readonly options: object;
  readonly hyper?: Readonly<Record<H, NumberRange>>;
  readonly slots?: SlotTable<L>;
  readonly scalars?: (k: number, hyper: Readonly<Record<H | "learningRate", number>>) => Readonly<Record<S, number>>;
  readonly rates?: readonly string[];
  readonly averaged?: (inputs: UpdateInputs<L, S>) => Tensor;
}

/** Returns an update rule with nothing before it; what it leaves out, it has none of. */
export function rule<const L extends string = never, S extends string = never, H extends string = never>(
  written: Written<L, S, H> & {
    readonly update: (inputs: UpdateInputs<L, S>) => UpdateResult<L>;
    readonly kernel?: NonNullable<Optimizer["kernel"]>;
  },
): Optimizer {
  return {
    hyper: {},
    scalars: () => ({}),
    rates: [],
    ...written,
    kind: "rule",
    transforms: [],
    slots: listed(written.slots),
  } as unknown as Optimizer;
}

/** Returns a transform; what it leaves out, it has none of. */
export function transform<const L extends string = never, S extends string = never, H extends string = never>(
  written: Written<L, S, H> & {
    readonly groups?: readonly Group[];
    readonly factor?: (grads: Tensor, scalars: Readonly<Record<S, Tensor>>) => Tensor;
    readonly around?: (
      inputs: UpdateInputs<L, S>,
      rest: (changed: Partial<Pick<UpdateInputs, "params" | "grads">>) => UpdateResult,
    ) => UpdateResult<L> & { readonly when?: Tensor };
    readonly updates?: (k: number) => number;
  },
): Transform {
  return { hyper: {}, scalars: () => ({}), rates: [], ...written, kind: "transform", slots: listed(written.slots) } as unknown as Transform;
}

function listed(slots: SlotTable<string> = {}): SlotSpec[] {
  return Object.entries(slots).map(([name, { per = "parameter", ...more }]) => ({ name, per, ...more }));
}

/** Ranges that many options share. */
export const ranges: Readonly<Record<"decay" | "positive" | "natural", NumberRange>> = {
  /** [0, 1): a decay. */
  decay: { min: 0, max: 1, open: "max" },
  /** Above 0. */
  positive: { min: 0, open: "min" },
  /** 0 or more. */
  natural: { min: 0 },
};

/**
 * Returns the numbers of `table` (default, range) from options, checked, with defaults filled in; `others` are options that are no numbers.
 * @throws E_CONFIG
 */
export function numbersOf<H extends string>(
  where: string,
  options: object,
  table: Readonly<Record<H, readonly [standard: number | undefined, range: NumberRange]>>,
  others: readonly string[] = [],
): { readonly values: Readonly<Record<H, number>>; readonly hyper: Readonly<Record<H, NumberRange>> } {
  checkKeys(where, options, [...Object.keys(table), ...others]);
  const rows = Object.entries(table) as [H, readonly [number | undefined, NumberRange]][];
  const given = options as Readonly<Record<string, unknown>>;
  const values = rows.map(([name, [standard, range]]) => [name, checkNumber(where, name, given[name] ?? standard, range)]);
  return { values: Object.fromEntries(values), hyper: Object.fromEntries(rows.map(([name, [, range]]) => [name, range])) as never };
}

/** Returns `keep`·old + `take`·new, settled. */
export function blend(keep: Tensor, old: Tensor, take: Tensor, next: Tensor): Tensor {
  return settled(add(mul(keep, old), mul(take, next)));
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
