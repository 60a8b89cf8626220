import type { DrawPolicy } from "../memory/draw.ts";
import type { Replay } from "../memory/replay.ts";
import type { Graph, Tensor } from "../program/graph.ts";
import type { HostFold, HostHead } from "./host.ts";

/** Rows that join every step besides those that arrive: at most `size` of them. */
export interface RowGroup {
  readonly name: string;
  readonly size: number;
}

/** What a hook may read on the host. */
export interface HostContext {
  /** Steps done so far. */
  readonly step: number;
  /** The replay memory, if the learner has one. */
  readonly memory: Replay | undefined;
  /** Labels of the rows that arrived; where targets are values, a 0 for each. */
  readonly labels: Uint32Array;
}

/** What is drawn for a group: rows of the memory, their weights (default 1), and what tells whether they are still there later. */
export interface Drawn {
  readonly slots: ArrayLike<number>;
  readonly weights?: ArrayLike<number>;
  readonly generations?: ArrayLike<number>;
}

/** What a term may read while it is traced; rows are those that arrived, then each group's in declared order. */
export interface TermContext {
  readonly graph: Graph;
  /** Outputs of the model: logits [rows, ..., classes] where targets are labels. */
  readonly logits: Tensor;
  /** Labels [rows, targets], u32, one target a row unless the model answers in several places; or values [rows, targets], f32. */
  readonly labels: Tensor;
  /** Loss of each row [rows], cross-entropy unless the learner has another; the mean over its targets. */
  readonly rowLoss: Tensor;
  /** Weight of each row [rows], 0 for a place without a row; they sum to 1, so that Σ weight·rowLoss is the weighted mean. */
  readonly weight: Tensor;
  /** Returns the weights with those outside a group at 0; the arrived rows are the group "arrival". */
  weightOf(group: string): Tensor;
  /** Parameters by path. */
  readonly params: ReadonlyMap<string, Tensor>;
}

/** A part of the loss: one number, and what it stands for. */
export interface Term {
  readonly tag: "task" | "replay" | "penalty";
  readonly value: Tensor;
}

/** What a strategy must be given to work. */
export interface Needs {
  /** Linear algebra on the host. */
  readonly linear?: boolean;
  /** What the classifier reads of each row. */
  readonly features?: boolean;
}

/**
 * A method of continual learning as a record of hooks, each classified by the type it maps. A hook that is absent costs nothing: without
 * `store` the memory's own policy decides, without `draw` only new rows are learned, without a `task` term the loss is the mean
 * loss of all rows.
 */
export interface Strategy {
  readonly name: string;
  /** Plain data from which it can be made again; absent for a strategy of the user's own. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Whether it draws on a replay memory. */
  readonly needsMemory?: boolean;
  /** How it draws, so that the learner keeps and measures what these policies need. */
  readonly draws?: readonly DrawPolicy[];
  /**
   * Maps arrived rows to memory slots (0xffffffff: not kept), each slot at most once, for each store in turn. Runs after `draw`, and after the
   * step itself where rows are measured.
   */
  readonly store?: (context: HostContext) => ArrayLike<number>;
  /** Declares groups, and maps the moment to the rows that fill them. */
  readonly draw?: {
    readonly groups: readonly RowGroup[];
    readonly select: (context: HostContext) => Readonly<Record<string, Drawn>>;
  };
  /** Maps outputs to parts of the loss; traced once. */
  readonly terms?: (context: TermContext) => readonly Term[];
  readonly needs?: Needs;
  readonly fold?: HostFold;
  readonly head?: HostHead;
}
