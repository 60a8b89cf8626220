/** How rows of the memory are measured at a boundary. */
import type { Phase } from "./strategy.ts";

/** Rows measured between two moments at which the learner may be saved. */
const PIECE = 16;

/** Returns the phase that runs program "measure" on each of so many rows of the memory, its group "row", and then "settle". */
export function measuring(rows: number): Phase {
  return {
    on: "boundary",
    async next({ memory, run, step }, cursor) {
      const slots = cursor === undefined ? memory?.draw(rows).slots : (cursor.slots as readonly number[]);
      const done = cursor === undefined ? 0 : (cursor.done as number);
      const list = Array.from(slots ?? []);
      for (const [i, slot] of list.slice(done, done + PIECE).entries())
        await run("measure", { rows: { row: { slots: [slot] } }, step: step * rows + done + i });
      if (done + PIECE < list.length) return { slots: list, done: done + PIECE };
      await run("settle");
      return undefined;
    },
  };
}
