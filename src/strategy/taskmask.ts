import { checkKeys, fail } from "../errors.ts";
import { MASKED } from "../nn/losses.ts";
import { equal, pack, reshape, select, toF32 } from "../program/tensor.ts";
import type { Strategy } from "./strategy.ts";

/** Options of {@link taskMask}. */
export interface TaskMaskOptions {
  /** The classes of each task, by its number; a class is of one task at most. */
  readonly classes: readonly (readonly number[])[];
}

/**
 * Returns the mask of the task-incremental scenario: rows are held only against the classes of their own task, in training, in replay (by the task
 * they came with) and in answers, which are told the task: `predict(x, { task })`. One head serves all tasks. A batch with a label of another task is refused
 * with E_DATA.
 * @throws E_CONFIG
 * @see van de Ven et al. 2022, "Three types of incremental learning"
 */
export function taskMask(options: TaskMaskOptions): Strategy {
  const where = "strategies.taskMask";
  checkKeys(where, options, ["classes"]);
  const classes = checkTasks(where, options.classes);
  const owners = new Map(classes.flatMap((members, task) => members.map((label) => [label, task] as const)));
  return {
    name: "taskMask",
    config: { classes },
    needs: { labels: true },
    space: {
      check(where, labels, task) {
        const row = labels.findIndex((label) => owners.get(label) !== task);
        if (row < 0) return;
        const own = classes[task];
        const expected = own === undefined ? `a task below ${classes.length}` : `one of ${own.join(", ")}`;
        fail("E_DATA", `${where}: row ${row} has no class of its task; expected ${expected}, got class ${labels[row]} in task ${task}`, {
          hint: "Name the task of the batch, { x, y, task }, or give taskMask its classes.",
          context: { field: "y", row, label: labels[row], task },
        });
      },
      outputs({ graph, facts, logits, tasks }) {
        const [rows, count] = logits.shape as [number, number];
        const last = Math.max(...owners.keys());
        if (last >= facts.classes)
          fail("E_CONFIG", `${where}: there is no such class; expected classes below ${facts.classes}, got ${last}`, {
            hint: "Give nn.classifier more capacity.",
          });
        const owner = pack(Array.from({ length: count }, (_, label) => graph.constant(owners.get(label) ?? -1, [1], "f32")));
        return select(equal(reshape(toF32(tasks()), [rows, 1]), owner), logits, MASKED);
      },
    },
  };
}

/** Returns the classes of each task, none in two. @throws E_CONFIG */
export function checkTasks(where: string, classes: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const all = Array.isArray(classes) ? classes.flat() : [];
  if (all.length === 0 || !all.every((label) => Number.isInteger(label) && label >= 0) || new Set(all).size < all.length)
    fail(
      "E_CONFIG",
      `${where}: option "classes" is no division of classes; expected each class in one task, such as [[0, 1], [2, 3]], got ${JSON.stringify(classes)}`,
    );
  return classes;
}
