import type { CurvePoint } from "./curve.ts";
import type { EvaluationFact, Fact } from "./facts.ts";

/** The training of one task from one boundary to the next: its steps are `start` < step ≤ `end`. */
export interface Block {
  /** A column of the matrix. */
  readonly task: number;
  readonly start: number;
  readonly end: number;
}

/** What figures are computed from: a log put in the order in which tasks were learned. */
export interface Timeline {
  /** Names of the tasks in the order of their first training; those not trained come last. */
  readonly tasks: readonly string[];
  readonly blocks: readonly Block[];
  /** The step after which each block was over. */
  readonly boundaries: readonly number[];
  /** Accuracies after each block, by task, of whole evaluations: `R[i][j]`. Null: not evaluated. */
  readonly matrix: readonly (readonly (number | null)[])[];
  /** The same of the untrained model. */
  readonly baseline: readonly (number | null)[];
  /** Accuracy over time. Of two evaluations after one step the whole one counts. */
  readonly curve: readonly CurvePoint[];
  /** `[i][k]`: accuracy after block i on tasks ≤ k with their classes alone. */
  readonly cumulative: readonly (readonly (number | null)[])[];
  /** Whether classes never seen cannot be answered. */
  readonly masked: boolean;
}

/** Returns the time line of a log. Tasks that no run told are named by their number. */
export function timelineOf(facts: Iterable<Fact>): Timeline {
  const all = [...facts];
  const [run] = all;
  const header = run?.kind === "run" ? run : undefined;
  const boundaries = all.filter((fact) => fact.kind === "boundary");
  const evaluations = all.filter((fact) => fact.kind === "evaluation");
  const order = [...new Set([...boundaries.map(({ task }) => task), ...(header?.stream.tasks.keys() ?? []), ...tasksOf(evaluations)])];
  const place = new Map(order.map((task, column) => [task, column]));
  const byStep = new Map<number, EvaluationFact[]>();
  for (const fact of evaluations) byStep.set(fact.step, [...(byStep.get(fact.step) ?? []), fact]);
  const at = (step: number, whole: boolean): readonly EvaluationFact[] =>
    (byStep.get(step) ?? []).filter((fact) => !(whole && fact.probe === true));
  const row = (step: number): (number | null)[] => accuracies(at(step, true), place, ({ tasks }) => tasks);
  return {
    tasks: order.map((task) => header?.stream.tasks[task] ?? `task ${task}`),
    blocks: boundaries.map(({ step, task }, i) => ({ task: place.get(task) as number, start: boundaries[i - 1]?.step ?? 0, end: step })),
    boundaries: boundaries.map(({ step }) => step),
    matrix: boundaries.map(({ step }) => row(step)),
    baseline: row(0),
    curve: [...byStep.keys()].map((step) => {
      // Whole ones come last, so that they stay.
      const both = at(step, false).toSorted((a, b) => Number(b.probe ?? false) - Number(a.probe ?? false));
      return { step, accuracies: accuracies(both, place, ({ tasks }) => tasks) };
    }),
    cumulative: boundaries.map(({ step }) => accuracies(at(step, true), place, ({ cumulative = [] }) => cumulative)),
    masked: header?.masked ?? false,
  };
}

type Asked = (fact: EvaluationFact) => readonly { readonly task: number; readonly rows: number; readonly correct: number }[];

/** Returns the last accuracy told of each task. */
function accuracies(evaluations: readonly EvaluationFact[], place: ReadonlyMap<number, number>, asked: Asked): (number | null)[] {
  const row = new Array<number | null>(place.size).fill(null);
  for (const fact of evaluations) for (const { task, rows, correct } of asked(fact)) row[place.get(task) as number] = correct / rows;
  return row;
}

function tasksOf(evaluations: readonly EvaluationFact[]): number[] {
  return evaluations.flatMap(({ tasks, cumulative = [] }) => [...tasks, ...cumulative].map(({ task }) => task)).toSorted((a, b) => a - b);
}
