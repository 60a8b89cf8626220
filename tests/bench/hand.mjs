/** AdamW as one writes it by hand, and a copy, in AssemblyScript. */
import asc from "assemblyscript/asc";
import { LEARNING_RATE } from "./numbers.mjs";
import { gradients } from "./update.mjs";

/** 1 − learning rate · weight decay. */
export const DECAY = 1 - LEARNING_RATE * 0.01;

/** One loop over vectors of four, each number read and written once. */
const LOOP = `
export function adamw(count: usize, p: usize, g: usize, m: usize, v: usize, decay: f32, rate: f32, correction: f32): void {
  for (const end = p + 4 * count; p < end; p += 16, g += 16, m += 16, v += 16) {
    const grad = v128.load(g);
    const mean = f32x4.add(f32x4.mul(f32x4.splat(0.9), v128.load(m)), f32x4.mul(f32x4.splat(0.1), grad));
    const square = f32x4.add(f32x4.mul(f32x4.splat(0.999), v128.load(v)), f32x4.mul(f32x4.splat(0.001), f32x4.mul(grad, grad)));
    const root = f32x4.add(f32x4.mul(f32x4.sqrt(square), f32x4.splat(correction)), f32x4.splat(1e-8));
    const step = f32x4.div(f32x4.mul(f32x4.splat(rate), mean), root);
    v128.store(m, mean);
    v128.store(v, square);
    v128.store(p, f32x4.sub(f32x4.mul(v128.load(p), f32x4.splat(decay)), step));
  }
}

export function copy(count: usize, to: usize, from: usize): void {
  memory.copy(to, from, 4 * count);
}`;

/** Returns the update of parameters that are zeros at first, the first four of them, and a copy of as many numbers. @param {number} count */
export async function openHand(count) {
  const { binary, stderr } = await asc.compileString(LOOP, {
    optimizeLevel: 3,
    noAssert: true,
    runtime: "stub",
    enable: ["simd", "bulk-memory"],
  });
  if (binary === null) throw new Error(stderr.toString());
  const { instance } = await WebAssembly.instantiate(/** @type {Uint8Array<ArrayBuffer>} */ (binary));
  /** @typedef {(...values: number[]) => void} Loop */
  const { memory, adamw, copy } = /** @type {{ memory: WebAssembly.Memory, adamw: Loop, copy: Loop }} */ (instance.exports);
  const [p, g, m, v, to] = /** @type {[number, number, number, number, number]} */ ([0, 1, 2, 3, 4].map((i) => 65536 + 4 * count * i));
  memory.grow(Math.ceil((20 * count) / 65536) + 1);
  new Float32Array(memory.buffer, g, count).set(gradients(count));
  let t = 0;
  return {
    update() {
      t++;
      adamw(count, p, g, m, v, DECAY, LEARNING_RATE / (1 - 0.9 ** t), 1 / Math.sqrt(1 - 0.999 ** t));
    },
    first: () => new Float32Array(memory.buffer, p, 4),
    copy: () => copy(count, to, g),
  };
}
