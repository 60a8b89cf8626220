/** What a scenario is, and the classes of a set brought task by task. */
import { checkChoice, checkKeys, checkNumber, describe, fail } from "../errors.ts";
import { checkOrder, classesName, placed, rowsByClass, rowsOf } from "./classes.ts";
import { type Dataset, select } from "./dataset.ts";

/** The two parts of a labelled set. */
export interface TrainTest {
  readonly train: Dataset;
  readonly test: Dataset;
}

/** One stage of a scenario. */
export interface Task extends TrainTest {
  readonly name: string;
  /** The labels of its rows: what they may be answered with where the task is known. */
  readonly classes: readonly number[];
  /** The number of the environment it is a visit to, where environments come again. */
  readonly environment?: number;
}

const increments = ["class", "domain", "task"] as const;

/**
 * What is new with a task: "class" the classes, all to be told apart; "domain" what the same labels look like; "task" the classes, to be
 * told from those of their own task alone, which is known when they are learned and when they are asked.
 * @see van de Ven, Tuytelaars, Tolias 2022, "Three types of incremental learning"
 */
export type Increment = (typeof increments)[number];

/** Tasks in the order they are to be learned; they share the pixels of the set they were made from. */
export interface Scenario {
  /**
   * "split" divides the classes among the tasks; "permuted" and "rotated" keep the classes and change the pixels; "recurring" draws the
   * classes of each task, and "environments" visits its tasks again and again.
   */
  readonly kind: "split" | "permuted" | "rotated" | "recurring" | "environments";
  readonly increment: Increment;
  readonly tasks: readonly Task[];
}

/** How {@link splitClasses} divides. */
export interface SplitOptions {
  /** Number of tasks. */
  readonly tasks: number;
  /** The classes in the order they come; default 0, 1, 2 … */
  readonly order?: readonly number[];
  /** Default "class". Where it is "domain", a label is the place of the class in its task. */
  readonly increment?: Increment;
}

/**
 * Returns the scenario whose tasks bring the classes of a set, evenly divided. Where the increment is "task", {@link classMask} tells what a
 * row may be answered with.
 * @throws E_CONFIG where the classes do not divide or `order` does not name each once, E_DATA where a task has no rows
 */
export function splitClasses(data: TrainTest, options: SplitOptions): Scenario {
  const where = "streams.splitClasses";
  checkKeys(where, options, ["tasks", "order", "increment"]);
  const classes = checkParts(where, data);
  const tasks = checkNumber(where, "tasks", options.tasks, { min: 1, integer: true });
  const increment = checkChoice(where, "increment", options.increment ?? "class", increments);
  const order = checkOrder(where, options.order, classes);
  if (tasks > classes || classes % tasks !== 0) {
    const fitting = order.map((_, i) => i + 1).filter((n) => classes % n === 0);
    fail("E_CONFIG", `${where}: ${classes} classes do not divide into ${tasks} tasks; expected ${fitting.join(", ")} tasks, got ${tasks}`, {
      hint: `Choose one of ${fitting.join(", ")} tasks.`,
      context: { classes, tasks },
    });
  }
  const perTask = classes / tasks;
  const kept = increment === "domain" ? { train: placed(data.train, order, perTask), test: placed(data.test, order, perTask) } : data;
  const train = rowsByClass(data.train);
  const test = rowsByClass(data.test);
  return {
    kind: "split",
    increment,
    tasks: Array.from({ length: tasks }, (_, task) => {
      const members = order.slice(task * perTask, (task + 1) * perTask);
      const name = classesName(members);
      const part = (dataset: Dataset, rows: readonly number[][]): Dataset => {
        const chosen = rowsOf(rows, members);
        if (chosen.length === 0) fail("E_DATA", `${dataset.name}: task ${task} has no rows; expected some of ${name}, got none`);
        return select(dataset, chosen, `${dataset.name}: ${name}`);
      };
      const labels = increment === "domain" ? members.map((_, place) => place) : members;
      return { name, classes: labels, train: part(kept.train, train), test: part(kept.test, test) };
    }),
  };
}

/**
 * Returns [classes] what the rows of a task may be answered with, 1 or 0: its own classes where the increment is "task", those of the tasks
 * up to it where it is "class", all where it is "domain".
 * @throws E_CONFIG
 */
export function classMask(scenario: Scenario, task: number): Uint8Array {
  const { increment, tasks } = scenario;
  checkNumber("streams.classMask", "task", task, { min: 0, max: tasks.length - 1, integer: true });
  const mask = new Uint8Array((tasks[task] as Task).train.classes);
  if (increment === "domain") return mask.fill(1);
  for (const { classes } of tasks.slice(increment === "task" ? task : 0, task + 1)) for (const label of classes) mask[label] = 1;
  return mask;
}

/** Refuses two parts that are not of one set; returns its number of classes. @throws E_SHAPE E_DATA */
export function checkParts(where: string, { train, test }: TrainTest): number {
  if (train.shape.join() !== test.shape.join()) {
    fail(
      "E_SHAPE",
      `${where}: the parts have different rows; expected [${train.shape.join(", ")}] as in ${train.name}, got [${test.shape.join(", ")}] in ${test.name}`,
    );
  }
  if (train.classes !== test.classes) {
    fail(
      "E_DATA",
      `${where}: the parts have different classes; expected ${train.classes} as in ${train.name}, got ${describe(test.classes)} in ${test.name}`,
      {
        hint: 'Give both parts the same "classes".',
      },
    );
  }
  return train.classes;
}
