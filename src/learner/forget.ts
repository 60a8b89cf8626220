/** Rows leave a learner's memory: from its index, and from the arena. */
import { checkKeys, checkNumber, fail } from "../errors.ts";
import type { Config } from "./config.ts";
import type { Engine } from "./engine.ts";
import type { Remembered } from "./remember.ts";
import { vacate } from "./vacate.ts";

/** Rows by identity, or all of a task, of a class, or of a class in a task. */
export type ForgetRows = ArrayLike<number> | RowsWhere;

/** Rows of which all that is named holds. */
export interface RowsWhere {
  readonly where: { readonly task?: number; readonly label?: number };
}

/** Options of `Learner.forget`. */
export interface ForgetOptions {
  /**
   * For how many further rows of the stream memory refuses the identities of these rows, those given that are not stored included. Default: for
   * good; 0: not at all, which ends an earlier refusal.
   */
  readonly refuse?: number;
  /**
   * Whether what was learned of the rows goes too: the learner goes back to the last snapshot of its store before they came, and does again
   * what was recorded since, without them, so that its state is that of one that never saw them. Rows are then those of all batches, stored or
   * not. What `control` was told stays. Default false: the rows leave memory and store, and the weights stay.
   */
  readonly exact?: boolean;
}

/** What was forgotten. */
export interface Forgotten {
  /** Rows that left memory; one that two stores kept counts twice. Of an exact one: rows that left the batches. */
  readonly forgotten: number;
  /** Rows that left what strategies gathered of them on the host, such as class means, too: each once. Absent where none can take rows out. */
  readonly removed?: number;
  /** Changes that were done again; only of an exact one. */
  readonly repeated?: number;
}

/**
 * Takes rows out of an engine's memory, zeros in their place, and out of what strategies gathered of them: exactly where the features are as they
 * were when the rows came, as with a body that is not trained. @throws E_CONFIG E_DATA E_UNSUPPORTED, changing nothing
 */
export async function forgetRows(engine: Engine, rows: Float64Array | RowsWhere, options: ForgetOptions): Promise<Forgotten> {
  checkKeys("forget", options, ["refuse", "exact"]);
  const { refuse = Number.POSITIVE_INFINITY } = options;
  if (refuse !== Number.POSITIVE_INFINITY) checkNumber("forget", "refuse", refuse, { min: 0, integer: true });
  const { memory } = engine;
  if (memory === undefined)
    fail("E_CONFIG", 'forget: the learner has no memory; expected option "memory", got nothing', {
      hint: "Weights keep what they learned.",
    });
  const { slots, ids } = "where" in rows ? rowsWhere(memory, rows.where, engine) : rowsNamed(memory, rows);
  const removal = engine.hooked && (await (await import("./removal.ts")).removalOf(engine, slots));
  await vacate(engine, memory, slots, () => removal?.commit());
  const { columns, capacity } = engine.layout;
  // The rows last learned lie there still.
  for (const { byteOffset, rowBytes, staging } of columns)
    engine.machine.write("rows", byteOffset + capacity * rowBytes, new Uint8Array(staging * rowBytes));
  const { samples } = engine.counters;
  for (const id of ids) memory.refusals.add(id, refuse, samples);
  return { forgotten: slots.length, ...(removal && { removed: removal.rows }) };
}

interface Chosen {
  readonly slots: readonly number[];
  readonly ids: Iterable<number>;
}

function rowsNamed({ replay }: Remembered, given: Float64Array): Chosen {
  const ids = new Set(given);
  return { slots: [...ids].flatMap((id) => replay.find(id)), ids };
}

function rowsWhere({ replay }: Remembered, where: RowsWhere["where"], { config }: Engine): Chosen {
  const { task, label } = checkWhere(where, config);
  const chosen = replay.stores.flatMap(({ first, slots }) => {
    const [tasks, labels, ids] = [slots.values("task"), slots.values("label"), slots.ids()];
    return [...tasks.keys()]
      .filter((slot) => (task === undefined || tasks[slot] === task) && (label === undefined || labels[slot] === label))
      .map((slot) => ({ slot: first + slot, id: ids[slot] as number }));
  });
  return { slots: chosen.map(({ slot }) => slot), ids: new Set(chosen.map(({ id }) => id).filter((id) => !Number.isNaN(id))) };
}

/** Returns what rows are to have, where rows can have it. @throws E_CONFIG */
export function checkWhere(where: RowsWhere["where"], config: Config): RowsWhere["where"] {
  checkKeys("forget: where", where, ["task", "label"]);
  const { task, label } = where;
  if (task === undefined && label === undefined)
    fail("E_CONFIG", "forget: where names nothing; expected a task, a label or both, got neither", { hint: "Give where: { task: 0 }." });
  if (task !== undefined) checkNumber("forget: where", "task", task, { min: 0, max: 2 ** 32 - 1, integer: true });
  if (label !== undefined) {
    checkNumber("forget: where", "label", label, { min: 0, max: config.classes - 1, integer: true });
    if (config.targets > 1 || config.loss.targets !== "labels")
      fail("E_CONFIG", "forget: rows have no label of their own; expected where: { task }, got a label", {
        hint: "Forget them by task or id.",
      });
  }
  return where;
}
