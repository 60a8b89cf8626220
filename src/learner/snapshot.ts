import { describe, fail } from "../errors.ts";
import { capacityOf, withCapacity } from "../nn/classifier.ts";
import { MASKED } from "../nn/losses.ts";
import { sizeOf } from "../program/shape.ts";
import type { Column, Range } from "../state/arena.ts";
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint, type StoredTensor, sha256Hex } from "../store/index.ts";
import { bytesOf } from "./bytes.ts";
import type { Config } from "./config.ts";
import type { Engine } from "./engine.ts";
import { freshState } from "./fresh.ts";
import { layOutState } from "./layout.ts";
import type { StateLayout } from "./ranges.ts";
import type { SavedRates } from "./rates.ts";
import { checkGrows, type SavedConfig, saveConfig, signatureOf } from "./saved.ts";
import { checkChange } from "./settings.ts";
import type { Counters, Pending, SavedHooks, SavedState, StateBytes } from "./state.ts";

export { growConfig, loadConfig } from "./saved.ts";

/** Returns the bytes of a checkpoint, which is whole by itself. */
export async function encodeState(engine: Engine): Promise<Uint8Array> {
  const { tensors, meta } = await takeState(engine);
  const { memory } = engine;
  if (memory?.pages === undefined) return encodeCheckpoint({ tensors, meta });
  const rows = rowTensors(engine, memory.replay.stored, await memory.pages.all(memory.replay));
  const others = [...tensors].filter(([name]) => name !== PAGES && name !== FILE);
  return encodeCheckpoint({ tensors: new Map([...others, ...rows]), meta });
}

/** Returns the bytes of a checkpoint beside which the rows of a paged memory lie in a file. */
export async function encodeSnapshot(engine: Engine): Promise<Uint8Array> {
  return encodeCheckpoint(await takeState(engine));
}

/** Tensors of a paged memory: places and checksums of its rows; the name of the file they lie in, and bytes of a row there. */
const [PAGES, FILE] = ["memory/pages", "memory/file"];

function rowTensors({ config, layout }: Engine, stored: number, rows: { x: Uint8Array; y: Uint8Array }): [string, StoredTensor][] {
  const y: StoredTensor = { dtype: config.loss.targets === "labels" ? "U32" : "F32", shape: [stored, config.targets], data: rows.y };
  const dtype = config.input.dtype === "u8" ? "U8" : "F32";
  return [
    ["memory/y", y],
    ["memory/x", { dtype, shape: [stored, ...config.input.shape], data: unpadded(rows.x, layout.x) }],
  ];
}

/** Returns what a snapshot holds: params, optimizer slots, memory, counters and streams. */
export async function takeState(engine: Engine): Promise<Checkpoint> {
  const { config, layout, counters, memory } = engine;
  const { state, rows } = await engine.stateBytes();
  const tensors = new Map<string, StoredTensor>();
  for (const { name, shape, placement, byteLength } of stateRanges(config, layout))
    tensors.set(name, { dtype: "F32", shape, data: state.subarray(placement.byteOffset, placement.byteOffset + byteLength) });
  for (const { name, shape } of layout.carried.values()) tensors.set(name, { dtype: "F32", shape, data: rows.get(name) as Uint8Array });
  if (memory !== undefined) {
    const index = memory.replay.save();
    const { pages, replay } = memory;
    if (pages === undefined) {
      const [x, y] = [rows.get("x") as Uint8Array, rows.get("y") as Uint8Array];
      for (const [name, tensor] of rowTensors(engine, replay.stored, { x, y })) tensors.set(name, tensor);
      for (const { name, length } of extraColumns(layout))
        tensors.set(`memory/${name}`, { dtype: "F32", shape: [replay.stored, length], data: rows.get(name) as Uint8Array });
    } else {
      tensors.set(PAGES, { dtype: "U32", shape: [replay.stored, 2], data: bytesOf(pages.pairs(replay)) });
      const file = new TextEncoder().encode(`${pages.file} ${pages.rowBytes}`);
      tensors.set(FILE, { dtype: "U8", shape: [file.length], data: file });
    }
    tensors.set("memory/index", { dtype: "U8", shape: [index.length], data: index });
    const refused = memory.refusals.save(counters.samples);
    if (refused.length > 0) tensors.set("memory/refused", { dtype: "F64", shape: [refused.length, 2], data: bytesOfPairs(refused) });
  }
  const hooks = engine.hooked?.save();
  for (const [name, values] of hooks?.numbers ?? [])
    tensors.set(`gathered/${name}`, { dtype: "F64", shape: [values.length], data: bytesOf(values.slice()) });
  const meta: Checkpoint["meta"] = {
    model: signatureOf(config.model.config, config.input),
    config: saveConfig(config),
    counters: { ...counters },
    random: {},
    schedule: { step: counters.step, ...engine.rates.save(), settings: { ...engine.settings }, ...(hooks && { pending: hooks.pending }) },
    engine: { backend: engine.machine.backend },
  };
  return { tensors, meta };
}

/**
 * Returns the checkpoint in a file. @throws E_FORMAT E_CORRUPT E_VERSION, and E_MISMATCH when `config` is of another model, except for a
 * classifier of more capacity
 */
export async function decodeState(bytes: Uint8Array, file: string, config: Config | undefined): Promise<Checkpoint> {
  if (config === undefined) return decodeCheckpoint(bytes, file);
  const { config: model } = config.model;
  const signature = (saved: unknown): string => {
    const capacity = capacityOf((saved as SavedConfig).model);
    const grows = capacity !== undefined && capacity < (capacityOf(model) ?? 0);
    return signatureOf(grows ? withCapacity(model, capacity) : model, config.input);
  };
  return decodeCheckpoint(bytes, file, { model: signature });
}

/** Returns a checkpoint as an engine of a model that it fits takes it. @throws E_MISMATCH */
export function restoreState({ tensors, meta }: Checkpoint, config: Config, file: string): SavedState {
  const counters = countersOf(meta, file);
  const grows = meta.model !== signatureOf(config.model.config, config.input);
  if (grows) checkGrows(config, file);
  const state = restoreArenas(tensors, config, file, Math.max(1, counters.batchSize), grows);
  const pairs = new Float64Array((tensors.get("memory/refused")?.data ?? new Uint8Array(0)).slice().buffer);
  const refused = Array.from({ length: pairs.length / 2 }, (_, i) => [pairs[2 * i] as number, pairs[2 * i + 1] as number] as const);
  const {
    marks = {},
    control,
    settings = {},
    pending = [],
  } = meta.schedule as Partial<SavedRates & Pick<SavedState, "settings"> & SavedHooks>;
  for (const [name, value] of Object.entries(settings)) checkChange({ config }, name, value);
  const odd = Object.values(marks).find((update) => !isCount(update));
  if (odd !== undefined) fail("E_FORMAT", `${file}: a mark is no update of the schedule; expected a whole number, got ${describe(odd)}`);
  const rates = { marks, ...(control && { control }) };
  const pages = pagesOf(tensors);
  const gathered = [...tensors].filter(([name]) => name.startsWith("gathered/"));
  const numbers = new Map(gathered.map(([name, { data }]) => [name.slice("gathered/".length), new Float64Array(data.slice().buffer)]));
  const hooks = config.hooks && { hooks: { numbers, pending: checkPending(pending, file) } };
  return { ...hooks, state, counters, rates, settings, index: tensors.get("memory/index")?.data.slice(), refused, ...(pages && { pages }) };
}

/** Returns what a snapshot says of rows that lie in a file; undefined where they do not. */
export function pagesOf(tensors: ReadonlyMap<string, StoredTensor>): SavedState["pages"] {
  const [places, told] = [tensors.get(PAGES)?.data, tensors.get(FILE)?.data];
  if (places === undefined || told === undefined) return undefined;
  const [file = "", rowBytes] = new TextDecoder().decode(told).split(" ");
  return { file, rowBytes: Number(rowBytes), pairs: new Uint32Array(places.slice().buffer) };
}

/** What strategies are at, where it is that. @throws E_FORMAT */
function checkPending(pending: unknown, file: string): SavedHooks["pending"] {
  const isPending = (one: Partial<Pending> | null): boolean =>
    typeof one === "object" && typeof one?.strategy === "string" && isCount(one.phase) && typeof one.cursor === "object";
  if (Array.isArray(pending) && pending.every(isPending)) return pending;
  return fail(
    "E_FORMAT",
    `${file}: what strategies are at is no list of it; expected strategy, phase and cursor of each, got ${describe(pending)}`,
  );
}

/** Columns of the memory that strategies add. */
const extraColumns = ({ columns }: StateLayout): Column[] => columns.filter(({ name }) => name !== "x" && name !== "y");

function countersOf({ counters }: Checkpoint["meta"], file: string): Counters {
  const { step, samples, boundaries, batchSize } = counters as Partial<Counters>;
  const odd = [step, samples, boundaries, batchSize].find((count) => !isCount(count));
  if (odd !== undefined || batchSize === undefined)
    fail("E_FORMAT", `${file}: a counter is no count; expected step, samples, boundaries and batchSize, got ${describe(odd)}`);
  return { ...(counters as unknown as Counters) };
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function bytesOfPairs(pairs: readonly (readonly [number, number])[]): Uint8Array {
  return new Uint8Array(Float64Array.from(pairs.flat()).buffer);
}

/** Refuses a model that is not the one whose name the checkpoint has. @throws E_FORMAT */
export function checkSignature({ model, config }: Checkpoint["meta"], file: string): void {
  const saved = config as SavedConfig;
  if (signatureOf(saved.model, saved.input) === model) return;
  fail("E_FORMAT", `${file}: its options are of another model than its name; expected ${model}, got ${JSON.stringify(saved.model)}`, {
    hint: "Something other than a learner wrote the file.",
    context: { file },
  });
}

/** Refuses to continue under options that change what the run means. @throws E_MISMATCH */
export function checkSame(saved: SavedConfig, config: Config, file: string): void {
  const now = saveConfig(config);
  for (const key of ["loss", "optimizer", "schedule", "memory", "strategies", "seed"] as const) {
    const [expected, got] = [JSON.stringify(now[key]), JSON.stringify(saved[key])];
    if (expected === got) continue;
    fail("E_MISMATCH", `${file}: saved with another ${key}; expected ${expected}, got ${got}`, {
      hint: `Open it with the ${key} it was saved with, or without options to continue as it was.`,
      context: { key },
    });
  }
}

/** Returns the named ranges of the state: parameters, what the optimizer and strategies keep of each tensor and in all, and states of layers. */
function stateRanges(config: Config, layout: StateLayout): Range[] {
  return [
    ...layout.tensors.map(({ path }) => layout.params.get(path)),
    ...[...layout.slots.values()].flatMap(({ parts }) => parts),
    ...[...layout.kept.values()].flatMap(({ parts, range }) => (range.placement.arena === "state" ? parts : [])),
    ...[...config.states.keys()].map((path) => layout.states.get(path)),
  ];
}

function restoreArenas(
  tensors: ReadonlyMap<string, StoredTensor>,
  config: Config,
  file: string,
  batchSize: number,
  grows: boolean,
): StateBytes {
  const layout = layOutState(config, batchSize);
  const take = (name: string, byteLength: number): Uint8Array => {
    const data = tensors.get(name)?.data;
    if (data?.byteLength === byteLength) return data;
    return fail("E_MISMATCH", `${file}: tensor "${name}" does not fit; expected ${byteLength} bytes, got ${data?.byteLength ?? "none"}`);
  };
  // What has grown lies in the first columns of its place; behind it, parameters are fresh and slots as at first.
  const found = stateRanges(config, layout).map(({ name, shape, byteLength, placement: { byteOffset } }) => {
    const [from, to] = [tensors.get(name)?.shape.at(-1) ?? 1, shape.at(-1) ?? 1];
    const columns = grows ? Math.min(from, to) : to;
    return { data: take(name, (byteLength / to) * columns), columns, to, byteOffset };
  });
  // Nothing is allocated before the file is known to have it.
  const state = grows ? freshState(config) : new Uint8Array(layout.stateBytes);
  for (const { data, columns, to, byteOffset } of found) {
    const rowBytes = columns === to ? data.length : 4 * columns;
    for (let at = 0, row = 0; at < data.length; at += rowBytes, row++)
      state.set(data.subarray(at, at + rowBytes), byteOffset + row * 4 * to);
  }
  const rows = new Map<string, Uint8Array>();
  for (const { name, byteLength } of layout.carried.values()) rows.set(name, take(name, byteLength).slice());
  const stored = tensors.get("memory/y")?.shape[0] ?? 0;
  if (config.memory !== undefined && !tensors.has(PAGES)) {
    rows.set("y", take("memory/y", 4 * stored * config.targets).slice());
    rows.set("x", padded(take("memory/x", stored * sizeOf(config.input.shape) * (config.input.dtype === "u8" ? 1 : 4)), layout.x));
    for (const column of extraColumns(layout)) {
      const length = grows ? Math.min(column.length, tensors.get(`memory/${column.name}`)?.shape[1] ?? 0) : column.length;
      const values = new Float32Array(stored * column.length).fill(MASKED);
      const before = new Float32Array(take(`memory/${column.name}`, 4 * stored * length).slice().buffer);
      for (let row = 0; row < stored; row++) values.set(before.subarray(row * length, (row + 1) * length), row * column.length);
      rows.set(column.name, bytesOf(values));
    }
  }
  return { state, rows };
}

const rowSize = (column: Column): number => column.length * (column.storage === "u8" ? 1 : 4);

function unpadded(bytes: Uint8Array, column: Column): Uint8Array {
  return copyRows(bytes, column.rowBytes, rowSize(column));
}

function padded(bytes: Uint8Array, column: Column): Uint8Array {
  return copyRows(bytes, rowSize(column), column.rowBytes);
}

function copyRows(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const rows = bytes.length / from;
  const out = new Uint8Array(rows * to);
  for (let row = 0; row < rows; row++) out.set(bytes.subarray(row * from, row * from + Math.min(from, to)), row * to);
  return out;
}

/** Returns the SHA-256 of all that decides how the learner goes on, in hex. */
export async function hashState(engine: Engine): Promise<string> {
  const { state, rows } = await engine.stateBytes();
  const carried = [...engine.layout.carried.values()].map(({ name }) => rows.get(name) as Uint8Array);
  const { step, samples, boundaries, batchSize } = engine.counters;
  const counters = new Uint8Array(new Float64Array([step, samples, boundaries, batchSize]).buffer);
  const { memory } = engine;
  const known = memory === undefined ? [] : [memory.replay.save(), bytesOfPairs(memory.refusals.save(samples))];
  const stored =
    memory?.pages === undefined
      ? { x: rows.get("x") as Uint8Array, y: rows.get("y") as Uint8Array }
      : await memory.pages.all(memory.replay);
  const more = extraColumns(engine.layout).map(({ name }) => rows.get(name) as Uint8Array);
  const hooks = engine.hooked?.save();
  const gathered = [...(hooks?.numbers.values() ?? [])].map((values) => bytesOf(values.slice()));
  const { rates } = engine;
  const marks = new Uint8Array(Float64Array.from(Object.values(rates.marks), (update) => update ?? Number.POSITIVE_INFINITY).buffer);
  const changed = Object.entries(engine.settings).sort(([a], [b]) => (a < b ? -1 : 1));
  const { control } = rates.save();
  const told = [
    ...(changed.length === 0 ? [] : [changed]),
    ...(control === undefined ? [] : [control]),
    ...(hooks === undefined || hooks.pending.length === 0 ? [] : [hooks.pending]),
  ];
  const settings = told.map((part) => new TextEncoder().encode(JSON.stringify(part)));
  return sha256Hex([state, stored.x, stored.y, ...more, ...gathered, ...known, counters, ...carried, marks, ...settings]);
}
