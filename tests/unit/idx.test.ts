import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ErrorCode, PalimpsestError } from "../../src/errors.ts";
import { gunzip, labelled, readIdx } from "../../src/stream/idx.ts";

const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.split(" "), (byte) => Number.parseInt(byte, 16));
const matching = (code: ErrorCode, ...parts: (string | RegExp)[]) =>
  expect.toSatisfy((error: PalimpsestError) => {
    expect(error.code).toBe(code);
    for (const part of parts) expect(error.message).toMatch(part);
    return true;
  });
const thrown = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return error;
  }
};

describe("readIdx", () => {
  it.each([
    ["u8", "00 00 08 02 00 00 00 02 00 00 00 03 00 01 02 fd fe ff", [2, 3], Uint8Array.of(0, 1, 2, 253, 254, 255)],
    ["i8", "00 00 09 01 00 00 00 02 80 7f", [2], Int8Array.of(-128, 127)],
    ["i16", "00 00 0b 01 00 00 00 02 01 00 ff fe", [2], Int16Array.of(256, -2)],
    ["i32", "00 00 0c 01 00 00 00 01 80 00 00 01", [1], Int32Array.of(-2147483647)],
    ["f32", "00 00 0d 01 00 00 00 02 3f 80 00 00 c0 20 00 00", [2], Float32Array.of(1, -2.5)],
    ["f64", "00 00 0e 01 00 00 00 01 3f b9 99 99 99 99 99 9a", [1], Float64Array.of(0.1)],
  ])("reads %s, big-endian", (_, hex, shape, data) => {
    expect(readIdx(bytes(hex), "file")).toEqual({ name: "file", shape, data });
  });

  it("reads what any writer of the format lays out, wherever the bytes stand in their buffer", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }), fc.nat(9), (shape, offset) => {
        const count = shape.reduce((a, b) => a * b, 1);
        const header = [0, 0, 0x0b, shape.length, ...shape.flatMap((size) => [0, 0, 0, size])];
        const values = Array.from({ length: count }, (_, i) => i * 97 - 30_000);
        const file = Uint8Array.from([...header, ...values.flatMap((value) => [(value >> 8) & 255, value & 255])]);
        const buffer = new Uint8Array(offset + file.length + 3);
        buffer.set(file, offset);
        const read = readIdx(buffer.subarray(offset, offset + file.length), "file");
        expect(read.shape).toEqual(shape);
        expect([...read.data]).toEqual(values);
      }),
    );
  });

  it.each([
    ["nothing", "", [/not an IDX file/, /got no bytes/]],
    ["three bytes", "00 00 08", [/not an IDX file/, /got 00 00 08/]],
    ["a PNG", "89 50 4e 47 0d 0a 1a 0a", [/not an IDX file/, /got 89 50 4e 47/]],
    ["an unknown type", "00 00 0a 01 00 00 00 01 00", [/not an IDX file/, /got 00 00 0a 01/]],
    ["no rank", "00 00 08 00", [/expected a rank ≥ 1/]],
    ["half a header", "00 00 08 03 00 00 00 01 00 00", [/header is truncated/, /expected 16 bytes for rank 3, got 10/]],
    ["an empty array", "00 00 08 02 00 00 00 00 00 00 00 05", [/array is empty/, /got \[0, 5\]/]],
    ["too few values", "00 00 0d 01 00 00 00 02 00 00 00 00 00", [/file is truncated/, /expected 16 bytes for \[2\], got 13/]],
    ["too many values", "00 00 08 01 00 00 00 02 00 00 00", [/bytes follow the array/, /expected 10 bytes for \[2\], got 11/]],
    ["sizes beyond any file", "00 00 08 03 ff ff ff ff ff ff ff ff ff ff ff ff", [/file is truncated/, /got 16/]],
  ])("refuses %s, naming the file", (_, hex, parts) => {
    const error = thrown(() => readIdx(hex === "" ? new Uint8Array() : bytes(hex), "train-labels"));
    expect(error).toEqual(matching("E_FORMAT", /^train-labels: /, ...parts));
  });

  it("tells that a compressed file is one", () => {
    expect(thrown(() => readIdx(gzipSync("data"), "file"))).toMatchObject({ code: "E_FORMAT", hint: expect.stringContaining("gzip") });
  });
});

describe("gunzip", () => {
  const plain = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) >>> 5);
  const packed = new Uint8Array(gzipSync(plain));

  it("decompresses gzip and leaves other bytes alone", async () => {
    expect(await gunzip(packed, "file.gz")).toEqual(plain);
    expect(await gunzip(plain, "file")).toBe(plain);
  });

  it.each([2, 9, 500, packed.length - 9, packed.length - 1])("refuses a file cut to %i bytes", async (length) => {
    await expect(gunzip(packed.subarray(0, length), "cut.gz")).rejects.toEqual(matching("E_FORMAT", /^cut\.gz: /, `got ${length} bytes`));
  });

  it("refuses damage and more than the limit", async () => {
    const damaged = packed.slice();
    damaged[packed.length - 6] = (damaged[packed.length - 6] as number) ^ 1;
    await expect(gunzip(damaged, "bad.gz")).rejects.toEqual(matching("E_FORMAT", "damaged"));
    await expect(gunzip(packed, "big.gz", plain.length - 1)).rejects.toEqual(matching("E_FORMAT", "at most 99999 bytes"));
    expect((await gunzip(packed, "fits.gz", plain.length)).length).toBe(plain.length);
  });

  it("stops at the limit, before it would reach the end", async () => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(2 ** 25)));
    await expect(gunzip(bomb.subarray(0, bomb.length - 8), "bomb.gz", 2 ** 20)).rejects.toEqual(matching("E_FORMAT", "too large"));
  });
});

describe("labelled", () => {
  const images = readIdx(bytes("00 00 08 03 00 00 00 02 00 00 00 01 00 00 00 02 01 02 03 04"), "images");
  const labels = readIdx(bytes("00 00 08 01 00 00 00 02 03 00"), "labels");

  it("joins images and labels without copying pixels", () => {
    const set = labelled(images, labels, { name: "tiny" });
    expect(set).toMatchObject({ name: "tiny", shape: [1, 2], classes: 4, count: 2, y: Uint32Array.of(3, 0) });
    expect(set.x).toBe(images.data);
    expect(labelled(images, labels, { classes: 10 }).classes).toBe(10);
  });

  it("turns types that are neither bytes nor f32 into f32", () => {
    const wide = readIdx(bytes("00 00 0b 02 00 00 00 02 00 00 00 01 ff ff 01 00"), "wide");
    expect(labelled(wide, labels).x).toEqual(Float32Array.of(-1, 256));
  });

  it("refuses files that do not belong together", () => {
    const one = readIdx(bytes("00 00 08 01 00 00 00 01 03"), "one");
    const real = readIdx(bytes("00 00 0d 01 00 00 00 02 3f 80 00 00 3f 80 00 00"), "real");
    const negative = readIdx(bytes("00 00 09 01 00 00 00 02 00 ff"), "negative");
    expect(thrown(() => labelled(images, one))).toEqual(matching("E_DATA", "one: ", "expected 2 labels as in images, got 1"));
    expect(thrown(() => labelled(labels, labels))).toEqual(matching("E_FORMAT", "labels: not a file of images"));
    expect(thrown(() => labelled(images, images))).toEqual(matching("E_FORMAT", "images: not a file of labels"));
    expect(thrown(() => labelled(images, real))).toEqual(matching("E_FORMAT", "real: not a file of labels"));
    expect(thrown(() => labelled(images, negative))).toEqual(matching("E_DATA", "label of row 1", "got -1"));
    expect(thrown(() => labelled(images, labels, { classes: 3 }))).toEqual(matching("E_DATA", "a class from 0 to 2, got 3"));
  });
});
