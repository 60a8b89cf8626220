/**
 * Runs a program: a list of kernels in memory, in order, without a call from outside between them.
 * Entry, i32 words: 0 family, 1 kernel or operand block, 2 address of a u32 unless 0: where that u32 is not 0, the kernel does not
 * run. Families: 0 map (and scatter), 1 reduce over an inner reduced dim, 2 over an inner kept dim, 3 matmul, 4 sgd, 5 adamw, 6 scan.
 * Matmul block, i32 words: form, batch, m, n, k, leading dims of a and b (elements), c, c per row, c per batch (elements), scratch, walks of a
 * and b (0: none), addresses of a and b in turn, one of each per batch.
 * Optimizer block: count, params, grads, slot, slot, nesterov, then addresses of f32 scalars in the order of the kernel's parameters.
 */
import { map } from "./map";
import { multiply } from "./matmul";
import { adamw, sgd } from "./optimizer";
import { reduce } from "./reduce";
import { scan } from "./scan";

export function run(list: usize, count: i32): void {
  for (const end = list + <usize>count * 12; list < end; list += 12) {
    const condition = <usize>load<i32>(list, 8);
    if (condition != 0 && load<u32>(condition) != 0) continue;
    const block = <usize>load<i32>(list, 4);
    switch (load<i32>(list)) {
      case 0:
        map(block);
        break;
      case 1:
        reduce(block, true);
        break;
      case 2:
        reduce(block, false);
        break;
      case 3:
        product(block);
        break;
      case 4:
        sgd(
          load<i32>(block),
          load<i32>(block, 4),
          load<i32>(block, 8),
          load<i32>(block, 12),
          load<i32>(block, 20),
          scalar(block, 0),
          scalar(block, 1),
          scalar(block, 2),
          scalar(block, 3),
        );
        break;
      case 6:
        scan(block);
        break;
      default:
        adamw(
          load<i32>(block),
          load<i32>(block, 4),
          load<i32>(block, 8),
          load<i32>(block, 12),
          load<i32>(block, 16),
          scalar(block, 0),
          scalar(block, 1),
          scalar(block, 2),
          scalar(block, 3),
          scalar(block, 4),
          scalar(block, 5),
          scalar(block, 6),
          scalar(block, 7),
          scalar(block, 8),
          scalar(block, 9),
        );
    }
  }
}

function scalar(block: usize, i: usize): f32 {
  return load<f32>(<usize>load<i32>(block + (i << 2), 24));
}

function product(block: usize): void {
  const m = load<i32>(block, 8);
  const n = load<i32>(block, 12);
  let c = <usize>load<i32>(block, 28);
  let at = <usize>load<i32>(block, 52);
  for (let i = 0, batch = load<i32>(block, 4); i < batch; i++) {
    multiply(
      load<i32>(block),
      m,
      n,
      load<i32>(block, 16),
      <usize>load<i32>(at),
      load<i32>(block, 20),
      <usize>load<i32>(block, 44),
      <usize>load<i32>(at, 4),
      load<i32>(block, 24),
      <usize>load<i32>(block, 48),
      c,
      load<i32>(block, 32),
      <usize>load<i32>(block, 40),
    );
    at += 8;
    c += (<usize>load<i32>(block, 36)) << 2;
  }
}
