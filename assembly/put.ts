/** Results: how the values of a block leave it (see walk.ts for walks and kinds). */
import { indexPlace, locate, PLACE, QUADS } from "./walk";

/** A result that is added to what is there. */
const ADD: i32 = 8;

/**
 * Writes (kind ADD: adds, f32) the `n` values of the block from `start` of the cut dim to where a result walk says, in order. A value of
 * step 0 is one for all. A row number past the table is dropped.
 */
export function put(walk: usize, value: usize, step: i32, start: i32, n: i32): void {
  if (load<i32>(walk, 28) != 0) {
    scatter(walk, value, step, start, n);
    return;
  }
  const to = locate(walk, start);
  const kind = load<i32>(walk, 12);
  const table = <usize>load<i32>(walk, 24);
  const end = (<usize>n) << 2;
  if (kind == PLACE && step != 0) copyRun(to, value, end);
  else if (kind == PLACE) for (let i: usize = 0; i < end; i += 4) store<u32>(to + i, load<u32>(value));
  else if (kind == QUADS) {
    const stride: usize = step == 0 ? 0 : 4;
    for (let i: usize = 0; i < end; i += 16) v128.store(to + load<i32>(table + (i >> 2)), v128.load(value + (i >> 2) * stride));
  } else {
    const stride: usize = step == 0 ? 0 : 4;
    const byte = load<i32>(walk, 4) == 0;
    for (let i: usize = 0; i < end; i += 4, value += stride) {
      const at = to + load<i32>(table + i);
      if (byte) store<u8>(at, load<u8>(value));
      else store<u32>(at, load<u32>(value));
    }
  }
}

/** Copies words, `bytes` of them, to a place apart. */
function copyRun(to: usize, from: usize, bytes: usize): void {
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) v128.store(to + i, v128.load(from + i));
  for (; i < bytes; i += 4) store<u32>(to + i, load<u32>(from + i));
}

function scatter(walk: usize, value: usize, step: i32, start: i32, n: i32): void {
  const to = locate(walk, start);
  const index = indexPlace(walk, start);
  const table = <usize>load<i32>(walk, 24);
  const rows = <usize>load<i32>(walk, 36);
  const shift = load<i32>(walk, 4);
  const kind = load<i32>(walk, 12);
  const stride: usize = step == 0 ? 0 : 4;
  for (let i: usize = 0, end = (<usize>n) << 2; i < end; i += 4, value += stride) {
    const row = load<u32>(index + load<i32>(rows + i));
    if (row >= load<u32>(walk, 44)) continue;
    const at = to + load<i32>(table + i) + ((<usize>row * <usize>load<i32>(walk, 40)) << shift);
    if (kind == ADD) store<f32>(at, load<f32>(at) + load<f32>(value));
    else if (shift == 0) store<u8>(at, load<u8>(value));
    else store<u32>(at, load<u32>(value));
  }
}
