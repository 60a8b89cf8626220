/** Files spoiled in every way there is, given to whatever reads them: each is refused in this package's words or means what a slow reading says. */
import { isDeepStrictEqual } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { type ErrorCode, isError } from "../../src/errors.ts";
import { decodeOperation, encodeOperation } from "../../src/learner/journal.ts";
import { resolveConfig } from "../../src/learner/resolve.ts";
import * as nn from "../../src/nn/index.ts";
import { meanSquaredError } from "../../src/nn/loss.ts";
import * as optim from "../../src/optim/index.ts";
import { RandomStream } from "../../src/random.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../src/store/checkpoint.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../src/store/safetensors.ts";
import { gunzip, readIdx } from "../../src/stream/idx.ts";
import { Allocations } from "./allocations.ts";
import { withQuickDigests } from "./digest.ts";
import { changedBytes, changedJson, pick } from "./mutate.ts";
import { byName, type SlowFile, signed, slowCheckpoint, slowIdx, slowSafetensors } from "./slow.ts";
import { slowBatch } from "./slowbatch.ts";

/** What became of spoiled files. */
export interface Spoiled {
  tried: number;
  /** Those that still could be read, and were read right. */
  accepted: number;
  refused: number;
  readonly problems: string[];
}

/** A kind of file, and two ways to read it. */
interface Format {
  /** Files tried of a thousand. */
  readonly share: number;
  /** Returns a spoiled file. */
  forge(random: RandomStream): Uint8Array;
  /** Reads it and returns what can be compared. */
  read(bytes: Uint8Array): unknown;
  /** Reads it by other means; undefined where it is to be refused. */
  slow(bytes: Uint8Array): unknown;
  readonly codes: readonly ErrorCode[];
}

const MOST_MS = 1000;
const ROOM = 2 ** 24;

/** Spoils `count` files and reads each; where `only` is given, of that format alone. */
export function tortureFiles(count: number, seed: number, only?: string): Promise<Spoiled> {
  return withQuickDigests(async () => {
    const result: Spoiled = { tried: 0, accepted: 0, refused: 0, problems: [] };
    const formats = await formatsOf();
    const chosen = Object.keys(formats).filter((name) => only === undefined || name === only);
    const turns = chosen.flatMap((name) => new Array<string>((formats[name] as Format).share).fill(name));
    const allocations = new Allocations();
    try {
      for (let i = 0; i < count && result.problems.length < 20; i++) {
        const name = turns[(i * 617) % turns.length] as string;
        allocations.allow(Number.POSITIVE_INFINITY);
        await attempt(name, formats[name] as Format, new RandomStream(seed, `${name} ${i}`), allocations, result);
      }
    } finally {
      allocations.stop();
    }
    return result;
  });
}

async function attempt(name: string, format: Format, random: RandomStream, allocations: Allocations, result: Spoiled): Promise<void> {
  const bytes = format.forge(random);
  const problem = (what: string): void => void result.problems.push(`${name} ${Buffer.from(bytes).toString("base64")}: ${what}`);
  const expected = format.slow(bytes.slice());
  result.tried += 1;
  let fastest = Number.POSITIVE_INFINITY;
  // A machine at other work may be slow once.
  for (let tries = 0; tries < 3 && fastest > MOST_MS; tries++) {
    const given = bytes.slice();
    const start = performance.now();
    try {
      allocations.allow(2 * bytes.length + ROOM);
      const read = await format.read(given);
      if (tries > 0) continue;
      result.accepted += 1;
      if (expected === undefined) problem("was not refused");
      else if (!isDeepStrictEqual(read, expected)) problem("was read as something else");
      if (Buffer.compare(given, bytes) !== 0) problem("was changed by reading it");
    } catch (error) {
      if (tries > 0) continue;
      result.refused += 1;
      if (!isError(error, ...format.codes)) problem((error as Error).stack ?? String(error));
      else if (expected !== undefined) problem(`was refused: ${error.message}`);
    } finally {
      allocations.allow(Number.POSITIVE_INFINITY);
      fastest = Math.min(fastest, performance.now() - start);
    }
  }
  if (fastest > MOST_MS) problem(`took ${fastest} ms`);
}

async function formatsOf(): Promise<Readonly<Record<string, Format>>> {
  const [checkpoints, journals] = [await checkpointFiles(), await journalRecords()];
  const byOtherBytes = (files: readonly Uint8Array[], random: RandomStream) =>
    changedBytes(pick(random, files), pick(random, files), random);
  const plain = plainFiles();
  const arrays = idxFiles();
  const packed = arrays.map((bytes) => new Uint8Array(gzipSync(bytes)));
  return {
    safetensors: {
      share: 550,
      codes: ["E_FORMAT", "E_UNSUPPORTED"],
      forge: (random) => (random.below(3) === 0 ? byOtherBytes(plain, random) : withHeader(pick(random, plain), random)),
      read(bytes) {
        const { tensors, metadata } = readSafetensors(bytes, "file");
        return told(tensors, metadata);
      },
      slow: (bytes) => withoutHeader(slowSafetensors(bytes)),
    },
    idx: {
      share: 240,
      codes: ["E_FORMAT"],
      forge: (random) => byOtherBytes(arrays, random),
      read(bytes) {
        const { shape, data } = readIdx(bytes, "file");
        return { type: bytes[2], shape: [...shape], data: [...data] };
      },
      slow: slowIdx,
    },
    gzip: {
      share: 4,
      codes: ["E_FORMAT"],
      forge: (random) => byOtherBytes(packed, random),
      read: async (bytes) => [...(await gunzip(bytes, "file", ROOM))],
      slow(bytes) {
        if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return [...bytes];
        try {
          return [...gunzipSync(bytes)];
        } catch {
          return undefined;
        }
      },
    },
    checkpoint: {
      share: 100,
      codes: ["E_FORMAT", "E_UNSUPPORTED", "E_CORRUPT", "E_VERSION"],
      forge: (random) => forgedCheckpoint(pick(random, checkpoints), pick(random, checkpoints), random),
      async read(bytes) {
        const { tensors, meta } = await decodeCheckpoint(bytes, "file");
        return { meta, tensors: told(tensors, {}).tensors };
      },
      slow: slowCheckpoint,
    },
    ...Object.fromEntries(
      journals.map(({ name, config, records }) => [
        name,
        {
          share: 35,
          codes: ["E_CORRUPT", "E_DATA"],
          forge: (random) => forgedRecord(records, random),
          read(bytes) {
            const operation = decodeOperation(bytes, config, "journal");
            if (operation.kind !== "observe") return operation;
            return encodeOperation(operation).flatMap((part) => [...part]);
          },
          slow: (bytes) => slowBatch(bytes, config),
        } satisfies Format,
      ]),
    ),
  };
}

function told(tensors: ReadonlyMap<string, StoredTensor>, metadata: Readonly<Record<string, string>>): Omit<SlowFile, "headerBytes"> {
  return {
    tensors: [...tensors].map(([name, { dtype, shape, data }]) => [name, [dtype, shape, [...data]]]),
    metadata: Object.entries(metadata).sort(byName),
  };
}

function withoutHeader(file: SlowFile | undefined): Omit<SlowFile, "headerBytes"> | undefined {
  return file && { tensors: file.tensors, metadata: file.metadata };
}

function plainFiles(): Uint8Array[] {
  const data = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => 31 * i + 7);
  const tensors: readonly [string, StoredTensor][] = [
    ["w", { dtype: "F32", shape: [2, 3], data: data(24) }],
    ['é "\n', { dtype: "U8", shape: [5], data: data(5) }],
    ["none", { dtype: "BF16", shape: [2, 0], data: data(0) }],
    ["0", { dtype: "F64", shape: [], data: data(8) }],
    ["__proto__", { dtype: "BOOL", shape: [1, 1], data: data(1) }],
  ];
  return [
    writeSafetensors(new Map(tensors), { format: "pt", note: 'a "b" \\' }),
    writeSafetensors(new Map(tensors.slice(0, 1))),
    writeSafetensors(new Map(tensors.slice(1, 3)), { a: "" }),
    writeSafetensors(new Map(), { only: "metadata" }),
  ];
}

function idxFiles(): Uint8Array[] {
  const file = (type: number, shape: readonly number[], bytes: number): Uint8Array => {
    const count = shape.reduce((product, n) => product * n, bytes);
    const header = [0, 0, type, shape.length, ...shape.flatMap((n) => [0, 0, n >> 8, n & 255])];
    return Uint8Array.from([...header, ...Array.from({ length: count }, (_, i) => (37 * i) & 255)]);
  };
  return [
    file(8, [3, 4, 2], 1),
    file(9, [7], 1),
    file(11, [2, 3], 2),
    file(12, [5], 4),
    file(13, [2, 2], 4),
    file(14, [3], 8),
    file(8, [300], 1),
  ];
}

/** Returns a safetensors file whose header was changed as text, and told to be as long as it is. */
function withHeader(bytes: Uint8Array, random: RandomStream): Uint8Array {
  const dataStart = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  let text = new TextDecoder().decode(bytes.subarray(8, dataStart));
  for (let left = 1 + random.below(2); left > 0; left--) text = changedJson(text, random);
  const header = new TextEncoder().encode(text);
  const out = new Uint8Array(8 + header.length + bytes.length - dataStart);
  new DataView(out.buffer).setBigUint64(0, BigInt(header.length), true);
  out.set(header, 8);
  out.set(bytes.subarray(dataStart), 8 + header.length);
  return out;
}

async function checkpointFiles(): Promise<Uint8Array[]> {
  const meta = {
    model: "linear[4,2]",
    config: { layers: [4, 2], note: null, deep: { on: true } },
    counters: { step: 12, samples: 9007199254740991 },
    random: { draw: 48 },
    schedule: { stage: 1, value: 0.1 },
    engine: { backend: "wasm" },
  };
  const one: StoredTensor = { dtype: "F32", shape: [2], data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) };
  const two: StoredTensor = { dtype: "U8", shape: [3], data: Uint8Array.of(9, 8, 7) };
  const files = [
    new Map([["params", one]]),
    new Map([...Object.entries({ params: two, "memory/x": one })]),
    new Map<string, StoredTensor>(),
  ];
  return Promise.all(files.map((tensors) => encodeCheckpoint({ tensors, meta })));
}

/** Returns a checkpoint with damage, or one whose every digest fits what was made of it. */
function forgedCheckpoint(bytes: Uint8Array, other: Uint8Array, random: RandomStream): Uint8Array {
  const way = random.below(4);
  if (way === 0) return changedBytes(bytes, other, random);
  if (way === 1) return signed(withHeader(bytes, random));
  const { tensors, metadata } = readSafetensors(bytes, "checkpoint");
  const text = changedJson(metadata.palimpsest as string, random);
  return signed(writeSafetensors(tensors, { ...metadata, palimpsest: text }));
}

interface Journal {
  readonly name: string;
  readonly config: Awaited<ReturnType<typeof resolveConfig>>;
  readonly records: readonly Uint8Array[];
}

async function journalRecords(): Promise<Journal[]> {
  const learning = { optimizer: optim.sgd(), schedule: 0.1 };
  const model = nn.classifier({ capacity: 3 });
  const journals: [string, Parameters<typeof resolveConfig>[0]][] = [
    ["record", { ...learning, model, input: [2] }],
    ["record of bytes", { ...learning, model, input: { shape: [3], dtype: "u8" } }],
    ["record of values", { ...learning, model: nn.linear(2), input: [2], loss: meanSquaredError() }],
  ];
  return Promise.all(
    journals.map(async ([name, options]) => {
      const config = await resolveConfig(options);
      const bytes = config.input.dtype === "u8";
      const batch = (count: number, more: object) => {
        const values = Array.from({ length: count * (bytes ? 3 : 2) }, (_, i) => i / 2);
        const x = bytes ? Uint8Array.from(values) : Float32Array.from(values);
        const labels = Uint32Array.from({ length: count }, (_, i) => i % 3);
        const targets = config.loss.targets === "labels" ? labels : Float32Array.from({ length: 2 * count }, (_, i) => i / 4);
        return { kind: "observe", batch: { count, x, targets, labels, task: 0, id: undefined, weight: undefined, ...more } } as const;
      };
      const operations = [
        batch(1, {}),
        batch(3, { id: Float64Array.of(5, 6, 2 ** 53 - 1), task: 7 }),
        batch(2, { weight: Float32Array.of(0, 2), id: Float64Array.of(0, 1) }),
        { kind: "mark", name: "cooldown" },
        { kind: "set", name: "weightDecay", value: 0.5 },
        { kind: "control", observation: { metric: 0.5 } },
        { kind: "consolidate" },
        { kind: "resetCarry", rows: [0, 1] },
      ] as const;
      return {
        name,
        config,
        records: operations.map((operation) => Uint8Array.from(encodeOperation(operation).flatMap((part) => [...part]))),
      };
    }),
  );
}

function forgedRecord(records: readonly Uint8Array[], random: RandomStream): Uint8Array {
  const record = pick(random, records);
  if (record[0] === 1 || random.below(4) === 0) return changedBytes(record, pick(random, records), random);
  return Uint8Array.of(2, ...new TextEncoder().encode(changedJson(new TextDecoder().decode(record.subarray(1)), random)));
}
