import { type FactLog, factLog } from "../../src/metrics/log.ts";

/** Right answers of ten on each of three tasks, after each of twelve steps and before the first; a task is over every four steps. */
export const tenths: readonly (readonly number[])[] = [
  [1, 4, 6, 8, 8, 5, 3, 6, 8, 7, 8, 5, 6],
  [0, 0, 1, 1, 2, 5, 7, 9, 9, 6, 7, 9, 8],
  [1, 1, 1, 1, 1, 1, 2, 2, 3, 6, 8, 8, 10],
];

/** Returns the log of a run worked by hand. */
export function workedLog(
  options: { masked?: boolean; rows?: readonly (readonly number[])[]; name?: string; seed?: number } = {},
): FactLog {
  const { masked = false, rows = tenths, name = "worked", seed = 7 } = options;
  const log = factLog();
  const tasks = ["a", "b", "c"].slice(0, rows.length);
  log.append({
    ...{ kind: "run", format: 1, name, learner: { model: "mlp", hidden: [128] }, strategies: ["replay"], seed },
    ...{ stream: { name: "stream", tasks }, versions: { palimpsest: "0.1.0" }, masked },
  });
  const evaluate = (step: number, task: number | null): void => {
    log.append({
      ...{ kind: "evaluation", step, task },
      tasks: rows.map((row, j) => ({ task: j, rows: 10, correct: row[step] as number, loss: 0.5 })),
    });
  };
  evaluate(0, null);
  for (let step = 1; step <= 4 * rows.length; step++) {
    const task = Math.floor((step - 1) / 4);
    log.append({ kind: "step", step, task, loss: 1 / step, terms: { task: 1 / step, replay: 0.5 }, rate: 0.1, ms: 2 });
    if (step % 4 === 0) log.append({ kind: "boundary", step, task });
    evaluate(step, task);
  }
  return log;
}
