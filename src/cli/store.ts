/** What lies in a folder that a learner recorded its changes in: told, checked, taken out and put in. */
import { openRuntime } from "../backend/runtime.ts";
import { fail } from "../errors.ts";
import { Learner } from "../learner/learner.ts";
import { decodeCheckpoint, readLog, repairStore, type Storage, type Store, stores, surveyStore } from "../store/index.ts";
import type { LogReader } from "../store/log.ts";
import { type Io, paint, writeJson } from "./io.ts";
import { describeOptions, flag, type Options, parse } from "./options.ts";
import { verifyRows } from "./rows.ts";

interface StoreSettings {
  readonly json: boolean;
  readonly help: boolean;
}

const common: Options<StoreSettings> = { json: flag("write one line of JSON"), help: flag("tell this") };

/** What a command was asked for: its words in their order, and its settings. */
type Asked<T = unknown> = T & {
  readonly words: readonly string[];
  readonly json: boolean;
};

/** Takes the words behind its name; resolves to the exit code. */
type Command = (given: readonly string[], io: Io) => Promise<number>;

/** Returns a command of so many words. */
function command<T = unknown>(
  name: string,
  places: readonly string[],
  text: string,
  run: (asked: Asked<T>, io: Io) => Promise<number>,
  more: Options<T> = {} as Options<T>,
): Command {
  const options = { ...more, ...common } as Options<T & StoreSettings>;
  const usage = `Usage: palimpsest ${name} ${places.join(" ")} [options]\n\n${text}\n\n`;
  return async (given: readonly string[], io: Io): Promise<number> => {
    const words = given.filter((word) => !word.startsWith("-"));
    const settings = parse(
      name,
      options,
      given.filter((word) => word.startsWith("-")),
    );
    if (settings.help) {
      io.out.write(usage + describeOptions(options));
      return 0;
    }
    if (words.length !== places.length)
      fail("E_CONFIG", `${name}: the words do not fit; expected ${places.join(" ")}, got ${words.join(" ") || "nothing"}`, {
        hint: `palimpsest ${name} --help tells what they are.`,
      });
    return run({ ...settings, words }, io);
  };
}

/** Runs `palimpsest status`: what a store holds, while a learner may be at work on it. */
export const status: Command = command(
  "status",
  ["FOLDER"],
  "Tells what a store holds; a learner may be at work on it meanwhile.",
  async (asked, io) => {
    const [path = ""] = asked.words;
    const found = await reading(path, describe);
    if (asked.json) writeJson(io.out, { type: "status", store: path, ...found });
    else {
      const { snapshot, records, owners, older, damage } = found;
      io.out.write(`${path}: ${snapshot.step} steps, ${snapshot.samples} rows, in a snapshot of ${snapshot.bytes} bytes\n`);
      io.out.write(`  ${records.count} changes since, ${records.bytes} bytes; owner ${owners}\n`);
      if (older.length > 0) io.out.write(`  older snapshots after steps ${older.map(({ step }) => step).join(", ")}\n`);
      for (const line of damage) io.out.write(`  ${paint(io.out, "red", "damaged:")} ${line}\n`);
    }
    return 0;
  },
);

/** Runs `palimpsest verify`: reads every byte against its checksum. */
export const verify: Command = command(
  "verify",
  ["FOLDER"],
  "Reads every byte of a store against its checksums; ends with 6 where one is wrong, and tells what a repair would lose.",
  async ({ words, json }, io) => {
    const [path = ""] = words;
    const { damage, lost } = await surveyStore(stores.folder(path));
    const sound = damage.length === 0;
    const found = sound ? await reading(path, describeWithRows) : {};
    if (json) writeJson(io.out, { type: "verify", store: path, sound, lost, ...found, damage });
    else tell(io, path, sound ? "sound" : "damaged", damage, lost);
    return sound ? 0 : 6;
  },
);

/** Runs `palimpsest repair`: a damaged store becomes whole. */
export const repair: Command = command<{ discard: boolean }>(
  "repair",
  ["FOLDER"],
  "Makes a damaged store whole by what else it holds: older snapshots and the changes recorded since.",
  async ({ words, json, discard }, io) => {
    const [path = ""] = words;
    const { damage, lost } = await repairStore(stores.folder(path), { discard });
    if (json) writeJson(io.out, { type: "repair", store: path, damage, lost });
    else tell(io, path, damage.length === 0 ? "sound" : "mended", damage, lost);
    return 0;
  },
  { discard: flag("go on without what nothing else in the store tells; else nothing is changed then") },
);

/** Runs `palimpsest export`: all that a store holds, as one file. */
export const exportStore: Command = command(
  "export",
  ["FOLDER", "FILE"],
  "Writes the learner of a store, as it is now, to one file.",
  async ({ words, json }, io) => {
    const [path = "", file = ""] = words;
    const bytes = await opening(path, (learner) => learner.checkpoint());
    await stores.file(file).write(bytes);
    if (json) writeJson(io.out, { type: "export", store: path, file, bytes: bytes.length });
    else io.out.write(`${file}: ${bytes.length} bytes\n`);
    return 0;
  },
);

/** Runs `palimpsest import`: a file that was exported or saved becomes a store. */
export const importStore: Command = command(
  "import",
  ["FILE", "FOLDER"],
  "Makes a store of a file that was exported or saved.",
  async ({ words, json }, io) => {
    const [file = "", path = ""] = words;
    const bytes = await stores.file(file).read();
    if (bytes === undefined) fail("E_PATH", `import: there is no file ${file}; expected a checkpoint, got nothing`);
    await decodeCheckpoint(bytes, file);
    const store = stores.folder(path);
    if ((await store.read()) !== undefined)
      fail("E_STATE", `import: ${path} holds a learner; expected an empty store, got a saved state`, { hint: "Choose another folder." });
    await store.write(bytes);
    if (json) writeJson(io.out, { type: "import", store: path, file, bytes: bytes.length });
    else io.out.write(`${path}: ${bytes.length} bytes\n`);
    return 0;
  },
);

/** Runs `palimpsest forget`: rows leave memory, snapshot and records. */
export const forget: Command = command<{ exact: boolean }>(
  "forget",
  ["FOLDER", "ID,ID…"],
  "Takes rows out of a store by their identities; what the weights learned of them stays, unless it is to be exact.",
  async ({ words, json, exact }, io) => {
    const [path = "", list = ""] = words;
    const ids = list.split(",").map(Number);
    const { forgotten, repeated = 0 } = await opening(path, (learner) => learner.forget(ids, { exact }));
    if (json) writeJson(io.out, { type: "forget", store: path, forgotten, exact, repeated });
    else io.out.write(`${path}: ${forgotten} rows forgotten${exact ? `, ${repeated} changes done again without them` : ""}\n`);
    return 0;
  },
  { exact: flag("do again what was recorded since they came, as if they never had") },
);

/** Writes how a store was found. */
function tell({ out }: Io, path: string, state: "sound" | "damaged" | "mended", damage: readonly string[], lost: readonly string[]): void {
  out.write(`${path}: ${paint(out, state === "damaged" ? "red" : "green", state)}\n`);
  for (const line of damage) out.write(`  ${line}\n`);
  for (const line of lost) out.write(`  ${state === "mended" ? "lost" : "a repair would lose"}: ${line}\n`);
}

/** Reads a store that others may write meanwhile. */
async function reading<T>(path: string, read: (log: LogReader, files: Storage) => Promise<T>): Promise<T> {
  const files = await filesOf(stores.folder(path), "read");
  const log = await readLog(files);
  try {
    return await read(log, files);
  } finally {
    await log.close();
  }
}

async function filesOf(store: Store, mode: "read" | "write") {
  return (store.open as NonNullable<Store["open"]>)(mode);
}

/** Opens the learner of a store, alone. */
async function opening<T>(path: string, use: (learner: Learner) => Promise<T>): Promise<T> {
  const runtime = await openRuntime({ backend: "wasm" });
  try {
    const learner = await Learner.open(runtime, stores.folder(path));
    try {
      return await use(learner);
    } finally {
      await learner.close();
    }
  } finally {
    runtime.close();
  }
}

/** Returns what a log holds, once the rows that lie in a file of their own have been read, too. @throws as {@link describe} */
async function describeWithRows(log: LogReader, files: Storage) {
  const described = await describe(log);
  const bytes = (await log.parts()).get("checkpoint") as Uint8Array;
  await verifyRows(files, (await decodeCheckpoint(bytes, log.name)).tensors);
  return described;
}

/** Returns what a log holds. @throws E_CORRUPT; E_STATE where it holds nothing */
async function describe(log: LogReader) {
  const snapshots = [];
  for (const { id } of log.generations) {
    const bytes = (await log.parts(id)).get("checkpoint");
    if (bytes === undefined) continue;
    const { step = 0, samples = 0 } = (await decodeCheckpoint(bytes, log.name)).meta.counters;
    snapshots.push({ step, samples, bytes: bytes.length });
  }
  const snapshot = snapshots.pop();
  if (snapshot === undefined) fail("E_STATE", `${log.name}: nothing was saved here; expected a learner, got nothing`);
  const records = { count: 0, bytes: 0 };
  for await (const record of log.records()) {
    records.count += 1;
    records.bytes += record.length;
  }
  return { place: log.place, owners: log.epoch, snapshot, older: snapshots, records, damage: log.damage };
}
