import { createHash } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type ErrorCode, PalimpsestError } from "../../src/errors.ts";
import { RandomStream } from "../../src/random.ts";
import { type Checkpoint, type CheckpointMeta, decodeCheckpoint, encodeCheckpoint } from "../../src/store/checkpoint.ts";
import { sha256Hex } from "../../src/store/digest.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../src/store/safetensors.ts";

const meta: CheckpointMeta = {
  model: "linear[4,2]",
  config: { optimizer: { name: "adamw", eps: 1e-8 }, layers: [4, 2], note: null, nested: { __proto__: null, on: true } },
  counters: { step: 12, samples: 9007199254740991 },
  random: { "replay.draw": 48, dropout: 0 },
  schedule: { stage: 1, value: 0.1 + 0.2 },
  engine: { backend: "wasm" },
};

function example(): Checkpoint {
  return {
    meta,
    tensors: new Map<string, StoredTensor>([
      ["params", { dtype: "F32", shape: [2, 2], data: new Uint8Array(Float32Array.of(1, -0, Number.NaN, 2 ** -149).buffer) }],
      ["memory.x", { dtype: "U8", shape: [3, 5], data: Uint8Array.from({ length: 15 }, (_, i) => 17 * i) }],
      ["memory.y", { dtype: "U8", shape: [3, 5], data: Uint8Array.from({ length: 15 }, (_, i) => 7 * i + 1) }],
      ["none", { dtype: "U32", shape: [0, 4], data: new Uint8Array(0) }],
    ]),
  };
}

async function failure(run: Promise<unknown>): Promise<PalimpsestError> {
  const error = await run.then(
    () => new Error("nothing was refused"),
    (reason: unknown) => reason,
  );
  if (error instanceof PalimpsestError) return error;
  throw error;
}

function sha256(...parts: Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

afterEach(() => vi.unstubAllGlobals());

describe("sha256Hex", () => {
  it("gives the digests of FIPS 180-4's examples", async () => {
    const text = (words: string): Uint8Array => new TextEncoder().encode(words);
    expect(await sha256Hex(text("abc"))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(await sha256Hex([])).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const parts = ["abcdbcdecdefdefgefgh", "", "fghighijhijkijkljklmklmnlmnomnopnopq"].map(text);
    expect(await sha256Hex(parts)).toBe("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  });

  it("reads memory that threads share", async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(8), 2, 3);
    shared.set([97, 98, 99]);
    expect(await sha256Hex(shared)).toBe(sha256(Uint8Array.of(97, 98, 99)).toString("hex"));
  });

  it("says what to do where the page is not secure", async () => {
    vi.stubGlobal("crypto", {});
    const error = await failure(sha256Hex(new Uint8Array(1)));
    expect(error.code).toBe("E_INSECURE_CONTEXT");
    expect(error.hint).toMatch(/HTTPS/);
  });
});

describe("a checkpoint", () => {
  it("gives back every bit of the tensors and the very metadata", async () => {
    const bytes = await encodeCheckpoint(example());
    const back = await decodeCheckpoint(bytes, "c", { model: meta.model });
    expect([...back.tensors]).toEqual([...example().tensors]);
    expect(back.meta).toEqual(meta);
    expect(await encodeCheckpoint(back)).toEqual(bytes);
  });

  it("is a plain safetensors file whose last tensor is the digests of all before it", async () => {
    const bytes = await encodeCheckpoint(example());
    const { tensors, metadata } = readSafetensors(bytes, "c");
    expect([...tensors.keys()]).toEqual(["params", "memory.x", "memory.y", "none", "palimpsest.sha256"]);
    expect(JSON.parse(metadata.palimpsest as string)).toEqual({ format: 1, ...meta });
    const header = bytes.subarray(0, 8 + new DataView(bytes.buffer).getUint32(0, true));
    const rows = [...example().tensors.values()].map(({ data }) => sha256(data));
    rows.push(sha256(header));
    rows.push(sha256(...rows));
    expect(Buffer.from(bytes.subarray(-6 * 32)).equals(Buffer.concat(rows))).toBe(true);
  });

  it("holds the state of the moment it was asked for", async () => {
    const { tensors } = example();
    const pending = encodeCheckpoint({ meta, tensors });
    tensors.get("params")?.data.fill(255);
    const back = await decodeCheckpoint(await pending, "c");
    expect(back.tensors.get("params")).toEqual(example().tensors.get("params"));
  });

  it("may hold no tensor at all", async () => {
    const bytes = await encodeCheckpoint({ meta, tensors: new Map() });
    expect((await decodeCheckpoint(bytes, "c")).tensors.size).toBe(0);
  });

  it.each<[string, unknown, RegExp]>([
    ["NaN", { rate: Number.NaN }, /meta\.config\.rate.*got NaN/],
    ["a negative zero", [1, [-0]], /meta\.config\.1\.0/],
    ["nothing", { a: undefined }, /meta\.config\.a.*got nothing/],
    ["a hole", new Array(1), /meta\.config\.0.*got nothing/],
    ["a typed array", new Float32Array(2), /got Float32Array of 2/],
    ["a date", { at: new Date(0) }, /got a value of type Date/],
    ["a bigint", 1n, /got 1/],
  ])("refuses metadata with %s, which JSON would change", async (_, config, message) => {
    const error = await failure(encodeCheckpoint({ tensors: new Map(), meta: { ...meta, config } }));
    expect(error.code).toBe("E_DATA");
    expect(error.message).toMatch(message);
  });

  it("refuses a tensor under the name of the digests", async () => {
    const tensors = new Map<string, StoredTensor>([["palimpsest.sha256", { dtype: "U8", shape: [0], data: new Uint8Array(0) }]]);
    expect((await failure(encodeCheckpoint({ tensors, meta }))).code).toBe("E_FORMAT");
  });
});

describe("a file that is not the checkpoint asked for", () => {
  /** A file with this metadata text and digests that fit it. */
  async function signed(text: string): Promise<Uint8Array> {
    const digests: StoredTensor = { dtype: "U8", shape: [2, 32], data: new Uint8Array(64) };
    const bytes = writeSafetensors(new Map([["palimpsest.sha256", digests]]), { palimpsest: text });
    const row = sha256(bytes.subarray(0, bytes.length - 64));
    bytes.set(row, bytes.length - 64);
    bytes.set(sha256(row), bytes.length - 32);
    return bytes;
  }

  it.each<[string, () => Promise<Uint8Array>, ErrorCode, RegExp]>([
    ["empty", async () => new Uint8Array(0), "E_FORMAT", /too small/],
    ["a picture", async () => Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82), "E_FORMAT", /beyond the file/],
    [
      "safetensors of another tool",
      async () => writeSafetensors(new Map(), { format: "pt" }),
      "E_FORMAT",
      /metadata "palimpsest", got none/,
    ],
    ["without digests", async () => writeSafetensors(new Map(), { palimpsest: "{}" }), "E_FORMAT", /tensor "palimpsest.sha256", got none/],
    ["of a newer format", () => signed(JSON.stringify({ format: 2, state: 1 })), "E_VERSION", /expected format 1 at most, got 2/],
    ["of no format", () => signed(JSON.stringify(meta)), "E_FORMAT", /expected format 1/],
    ["with metadata that are no JSON", () => signed("{"), "E_FORMAT", /not those of a checkpoint/],
    ["with metadata that are a list", () => signed("[1]"), "E_FORMAT", /not those of a checkpoint/],
    [
      "without a schedule",
      () => signed(JSON.stringify({ format: 1, ...meta, schedule: undefined })),
      "E_FORMAT",
      /schedule and engine, got/,
    ],
    ["with a counter that is text", () => signed(JSON.stringify({ format: 1, ...meta, counters: { step: "1" } })), "E_FORMAT", /counters/],
    [
      "of another model",
      () => signed(JSON.stringify({ format: 1, ...meta, model: "b" })),
      "E_MISMATCH",
      /expected "linear\[4,2\]", got "b"/,
    ],
  ])("%s", async (_, bytes, code, message) => {
    const error = await failure(decodeCheckpoint(await bytes(), "my.palimpsest", { model: meta.model }));
    expect(error.message).toMatch(message);
    expect(error.message.startsWith("my.palimpsest: ")).toBe(true);
    expect(error.code).toBe(code);
  });

  it("a newer format whose digests are laid out otherwise is still told by its version", async () => {
    const bytes = await signed(JSON.stringify({ format: 7 }));
    bytes.fill(0, bytes.length - 64);
    expect((await failure(decodeCheckpoint(bytes, "c"))).code).toBe("E_VERSION");
  });
});

describe("damage", () => {
  it("of any byte is found and named", async () => {
    const bytes = await encodeCheckpoint(example());
    const random = new RandomStream(5, "checkpoint.fuzz");
    const dataStart = 8 + new DataView(bytes.buffer).getUint32(0, true);
    const parts: [end: number, part: string][] = [
      [dataStart + 16, 'tensor "params"'],
      [dataStart + 31, 'tensor "memory.x"'],
      [dataStart + 46, 'tensor "memory.y"'],
      [bytes.length, "the table of digests"],
    ];
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [1 << random.below(8), 1 + random.below(255), 0xff]) {
        const variant = bytes.slice();
        variant[at] = (variant[at] as number) ^ flip;
        const error = await failure(decodeCheckpoint(variant, "c"));
        if (at < dataStart) {
          expect(["E_CORRUPT", "E_FORMAT", "E_UNSUPPORTED", "E_VERSION"]).toContain(error.code);
        } else {
          const part = parts.find(([end]) => at < end)?.[1];
          expect([error.code, (error.context.damaged as string[])[0]]).toEqual(["E_CORRUPT", part]);
        }
      }
    }
    expect(3 * bytes.length).toBeGreaterThan(2000);
  });

  it("of the header alone is named where the header still reads", async () => {
    const bytes = await encodeCheckpoint(example());
    const at = new TextDecoder().decode(bytes).indexOf("wasm");
    bytes[at] = 87;
    const error = await failure(decodeCheckpoint(bytes, "c"));
    expect(error.code).toBe("E_CORRUPT");
    expect(error.message).toBe("c: the header is damaged; expected bytes that fit their SHA-256, got others");
  });

  it("by cutting, growing, swapping, zeroing and mixing is found", async () => {
    const bytes = await encodeCheckpoint(example());
    const dataStart = 8 + new DataView(bytes.buffer).getUint32(0, true);
    for (let length = 0; length < bytes.length; length += 3) {
      expect((await failure(decodeCheckpoint(bytes.subarray(0, length), "c"))).code).toBe("E_FORMAT");
    }
    const grown = new Uint8Array(bytes.length + 1);
    grown.set(bytes);
    expect((await failure(decodeCheckpoint(grown, "c"))).code).toBe("E_FORMAT");

    const swapped = bytes.slice();
    swapped.copyWithin(dataStart + 16, dataStart + 31, dataStart + 46);
    swapped.set(bytes.subarray(dataStart + 16, dataStart + 31), dataStart + 31);
    expect((await failure(decodeCheckpoint(swapped, "c"))).context.damaged).toEqual(['tensor "memory.x"', 'tensor "memory.y"']);

    for (let at = 0; at + 64 <= bytes.length; at += 64) {
      const zeroed = bytes.slice().fill(0, at, at + 64);
      expect((await failure(decodeCheckpoint(zeroed, "c"))).code).toMatch(/E_CORRUPT|E_FORMAT/);
    }

    // Two saves of one run: the first half of the newer file over the older one, as a torn write leaves it.
    const later = await encodeCheckpoint({ ...example(), meta: { ...meta, counters: { step: 13, samples: 9007199254740990 } } });
    expect(later.length).toBe(bytes.length);
    const torn = bytes.slice();
    torn.set(later.subarray(0, dataStart));
    expect((await failure(decodeCheckpoint(torn, "c"))).context.damaged).toEqual(["the header"]);
  });

  it("of the table's size is found", async () => {
    const { tensors, metadata } = readSafetensors(await encodeCheckpoint(example()), "c");
    const table = tensors.get("palimpsest.sha256") as StoredTensor;
    for (const rows of [0, 5]) {
      tensors.set("palimpsest.sha256", { dtype: "U8", shape: [rows, 32], data: table.data.subarray(0, rows * 32) });
      const error = await failure(decodeCheckpoint(writeSafetensors(tensors, metadata), "c"));
      expect(error.code).toBe("E_CORRUPT");
    }
  });
});
