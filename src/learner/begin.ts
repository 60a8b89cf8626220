/** How a learner begins: afresh, or from what a store holds. */
import type { Runtime } from "../backend/runtime.ts";
import { fail, isError, PalimpsestError } from "../errors.ts";
import { capacityOf } from "../nn/classifier.ts";
import type { Store } from "../store/index.ts";
import { type Config, DEFAULT_HISTORY, type Durability, type LearnerOptions } from "./config.ts";
import { Durable } from "./durable.ts";
import type { RecoveredEvent } from "./events.ts";
import { resolveConfig } from "./resolve.ts";
import { configThen, type SavedConfig } from "./saved.ts";
import { checkSame, checkSignature, decodeState, loadConfig, restoreState } from "./snapshot.ts";
import type { SavedState } from "./state.ts";
import { Work } from "./work.ts";

type Tell = (event: RecoveredEvent) => void;

/** How a learner's store is opened, where what the learner is comes from the store. */
export type ClaimOptions = Pick<LearnerOptions, "waitMs" | "steal">;

/** Returns a new learner's work, recorded in its store from the first step on. @throws E_STATE where the store holds a learner */
export async function beginDurable(runtime: Runtime, tell: Tell, options: LearnerOptions): Promise<Work> {
  const config = await resolveConfig(options);
  const { store, durability, history, residentBytes } = config;
  checkRecorded(residentBytes, durability);
  if (store === undefined || durability === undefined)
    fail("E_CONFIG", 'Learner: option "durability" needs a place to record changes; expected option "store", got nothing', {
      hint: "Pass store: stores.auto(name).",
    });
  const durable = await Durable.open(store, durability, history, claimOf(options));
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
export async function reopen(runtime: Runtime, tell: Tell, store: Store, options: LearnerOptions | ClaimOptions = {}): Promise<Work> {
  const given = await givenConfig(options);
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
  const history = (options as LearnerOptions | undefined)?.history ?? found.saved.history ?? DEFAULT_HISTORY;
  checkRecorded(given?.residentBytes, durability);
  const durable = durability === undefined ? undefined : await Durable.open(store, durability, history, claimOf(options));
  return orClose(durable, async () => {
    // The store is ours from here on, and may hold more than it did.
    const { checkpoint, saved } = durable === undefined ? found : await read(await durable.snapshotBytes());
    if (given !== undefined) checkSame(saved, given, store.name);
    const { wanted, before, restored } = await believing(store.name, async () => {
      if (given === undefined) checkSignature(checkpoint.meta, store.name);
      const wanted = given ?? (await resolveConfig({ ...(await loadConfig(saved)), store }));
      const before = durable === undefined ? wanted : asItWas(wanted, saved, durable);
      return { wanted, before, restored: restoreState(checkpoint, before, store.name) };
    });
    const residentBytes = before.residentBytes ?? saved.residentBytes;
    const { config, state } = await withPages({ ...before, residentBytes }, durable, restored);
    const work = await Work.open(runtime, tell, config, state, durable);
    await work.redo();
    const capacity = capacityOf(wanted.model.config) ?? 0;
    if (capacity > (capacityOf(work.engine.config.model.config) ?? 0)) await work.change({ kind: "grow", capacity });
    else if (capacityOf(config.model.config) !== capacityOf(saved.model)) await work.safely(async (engine) => durable?.restart(engine));
    return work;
  });
}

/** Returns the options with the capacity that a classifier had: what was recorded then is done again with it, and it grows behind that. */
function asItWas(wanted: Config, saved: SavedConfig, durable: Durable): Config {
  try {
    return configThen(wanted, saved);
  } catch (error) {
    // A layer of the user's own comes in one size; where nothing was recorded, it grows at once.
    if (durable.recorded || !isError(error, "E_UNSUPPORTED")) throw error;
    return wanted;
  }
}

/** Returns what options say a learner is, where they say more than how to open it. @throws E_CONFIG E_SHAPE */
export async function givenConfig(options: LearnerOptions | ClaimOptions): Promise<Config | undefined> {
  const says = Object.keys(options).some((key) => key !== "waitMs" && key !== "steal");
  return says ? resolveConfig(options as LearnerOptions) : undefined;
}

function claimOf({ waitMs, steal }: ClaimOptions): ClaimOptions {
  return { ...(waitMs !== undefined && { waitMs }), ...(steal !== undefined && { steal }) };
}

/** What a file says of its learner is used as if it were so, since digests find damage, not forgery: what that breaks is the file's fault. */
async function believing<T>(file: string, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (cause) {
    if (cause instanceof PalimpsestError) throw cause;
    fail("E_FORMAT", `${file}: the metadata are not those of a learner; expected options that can be used, got ${cause}`, {
      hint: "Something other than a learner wrote the file; open it with the options it was made with, if you have them.",
      context: { file },
      cause,
    });
  }
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
