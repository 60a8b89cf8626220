/** The classes of a set, and the rows of each. */
import { fail } from "../errors.ts";
import { type Dataset, labelOf } from "./dataset.ts";

/** Returns an order of the classes, 0, 1, 2 … where none is given. @throws E_CONFIG where it does not name each once */
export function checkOrder(where: string, given: readonly number[] | undefined, classes: number): readonly number[] {
  const order = given ?? Array.from({ length: classes }, (_, i) => i);
  if (order.length === classes && order.every((label, i) => label >= 0 && label < classes && order.indexOf(label) === i)) return order;
  fail(
    "E_CONFIG",
    `${where}: option "order" is no order of the classes; expected each of 0 to ${classes - 1} once, got ${order.join(", ") || "none"}`,
  );
}

/** Returns the rows of each class, in order. */
export function rowsByClass(dataset: Dataset): number[][] {
  const rows: number[][] = Array.from({ length: dataset.classes }, () => []);
  for (let i = 0; i < dataset.count; i++) (rows[labelOf(dataset, i)] as number[]).push(i);
  return rows;
}

/** Returns the rows of some classes, in the order of the set. */
export function rowsOf(rows: readonly number[][], classes: readonly number[]): number[] {
  return classes.flatMap((label) => rows[label] as number[]).sort((a, b) => a - b);
}

/** Returns how people call some classes. */
export function classesName(classes: readonly number[]): string {
  return `${classes.length === 1 ? "class" : "classes"} ${classes.join(", ")}`;
}

/** Returns the set with a class's place in its task for its label. */
export function placed(dataset: Dataset, order: readonly number[], perTask: number): Dataset {
  const place = new Uint32Array(order.length);
  for (const [i, label] of order.entries()) place[label] = i % perTask;
  return { ...dataset, y: dataset.y.map((label) => place[label] as number), classes: perTask };
}
