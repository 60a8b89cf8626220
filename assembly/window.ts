/**
 * Packing of f32 operands whose rows or columns are several dims of what they view (windows of images, heads of attention) into what the
 * tile of `matmul` reads: nothing is copied but the block that is packed. Values only move, so no error.
 *
 * A block is read as lines and runs: a run is as much of the *fast* axis as lies in its last dim, a line one index of the other axis. Where
 * both begin is tabulated once for a block, so that an element's place, and its index in every bound, is the sum of two numbers.
 *
 * Walk, i32 words: 0 whether rows are the fast axis, 1 bounds, 2 dims of the rows, 3 dims of the columns, then these dims, slowest first, then
 * offset and size of each bound. Dim, i32 words: size, stride in bytes, then its stride in each bound. Table entry, i32 words: length,
 * offset in bytes, then the index in each bound; for a line, 0 whether all its runs can be read in place. So dims and entries have the same
 * size, `step` bytes.
 *
 * A convolution 3 × 3 from 16 to 32 channels over 32 images of 13 × 13, Node 20, one thread of a Zen 5 core: 0.75 ms as this product, 0.69 as a
 * product of stored windows and 0.29 more to store them.
 */
import { packColumns, packRows } from "./pack";

/** Bytes of the longest run: `matmul` packs at most 256 along k and 64 across it. */
const SPARE: usize = 256 * 4;
const TABLES: usize = SPARE * 3;

/** Bytes of `scratch` for a walk of at most four bounds: zeros, two runs cut by bounds, two tables. */
export const WINDOW_SCRATCH: usize = TABLES + (256 + 64) * 24;

/** Packs rows `i` … and columns `p` … of a walk from `a` on, as `packRows` does those of a matrix. */
export function packWindowRows(walk: usize, a: usize, i: i32, rows: i32, p: i32, depth: i32, out: usize, scratch: usize): void {
  const step = stepOf(walk);
  const rowDims = walk + 16;
  const columnDims = rowDims + <usize>load<i32>(walk, 8) * step;
  const bounds = columnDims + <usize>load<i32>(walk, 12) * step;
  const lines = scratch + TABLES;
  memory.fill(scratch, 0, SPARE);
  if (load<i32>(walk) != 0) {
    const runs = tabulate(columnDims, bounds, 0, step, p, depth, false, lines);
    const end = tabulate(rowDims, columnDims, bounds, step, i, rows, true, runs);
    mark(lines, runs, end, columnDims - step, bounds, step);
    spreadLines(a, lines, runs, end, columnDims - step, bounds, step, rows, out, (<usize>depth) << 3, scratch);
    return;
  }
  const runs = tabulate(rowDims, columnDims, bounds, step, i, rows, false, lines);
  const end = tabulate(columnDims, bounds, 0, step, p, depth, true, runs);
  mark(lines, runs, end, bounds - step, bounds, step);
  for (let line = lines; line < runs; line += step * 2) {
    const paired = line + step < runs;
    for (let run = runs; run < end; run += step) {
      const x = find(a, line, run, bounds - step, bounds, step, scratch, SPARE);
      const y = paired ? find(a, line + step, run, bounds - step, bounds, step, scratch, SPARE * 2) : scratch;
      packRows(2, load<i32>(run), x, 4, y - x, out);
      out += (<usize>load<i32>(run)) << 3;
    }
  }
}

/** Packs `columns` ≤ 16 columns of rows `p` … of a walk from `b` on, `across` bytes from column to column, as `packColumns` does. */
export function packWindowColumns(
  walk: usize,
  b: usize,
  p: i32,
  depth: i32,
  columns: i32,
  across: usize,
  out: usize,
  scratch: usize,
): void {
  const step = stepOf(walk);
  const end = walk + 16 + <usize>load<i32>(walk, 8) * step;
  const along = <usize>load<i32>(end - step, 4);
  const table = scratch + TABLES;
  const last = tabulate(walk + 16, end, 0, step, p, depth, true, table);
  for (let run = table; run < last; run += step) {
    packColumns(columns, load<i32>(run), b + load<i32>(run, 4), along, across, out);
    out += (<usize>load<i32>(run)) << 6;
  }
}

function stepOf(walk: usize): usize {
  return 8 + ((<usize>load<i32>(walk, 4)) << 2);
}

/**
 * Tabulates `count` indices from `from` on of the dims in [dims, end), with an entry for each or, if `whole`, for each run of the last dim;
 * indices in bounds begin at the offsets at `bounds`, if any. Returns the end of the table.
 */
function tabulate(dims: usize, end: usize, bounds: usize, step: usize, from: i32, count: i32, whole: bool, out: usize): usize {
  const last = end - step;
  while (count > 0) {
    let rest = from / load<i32>(last);
    let digit = from - rest * load<i32>(last);
    const length = min(load<i32>(last) - digit, count);
    store<i32>(out, whole ? length : 1);
    for (let w: usize = 4; w < step; w += 4) {
      const origin = bounds != 0 && w >= 8 ? load<i32>(bounds + ((w - 8) << 1)) : 0;
      store<i32>(out + w, origin + digit * load<i32>(last + w));
    }
    for (let dim = last - step; dim >= dims; dim -= step) {
      const slower = rest / load<i32>(dim);
      digit = rest - slower * load<i32>(dim);
      rest = slower;
      for (let w: usize = 4; w < step; w += 4) store<i32>(out + w, load<i32>(out + w) + digit * load<i32>(dim + w));
    }
    out += step;
    if (!whole) {
      for (let i = 1; i < length; i++, out += step) {
        store<i32>(out, 1);
        for (let w: usize = 4; w < step; w += 4) store<i32>(out + w, load<i32>(out + w - step) + load<i32>(last + w));
      }
    }
    from += length;
    count -= length;
  }
  return out;
}

/** Finds the lines in [lines, runs) all of whose runs, those in [runs, end), are contiguous and inside all bounds. */
function mark(lines: usize, runs: usize, end: usize, dim: usize, bounds: usize, step: usize): void {
  const contiguous = load<i32>(dim, 4) == 4 ? 1 : 0;
  for (let line = lines; line < runs; line += step) store<i32>(line, contiguous);
  for (let w: usize = 8; w < step; w += 4, bounds += 8) {
    let least = i32.MAX_VALUE;
    let most = i32.MIN_VALUE;
    for (let run = runs; run < end; run += step) {
      const first = load<i32>(run + w);
      const final = first + load<i32>(dim + w) * (load<i32>(run) - 1);
      least = min(least, min(first, final));
      most = max(most, max(first, final));
    }
    const size = load<u32>(bounds, 4);
    for (let line = lines; line < runs; line += step) {
      const index = load<i32>(line + w);
      if (<u32>(index + least) >= size || <u32>(index + most) >= size) store<i32>(line, 0);
    }
  }
}

/** Returns where a run of a line can be read: in place, or in the zeros at `scratch`, or in the spare behind them where bounds cut it. */
function find(base: usize, line: usize, run: usize, dim: usize, bounds: usize, step: usize, scratch: usize, spare: usize): usize {
  const from = base + load<i32>(line, 4) + load<i32>(run, 4);
  if (load<i32>(line) != 0) return from;
  const n = load<i32>(run);
  let low = 0;
  let high = n;
  for (let w: usize = 8; w < step; w += 4, bounds += 8) {
    const size = load<i32>(bounds, 4);
    const by = load<i32>(dim + w);
    const first = load<i32>(line + w) + load<i32>(run + w);
    const final = first + by * (n - 1);
    if (<u32>first < <u32>size && <u32>final < <u32>size) continue;
    if (by == 0) return scratch;
    // An index that rises from `first`, or from `final` if it falls, is inside from the first multiple of its step on that is.
    const pace = abs(by);
    const least = min(first, final);
    const before = least < 0 ? (pace - 1 - least) / pace : 0;
    const upTo = least < size ? min((size - least + pace - 1) / pace, n) : 0;
    low = max(low, by > 0 ? before : n - upTo);
    high = min(high, by > 0 ? upTo : n - before);
  }
  if (low >= high) return scratch;
  const stride = load<i32>(dim, 4);
  if (high - low == n && stride == 4) return from;
  const to = scratch + spare;
  memory.fill(to, 0, (<usize>n) << 2);
  for (let i = low; i < high; i++) store<f32>(to + ((<usize>i) << 2), load<f32>(from + i * stride));
  return to;
}

/** Packs lines of columns, two at a time, whose runs go down the rows. */
function spreadLines(
  a: usize,
  lines: usize,
  runs: usize,
  end: usize,
  dim: usize,
  bounds: usize,
  step: usize,
  rows: i32,
  out: usize,
  pairStep: usize,
  scratch: usize,
): void {
  const lone = out + <usize>(rows >> 1) * pairStep;
  // The odd last row is paired with zeros.
  if (rows & 1) memory.fill(lone, 0, pairStep);
  let row = 0;
  // Run by run: rows 2 KB apart, as they often are once packed, share a few sets of the cache.
  for (let run = runs; run < end; run += step) {
    let to = out;
    for (let line = lines; line < runs; line += step * 2, to += 16) {
      const paired = line + step < runs;
      const x = find(a, line, run, dim, bounds, step, scratch, SPARE);
      const y = paired ? find(a, line + step, run, dim, bounds, step, scratch, SPARE * 2) : scratch;
      spread(x, y, load<i32>(run), row, paired, to, pairStep);
    }
    row += load<i32>(run);
  }
}

/** Puts columns x and y (unless it is not `paired`) of `count` rows from `row` on where their pairs have them. */
function spread(x: usize, y: usize, count: i32, row: i32, paired: bool, out: usize, pairStep: usize): void {
  const end = row + count;
  while (row < end) {
    const to = out + <usize>(row >> 1) * pairStep;
    if (paired && (row & 1) == 0 && row + 4 <= end) {
      const upper = v128.load(x);
      const lower = v128.load(y);
      v128.store(to, i64x2.shuffle(upper, lower, 0, 2));
      v128.store(to + pairStep, i64x2.shuffle(upper, lower, 1, 3));
      row += 4;
      x += 16;
      y += 16;
      continue;
    }
    const member = to + ((<usize>(row & 1)) << 2);
    store<f32>(member, load<f32>(x));
    if (paired) store<f32>(member, load<f32>(y), 8);
    row++;
    x += 4;
    y += 4;
  }
}
