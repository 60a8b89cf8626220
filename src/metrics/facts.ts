/** What a run tells of itself, as plain records: nothing here is derived, and every figure is derived from nothing else. */

/** What ran: the first fact of a log. */
export interface RunFact {
  readonly kind: "run";
  /** Version of these records. */
  readonly format: 1;
  readonly name: string;
  /** The configuration of the learner, as plain data. */
  readonly learner: Readonly<Record<string, unknown>>;
  readonly strategies: readonly string[];
  readonly seed: number;
  /** The stream and the names of its tasks, to whose places every `task` of a log refers. */
  readonly stream: { readonly name: string; readonly tasks: readonly string[] };
  /** Versions of what ran, by name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly backend?: string;
  /** Whether classes that were never seen cannot be answered, so that accuracy before a task's training means nothing. Default false. */
  readonly masked?: boolean;
}

/** A step was made. */
export interface StepFact {
  readonly kind: "step";
  /** Steps made so far, this one included. */
  readonly step: number;
  readonly task: number | null;
  /** Null where it was not finite. */
  readonly loss: number | null;
  /** Terms of the loss by tag, before weights; null where not finite. */
  readonly terms?: Readonly<Record<string, number | null>>;
  readonly rate: number;
  /** Duration in milliseconds, where it was timed. */
  readonly ms?: number;
}

/** Answers counted. */
export interface Counted {
  readonly rows: number;
  readonly correct: number;
}

/** The model was asked. */
export interface EvaluationFact {
  readonly kind: "evaluation";
  /** Steps made before it. */
  readonly step: number;
  /** The task that was being learned; null before the first. */
  readonly task: number | null;
  /** Whether only some rows of each task were asked. Such an evaluation is part of the curve, never of the matrix. Default false. */
  readonly probe?: boolean;
  readonly tasks: readonly (Counted & {
    readonly task: number;
    /** Mean loss; null where it was not finite. */
    readonly loss?: number | null;
    /** By the name of each class. */
    readonly classes?: Readonly<Record<string, Counted>>;
  })[];
  /** For a task: the rows of all tasks learned up to and with it, answered with the classes of these alone. */
  readonly cumulative?: readonly (Counted & { readonly task: number })[];
}

/** Answers on one task, compared with those of the model before. */
export interface FlipsFact {
  readonly kind: "flips";
  readonly step: number;
  readonly task: number;
  readonly rows: number;
  /** Answered wrongly now. */
  readonly wrong: number;
  /** Ids of the rows that were answered rightly before and are answered wrongly now. */
  readonly flipped: readonly (number | string)[];
}

/** What one layer still can; a rank is null where no unit is active. */
export interface LayerPlasticity {
  readonly layer: string;
  /** Rows that were asked. */
  readonly rows: number;
  readonly units: number;
  readonly dead: number;
  readonly dormant: number;
  readonly tau: number;
  readonly effectiveRank: number | null;
  /** By squares of singular values. */
  readonly approximateRank: number | null;
  /** By singular values. */
  readonly absoluteRank: number | null;
  readonly stableRank: number | null;
  /** Absent where no weights were given. */
  readonly weightMagnitude?: number;
}

/** Plasticity was probed. */
export interface PlasticityFact {
  readonly kind: "plasticity";
  readonly step: number;
  readonly layers: readonly LayerPlasticity[];
}

/** Rows were answered before they were learned. */
export interface PrequentialFact {
  readonly kind: "prequential";
  /** Rows of the stream before these. */
  readonly index: number;
  /** 1 or 0 for each row. */
  readonly correct: readonly number[];
  readonly labels?: readonly number[];
  readonly predictions?: readonly number[];
}

/** What the memory holds: rows by class and by task. */
export interface MemoryFact {
  readonly kind: "memory";
  readonly step: number;
  readonly classes?: Readonly<Record<string, number>>;
  readonly tasks?: Readonly<Record<string, number>>;
}

/** The training of a task was over. */
export interface BoundaryFact {
  readonly kind: "boundary";
  readonly step: number;
  readonly task: number;
}

/** A detector told of change. */
export interface DriftFact {
  readonly kind: "drift";
  readonly step: number;
  readonly detector: string;
  readonly signal: "warning" | "drift";
}

/** What was spent by now. */
export interface CostFact {
  readonly kind: "cost";
  readonly step: number;
  /** Steps that were timed, and how long they took together. */
  readonly steps: number;
  readonly ms: number;
  /** Time in evaluations. */
  readonly evaluationMs?: number;
  /** By what holds them, such as state, memory, store. */
  readonly bytes: Readonly<Record<string, number>>;
}

/** One record of a log. */
export type Fact =
  | RunFact
  | StepFact
  | EvaluationFact
  | FlipsFact
  | PlasticityFact
  | PrequentialFact
  | MemoryFact
  | BoundaryFact
  | DriftFact
  | CostFact;

/** The facts of one kind. */
export type FactOf<K extends Fact["kind"]> = Extract<Fact, { readonly kind: K }>;
