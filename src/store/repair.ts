/** A store of which something is damaged, made whole by what else it holds: what older generations and records tell is not lost. */
import { checkKeys, fail, isError } from "../errors.ts";
import { type ClaimOptions, claim } from "./claim.ts";
import { reachOf, readParts, snapshotIn } from "./contents.ts";
import { checked } from "./failure.ts";
import type { Extent } from "./frame.ts";
import { type Find, type Found, findWhole, type Generation, type Head, isSegment } from "./head.ts";
import { Ledger } from "./ledger.ts";
import type { Mode, Storage } from "./storage.ts";
import type { Store } from "./store.ts";

/** What was found of a store, every byte of it read. */
export interface Survey {
  /** What is damaged. */
  readonly damage: readonly string[];
  /** What of it nothing else in the store tells. */
  readonly lost: readonly string[];
}

/** Options of {@link repairStore}. */
export interface RepairOptions extends ClaimOptions {
  /** Whether to go on without what is lost. Default false: then nothing is changed. */
  readonly discard?: boolean;
}

/**
 * Returns what of a store is damaged and what its repair would lose, having read every byte of it; nothing is changed.
 * @throws E_CONFIG for a store of one file; E_CORRUPT where nothing whole is left; E_VERSION
 */
export async function surveyStore(store: Store): Promise<Survey> {
  return surveyLog(await filesOf(store, "surveyStore", "read"));
}

/**
 * Makes a store whole by what it holds: a damaged snapshot by the one before and what was recorded since, damaged records by a later snapshot,
 * and a damaged head by the other or the snapshots. Returns what was damaged, and what is lost.
 * @throws E_CORRUPT, changing nothing, where something would be lost and `discard` is not given, or nothing whole is left; E_CONFIG for a store of
 * one file; E_LOCKED while another writes; E_VERSION
 */
export async function repairStore(store: Store, options: RepairOptions = {}): Promise<Survey> {
  checkKeys("repairStore", options, ["discard", "waitMs", "steal"]);
  return repairLog(await filesOf(store, "repairStore", "write"), options);
}

async function filesOf(store: Store, where: string, mode: Mode): Promise<Storage> {
  if (store.open === undefined)
    fail("E_CONFIG", `${where}: ${store.name} keeps one file; expected a store with a log, got a file store`, {
      hint: "A file is whole or it is not; restore it from a copy.",
    });
  return store.open(mode);
}

/** Returns what of a log is damaged; it may be written meanwhile. @throws as {@link surveyStore} */
export async function surveyLog(storage: Storage): Promise<Survey> {
  const files = checked(storage);
  try {
    for (;;) {
      const found = await findWhole(files);
      const survey = await mend(files, found).catch((error: unknown) => error);
      const sound = !(survey instanceof Error) && (survey as Survey).damage.length === 0;
      // What seems damaged may be what a writer has removed since.
      if (!sound && (await findWhole(files)).head?.sequence !== found.head?.sequence) continue;
      if (survey instanceof Error) throw survey;
      const { damage, lost } = survey as Survey;
      return { damage, lost };
    }
  } finally {
    await files.close();
  }
}

/** Makes a log whole. @throws as {@link repairStore} */
export async function repairLog(storage: Storage, { discard = false, ...how }: RepairOptions = {}): Promise<Survey> {
  const files = checked(storage);
  try {
    const { damage, lost } = await mend(files, await findWhole(files));
    if (lost.length > 0 && !discard)
      fail("E_CORRUPT", `${storage.name}: cannot be made whole; expected that nothing is lost, got ${lost.join("; ")}`, {
        hint: "Restore the store from a copy, or go on without what is lost with discard.",
        context: { store: storage.name, damage, lost },
      });
    if (damage.length === 0) return { damage, lost };
    const find: Find = async (from, below) => {
      const found = await findWhole(from, below);
      return { ...found, ...(await mend(from, found)) };
    };
    const { head } = await claim(files, how, find);
    await new Ledger(files, head).put({ owner: "" });
    return { damage, lost };
  } finally {
    await files.close();
  }
}

interface Mended extends Survey {
  readonly head: Head | undefined;
}

/** Returns the head that speaks of all that is whole, and follows from one generation to the next. */
async function mend(storage: Storage, found: Found): Promise<Mended> {
  if (found.head === undefined) return salvage(storage, found);
  const damage = [...found.damage];
  const { store } = found.head;
  let lost: string[] = [];
  let generations: Generation[] = [];
  /** Whether what comes next follows from the last of these. */
  let follows = false;
  for (const generation of found.head.generations) {
    const { id, snapshot, journal } = generation;
    const flaw = await readParts(storage, store, generation).then(() => undefined, flawOf);
    if (flaw !== undefined) damage.push(`snapshot ${id}: ${flaw.message}`);
    if (flaw !== undefined && !follows) {
      lost.push(`what was recorded after snapshot ${id}`);
      continue;
    }
    if (flaw === undefined) {
      // It makes up for what is missing before it, which then leads nowhere.
      if (!follows) [generations, lost] = [[], []];
      generations.push({ id, snapshot, journal: [] });
      follows = true;
    }
    const kept: Extent[] = [];
    for (const extent of journal) {
      const reach = follows ? await reachOf(storage, store, extent) : undefined;
      if (reach !== undefined && reach.length > 0) kept.push(reach);
      if (reach?.length === extent.length) continue;
      if (follows) damage.push(`records after snapshot ${id}: ${extent.file} is damaged at byte ${reach?.length}`);
      lost.push(`${extent.length - (reach?.length ?? 0)} bytes of records in ${extent.file}`);
      follows = false;
    }
    const last = generations.pop() as Generation;
    generations.push({ ...last, journal: [...last.journal, ...kept] });
  }
  if (generations.length === 0) nothingWhole(storage, damage);
  return { damage, lost, head: { ...found.head, generations } };
}

/** Returns the error that tells of damage. */
function flawOf(error: unknown): Error {
  if (isError(error, "E_CORRUPT")) return error;
  throw error;
}

/** Returns a head for the last whole snapshot, where no head tells what there was. */
async function salvage(storage: Storage, { files, top, damage }: Found): Promise<Mended> {
  const segments = files.filter(isSegment).sort(laterFirst);
  if (segments.length === 0) return { damage, lost: [], head: undefined };
  const lost = ["what was recorded since the last snapshot, and which it was: no head is whole"];
  for (const file of segments) {
    const found = await snapshotIn(storage, file);
    if (found === undefined) continue;
    const generations = [{ id: 1, snapshot: found.snapshot, journal: [] }];
    return { damage: [...damage, "no head is whole"], lost, head: { store: found.store, epoch: top, sequence: 0, owner: "", generations } };
  }
  return nothingWhole(storage, damage);
}

/** Orders segments, `EPOCH.NUMBER`, by when they were made. */
function laterFirst(one: string, other: string): number {
  const [a = 0, b = 0, c = 0, d = 0] = [...other.split("."), ...one.split(".")].map(Number);
  return a - c || b - d;
}

function nothingWhole(storage: Storage, damage: readonly string[]): never {
  fail("E_CORRUPT", `${storage.name}: nothing whole is left; expected a snapshot, got ${damage.join("; ") || "none"}`, {
    hint: "Restore the store from a copy, or remove it and begin anew.",
    context: { store: storage.name, damage },
  });
}
