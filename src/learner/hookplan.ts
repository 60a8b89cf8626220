/** What strategies add to a learner, as the rest of it calls on them, bound to its options. */
import type { ModelScope } from "../nn/layer.ts";
import type { Placed } from "../optim/places.ts";
import type { Graph, Tensor } from "../program/graph.ts";
import type { Plan } from "../program/plan.ts";
import type { Arena, Column } from "../state/arena.ts";
import type { ModelFacts } from "../strategy/host.ts";
import type { RowGroup, Strategy } from "../strategy/strategy.ts";
import type { Linear } from "../wasm/linear.ts";
import type { KeptSlot, StateLayout } from "./ranges.ts";

/** Hooks of a learner with options `C`. */
export interface HookPlan<C> {
  /** The strategies as they were given; those of the options are these and all that they use. */
  readonly given: readonly Strategy[];
  readonly facts: ModelFacts;
  /** There where a strategy needs it. */
  readonly linear: Linear | undefined;
  /** Returns other options with these hooks. */
  rebind(config: C): C;
  layOut(place: HookPlace): { columns: readonly Column[]; kept: ReadonlyMap<string, KeptSlot> };
  /** Applies the model to rows of tasks [rows] that are known when asked for; default: given as input `tasks`. */
  applyModel(x: Tensor, scope: ModelScope, tasks?: () => Tensor): ModelOutputs;
  /** Returns the loss of a pass; its parts are told where it `tells`. */
  loss(pass: Pass, tells: boolean): Tensor;
  /** Returns the gradient [n] that the optimizer sees. */
  gradient(pass: Pass, total: Tensor): Tensor;
  /** Records what strategies take of a step before its update. */
  gather(pass: Pass, total: Tensor): void;
  withEdits(plan: Plan, layout: StateLayout): Plan;
  /** Returns what each strategy adds to a step, and keeps. */
  costs(layout: StateLayout): StrategyCost[];
  /** Returns the parameters that a strategy answers with. */
  headLeaves(graph: Graph, layout: StateLayout): Map<string, Tensor> | undefined;
}

/** What a strategy adds to each step and keeps. */
export interface StrategyCost {
  readonly name: string;
  /** Rows that join a step. */
  readonly rows: number;
  /** Forward and backward passes besides that of the rows of a step, in those of the rows that arrive. */
  readonly forward: number;
  readonly backward: number;
  /** Rows of the memory that a step passes forward only, each time that it does. */
  readonly forwardRows: number;
  /** Bytes on the device. */
  readonly bytes: number;
}

/** Where what strategies keep is to lie. */
export interface HookPlace {
  readonly state: Arena;
  readonly rows: Arena;
  readonly tensors: readonly Placed[];
  readonly capacity: number;
  readonly staging: number;
}

/** The groups that join a step, with the place of each among the rows. */
export interface PlacedGroup extends RowGroup {
  readonly first: number;
}

/** A forward pass of rows in training, as it is traced. */
export interface Pass {
  readonly layout: StateLayout;
  /** The groups whose rows it has, and where among them. */
  readonly groups: readonly PlacedGroup[];
  /** All groups of the program. */
  readonly all: readonly PlacedGroup[];
  /** Returns a pass of the rows of one group that is computed apart. */
  apart(group: PlacedGroup): Pass;
  /** Returns the tasks of its rows. */
  tasks(): Tensor;
  readonly graph: Graph;
  readonly slots: Tensor;
  readonly weight: Tensor;
  readonly x: Tensor;
  readonly labels: Tensor;
  readonly params: ReadonlyMap<string, Tensor>;
  /** All parameters [n]. */
  readonly vector: Tensor;
  readonly outputs: ModelOutputs;
  readonly rowLoss: Tensor;
}

/** What a model shows of itself while it is traced; what lies within it, only to hooks. */
export interface ModelOutputs {
  readonly logits: Tensor;
  /** Before strategies mapped them. */
  readonly raw?: Tensor;
  readonly features?: Tensor | undefined;
  readonly rectified?: readonly Tensor[];
}

/** By what rows are answered: the weights that are trained, those that the optimizer averages, those of a strategy; or with features or rectified units beside. */
export type Answerer = "model" | "averaged" | "head" | "features" | "units";
