/**
 * The map family: elementwise bodies over a kernel's points, in blocks (see walk.ts). One case per row of the table of operations; a u32
 * form has its opcode + 32.
 *
 * Instruction, i32 words: opcode, flags (1: one value for the whole block, 2: writes straight to its destination), then the pointer slots
 * of the result and three arguments. Points run in row-major order; all loads of a block come before its stores, but for a value written
 * straight to its destination, which the encoder allows only where nothing reads that place later.
 */
import { cos4, exp4, log4, sin4, tanh4 } from "./math";
import { advance, BLOCK, fetch, innerLength, outerRank, put, putRun, rewind, seek, WALK_BYTES } from "./walk";

export function map(kernel: usize): void {
  const n = innerLength(kernel);
  const results = <usize>load<i32>(kernel, 72);
  const count = load<i32>(kernel, 16);
  rewind(kernel, 0);
  do {
    seek(kernel, <usize>load<i32>(kernel, 64), load<i32>(kernel, 8));
    seek(kernel, results, count);
    for (let start = 0; start < n; start += BLOCK) {
      const m = min(BLOCK, n - start);
      fetch(kernel, start, m);
      execute(kernel, m);
      for (let walk = results, end = results + <usize>count * WALK_BYTES; walk < end; walk += WALK_BYTES) {
        const slot = <usize>load<i32>(kernel, 76) + ((<usize>load<i32>(walk, 72)) << 3);
        if (load<i32>(walk, 68) == 0) putRun(walk, <usize>load<i32>(slot), load<i32>(slot, 4), start, m);
        else put(walk, <usize>load<i32>(slot), load<i32>(slot, 4), start, m);
      }
    }
  } while (advance(kernel, 0, outerRank(kernel)));
}

/** Runs a kernel's instructions over one block of n elements. */
export function execute(kernel: usize, n: i32): void {
  const table = <usize>load<i32>(kernel, 76);
  const tail = <usize>load<i32>(kernel, 80);
  let at = <usize>load<i32>(kernel, 68);
  for (const end = at + <usize>load<i32>(kernel, 12) * 24; at < end; at += 24) {
    const op = load<i32>(at);
    const flags = load<i32>(at, 4);
    const to = <usize>load<i32>(table + ((<usize>load<i32>(at, 8)) << 3));
    const a = table + ((<usize>load<i32>(at, 12)) << 3);
    const b = table + ((<usize>load<i32>(at, 16)) << 3);
    const c = table + ((<usize>load<i32>(at, 20)) << 3);
    const pa = <usize>load<i32>(a);
    const pb = <usize>load<i32>(b);
    const pc = <usize>load<i32>(c);
    const sa = <usize>load<i32>(a, 4);
    const sb = <usize>load<i32>(b, 4);
    const sc = <usize>load<i32>(c, 4);
    if (flags == 0) apply(op, to, (n + 3) >> 2, pa, sa, pb, sb, pc, sc);
    else if (flags == 1) apply(op, to, 1, pa, sa, pb, sb, pc, sc);
    else {
      const whole = <usize>(n >> 2);
      apply(op, to, <i32>whole, pa, sa, pb, sb, pc, sc);
      if ((n & 3) == 0) continue;
      apply(op, tail, 1, pa + whole * sa, sa, pb + whole * sb, sb, pc + whole * sc, sc);
      memory.copy(to + (whole << 4), tail, (<usize>(n & 3)) << 2);
    }
  }
}

/** One operation over `n` vectors; operands step by 16 bytes or stay. */
function apply(op: i32, to: usize, n: i32, a: usize, sa: usize, b: usize, sb: usize, c: usize, sc: usize): void {
  const end = to + ((<usize>n) << 4);
  switch (op) {
    case 1:
      for (; to < end; to += 16, a += sa, b += sb) v128.store(to, f32x4.add(v128.load(a), v128.load(b)));
      break;
    case 2:
      for (; to < end; to += 16, a += sa, b += sb) v128.store(to, f32x4.sub(v128.load(a), v128.load(b)));
      break;
    case 3:
      for (; to < end; to += 16, a += sa, b += sb) v128.store(to, f32x4.mul(v128.load(a), v128.load(b)));
      break;
    case 4:
      for (; to < end; to += 16, a += sa, b += sb) v128.store(to, f32x4.div(v128.load(a), v128.load(b)));
      break;
    case 5:
      for (; to < end; to += 16, a += sa, b += sb) v128.store(to, f32x4.max(v128.load(a), v128.load(b)));
      break;
    case 6:
      for (; to < end; to += 16, a += sa, b += sb) v128.store(to, f32x4.min(v128.load(a), v128.load(b)));
      break;
    case 7:
      for (; to < end; to += 16, a += sa, b += sb) v128.store(to, i32x4.shr_u(f32x4.lt(v128.load(a), v128.load(b)), 31));
      break;
    case 8:
      for (; to < end; to += 16, a += sa, b += sb) v128.store(to, i32x4.shr_u(f32x4.eq(v128.load(a), v128.load(b)), 31));
      break;
    case 9:
    case 41:
      for (; to < end; to += 16, a += sa, b += sb, c += sc) {
        v128.store(to, v128.bitselect(v128.load(b), v128.load(c), i32x4.ne(v128.load(a), i32x4.splat(0))));
      }
      break;
    case 10:
      for (; to < end; to += 16, a += sa) v128.store(to, f32x4.neg(v128.load(a)));
      break;
    case 11:
      for (; to < end; to += 16, a += sa) v128.store(to, f32x4.abs(v128.load(a)));
      break;
    case 12:
      for (; to < end; to += 16, a += sa) v128.store(to, f32x4.floor(v128.load(a)));
      break;
    case 13:
      for (; to < end; to += 16, a += sa) v128.store(to, f32x4.sqrt(v128.load(a)));
      break;
    case 14:
      for (; to < end; to += 16, a += sa) v128.store(to, exp4(v128.load(a)));
      break;
    case 15:
      for (; to < end; to += 16, a += sa) v128.store(to, log4(v128.load(a)));
      break;
    case 16:
      for (; to < end; to += 16, a += sa) v128.store(to, tanh4(v128.load(a)));
      break;
    case 17:
      for (; to < end; to += 16, a += sa) v128.store(to, sin4(v128.load(a)));
      break;
    case 18:
      for (; to < end; to += 16, a += sa) v128.store(to, cos4(v128.load(a)));
      break;
    case 51:
      for (; to < end; to += 16, a += sa) v128.store(to, f32x4.convert_i32x4_u(v128.load(a)));
      break;
    case 20:
      for (; to < end; to += 16, a += sa) v128.store(to, i32x4.trunc_sat_f32x4_u(v128.load(a)));
      break;
    case 33:
      for (; to < end; to += 16, a += sa, b += sb) v128.store(to, i32x4.add(v128.load(a), v128.load(b)));
      break;
    case 34:
      for (; to < end; to += 16, a += sa, b += sb) v128.store(to, i32x4.sub(v128.load(a), v128.load(b)));
      break;
    case 35:
      for (; to < end; to += 16, a += sa, b += sb) v128.store(to, i32x4.mul(v128.load(a), v128.load(b)));
      break;
    case 37:
      for (; to < end; to += 16, a += sa, b += sb) v128.store(to, i32x4.max_u(v128.load(a), v128.load(b)));
      break;
    case 38:
      for (; to < end; to += 16, a += sa, b += sb) v128.store(to, i32x4.min_u(v128.load(a), v128.load(b)));
      break;
    case 39:
      for (; to < end; to += 16, a += sa, b += sb) v128.store(to, i32x4.shr_u(i32x4.lt_u(v128.load(a), v128.load(b)), 31));
      break;
    case 40:
      for (; to < end; to += 16, a += sa, b += sb) v128.store(to, i32x4.shr_u(i32x4.eq(v128.load(a), v128.load(b)), 31));
      break;
    case 53:
      for (; to < end; to += 16, a += sa, b += sb) v128.store(to, v128.and(v128.load(a), v128.load(b)));
      break;
    case 54:
      for (; to < end; to += 16, a += sa, b += sb) v128.store(to, v128.xor(v128.load(a), v128.load(b)));
      break;
    case 24:
      for (; to < end; to += 16, a += sa) {
        const magnitude = v128.and(v128.load(a), i32x4.splat(0x7fffffff));
        v128.store(to, i32x4.shr_u(i32x4.gt_s(magnitude, i32x4.splat(0x5effffff)), 31));
      }
      break;
    case 55:
      // Lanes shift by their own amounts, which SIMD does not do.
      for (let i: usize = 0, words = (<usize>n) << 2; i < words; i++) {
        const at = i & 3;
        const shift = load<u32>(b + (i >> 2) * sb + (at << 2)) & 31;
        store<u32>(to + (i << 2), load<u32>(a + (i >> 2) * sa + (at << 2)) >> shift);
      }
      break;
    default:
      unreachable();
  }
}
