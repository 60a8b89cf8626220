import type { DrawPolicy } from "../memory/draw.ts";
import type { Replay } from "../memory/replay.ts";
import type { Placed } from "../optim/places.ts";
import type { Graph, Tensor } from "../program/graph.ts";
import type { HostFold, HostHead, HostServices, ModelFacts, Numbers } from "./host.ts";

/** Rows that join every step besides those that arrive: at most `size` of them. */
export interface RowGroup {
  readonly name: string;
  readonly size: number;
  /** Whether its rows have a pass of their own, `context.apart(name)`, rather than one with all others. Such a group is owned. Default false. */
  readonly apart?: boolean;
}

/** What a hook may read on the host. */
export interface HostContext {
  /** Steps done so far. */
  readonly step: number;
  /** The replay memory, if the learner has one. */
  readonly memory: Replay | undefined;
  /** Labels of the rows that arrived; where targets are values, a 0 for each. */
  readonly labels: Uint32Array;
  /** Task of the rows that arrived, 0 where they name none; absent as `host` is. */
  readonly task?: number;
  /** What the strategy gathered on the host, and what it may use there; absent for one without other hooks than `draw` and `store`. */
  readonly host?: HostServices & { readonly numbers: Numbers };
  /** Runs a program of the strategy on rows, those that arrive among them; absent as `host` is. */
  run?(program: string, given?: ProgramInputs): Promise<ProgramOutputs>;
}

/** What a program of a strategy is given: rows of the memory by group, and numbers by name. */
export interface ProgramInputs {
  readonly rows?: Readonly<Record<string, Drawn>>;
  readonly numbers?: Readonly<Record<string, ArrayLike<number> | number>>;
  /** What random bits are drawn for, where a program runs several times in a step. Default: the steps done. */
  readonly step?: number;
}

/** What a program of a strategy answers, by name. */
export type ProgramOutputs = Readonly<Record<string, Float32Array | Uint32Array>>;

/** What is drawn for a group: rows of the memory, their weights (default 1), and what tells whether they are still there later. */
export interface Drawn {
  readonly slots: ArrayLike<number>;
  readonly weights?: ArrayLike<number>;
  readonly generations?: ArrayLike<number>;
}

/** What every traced hook may read. */
export interface TraceContext {
  readonly graph: Graph;
  /** What the strategy may know of its learner. */
  readonly facts: ModelFacts;
  /** All parameters as one vector [n]: as they are, or, after the update, as it and the hooks before this one left them. */
  readonly vector: Tensor;
  /** Where each parameter lies in it. */
  readonly tensors: readonly Placed[];
  /** Returns the parameters of a vector [n] by path. */
  parts(vector: Tensor): ReadonlyMap<string, Tensor>;
  /** Returns the vector [n] of parameters by path. */
  joined(parts: ReadonlyMap<string, Tensor>): Tensor;
  /** Returns what the strategy keeps, by its name; of a strategy that it uses: "anchor/params". */
  kept(name: string): Tensor;
  /** Returns a number of the strategy's `hyper`, which may change while it trains. */
  hyper(name: string): Tensor;
  /** Returns uniform u32 bits of the strategy, new in every step. */
  random(stream: string, shape: readonly number[]): Tensor;
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
  /**
   * Weight of each row [rows], 0 for a place without a row. Those of rows that no strategy owns sum to 1, so that Σ weight·rowLoss is their
   * weighted mean; those of each group that one owns sum to 1 by themselves.
   */
  readonly weight: Tensor;
  /** Returns the weights with those outside a group at 0; the arrived rows are the group "arrival". */
  weightOf(group: string): Tensor;
  /** Parameters by path. */
  readonly params: ReadonlyMap<string, Tensor>;
}

/** What a forward pass gives. */
export interface Forward {
  readonly logits: Tensor;
  /** Outputs as the model gave them, before any strategy's `space` mapped them. */
  readonly raw: Tensor;
  /** What the classifier reads [rows, features]; outputs where there is none. */
  readonly features: Tensor;
}

/** What hooks in the step may read, besides what terms do. */
export interface StepContext extends TermContext, TraceContext {
  /** Outputs as the model gave them, before any strategy's `space` mapped them. */
  readonly raw: Tensor;
  /** What the classifier reads [rows, features]; outputs where there is none. */
  readonly features: Tensor;
  /** Values of rectified layers [rows, ...units], in order. */
  readonly rectified: readonly Tensor[];
  /** Returns the tasks of the rows [rows], u32. */
  tasks(): Tensor;
  /** Rows of the model's input [rows, ...input]. */
  readonly x: Tensor;
  /** Returns what a pass of the rows of a group gives that is computed apart; its rows are those of that group alone. */
  apart(group: string): StepContext;
  /** Returns the rows of a group of what belongs to all of them. */
  rowsOf(group: string, values: Tensor): Tensor;
  /** Returns the weighted mean of a group's values [rows of all groups], 0 where it has no rows. */
  mean(values: Tensor, group: string): Tensor;
  /** Returns what a column holds of the rows [rows, length], by its name; nothing sound of those that arrived. */
  column(name: string): Tensor;
  /** Applies the model once more, as in prediction: to the rows of a group (default: all), or `x` in their place, with parameters `vector` (default: those that are). */
  forward(options: { readonly group?: string; readonly x?: Tensor; readonly vector?: Tensor }): Forward;
  /** Returns the loss of each row [rows] of logits against labels of as many rows. */
  lossOf(logits: Tensor, labels: Tensor): Tensor;
}

/** A part of the loss: one number, and what it stands for. */
export interface Term {
  readonly tag: "task" | "replay" | "penalty";
  readonly value: Tensor;
}

/** What hooks on gradients may read. */
export interface GradientContext extends StepContext {
  /** Returns the gradient [n] of a number. */
  gradientOf(value: Tensor): Tensor;
  /** Returns the gradient [n] of the parts of the loss that are no penalty. */
  taskGradient(): Tensor;
  /** The whole loss. */
  readonly loss: Tensor;
}

/** What hooks after the update give back; what is left out stays. */
export interface Change {
  /** New parameters [n]. */
  readonly params?: Tensor;
  /** What is kept, by name. */
  readonly keeps?: Readonly<Record<string, Tensor>>;
  /**
   * Not 0 [n] at parameters that are made anew: what the optimizer keeps of them begins again, and what strategies keep of them follows, as their
   * `mirror` says.
   */
  readonly reset?: Tensor;
  /** Not 0 [n] at parameters that go on from elsewhere: what the optimizer keeps of them begins again, and nothing else. */
  readonly restart?: Tensor;
}

/** A change of parameters or of what is kept, as operations. */
export interface Edit {
  /** When: after each step (default), after each of so many steps, or at an event. Events come after steps. */
  readonly on?: Trigger;
  /** Edits of one moment are done by ascending order, those of equal order as strategies stand. Default 0. */
  readonly order?: number;
  apply(context: TraceContext): Change;
}

/** When something is done: at an event, or after each of so many steps. */
export type Trigger = "step" | "boundary" | "drift" | { readonly every: number };

/** What a strategy keeps on the device, f32. */
export interface Kept {
  /** A number for each parameter, or a shape; "classes", last, stands for as many as there are, and grows with them. */
  readonly shape: "parameters" | readonly (number | "classes" | "features")[];
  /** What it begins with. Default 0. */
  readonly initial?: number | "params";
  /** What becomes of it at parameters that are made anew: it takes their value, begins again, or stays (default). */
  readonly mirror?: "copy" | "zero" | "keep";
  /** Whether it outlives a step; what does not is handed from hooks in the step to edits after it. Default true. */
  readonly lasts?: boolean;
}

/** Numbers that memory keeps of each row beside it, f32. */
export interface KeptColumn {
  readonly length: number | "classes" | "features";
  /** Returns those of the rows that arrived [rows of all groups, length], as the step sees them. */
  value(context: StepContext): Tensor;
}

/** A program of a strategy, run when one of its hooks asks for it. */
export interface StrategyProgram {
  /** Rows it is given, of the memory; the group "arrival" is there where `arrival` is. */
  readonly groups?: readonly RowGroup[];
  /** Whether it sees the rows of the step under way. Default false. */
  readonly arrival?: boolean;
  /** Numbers it is given by name: [] or dims; "parameters" stands for as many as are trained. */
  readonly numbers?: Readonly<Record<string, readonly (number | "classes" | "features" | "parameters")[]>>;
  /** Whether it moves the parameters while rows are drawn: a step that changes nothing then takes that back. Default false. */
  readonly moves?: boolean;
  build(context: ProgramContext): ProgramResult;
}

/** What a program of a strategy reads. */
export interface ProgramContext extends StepContext {
  gradientOf(value: Tensor, vector?: Tensor): Tensor;
  /** Returns a number, or several, that it is given. */
  given(name: string): Tensor;
}

/** What a program of a strategy answers and changes. */
export interface ProgramResult extends Change {
  readonly outputs?: Readonly<Record<string, Tensor>>;
}

/** Where a phase stands: plain data. */
export type Cursor = Readonly<Record<string, number | string | readonly number[]>>;

/** What a phase reads and does. */
export interface PhaseContext extends HostServices {
  /** Steps done so far. */
  readonly step: number;
  /** Boundaries so far. */
  readonly boundaries: number;
  readonly memory: Replay | undefined;
  readonly numbers: Numbers;
  /** Where each parameter lies among all [n]. */
  readonly tensors: readonly Placed[];
  /** Returns a number of the strategy's `hyper` as it is now. */
  hyper(name: string): number;
  /** Returns parameters [n] drawn as a model's first ones are, the same wherever this step is done. */
  fresh(stream: string): Float32Array;
  run(program: string, given?: ProgramInputs): Promise<ProgramOutputs>;
}

/** Work beside the steps, in pieces between which the learner may be saved, killed and opened again. */
export interface Phase {
  readonly on: Exclude<Trigger, "step">;
  /** Does a piece, the first without a cursor; returns where to go on, undefined at the end. */
  next(context: PhaseContext, cursor: Cursor | undefined): Promise<Cursor | undefined>;
}

/**
 * How a strategy answers in place of the model: with parameters that it keeps, by operations, or on the host. One in a learner. The model's own
 * classifier is trained by the optimizer all the same, and trains the body; the answers are the head's.
 */
export type Head =
  /** Name of what it keeps, "parameters" in shape. */
  { readonly params: string } | HostHead;

/** What a strategy takes, told and checked before the first step. */
export interface Needs {
  /** Rows with labels, and classes. */
  readonly labels?: boolean;
  /** A classifier whose features it reads. */
  readonly features?: boolean;
  /** f64 linear algebra. */
  readonly linear?: boolean;
  /** Boundaries, told by `consolidate` or found by a detector. */
  readonly boundary?: boolean;
  /** Activations of `nn.relu`. */
  readonly rectified?: boolean;
  /** Rectified units that can be made anew one by one. */
  readonly units?: boolean;
  /** Cost of a step beyond a plain one, in forward and backward passes of the rows that arrive; rows of groups are counted apart. */
  readonly passes?: { readonly forward?: number; readonly backward?: number };
  /** Rows of the memory that a step passes forward only, each time that it does. */
  readonly forwardRows?: number;
}

/**
 * A method of continual learning as a record of hooks, each classified by the type it maps. A hook that is absent costs nothing: without
 * `store` the memory's own policy decides, without `draw` only new rows are learned, without `owns` the loss is the mean loss of all rows.
 */
export interface Strategy {
  readonly name: string;
  /** Plain data from which it can be made again; absent for a strategy of the user's own. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly needs?: Needs;
  /** Strategies that it builds on; equal ones of several strategies are one. */
  readonly uses?: readonly Strategy[];
  /** Numbers that may change while it trains, and what they begin with: `learner.set("ewc.lambda", 10)`. */
  readonly hyper?: Readonly<Record<string, number>>;
  /** Whether it draws on a replay memory. */
  readonly needsMemory?: boolean;
  /** How it draws, so that the learner keeps and measures what these policies need. */
  readonly draws?: readonly DrawPolicy[];
  /**
   * Maps arrived rows to memory slots (0xffffffff: not kept), each slot at most once, for each store in turn. Runs after `draw`, and after the
   * step itself where rows are measured.
   */
  readonly store?: (context: HostContext) => ArrayLike<number>;
  /** What memory keeps of each row beside it, by name. */
  readonly columns?: Readonly<Record<string, KeptColumn>>;
  /** Declares groups, and maps the moment to the rows that fill them. */
  readonly draw?: {
    readonly groups: readonly RowGroup[];
    readonly select: (context: HostContext) => Readonly<Record<string, Drawn>> | Promise<Readonly<Record<string, Drawn>>>;
  };
  /** Groups, "arrival" among them, of whose rows its terms alone decide the loss; one owner each. */
  readonly owns?: readonly string[];
  /** Maps outputs to those that losses and answers are made of, such as logits of some classes only. */
  readonly space?: {
    /** Refuses rows that arrive with labels which none of their task can have. @throws E_DATA */
    readonly check?: (where: string, labels: Uint32Array, task: number) => void;
    readonly outputs?: (context: SpaceContext) => Tensor;
    /** Returns what is not 0 [n] at parameters that this step may change. */
    readonly trains?: (context: TraceContext) => Tensor;
  };
  /** Maps outputs to parts of the loss; traced once. */
  readonly terms?: (context: StepContext) => readonly Term[];
  /** Maps the gradient [n] to the one that the optimizer sees; those of several strategies one after another. */
  readonly grad?: (context: GradientContext, gradient: Tensor) => Tensor;
  /** Keeps things on the device, by name. */
  readonly keeps?: (facts: ModelFacts) => Readonly<Record<string, Kept>>;
  /** Maps what a step sees before the update to what is kept, by name. */
  readonly gathers?: (context: GradientContext) => Readonly<Record<string, Tensor>>;
  /** Maps parameters after the update to others, and to what is kept. */
  readonly edits?: readonly Edit[];
  /** Gathers on the host. */
  readonly fold?: HostFold;
  /**
   * What follows where its fold tells of a drift, besides event "drift": whether it is a boundary, marks of the schedule, and the share of each
   * store's rows, the oldest, that leave memory.
   */
  readonly raises?: { readonly boundary?: boolean; readonly marks?: readonly string[]; readonly refresh?: number };
  readonly head?: Head;
  readonly programs?: Readonly<Record<string, StrategyProgram>>;
  readonly phases?: readonly Phase[];
}

/** What a hook on outputs may read; the same in training and in prediction. */
export interface SpaceContext {
  readonly graph: Graph;
  readonly facts: ModelFacts;
  readonly logits: Tensor;
  readonly features: Tensor;
  /** Returns the tasks of the rows [rows], u32. */
  tasks(): Tensor;
  readonly params: ReadonlyMap<string, Tensor>;
  /** Labels [rows, targets] in training. */
  readonly labels: Tensor | undefined;
  readonly training: boolean;
}
