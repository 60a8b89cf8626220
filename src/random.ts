/**
 * Philox4x32-10 (Salmon et al., SC'11, "Parallel random numbers: as easy as 1, 2, 3"): counter-based random bits,
 * the same in TypeScript, AssemblyScript and WGSL. A stream is a key made from a seed and a name; a position is a counter.
 */

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** The two 32-bit words that key a stream. */
export type StreamKey = readonly [number, number];

/** Writes the four words of Philox4x32-10 at counter (c0, c1, c2, c3) under `key` to `out[at…at+3]`. */
export function philox(c0: number, c1: number, c2: number, c3: number, key: StreamKey, out: Uint32Array, at = 0): void {
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(M0, c0);
    const high1 = multiplyHigh(M1, c2);
    const low0 = Math.imul(M0, c0) >>> 0;
    const low1 = Math.imul(M1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  out[at] = c0;
  out[at + 1] = c1;
  out[at + 2] = c2;
  out[at + 3] = c3;
}

/**
 * Returns the key of the stream called `name` under `seed`: the first two words of Philox at counter
 * (seed low, seed high, FNV-1a of the name forwards, backwards).
 */
export function streamKey(seed: number, name: string): StreamKey {
  const bytes = new TextEncoder().encode(name);
  const out = new Uint32Array(4);
  philox(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, fnv1a(bytes), fnv1a(bytes.reverse()), [0x50414c49, 0x4d505345], out);
  return [out[0] as number, out[1] as number];
}

/** A sequential reader of one stream; its whole state is a key and `position`, the words already read. */
export class RandomStream {
  readonly key: StreamKey;
  /** Words read so far, below 2^53. */
  position: number;
  readonly #block = new Uint32Array(4);
  #loaded = -1;

  constructor(seed: number, name: string, position = 0) {
    this.key = streamKey(seed, name);
    this.position = position;
  }

  /** Returns the next 32 bits as an unsigned integer. */
  u32(): number {
    const block = Math.floor(this.position / 4);
    if (block !== this.#loaded) {
      philox(block >>> 0, Math.floor(block / 2 ** 32), 0, 0, this.key, this.#block);
      this.#loaded = block;
    }
    return this.#block[this.position++ % 4] as number;
  }

  /** Returns a number uniform on [0, 1), a multiple of 2^-24, exact in f32. */
  uniform(): number {
    return (this.u32() >>> 8) / 2 ** 24;
  }

  /** Returns an integer uniform on [0, n), without bias, for 1 ≤ n ≤ 2^32. */
  below(n: number): number {
    const limit = 2 ** 32 - (2 ** 32 % n);
    for (;;) {
      const word = this.u32();
      if (word < limit) return word % n;
    }
  }

  /** Shuffles `items` in place (Fisher–Yates) and returns them. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const held = items[i];
      items[i] = items[j];
      items[j] = held;
    }
    return items;
  }
}

function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + Math.floor((a0 * b0) / 65536);
  const carry = (middle % 65536) + a0 * b1;
  return (a1 * b1 + Math.floor(middle / 65536) + Math.floor(carry / 65536)) >>> 0;
}

function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
