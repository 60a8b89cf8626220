/**
 * Fits of the loss laws: the parameters ≥ 0 that minimise Σ Huber_δ(ln L̂ - ln L) over observed losses.
 *
 * Levenberg–Marquardt, its residuals weighted min(1, δ/|r|) anew at each step (a bound of Huber's function from above); a parameter at 0 is
 * held there while the descent points below. Every start takes some steps of plain least squares; the one then best, by Huber's function,
 * goes on with them to the end, and from there with δ. All starts predict positive losses: they leave out what annealing gains, or most of it.
 *
 * At most 0.1 s for 1000 losses (annealing), 0.7 to 1.7 s for 50 losses of 1000 updates that all change the rate (multi-power): Node 20,
 * one core of a shared EPYC. Fitting every start to the end took 3.4 s and led to the same parameters.
 *
 * scratch  normal matrix, its factor [m × m each]; descent, step, slope, current, trial [m each]; all with m = 7
 */
import { loss, prepare, size } from "./law";
import { exp64, log64 } from "./math";

/** Steps of each start, and of the best one after. */
const SEARCH = 50;
const STEPS = 300;
const MOST: usize = 7;
const VECTOR: usize = 8 * MOST;
const MATRIX: usize = MOST * VECTOR;

/** The problem in hand: what {@link fit} was called with. */
let law: i32;
let states: usize;
let changes: usize;
let count: i32;
let seen: usize;
let logs: usize;
let n: i32;

let normal: usize;
let factor: usize;
let descent: usize;
let step: usize;
let slope: usize;
let current: usize;
let trial: usize;

/** Bytes of scratch. */
export function fitScratch(): usize {
  return 2 * MATRIX + 5 * VECTOR;
}

/** Writes the predicted loss after each of `length` updates to out [length]; scratch as for {@link fit}. */
export function curve(kind: i32, at: usize, length: i32, moves: usize, total: i32, p: usize, scratch: usize, out: usize): void {
  prepare(kind, moves, total, p);
  for (let s = 0; s < length; s++) store<f64>(out + ((<usize>s) << 3), loss(kind, at + <usize>s * 24, moves, p, scratch));
}

/**
 * Fits n losses, observed at the states numbered in `places`; `losses` [n] is overwritten with logarithms. Writes the parameters to
 * best and returns their Σ Huber_δ.
 */
export function fit(
  kind: i32,
  at: usize,
  moves: usize,
  total: i32,
  places: usize,
  losses: usize,
  length: i32,
  delta: f64,
  best: usize,
  scratch: usize,
): f64 {
  law = kind;
  states = at;
  changes = moves;
  count = total;
  seen = places;
  logs = losses;
  n = length;
  normal = scratch;
  factor = normal + MATRIX;
  descent = factor + MATRIX;
  step = descent + VECTOR;
  slope = step + VECTOR;
  current = slope + VECTOR;
  trial = current + VECTOR;

  const first = load<f64>(losses);
  let least = first;
  for (let i = 0; i < n; i++) {
    const value = load<f64>(losses + ((<usize>i) << 3));
    least = min(least, value);
    store<f64>(losses + ((<usize>i) << 3), log64(value));
  }
  const bytes = (<usize>size(law)) << 3;
  let smallest: f64 = Infinity;
  const starts = law == 1 ? 24 : 6;
  for (let start = 0; start < starts; start++) {
    begin(start, first, least);
    descend(Infinity, SEARCH);
    const value = objective(current, delta, false);
    if (!(value < smallest)) continue;
    smallest = value;
    memory.copy(best, current, bytes);
  }
  memory.copy(current, best, bytes);
  descend(Infinity, STEPS);
  smallest = descend(delta, STEPS);
  memory.copy(best, current, bytes);
  return smallest;
}

/** Sets current to a start: α of 0.1, 0.4 or 1, L0 of 0 or nearly the least loss, A through the first loss. */
function begin(start: i32, first: f64, least: f64): void {
  const part = start % 3;
  const alpha = part == 0 ? 0.1 : part == 1 ? 0.4 : 1;
  const floor = start % 6 < 3 ? 0 : 0.9 * least;
  store<f64>(current, floor);
  store<f64>(current, (first - floor) * exp64(alpha * log64(load<f64>(stateOf(0)))), 8);
  store<f64>(current, alpha, 16);
  store<f64>(current, 0, 24);
  if (law == 0) return;
  let drops: f64 = 0;
  for (let k = 0; k < count; k++) drops += max(load<f64>(changes + ((<usize>k) << 5)), 0);
  const area = load<f64>(stateOf(n - 1));
  const rate = area / (1 + load<f64>(seen + ((<usize>(n - 1)) << 3)));
  const gamma = start < 12 ? 0.3 : 0.7;
  store<f64>(current, drops > 0 ? (0.1 * least) / drops : 0, 24);
  store<f64>(current, (10 * exp64(gamma * log64(rate))) / area, 32);
  store<f64>(current, start % 12 < 6 ? 0.3 : 0.7, 40);
  store<f64>(current, gamma, 48);
}

function stateOf(i: i32): usize {
  return states + <usize>load<f64>(seen + ((<usize>i) << 3)) * 24;
}

/** Moves current towards a minimum, in `steps` steps at most, and returns its Σ Huber_δ. */
function descend(delta: f64, steps: i32): f64 {
  const m = size(law);
  let damping: f64 = 1e-3;
  let value = objective(current, delta, true);
  for (let i = 0; i < steps && damping < 1e12; i++) {
    let lower: f64 = Infinity;
    if (solve(m, damping)) {
      for (let j = 0; j < m; j++) {
        const at = (<usize>j) << 3;
        store<f64>(trial + at, max(load<f64>(current + at) + load<f64>(step + at), 0));
      }
      lower = objective(trial, delta, false);
    }
    if (lower < value) {
      const done = value - lower <= 1e-12 * value;
      memory.copy(current, trial, VECTOR);
      value = objective(current, delta, true);
      if (done) break;
      damping = max(0.2 * damping, 1e-15);
    } else damping *= 4;
  }
  return value;
}

/** Σ Huber_δ at p, ∞ where a loss is not positive; sets the normal equations where asked to. */
function objective(p: usize, delta: f64, equations: bool): f64 {
  const m = size(law);
  if (equations) {
    memory.fill(normal, 0, MATRIX);
    memory.fill(descent, 0, VECTOR);
  }
  prepare(law, changes, count, p);
  let sum: f64 = 0;
  for (let i = 0; i < n; i++) {
    const value = loss(law, stateOf(i), changes, p, slope);
    if (!(value > 0 && value < Infinity)) return Infinity;
    const residual = log64(value) - load<f64>(logs + ((<usize>i) << 3));
    const size = abs(residual);
    sum += size <= delta ? 0.5 * residual * residual : delta * (size - 0.5 * delta);
    if (!equations) continue;
    const weight = (size <= delta ? 1 : delta / size) / value;
    for (let a = 0; a < m; a++) {
      const by = weight * load<f64>(slope + ((<usize>a) << 3));
      const at = descent + ((<usize>a) << 3);
      store<f64>(at, load<f64>(at) - by * residual);
      for (let b = 0; b <= a; b++) {
        const cell = normal + <usize>a * VECTOR + ((<usize>b) << 3);
        store<f64>(cell, load<f64>(cell) + (by * load<f64>(slope + ((<usize>b) << 3))) / value);
      }
    }
  }
  return sum;
}

/** Whether a parameter stays at 0 in this step, or has no influence. */
function held(a: i32): bool {
  const at = (<usize>a) << 3;
  return (load<f64>(current + at) == 0 && load<f64>(descent + at) <= 0) || load<f64>(normal + <usize>a * VECTOR + at) == 0;
}

/** Solves (N + damping · diag N) step = descent over the parameters not held, by Cholesky; false where it is not positive definite. */
function solve(m: i32, damping: f64): bool {
  for (let a = 0; a < m; a++) {
    const row = factor + <usize>a * VECTOR;
    const fixed = held(a);
    let sum = fixed ? 0 : load<f64>(descent + ((<usize>a) << 3));
    for (let b = 0; b <= a; b++) {
      const other = factor + <usize>b * VECTOR;
      const at = (<usize>b) << 3;
      let cell = fixed || held(b) ? (a == b ? 1 : 0) : load<f64>(normal + <usize>a * VECTOR + at) * (a == b ? 1 + damping : 1);
      for (let c: usize = 0; c < at; c += 8) cell -= load<f64>(row + c) * load<f64>(other + c);
      if (a == b) {
        if (!(cell > 0)) return false;
        store<f64>(row + at, sqrt(cell));
        store<f64>(step + at, sum / sqrt(cell));
      } else {
        cell /= load<f64>(other + at);
        store<f64>(row + at, cell);
        sum -= cell * load<f64>(step + at);
      }
    }
  }
  for (let a = m - 1; a >= 0; a--) {
    const at = (<usize>a) << 3;
    let sum = load<f64>(step + at);
    for (let b = a + 1; b < m; b++) sum -= load<f64>(factor + <usize>b * VECTOR + at) * load<f64>(step + ((<usize>b) << 3));
    store<f64>(step + at, sum / load<f64>(factor + <usize>a * VECTOR + at));
  }
  return true;
}
