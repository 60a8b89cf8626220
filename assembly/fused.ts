/**
 * Operations that run together in one pass, each rounded as on its own (never several in one rounding), so that the bits are those of
 * separate passes. Which a body uses is the encoder's choice: src/backend/wasm/steps.ts has their trees under the same codes. Words and steps of an instruction as in map.ts.
 */

/** One instruction over `n` groups of sixteen elements from group `first` of its arguments. */
export function applyFused(at: usize, to: usize, first: i32, n: i32): void {
  const end = to + ((<usize>n) << 6);
  const sa = stepOf(at, 12);
  const sb = stepOf(at, 16);
  const sc = stepOf(at, 20);
  const sd = stepOf(at, 24);
  let a = pointerOf(at, 12) + <usize>first * sa;
  let b = pointerOf(at, 16) + <usize>first * sb;
  let c = pointerOf(at, 20) + <usize>first * sc;
  let d = pointerOf(at, 24) + <usize>first * sd;
  switch (load<i32>(at)) {
    case 64:
      for (; to < end; to += 64, a += sa, b += sb, c += sc, d += sd)
        put4(
          to,
          mulMulAdd(a, b, c, d),
          mulMulAdd(a + 16, b + 16, c + 16, d + 16),
          mulMulAdd(a + 32, b + 32, c + 32, d + 32),
          mulMulAdd(a + 48, b + 48, c + 48, d + 48),
        );
      break;
    case 65:
      for (; to < end; to += 64, a += sa, b += sb, c += sc, d += sd)
        put4(
          to,
          mulMulSub(a, b, c, d),
          mulMulSub(a + 16, b + 16, c + 16, d + 16),
          mulMulSub(a + 32, b + 32, c + 32, d + 32),
          mulMulSub(a + 48, b + 48, c + 48, d + 48),
        );
      break;
    case 66:
      for (; to < end; to += 64, a += sa, b += sb, c += sc)
        put4(to, mulAdd(a, b, c), mulAdd(a + 16, b + 16, c + 16), mulAdd(a + 32, b + 32, c + 32), mulAdd(a + 48, b + 48, c + 48));
      break;
    case 67:
      for (; to < end; to += 64, a += sa, b += sb, c += sc)
        put4(to, mulSub(a, b, c), mulSub(a + 16, b + 16, c + 16), mulSub(a + 32, b + 32, c + 32), mulSub(a + 48, b + 48, c + 48));
      break;
    case 68:
      for (; to < end; to += 64, a += sa, b += sb, c += sc)
        put4(to, subMul(a, b, c), subMul(a + 16, b + 16, c + 16), subMul(a + 32, b + 32, c + 32), subMul(a + 48, b + 48, c + 48));
      break;
    case 69:
      for (; to < end; to += 64, a += sa, b += sb, c += sc)
        put4(to, mulMul(a, b, c), mulMul(a + 16, b + 16, c + 16), mulMul(a + 32, b + 32, c + 32), mulMul(a + 48, b + 48, c + 48));
      break;
    case 70:
      for (; to < end; to += 64, a += sa, b += sb, c += sc)
        put4(to, mulDiv(a, b, c), mulDiv(a + 16, b + 16, c + 16), mulDiv(a + 32, b + 32, c + 32), mulDiv(a + 48, b + 48, c + 48));
      break;
    case 71:
      for (; to < end; to += 64, a += sa, b += sb, c += sc)
        put4(to, addAdd(a, b, c), addAdd(a + 16, b + 16, c + 16), addAdd(a + 32, b + 32, c + 32), addAdd(a + 48, b + 48, c + 48));
      break;
    case 72:
      for (; to < end; to += 64, a += sa, b += sb, c += sc)
        put4(to, addMul(a, b, c), addMul(a + 16, b + 16, c + 16), addMul(a + 32, b + 32, c + 32), addMul(a + 48, b + 48, c + 48));
      break;
    case 73:
      for (; to < end; to += 64, a += sa, b += sb, c += sc)
        put4(to, subTimes(a, b, c), subTimes(a + 16, b + 16, c + 16), subTimes(a + 32, b + 32, c + 32), subTimes(a + 48, b + 48, c + 48));
      break;
    case 74:
      for (; to < end; to += 64, a += sa, b += sb, c += sc, d += sd)
        put4(
          to,
          lessSelect(a, b, c, d),
          lessSelect(a + 16, b + 16, c + 16, d + 16),
          lessSelect(a + 32, b + 32, c + 32, d + 32),
          lessSelect(a + 48, b + 48, c + 48, d + 48),
        );
      break;
    case 75:
      for (; to < end; to += 64, a += sa, b += sb, c += sc, d += sd)
        put4(
          to,
          equalSelect(a, b, c, d),
          equalSelect(a + 16, b + 16, c + 16, d + 16),
          equalSelect(a + 32, b + 32, c + 32, d + 32),
          equalSelect(a + 48, b + 48, c + 48, d + 48),
        );
      break;
    case 76:
      for (; to < end; to += 64, a += sa, b += sb)
        put4(to, lessF32(a, b), lessF32(a + 16, b + 16), lessF32(a + 32, b + 32), lessF32(a + 48, b + 48));
      break;
    case 77:
      for (; to < end; to += 64, a += sa, b += sb)
        put4(to, equalF32(a, b), equalF32(a + 16, b + 16), equalF32(a + 32, b + 32), equalF32(a + 48, b + 48));
      break;
    case 78:
      for (; to < end; to += 64, a += sa, b += sb, c += sc)
        put4(
          to,
          rootMulAdd(a, b, c),
          rootMulAdd(a + 16, b + 16, c + 16),
          rootMulAdd(a + 32, b + 32, c + 32),
          rootMulAdd(a + 48, b + 48, c + 48),
        );
      break;
    default:
      unreachable();
  }
}

/** Returns where the first elements of an argument lie. */
export function pointerOf(at: usize, word: usize): usize {
  return <usize>load<i32>(<usize>load<i32>(at + word));
}

/** Returns the bytes from one group of an argument to the next: 64, or 0 where one value stands for all. */
export function stepOf(at: usize, word: usize): usize {
  return <usize>load<i32>(<usize>load<i32>(at + word), 4);
}

export function put4(to: usize, first: v128, second: v128, third: v128, fourth: v128): void {
  v128.store(to, first);
  v128.store(to, second, 16);
  v128.store(to, third, 32);
  v128.store(to, fourth, 48);
}

function product(a: usize, b: usize): v128 {
  return f32x4.mul(v128.load(a), v128.load(b));
}

function sum(a: usize, b: usize): v128 {
  return f32x4.add(v128.load(a), v128.load(b));
}

function mulMulAdd(a: usize, b: usize, c: usize, d: usize): v128 {
  return f32x4.add(product(a, b), product(c, d));
}

function mulMulSub(a: usize, b: usize, c: usize, d: usize): v128 {
  return f32x4.sub(product(a, b), product(c, d));
}

function mulAdd(a: usize, b: usize, c: usize): v128 {
  return f32x4.add(product(a, b), v128.load(c));
}

function mulSub(a: usize, b: usize, c: usize): v128 {
  return f32x4.sub(product(a, b), v128.load(c));
}

function subMul(a: usize, b: usize, c: usize): v128 {
  return f32x4.sub(v128.load(a), product(b, c));
}

function mulMul(a: usize, b: usize, c: usize): v128 {
  return f32x4.mul(product(a, b), v128.load(c));
}

function mulDiv(a: usize, b: usize, c: usize): v128 {
  return f32x4.div(product(a, b), v128.load(c));
}

function addAdd(a: usize, b: usize, c: usize): v128 {
  return f32x4.add(sum(a, b), v128.load(c));
}

function addMul(a: usize, b: usize, c: usize): v128 {
  return f32x4.mul(sum(a, b), v128.load(c));
}

function subTimes(a: usize, b: usize, c: usize): v128 {
  return f32x4.mul(f32x4.sub(v128.load(a), v128.load(b)), v128.load(c));
}

function lessSelect(a: usize, b: usize, c: usize, d: usize): v128 {
  return v128.bitselect(v128.load(c), v128.load(d), f32x4.lt(v128.load(a), v128.load(b)));
}

function equalSelect(a: usize, b: usize, c: usize, d: usize): v128 {
  return v128.bitselect(v128.load(c), v128.load(d), f32x4.eq(v128.load(a), v128.load(b)));
}

function lessF32(a: usize, b: usize): v128 {
  return v128.and(f32x4.lt(v128.load(a), v128.load(b)), f32x4.splat(1));
}

function equalF32(a: usize, b: usize): v128 {
  return v128.and(f32x4.eq(v128.load(a), v128.load(b)), f32x4.splat(1));
}

function rootMulAdd(a: usize, b: usize, c: usize): v128 {
  return f32x4.add(f32x4.mul(f32x4.sqrt(v128.load(a)), v128.load(b)), v128.load(c));
}
