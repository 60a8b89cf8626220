import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { philox } from "../../src/random.ts";
import { type Compiled, compileAssembly } from "./assembly.ts";

interface Exports {
  philox(c0: number, c1: number, c2: number, c3: number, k0: number, k1: number, index: number): number;
  fillBits(out: number, n: number, first: number, key0: number, key1: number, step0: number, step1: number): void;
}

let wasm: Compiled<Exports>;
beforeAll(async () => {
  wasm = await compileAssembly<Exports>('export * from "./random";');
});

// Known answers of Random123, `kat_vectors`: counter, key, result.
it.each([
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [-1, -1, -1, -1],
    [-1, -1],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
] as [[number, number, number, number], [number, number], number[]][])("gives the known answer at %o", (counter, key, answer) => {
  expect([0, 1, 2, 3].map((index) => wasm.exports.philox(...counter, ...key, index) >>> 0)).toEqual(answer);
});

it("fills any stretch of elements with the bits of the TypeScript reference, and nothing beside it", () => {
  const word = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(fc.nat(90), fc.nat(0xfffff000), fc.tuple(word, word), fc.tuple(word, word), (n, first, key, step) => {
      const words = new Uint32Array(wasm.memory.buffer, 1024, n + 2).fill(0x5a5a5a5a);
      wasm.exports.fillBits(1028, n, first, ...key, ...step);
      const block = new Uint32Array(4);
      const expected = Array.from({ length: n }, (_, i) => {
        philox((first + i) >>> 2, 0, ...step, key, block);
        return block[(first + i) & 3];
      });
      expect([...words]).toEqual([0x5a5a5a5a, ...expected, 0x5a5a5a5a]);
    }),
  );
});
