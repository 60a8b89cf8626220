/**
 * What convex theory says of a schedule.
 *
 * bound: rates and gradient norms [n] → [t1, t2, t3]; with base rate γ the expected loss of the last iterate lies at most
 * t1/γ + γ(t2 + t3) above the least. Summed backwards, where every term is positive: nothing cancels.
 * refine: gradient norms [n] of a run → multipliers [n] of the schedule that the same theory finds best for them.
 *
 * Sources: Schaipp et al. 2025, arXiv 2501.18965; Defazio et al. 2023, arXiv 2310.07831.
 */

/** Writes the three terms to out; every rate but the last may be 0. */
export function bound(rates: usize, norms: usize, n: i32, distance: f64, out: usize): void {
  let after: f64 = 0;
  let squares: f64 = 0;
  let third: f64 = 0;
  for (let k = n - 1; k >= 0; k--) {
    const at = (<usize>k) << 3;
    const rate = load<f64>(rates + at);
    const moved = rate * load<f64>(norms + at);
    const total = after + rate;
    squares += moved * moved;
    if (k < n - 1) third += (rate / after) * (squares / total);
    after = total;
  }
  store<f64>(out, (distance * distance) / (2 * after));
  store<f64>(out, squares / (2 * after), 8);
  store<f64>(out, 0.5 * third, 16);
}

/**
 * Writes w_t · Σ_{p>t} w_p over its largest value, w = G^-power with G the norms under a running median of `width` (odd), floored; before
 * the first sample stands the first, after the last their reflection. `sorted` has room for `width` numbers.
 */
export function refine(norms: usize, n: i32, width: i32, power: i32, floor: f64, sorted: usize, out: usize): void {
  const half = width >> 1;
  for (let i = 0; i < width; i++) put(sorted, i, sample(norms, n, i - half));
  for (let t = 0; t < n; t++) {
    const middle = max(load<f64>(sorted + ((<usize>half) << 3)), floor);
    store<f64>(out + ((<usize>t) << 3), power == 2 ? 1 / (middle * middle) : 1 / middle);
    take(sorted, width, sample(norms, n, t - half));
    put(sorted, width - 1, sample(norms, n, t + width - half));
  }
  let later: f64 = 0;
  let largest: f64 = 0;
  for (let t = n - 1; t >= 0; t--) {
    const at = out + ((<usize>t) << 3);
    const weight = load<f64>(at);
    store<f64>(at, weight * later);
    largest = max(largest, weight * later);
    later += weight;
  }
  for (let t = 0; t < n; t++) {
    const at = out + ((<usize>t) << 3);
    store<f64>(at, load<f64>(at) / largest);
  }
}

/** Sample i, clamped on the left and reflected on the right. */
function sample(norms: usize, n: i32, i: i32): f64 {
  const at = max(i < n ? i : 2 * (n - 1) - i, 0);
  return load<f64>(norms + ((<usize>at) << 3));
}

/** Adds a value to `count` sorted ones. */
function put(sorted: usize, count: i32, value: f64): void {
  const at = sorted + ((<usize>place(sorted, count, value)) << 3);
  memory.copy(at + 8, at, sorted + ((<usize>count) << 3) - at);
  store<f64>(at, value);
}

/** Takes a value out of `count` sorted ones that hold it. */
function take(sorted: usize, count: i32, value: f64): void {
  const at = sorted + ((<usize>place(sorted, count, value)) << 3);
  memory.copy(at, at + 8, sorted + ((<usize>count) << 3) - at - 8);
}

/** How many of `count` sorted values are below `value`. */
function place(sorted: usize, count: i32, value: f64): i32 {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<f64>(sorted + ((<usize>middle) << 3)) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
