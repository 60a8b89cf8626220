/**
 * The map family: elementwise bodies over a kernel's points, in blocks (see walk.ts). One case per row of the table of operations; a u32
 * form has its opcode + 32. Codes from 64 are several operations in one pass (fused.ts, uniform.ts).
 *
 * Instruction, i32 words: opcode, flags (1: one value for the whole block, 2: writes straight to its destination), then the slots of the
 * result and of up to five arguments. Slot: pointer, step (64, or 0 for one value, which lies there sixteen times). Points run in row-major
 * order; all loads of a block come before its stores, but for a value written straight to its destination, which the encoder allows only
 * where nothing reads that place later. Passes take sixteen elements at a time, and may read as many past the end: a sum of two loads takes
 * 0.30 ns for each vector of four so, and 0.50 vector by vector (Node 20, Zen 5).
 */
import { applyFused, pointerOf, put4, stepOf } from "./fused";
import { cos4, exp4, log4, sin4, tanh4 } from "./math";
import { put } from "./put";
import { applyUniform } from "./uniform";
import { advance, fetch, rewind, seek, walkBytes } from "./walk";

export function map(kernel: usize): void {
  const rank = load<i32>(kernel);
  const n = load<i32>(kernel, 4);
  const chunk = load<i32>(kernel, 8);
  const points = load<i32>(kernel, 12);
  const results = <usize>load<i32>(kernel, 48);
  const end = <usize>load<i32>(kernel, 52);
  const bytes = walkBytes(kernel);
  rewind(kernel, 0);
  prepare(kernel);
  do {
    seek(kernel, <usize>load<i32>(kernel, 28), <usize>load<i32>(kernel, 32));
    seek(kernel, results, end);
    for (let start = 0; start < n; start += chunk) {
      const m = min(chunk, n - start) * points;
      compute(kernel, start, m);
      for (let walk = results; walk < end; walk += bytes) {
        const slot = <usize>load<i32>(walk, 16);
        put(walk, <usize>load<i32>(slot), load<i32>(slot, 4), start, m);
      }
    }
  } while (advance(kernel, 0, rank));
}

/** Fetches and computes what is the same in all blocks. */
export function prepare(kernel: usize): void {
  const end = <usize>load<i32>(kernel, 28);
  const n = load<i32>(kernel, 8) * load<i32>(kernel, 12);
  seek(kernel, <usize>load<i32>(kernel, 24), end);
  fetch(kernel, <usize>load<i32>(kernel, 24), end, 0, n);
  execute(kernel, <usize>load<i32>(kernel, 36), <usize>load<i32>(kernel, 40), n);
}

/** Fetches and computes the block of n points from `start` of the cut dim. */
export function compute(kernel: usize, start: i32, n: i32): void {
  fetch(kernel, <usize>load<i32>(kernel, 28), <usize>load<i32>(kernel, 32), start, n);
  execute(kernel, <usize>load<i32>(kernel, 40), <usize>load<i32>(kernel, 44), n);
}

function execute(kernel: usize, at: usize, end: usize, n: i32): void {
  for (; at < end; at += 32) {
    const flags = load<i32>(at, 4);
    const to = <usize>load<i32>(<usize>load<i32>(at, 8));
    if (flags == 0) apply(at, to, 0, (n + 15) >> 4);
    else if (flags == 1) apply(at, to, 0, 1);
    else {
      const whole = n >> 4;
      apply(at, to, 0, whole);
      if ((n & 15) == 0) continue;
      const tail = <usize>load<i32>(kernel, 60);
      apply(at, tail, whole, 1);
      memory.copy(to + ((<usize>whole) << 6), tail, (<usize>(n & 15)) << 2);
    }
  }
}

/** One instruction over `n` groups of sixteen elements from group `first` of its arguments. */
function apply(at: usize, to: usize, first: i32, n: i32): void {
  const code = load<i32>(at);
  if (code >= 64) {
    if (code >= 80) applyUniform(at, to, first, n);
    else applyFused(at, to, first, n);
    return;
  }
  const end = to + ((<usize>n) << 6);
  const sa = stepOf(at, 12);
  const sb = stepOf(at, 16);
  const sc = stepOf(at, 20);
  let a = pointerOf(at, 12) + <usize>first * sa;
  let b = pointerOf(at, 16) + <usize>first * sb;
  let c = pointerOf(at, 20) + <usize>first * sc;
  switch (code) {
    case 1:
      for (; to < end; to += 64, a += sa, b += sb) put4(to, add(a, b), add(a + 16, b + 16), add(a + 32, b + 32), add(a + 48, b + 48));
      break;
    case 2:
      for (; to < end; to += 64, a += sa, b += sb) put4(to, sub(a, b), sub(a + 16, b + 16), sub(a + 32, b + 32), sub(a + 48, b + 48));
      break;
    case 3:
      for (; to < end; to += 64, a += sa, b += sb) put4(to, mul(a, b), mul(a + 16, b + 16), mul(a + 32, b + 32), mul(a + 48, b + 48));
      break;
    case 4:
      for (; to < end; to += 16, a += sa >> 2, b += sb >> 2) v128.store(to, f32x4.div(v128.load(a), v128.load(b)));
      break;
    case 5:
      for (; to < end; to += 64, a += sa, b += sb)
        put4(to, maximum(a, b), maximum(a + 16, b + 16), maximum(a + 32, b + 32), maximum(a + 48, b + 48));
      break;
    case 6:
      for (; to < end; to += 64, a += sa, b += sb)
        put4(to, minimum(a, b), minimum(a + 16, b + 16), minimum(a + 32, b + 32), minimum(a + 48, b + 48));
      break;
    case 7:
      for (; to < end; to += 64, a += sa, b += sb) put4(to, less(a, b), less(a + 16, b + 16), less(a + 32, b + 32), less(a + 48, b + 48));
      break;
    case 8:
      for (; to < end; to += 64, a += sa, b += sb)
        put4(to, equal(a, b), equal(a + 16, b + 16), equal(a + 32, b + 32), equal(a + 48, b + 48));
      break;
    case 9:
    case 41:
      for (; to < end; to += 64, a += sa, b += sb, c += sc)
        put4(to, select(a, b, c), select(a + 16, b + 16, c + 16), select(a + 32, b + 32, c + 32), select(a + 48, b + 48, c + 48));
      break;
    case 10:
      for (; to < end; to += 16, a += sa >> 2) v128.store(to, f32x4.neg(v128.load(a)));
      break;
    case 11:
      for (; to < end; to += 16, a += sa >> 2) v128.store(to, f32x4.abs(v128.load(a)));
      break;
    case 12:
      for (; to < end; to += 16, a += sa >> 2) v128.store(to, f32x4.floor(v128.load(a)));
      break;
    case 13:
      for (; to < end; to += 16, a += sa >> 2) v128.store(to, f32x4.sqrt(v128.load(a)));
      break;
    case 14:
      for (; to < end; to += 16, a += sa >> 2) v128.store(to, exp4(v128.load(a)));
      break;
    case 15:
      for (; to < end; to += 16, a += sa >> 2) v128.store(to, log4(v128.load(a)));
      break;
    case 16:
      for (; to < end; to += 16, a += sa >> 2) v128.store(to, tanh4(v128.load(a)));
      break;
    case 17:
      for (; to < end; to += 16, a += sa >> 2) v128.store(to, sin4(v128.load(a)));
      break;
    case 18:
      for (; to < end; to += 16, a += sa >> 2) v128.store(to, cos4(v128.load(a)));
      break;
    case 20:
      for (; to < end; to += 16, a += sa >> 2) v128.store(to, i32x4.trunc_sat_f32x4_u(v128.load(a)));
      break;
    case 51:
      for (; to < end; to += 16, a += sa >> 2) v128.store(to, f32x4.convert_i32x4_u(v128.load(a)));
      break;
    case 33:
      for (; to < end; to += 16, a += sa >> 2, b += sb >> 2) v128.store(to, i32x4.add(v128.load(a), v128.load(b)));
      break;
    case 34:
      for (; to < end; to += 16, a += sa >> 2, b += sb >> 2) v128.store(to, i32x4.sub(v128.load(a), v128.load(b)));
      break;
    case 35:
      for (; to < end; to += 16, a += sa >> 2, b += sb >> 2) v128.store(to, i32x4.mul(v128.load(a), v128.load(b)));
      break;
    case 37:
      for (; to < end; to += 64, a += sa, b += sb)
        put4(to, greater(a, b), greater(a + 16, b + 16), greater(a + 32, b + 32), greater(a + 48, b + 48));
      break;
    case 38:
      for (; to < end; to += 16, a += sa >> 2, b += sb >> 2) v128.store(to, i32x4.min_u(v128.load(a), v128.load(b)));
      break;
    case 39:
      for (; to < end; to += 16, a += sa >> 2, b += sb >> 2) v128.store(to, i32x4.shr_u(i32x4.lt_u(v128.load(a), v128.load(b)), 31));
      break;
    case 40:
      for (; to < end; to += 16, a += sa >> 2, b += sb >> 2) v128.store(to, i32x4.shr_u(i32x4.eq(v128.load(a), v128.load(b)), 31));
      break;
    case 53:
      for (; to < end; to += 16, a += sa >> 2, b += sb >> 2) v128.store(to, v128.and(v128.load(a), v128.load(b)));
      break;
    case 54:
      for (; to < end; to += 16, a += sa >> 2, b += sb >> 2) v128.store(to, v128.xor(v128.load(a), v128.load(b)));
      break;
    case 24:
      for (; to < end; to += 64, a += sa) put4(to, huge(a), huge(a + 16), huge(a + 32), huge(a + 48));
      break;
    case 55:
      // Lanes shift by their own amounts, which SIMD does not do.
      for (; to < end; to += 16, a += sa >> 2, b += sb >> 2) {
        for (let i: usize = 0; i < 16; i += 4) store<u32>(to + i, load<u32>(a + i) >> (load<u32>(b + i) & 31));
      }
      break;
    default:
      unreachable();
  }
}

function add(a: usize, b: usize): v128 {
  return f32x4.add(v128.load(a), v128.load(b));
}

function sub(a: usize, b: usize): v128 {
  return f32x4.sub(v128.load(a), v128.load(b));
}

function mul(a: usize, b: usize): v128 {
  return f32x4.mul(v128.load(a), v128.load(b));
}

function maximum(a: usize, b: usize): v128 {
  return f32x4.max(v128.load(a), v128.load(b));
}

function minimum(a: usize, b: usize): v128 {
  return f32x4.min(v128.load(a), v128.load(b));
}

function less(a: usize, b: usize): v128 {
  return i32x4.shr_u(f32x4.lt(v128.load(a), v128.load(b)), 31);
}

function equal(a: usize, b: usize): v128 {
  return i32x4.shr_u(f32x4.eq(v128.load(a), v128.load(b)), 31);
}

function select(a: usize, b: usize, c: usize): v128 {
  return v128.bitselect(v128.load(b), v128.load(c), i32x4.ne(v128.load(a), i32x4.splat(0)));
}

function huge(a: usize): v128 {
  const magnitude = v128.and(v128.load(a), i32x4.splat(0x7fffffff));
  return i32x4.shr_u(i32x4.gt_s(magnitude, i32x4.splat(0x5effffff)), 31);
}

function greater(a: usize, b: usize): v128 {
  return i32x4.max_u(v128.load(a), v128.load(b));
}
