/** How a learner begins: afresh, or from what a store holds. */
import type { Runtime } from "../backend/runtime.ts";
import { fail } from "../errors.ts";
import type { Store } from "../store/index.ts";
import type { Config, Durability, LearnerOptions } from "./config.ts";
import { Durable } from "./durable.ts";
import type { RecoveredEvent } from "./events.ts";
import { resolveConfig } from "./resolve.ts";
import type { SavedConfig } from "./saved.ts";
import { checkSame, decodeState, loadConfig, restoreState } from "./snapshot.ts";
import type { SavedState } from "./state.ts";
import { Work } from "./work.ts";

type Tell = (event: RecoveredEvent) => void;

/** Returns a new learner's work, recorded in its store from the first step on. @throws E_STATE where the store holds a learner */
export async function beginDurable(runtime: Runtime, tell: Tell, options: LearnerOptions): Promise<Work> {
  const config = await resolveConfig(options);
  const { store, durability, residentBytes } = config;
  checkRecorded(residentBytes, durability);
  if (store === undefined || durability === undefined)
    fail("E_CONFIG", 'Learner: option "durability" needs a place to record changes; expected option "store", got nothing', {
      hint: "Pass store: stores.auto(name).",
    });
  const durable = await Durable.open(store, durability);
  return orClose(durable, async () => {
    if ((await durable.snapshotBytes()) !== undefined)
      fail("E_STATE", `Learner.create: ${store.name} holds a learner; expected an empty store, got a saved state`, {
        hint: "Open it with Learner.open, or remove it with store.remove().",
      });
    const work = await Work.open(runtime, tell, (await withPages(config, durable)).config, undefined, durable);
    await work.safely((engine) => durable.snapshot(engine));
    return work;
  });
}

/** Returns the work of the learner that a store holds. @throws E_FORMAT E_CORRUPT E_VERSION E_MISMATCH E_LOCKED; E_STATE when it holds none */
export async function reopen(runtime: Runtime, tell: Tell, store: Store, options: LearnerOptions | undefined): Promise<Work> {
  const given = options === undefined ? undefined : await resolveConfig(options);
  const read = async (bytes: Uint8Array | undefined) => {
    if (bytes === undefined)
      fail("E_STATE", `Learner.open: nothing was saved in ${store.name}; expected a checkpoint, got nothing`, {
        hint: "Use Learner.create.",
      });
    const checkpoint = await decodeState(bytes, store.name, given);
    return { checkpoint, saved: checkpoint.meta.config as SavedConfig };
  };
  const found = await read(await store.read());
  // A checkpoint may have come to a store of one file, where it is saved as any is.
  const durability = given?.durability ?? (store.open === undefined ? undefined : found.saved.durability);
  checkRecorded(given?.residentBytes, durability);
  const durable = durability === undefined ? undefined : await Durable.open(store, durability);
  return orClose(durable, async () => {
    // The store is ours from here on, and may hold more than it did.
    const { checkpoint, saved } = durable === undefined ? found : await read(await durable.snapshotBytes());
    if (given !== undefined) checkSame(saved, given, store.name);
    const wanted = given ?? (await resolveConfig({ ...(await loadConfig(saved)), store }));
    const { config, state } = await withPages(
      { ...wanted, residentBytes: wanted.residentBytes ?? saved.residentBytes },
      durable,
      restoreState(checkpoint, wanted, store.name),
    );
    const work = await Work.open(runtime, tell, config, state, durable);
    await work.redo();
    return work;
  });
}

/** Refuses rows in a file without the records that go with it. @throws E_CONFIG */
function checkRecorded(residentBytes: number | undefined, durability: Durability | undefined): void {
  if (residentBytes === undefined || durability !== undefined) return;
  fail("E_CONFIG", 'Learner: option "residentBytes" needs changes to be recorded; expected option "durability", got nothing', {
    hint: 'Pass durability: "relaxed" and store: stores.auto(name).',
  });
}

/** Returns the options with the memory's rows in a file of the store, where they are to be, and the state as it lies there. */
async function withPages(
  config: Config,
  durable: Durable | undefined,
  state?: SavedState,
): Promise<{ config: Config; state?: SavedState }> {
  if (config.residentBytes !== undefined && durable !== undefined) return (await import("./paging.ts")).openPages(config, durable, state);
  if (state?.pages !== undefined)
    fail(
      "E_MISMATCH",
      `Learner.open: the rows lie in ${state.pages.file}; expected the store that they were saved in, got a copy of its snapshot`,
      {
        hint: "Copy learner.checkpoint() instead, which is whole by itself.",
      },
    );
  return { config, ...(state && { state }) };
}

/** Lets go of the store where nothing can be opened. */
async function orClose<T>(durable: Durable | undefined, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    await durable?.close().catch(() => {});
    throw error;
  }
}
