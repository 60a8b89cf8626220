/** What a run is. */
import type { LearnerOptions } from "../learner/config.ts";
import type { EvaluationBudget } from "../metrics/index.ts";
import type { Scenario } from "../stream/index.ts";
import type { Course } from "./course.ts";
import type { RunOptions } from "./journal.ts";
import type { Columns } from "./scenario.ts";

/** A run: what is learned, by what, and how. */
export interface Setup {
  readonly name: string;
  readonly scenario: Scenario;
  readonly columns: Columns;
  readonly course: Course;
  /** The learner, but for its store. */
  readonly learner: LearnerOptions;
  /** Whether each task is learned by a new learner; such a run cannot be kept. Default false. */
  readonly afresh?: boolean;
  /** What evaluations within tasks may cost. */
  readonly budget: EvaluationBudget;
  /** Samples in a step. */
  readonly batch: number;
  readonly seed: number;
  /** Everything that decides the run, as plain data by the names of its options. */
  readonly options: RunOptions;
}
