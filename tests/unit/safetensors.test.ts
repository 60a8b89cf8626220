import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ErrorCode, PalimpsestError } from "../../src/errors.ts";
import { RandomStream } from "../../src/random.ts";
import { type Dtype, readSafetensors, type StoredTensor, writeSafetensors } from "../../src/store/safetensors.ts";

const elementBytes: Record<Dtype, number> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
};

function f32(...values: number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

/** A file with this header as it stands and this many bytes of data behind it. */
function file(header: string | Uint8Array, dataBytes = 0, claimed?: bigint): Uint8Array {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

function tensor(shape: string, begin: number | string, end: number | string, dtype = "F32"): string {
  return `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;
}

function failure(run: () => unknown): PalimpsestError {
  try {
    run();
  } catch (error) {
    if (error instanceof PalimpsestError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("published vectors (safetensors, test_serialization, test_serialization_forced_alignement, test_empty)", () => {
  const data = f32(0, 1, 2, 3, 4, 5);
  it.each([
    ["attn.0", [1, 2, 3], `{"attn.0":{"dtype":"F32","shape":[1,2,3],"data_offsets":[0,24]}}`, 64],
    ["attn0", [1, 1, 2, 3], `{"attn0":{"dtype":"F32","shape":[1,1,2,3],"data_offsets":[0,24]}}       `, 72],
  ])("one tensor %s", (name, shape, header, headerBytes) => {
    const written = writeSafetensors(new Map([[name, { dtype: "F32", shape, data }]]));
    const expected = file(header, 24);
    expected.set(data, 8 + headerBytes);
    expect(expected[0]).toBe(headerBytes);
    expect(written).toEqual(expected);
    expect(readSafetensors(written, "f").tensors).toEqual(new Map([[name, { dtype: "F32", shape, data }]]));
  });

  it("no tensors, with and without metadata", () => {
    expect(writeSafetensors(new Map())).toEqual(file("{}      "));
    const written = writeSafetensors(new Map(), { framework: "pt" });
    expect(written).toEqual(file(`{"__metadata__":{"framework":"pt"}}     `));
    expect(readSafetensors(written, "f").metadata).toEqual({ framework: "pt" });
  });

  it("a scalar, an empty tensor, a header that is not padded, space inside the header", () => {
    const scalar = readSafetensors(file(`{"test":${tensor("[]", 0, 4, "I32")}}`, 4), "f").tensors.get("test");
    expect(scalar).toEqual({ dtype: "I32", shape: [], data: new Uint8Array(4) });
    const empty = readSafetensors(file(`{"test":{"dtype":"I32","shape":[2,0],"data_offsets":[0, 0]}}`), "f").tensors.get("test");
    expect(empty).toEqual({ dtype: "I32", shape: [2, 0], data: new Uint8Array(0) });
    const spaced = readSafetensors(file(`{ "a" :\n{ "shape" : [ 1 , 1 ] ,\t"data_offsets" : [ 0 , 4 ] , "dtype" : "F32" } }  `, 4), "f");
    expect(spaced.tensors.get("a")?.shape).toEqual([1, 1]);
  });
});

describe("a round trip", () => {
  const anyName = fc.oneof(fc.string({ unit: "binary", maxLength: 12 }), fc.constantFrom("__proto__", "constructor", '"\\\n', "0"));
  const anyTensor = fc
    .record({ dtype: fc.constantFrom(...(Object.keys(elementBytes) as Dtype[])), shape: fc.array(fc.nat({ max: 3 }), { maxLength: 4 }) })
    .chain(({ dtype, shape }) => {
      const bytes = shape.reduce((size, n) => size * n, elementBytes[dtype]);
      return fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((data): StoredTensor => ({ dtype, shape, data }));
    });
  const anyMetadata = fc.array(fc.tuple(anyName, fc.string({ unit: "binary" })), { maxLength: 4 }).map(Object.fromEntries);

  it("gives back every name, dtype, shape, byte and the order", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyName, anyTensor), { maxLength: 6 }), anyMetadata, (entries, metadata) => {
        const tensors = new Map(entries);
        const bytes = writeSafetensors(tensors, metadata);
        const read = readSafetensors(bytes, "f");
        expect([...read.tensors]).toEqual([...tensors]);
        expect(Object.entries(read.metadata)).toEqual(Object.entries(metadata));
        expect(writeSafetensors(read.tensors, read.metadata)).toEqual(bytes);
        expect(new DataView(bytes.buffer).getUint32(0, true) % 8).toBe(0);
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  it("gives views of the file, also of a file inside a larger buffer", () => {
    const bytes = writeSafetensors(new Map([["a", { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) }]]));
    const larger = new Uint8Array(bytes.length + 5);
    larger.set(bytes, 5);
    const { data } = readSafetensors(larger.subarray(5), "f").tensors.get("a") as StoredTensor;
    expect(data).toEqual(Uint8Array.of(1, 2, 3));
    expect(data.buffer).toBe(larger.buffer);
  });

  it("keeps tensors that lie in another order than their names", () => {
    const { tensors } = readSafetensors(file(`{"b":${tensor("[1]", 4, 8)},"a":${tensor("[1]", 0, 4)}}`, 8), "f");
    expect([...tensors.keys()]).toEqual(["b", "a"]);
    expect(tensors.get("b")?.data.byteOffset).toBe((tensors.get("a")?.data.byteOffset as number) + 4);
  });
});

describe("what the reader refuses", () => {
  const one = tensor("[1]", 0, 4);
  const cases: [what: string, bytes: Uint8Array, message: RegExp, code?: ErrorCode][] = [
    ["an empty file", new Uint8Array(0), /too small.*at least 8 bytes, got 0/],
    ["seven bytes", new Uint8Array(7), /too small.*got 7/],
    ["a header of length 0", new Uint8Array(16), /header is too small.*got 0/],
    ["a header beyond the file", file("{}", 0, 3n), /beyond the file; expected at most 2 bytes, got 3/],
    ["a header of 2^53 + 1 bytes", file("{}", 0, 2n ** 53n + 1n), /got 9007199254740993/],
    ["a header of 2^64 - 1 bytes", file("{}", 0, 2n ** 64n - 1n), /got 18446744073709551615/],
    ["bytes that are not UTF-8", file(Uint8Array.of(0x7b, 0xff, 0x7d)), /UTF-8/],
    ["a byte order mark", file("\ufeff{}"), /expected "\{" at byte 8, got byte value 239/],
    ["space before the header", file(" {}"), /expected "\{"/],
    ["a list", file("[]"), /expected "\{"/],
    ["half a header", file("{"), /the header is malformed at byte 9; expected a string, got the end/],
    ["text behind the header", file("{} x"), /goes on after its JSON at byte 11; expected spaces, got "x"/],
    ["a line feed behind the header", file("{}\n"), /goes on after its JSON at byte 10/],
    ["a comma before the end", file(`{"a":${one},}`, 4), /expected a string/],
    ["two names without a comma", file(`{"a":${one}"b":${one}}`, 4), /expected ","/],
    ["a name without quotes", file(`{a:${one}}`, 4), /byte 9; expected a string, got "a:/],
    ["a string that does not end", file('{"a'), /broken string/],
    ["a string that ends in a backslash", file('{"a\\'), /broken string/],
    ["a control character in a string", file('{"a\nb":1}'), /broken string at byte 11/],
    ["a bad escape", file('{"\\x":1}'), /bad escape at byte 9/],
    ["half a surrogate pair", file('{"\\ud800":1}'), /surrogate/],
    ["a duplicate name", file(`{"a":${one},"a":${one}}`, 4), /names "a" twice at byte 62/],
    ["a duplicate name, once escaped", file(`{"a":${one},"\\u0061":${one}}`, 4), /names "a" twice/],
    ["a duplicate field", file(`{"a":{"dtype":"F32","dtype":"U8","shape":[1],"data_offsets":[0,4]}}`, 4), /tensor "a" names "dtype" twice/],
    ["duplicate metadata", file('{"__metadata__":{"k":"1","k":"2"}}'), /__metadata__ names "k" twice/],
    ["the metadata twice", file('{"__metadata__":{},"__metadata__":{}}'), /names "__metadata__" twice/],
    ["metadata that are a number", file('{"__metadata__":{"k":1}}'), /__metadata__ is malformed at byte 29; expected a string, got "1/],
    ["a name of 1 MB", file(`{"${"a".repeat(1_000_000)}":${one}}`, 4), /name is 1000000 characters long at byte 9; expected at most 4096/],
    ["a tensor that is a number", file('{"a":1}'), /tensor "a" is malformed at byte 13; expected "\{", got "1\}"/],
    ["a field of no meaning", file(`{"a":{"x":1}}`), /tensor "a" has an unknown field at byte 14/],
    ["a tensor without a shape", file('{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4), /tensor "a" has an incomplete description/],
    ["one offset", file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[4]}}', 4), /incomplete/],
    ["three offsets", file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}}', 4), /incomplete/],
    ["a negative dimension", file(`{"a":${tensor("[-1]", 0, 4)}}`, 4), /tensor "a": shape.*whole number below 2\^53, got "-1/],
    ["a fractional dimension", file(`{"a":${tensor("[1.5]", 0, 4)}}`, 4), /shape.*got "1.5/],
    ["a dimension with an exponent", file(`{"a":${tensor("[1e400]", 0, 4)}}`, 4), /shape.*got "1e400/],
    ["a dimension that begins with 0", file(`{"a":${tensor("[01]", 0, 4)}}`, 4), /shape.*got "01/],
    ["a dimension of 2^53", file(`{"a":${tensor("[9007199254740992]", 0, 4)}}`, 4), /shape.*got "9007199254740992/],
    ["a dimension of 2^64 + 1", file(`{"a":${tensor("[18446744073709551617]", 0, 4)}}`, 4), /shape.*got "1844/],
    ["a shape of 65 dimensions", file(`{"a":${tensor(`[${"1,".repeat(64)}1]`, 0, 4)}}`, 4), /at most 64 numbers/],
    ["a list in a shape", file(`{"a":${tensor("[[1]]", 0, 4)}}`, 4), /shape.*got "\[1/],
    ["a shape whose product passes 2^53", file(`{"a":${tensor("[134217728,134217728]", 0, 4)}}`, 4), /a size below 2\^53 bytes/],
    ["a negative offset", file(`{"a":${tensor("[1]", -4, 0)}}`, 4), /data_offsets.*got "-4/],
    ["offsets in reverse", file(`{"a":${tensor("[1]", 4, 0)}}`, 4), /tensor "a" has a wrong size.*got data bytes 4 to 0/],
    ["offsets that do not fit the shape", file(`{"a":${tensor("[2]", 0, 4)}}`, 4), /expected 8 bytes for F32 \[2\]/],
    [
      "a tensor beyond the file",
      file(`{"a":${tensor("[2]", 0, 8)}}`, 4),
      /"a" goes beyond the file; expected data of 8 bytes at least, got 4/,
    ],
    ["two tensors in one place", file(`{"a":${one},"b":${one}}`, 4), /"b" overlaps.*begin at data byte 4, got 0/],
    ["a gap between tensors", file(`{"a":${one},"b":${tensor("[1]", 8, 12)}}`, 12), /"b" leaves a gap.*data byte 4, got 8/],
    ["a gap before the first tensor", file(`{"a":${tensor("[1]", 4, 8)}}`, 8), /"a" leaves a gap.*data byte 0, got 4/],
    ["bytes behind the last tensor", file(`{"a":${one}}`, 5), /goes on after its last tensor; expected 4 bytes of data, got 5/],
    ["an unknown element type", file(`{"a":${tensor("[1]", 0, 1, "F4")}}`, 1), /"a".*one of BOOL, U8.*got "F4"/, "E_UNSUPPORTED"],
    ["an element type of six bits", file(`{"a":${tensor("[4]", 0, 3, "F6_E2M3")}}`, 3), /one of BOOL, U8.*got "F6_E2M3"/, "E_UNSUPPORTED"],
    ["an element type of eight bits", file(`{"a":${tensor("[1]", 0, 1, "F8_E4M3")}}`, 1), /got "F8_E4M3"/, "E_UNSUPPORTED"],
    ["a header of more than 25 MB", file(new Uint8Array(25_000_001)), /header is too large; expected at most 25000000 bytes, got 25000001/],
    ["an inherited element type", file(`{"a":${tensor("[1]", 0, 1, "toString")}}`, 1), /got "toString"/, "E_UNSUPPORTED"],
  ];

  it.each(cases)("%s", (_, bytes, message, code = "E_FORMAT") => {
    const error = failure(() => readSafetensors(bytes, "m.safetensors"));
    expect(error.message).toMatch(message);
    expect(error.message.startsWith("m.safetensors: ")).toBe(true);
    expect(error.code).toBe(code);
  });

  it("a header above the limit, with both numbers", () => {
    const bytes = writeSafetensors(new Map(), { k: "x".repeat(100) });
    expect(failure(() => readSafetensors(bytes, "f", { maxHeaderBytes: 64 })).message).toMatch(/expected at most 64 bytes, got 128/);
    expect(readSafetensors(bytes, "f", { maxHeaderBytes: 128 }).metadata.k).toHaveLength(100);
  });

  it("counts bytes, not characters, in the place it names", () => {
    expect(failure(() => readSafetensors(file('{"é€😀":1}'), "f")).message).toMatch(/at byte 21;/);
  });

  it("throws nothing but its own error, whatever is changed in the header", () => {
    const bytes = writeSafetensors(
      new Map<string, StoredTensor>([
        ["w\n", { dtype: "F32", shape: [2, 1], data: f32(1, 2) }],
        ["é", { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) }],
      ]),
      { note: "a b" },
    );
    const random = new RandomStream(3, "safetensors.fuzz");
    let refused = 0;
    let variants = 0;
    const attempt = (variant: Uint8Array): void => {
      variants++;
      try {
        readSafetensors(variant, "f");
      } catch (error) {
        if (!(error instanceof PalimpsestError)) throw error;
        refused++;
      }
    };
    for (let length = 0; length < bytes.length; length++) attempt(bytes.slice(0, length));
    expect(refused).toBe(bytes.length);
    for (let at = 0; at < bytes.length - 11; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const variant = bytes.slice();
        variant[at] = (variant[at] as number) ^ (1 << bit);
        attempt(variant);
      }
    }
    const insertions = new TextEncoder().encode('{}[]",:\\0-9e. ntf\u0000');
    for (let i = 0; i < 2000; i++) {
      const variant = bytes.slice();
      const edits = 1 + random.below(4);
      for (let edit = 0; edit < edits; edit++)
        variant[8 + random.below(bytes.length - 8)] = insertions[random.below(insertions.length)] as number;
      attempt(variant);
    }
    expect(variants).toBeGreaterThan(3000);
  });
});

describe("what the writer refuses", () => {
  const data = new Uint8Array(4);
  it.each<[string, Map<string, StoredTensor>, ErrorCode, RegExp]>([
    [
      "bytes that do not fit the shape",
      new Map([["w", { dtype: "F32", shape: [2], data }]]),
      "E_SHAPE",
      /"w".*expected 8 bytes for F32 \[2\], got 4/,
    ],
    ["a negative dimension", new Map([["w", { dtype: "F32", shape: [-1, -1], data }]]), "E_SHAPE", /a size below 2\^53/],
    ["a fractional dimension", new Map([["w", { dtype: "F32", shape: [0.3], data }]]), "E_SHAPE", /a size below 2\^53/],
    ["the name of the metadata", new Map([["__metadata__", { dtype: "F32", shape: [1], data }]]), "E_FORMAT", /"__metadata__"/],
    ["half a surrogate pair", new Map([["\ud800", { dtype: "F32", shape: [1], data }]]), "E_FORMAT", /Unicode/],
    ["a name of 4097 characters", new Map([["a".repeat(4097), { dtype: "F32", shape: [1], data }]]), "E_FORMAT", /at most 4096/],
    ["an unknown element type", new Map([["w", { dtype: "F4" as Dtype, shape: [1], data }]]), "E_UNSUPPORTED", /got "F4"/],
  ])("%s", (_, tensors, code, message) => {
    const error = failure(() => writeSafetensors(tensors));
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  it("a header that its own reader would refuse", () => {
    expect(failure(() => writeSafetensors(new Map(), { k: "x".repeat(25_000_000) })).message).toMatch(
      /expected at most 25000000 bytes, got 250000/,
    );
  });
});
