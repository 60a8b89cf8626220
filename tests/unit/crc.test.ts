import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { crc32c } from "../../src/crc.ts";
import { type Compiled, compileAssembly } from "./assembly.ts";

interface Exports {
  crcTables(tables: number): void;
  crc32c(tables: number, data: number, length: number, previous: number): number;
}

const TABLES = 1024;
const DATA = TABLES + 8192;

let wasm: Compiled<Exports>;
beforeAll(async () => {
  wasm = await compileAssembly<Exports>('export * from "./crc";');
  wasm.exports.crcTables(TABLES);
});

function crc(bytes: ArrayLike<number>, at = DATA, previous = 0): number {
  new Uint8Array(wasm.memory.buffer, at, bytes.length).set(bytes);
  return wasm.exports.crc32c(TABLES, at, bytes.length, previous) >>> 0;
}

/** The definition, one bit at a time. */
function slow(bytes: ArrayLike<number>): number {
  let remainder = 0xffffffff;
  for (const byte of Array.from(bytes)) {
    remainder ^= byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0x82f63b78 : 0);
  }
  return ~remainder >>> 0;
}

it.each([
  ["assembly", crc],
  ["TypeScript", (bytes: ArrayLike<number>) => crc32c(Uint8Array.from(bytes))],
])("gives the published values: %s", (_, crc) => {
  expect(crc(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
  // RFC 3720, B.4.
  expect(crc(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(crc(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  expect(crc(Uint8Array.from({ length: 32 }, (_, i) => 31 - i))).toBe(0x113fdb5c);
  expect(crc([])).toBe(0);
});

it("equals the definition at any alignment, in one call or two", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(7), fc.nat(80), (bytes, shift, cut) => {
      const whole = slow(bytes);
      expect(crc(bytes, DATA + shift)).toBe(whole);
      expect(crc(bytes.subarray(cut), DATA + shift, crc(bytes.subarray(0, cut)))).toBe(whole);
      const shifted = new Uint8Array(8 + bytes.length).subarray(shift, shift + bytes.length);
      shifted.set(bytes);
      expect(crc32c(shifted)).toBe(whole);
      expect(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut)))).toBe(whole);
    }),
  );
});
