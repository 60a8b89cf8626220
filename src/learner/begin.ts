/** How a learner begins: afresh, or from what a store holds. */
import type { Runtime } from "../backend/runtime.ts";
import { fail, PalimpsestError } from "../errors.ts";
import type { Store } from "../store/index.ts";
import type { LearnerOptions } from "./config.ts";
import { Durable } from "./durable.ts";
import type { RecoveredEvent } from "./events.ts";
import { resolveConfig } from "./resolve.ts";
import type { SavedConfig } from "./saved.ts";
import { checkSame, checkSignature, decodeState, loadConfig, restoreState } from "./snapshot.ts";
import { Work } from "./work.ts";

type Tell = (event: RecoveredEvent) => void;

/** Returns a new learner's work, recorded in its store from the first step on. @throws E_STATE where the store holds a learner */
export async function beginDurable(runtime: Runtime, tell: Tell, options: LearnerOptions): Promise<Work> {
  const config = await resolveConfig(options);
  const { store, durability } = config;
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
    const work = await Work.open(runtime, tell, config, undefined, durable);
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
  const durable = durability === undefined ? undefined : await Durable.open(store, durability);
  return orClose(durable, async () => {
    // The store is ours from here on, and may hold more than it did.
    const { checkpoint, saved } = durable === undefined ? found : await read(await durable.snapshotBytes());
    if (given !== undefined) checkSame(saved, given, store.name);
    const { config, state } = await believing(store.name, async () => {
      if (given === undefined) checkSignature(checkpoint.meta, store.name);
      const config = given ?? (await resolveConfig({ ...(await loadConfig(saved)), store }));
      return { config, state: restoreState(checkpoint, config, store.name) };
    });
    const work = await Work.open(runtime, tell, config, state, durable);
    await work.redo();
    return work;
  });
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

/** Lets go of the store where nothing can be opened. */
async function orClose<T>(durable: Durable | undefined, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    await durable?.close().catch(() => {});
    throw error;
  }
}
