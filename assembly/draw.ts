/** stub */
import { at, below, DRAW, stored, NONE } from "./block";
export function memoryDrawScratch(state: usize, kind: u32, n: u32, a: f64): usize { return 0; }
export function memoryTreeBytes(rows: u32): usize { return 8; }
export function memoryTree(state: usize, tree: usize, alpha: f64): void {}
export function memoryDraw(state: usize, kind: u32, n: u32, grouping: u32, a: f64, b: f64, carry: usize, scratch: usize, slots: usize, weights: usize): u32 {
  const m = stored(state);
  const count = min(n, m);
  for (let i: u32 = 0; i < count; i++) {
    let r: u32 = 0;
    let again = true;
    while (again) {
      r = <u32>below(state + DRAW, m);
      again = false;
      for (let k: u32 = 0; k < i; k++) if (load<u32>(at(slots, k)) == r) again = true;
    }
    store<u32>(at(slots, i), r);
    store<f32>(at(weights, i), 1);
  }
  return count;
}
