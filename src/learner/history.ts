/** A learner goes back to a snapshot of its store, and does again what was recorded since, but for what is to be as if it had never been. */
import { checkKeys, fail } from "../errors.ts";
import { decodeCheckpoint } from "../store/index.ts";
import type { Durable } from "./durable.ts";
import type { LearnerEvents, SkippedStep } from "./events.ts";
import { checkWhere, type ForgetOptions, type Forgotten, type RowsWhere } from "./forget.ts";
import { decodeOperation, isBatch, type RecordedRow, withoutRows } from "./journal.ts";
import { configThen, type SavedConfig } from "./saved.ts";
import { HUGE } from "./skipped.ts";
import { decodeState, restoreState } from "./snapshot.ts";
import type { Work } from "./work.ts";

type Edit = (record: Uint8Array) => Uint8Array | undefined;

/**
 * Takes rows out of all that a learner learned: its state is then that of one that never saw them.
 * @throws E_CONFIG without durability; E_UNSUPPORTED where rows lie in a file; E_STATE where they came, or may have come, before the oldest snapshot; then nothing is changed
 */
export async function forgetExactly(work: Work, rows: Float64Array | RowsWhere, options: ForgetOptions): Promise<Forgotten> {
  checkKeys("forget", options, ["refuse", "exact"]);
  if (options.refuse !== undefined)
    fail("E_CONFIG", "forget: one that never saw these rows refuses none; expected exact without refuse, got both", {
      hint: "Forget them exactly, then once more with refuse.",
    });
  const { durable, engine } = work;
  if (durable === undefined)
    fail("E_CONFIG", 'forget: the learner does not record its changes; expected option "durability", got nothing', {
      hint: "Without records there is nothing to learn again from; forget without exact.",
    });
  if (durable.pages !== undefined)
    fail("E_UNSUPPORTED", "forget: rows that lie in a file are written over; expected a learner without residentBytes, got one with it", {
      hint: "Forget them without exact: the rows go, and the weights stay.",
    });
  const ids = "where" in rows ? undefined : new Set(rows);
  const where = "where" in rows ? checkWhere(rows.where, engine.config) : {};
  const leaves = ({ id, task, label }: RecordedRow): boolean =>
    ids?.has(id) ?? ((where.task === undefined || where.task === task) && (where.label === undefined || where.label === label));
  await durable.commit();
  const found = new Set<number>();
  let forgotten = 0;
  let first: number | undefined;
  for (const generation of durable.snapshots)
    for await (const record of durable.records(generation))
      withoutRows(record, engine.config, (row) => {
        if (!leaves(row)) return false;
        first ??= generation;
        found.add(row.id);
        forgotten += 1;
        return true;
      });
  const oldest = durable.snapshots[0] as number;
  const { meta } = await decodeCheckpoint((await durable.snapshotBytes(oldest)) as Uint8Array, durable.name);
  const { samples = 0, step = 0 } = meta.counters;
  const unknown = ids === undefined ? ["rows by task or label"] : [...ids].filter((id) => !found.has(id));
  if (samples > 0 && unknown.length > 0) tooOld(step, unknown);
  if (first === undefined) return { forgotten, repeated: 0 };
  const repeated = await goBack(
    work,
    durable,
    first,
    (record) => withoutRows(record, engine.config, leaves),
    (twin) => {
      const stored = [...found].filter((id) => (twin.engine.memory?.replay.find(id).length ?? 0) > 0);
      if (ids !== undefined && stored.length > 0) tooOld(twin.engine.counters.step, stored);
    },
  );
  return { forgotten, repeated };
}

function tooOld(step: number, rows: readonly (number | string)[]): never {
  fail("E_STATE", `forget: the store does not reach back so far; expected rows that came after step ${step}, got ${rows.join(", ")}`, {
    hint: "Raise option history, or forget without exact: the rows go then, and the weights stay.",
    context: { step, rows },
  });
}

/** Pauses a learner after so many skipped steps, the last of which is given once: it goes back to what its store has of before. @throws E_DIVERGED */
export async function diverge(
  work: Work,
  patience: number,
  skipped: SkippedStep | undefined,
  tell: (event: LearnerEvents["rolledBack"]) => void,
): Promise<never> {
  const from = work.engine.counters.step;
  if (skipped !== undefined) await rollBack(work, patience);
  const { step } = work.engine.counters;
  if (step < from) tell({ from, step });
  fail("E_DIVERGED", `observe: training is paused; expected finite numbers, got ${patience} skipped steps in a row`, {
    hint: 'Lower the learning rate, clip gradients (optim.clip) or look at the rows that event "skipped" names; then call resume(), or open an earlier save.',
    context: { step, ...skipped },
  });
}

/** Goes back to the last snapshot of sound weights that as many batches came after; tells whether there is one. */
async function rollBack(work: Work, batches: number): Promise<boolean> {
  const { durable } = work;
  if (durable === undefined || durable.pages !== undefined) return false;
  await durable.commit();
  let left = batches;
  for (const generation of [...durable.snapshots].reverse()) {
    for await (const record of durable.records(generation)) if (isBatch(record)) left -= 1;
    if (left > 0 || !(await isSound(durable, generation))) continue;
    await goBack(work, durable, generation, () => undefined);
    return true;
  }
  return false;
}

/** Tells whether a step can be done with the weights of a snapshot: a number whose square is not finite makes none. */
async function isSound(durable: Durable, generation: number): Promise<boolean> {
  const { tensors } = await decodeCheckpoint((await durable.snapshotBytes(generation)) as Uint8Array, durable.name);
  return [...tensors].every(
    ([name, { data }]) => !name.startsWith("params/") || new Float32Array(data.slice().buffer).every((value) => Math.abs(value) < HUGE),
  );
}

/** Goes back to a snapshot and does again what `edit` leaves of the records since; until that is done, all stays as it was. */
async function goBack(
  work: Work,
  durable: Durable,
  generation: number,
  edit: Edit,
  check: (twin: Work) => void = () => {},
): Promise<number> {
  const began = performance.now();
  const { config: now } = work.engine;
  const checkpoint = await decodeState((await durable.snapshotBytes(generation)) as Uint8Array, durable.name, now);
  const config = configThen(now, checkpoint.meta.config as SavedConfig);
  const twin = await work.twin(config, restoreState(checkpoint, config, durable.name));
  const annals = await durable.annalsAt(generation);
  let repeated = 0;
  try {
    check(twin);
    for (const id of durable.snapshots.filter((other) => other >= generation))
      for await (const record of durable.records(id)) {
        const left = edit(record);
        if (left === undefined) continue;
        const operation = decodeOperation(left, twin.engine.config, durable.name);
        annals.add(operation, await twin.repeat(operation));
        repeated += 1;
      }
    await durable.rewrite(generation, edit);
  } catch (error) {
    await twin.close();
    throw error;
  }
  durable.annals = annals;
  await work.become(twin);
  durable.worked(performance.now() - began);
  return repeated;
}
