/**
 * Where a loss curve is heading: losses [n] at x = 0 … n-1 → a·e^{bx} + c, b < 0.
 *
 * 1. Outliers leave: ten times (once for validation losses) a parabola is fitted by least squares to what is left, and of the round(3 %)
 *    worst points (the one worst) those leave whose place among the rest is below the middle.
 * 2. A last parabola stands for the noisy losses, at every x.
 * 3. For b = -e^p the best a and c are a linear fit; p is searched downhill from 0: doubled steps until the residual rises, then golden
 *    sections.
 *
 * Source: Jin et al. 2021, arXiv 2105.10762 (AutoLRS), whose smoothing spline is that parabola for losses of order 1.
 */
import { exp64, log64 } from "./math";

/** Parabola of the last call of {@link parabola}, in polynomials orthogonal on its points. */
let centre: f64;
let skew: f64;
let spread: f64;
let c0: f64;
let c1: f64;
let c2: f64;

/** Fit of the last call of {@link residual}. */
let amplitude: f64;
let limit: f64;

/** Writes [a, b, c, a·e^{b·end} + c] to out; scratch holds 3n numbers. */
export function forecast(losses: usize, n: i32, end: f64, validation: bool, scratch: usize, out: usize): void {
  const xs = scratch;
  const ys = xs + ((<usize>n) << 3);
  const smooth = ys + ((<usize>n) << 3);
  for (let i = 0; i < n; i++) store<f64>(xs + ((<usize>i) << 3), i);
  memory.copy(ys, losses, (<usize>n) << 3);
  let left = n;
  for (let round = validation ? 9 : 0; round < 10; round++) {
    parabola(xs, ys, left);
    left = prune(xs, ys, left, validation ? 1 : <i32>nearest(0.03 * left), (n - 1) >> 1, smooth);
  }
  parabola(xs, ys, left);
  for (let i = 0; i < n; i++) store<f64>(smooth + ((<usize>i) << 3), smoothed(i));
  const b = -exp64(search(smooth, n));
  store<f64>(out, amplitude);
  store<f64>(out, b, 8);
  store<f64>(out, limit, 16);
  store<f64>(out, amplitude * exp64(b * end) + limit, 24);
}

/** Writes n numbers from least to most, evenly spaced in their logarithms, to out. */
export function geometric(least: f64, most: f64, n: i32, out: usize): void {
  const ratio = log64(most / least);
  for (let i = 0; i < n; i++) store<f64>(out + ((<usize>i) << 3), least * exp64((ratio * i) / (n - 1)));
}

function parabola(xs: usize, ys: usize, n: i32): void {
  centre = 0;
  c0 = 0;
  for (let i = 0; i < n; i++) {
    centre += load<f64>(xs + ((<usize>i) << 3));
    c0 += load<f64>(ys + ((<usize>i) << 3));
  }
  centre /= n;
  c0 /= n;
  let squares: f64 = 0;
  let cubes: f64 = 0;
  let along: f64 = 0;
  for (let i = 0; i < n; i++) {
    const x = load<f64>(xs + ((<usize>i) << 3)) - centre;
    squares += x * x;
    cubes += x * x * x;
    along += x * load<f64>(ys + ((<usize>i) << 3));
  }
  c1 = along / squares;
  skew = cubes / squares;
  spread = squares / n;
  let norm: f64 = 0;
  let bend: f64 = 0;
  for (let i = 0; i < n; i++) {
    const x = load<f64>(xs + ((<usize>i) << 3)) - centre;
    const q = x * (x - skew) - spread;
    norm += q * q;
    bend += q * load<f64>(ys + ((<usize>i) << 3));
  }
  c2 = bend / norm;
}

function smoothed(at: f64): f64 {
  const x = at - centre;
  return c0 + c1 * x + c2 * (x * (x - skew) - spread);
}

/** Takes the `worst` points farthest from the parabola, the later of equals, where they stand before place `before`. Returns how many stay. */
function prune(xs: usize, ys: usize, n: i32, worst: i32, before: i32, distances: usize): i32 {
  for (let i = 0; i < n; i++) {
    const at = (<usize>i) << 3;
    store<f64>(distances + at, abs(load<f64>(ys + at) - smoothed(load<f64>(xs + at))));
  }
  for (let taken = 0; taken < worst; taken++) {
    let farthest = 0;
    for (let i = 1; i < n; i++) {
      if (load<f64>(distances + ((<usize>i) << 3)) >= load<f64>(distances + ((<usize>farthest) << 3))) farthest = i;
    }
    store<f64>(distances + ((<usize>farthest) << 3), farthest < before ? -2 : -1);
  }
  let left = 0;
  for (let i = 0; i < n; i++) {
    const from = (<usize>i) << 3;
    if (load<f64>(distances + from) == -2) continue;
    const to = (<usize>left) << 3;
    store<f64>(xs + to, load<f64>(xs + from));
    store<f64>(ys + to, load<f64>(ys + from));
    left++;
  }
  return left;
}

/** Fits a·e^{bx} + c, b = -e^p, to ys [n] at x = 0 … n-1; returns the sum of squared residuals. */
function residual(ys: usize, n: i32, p: f64): f64 {
  const b = -exp64(p);
  let level: f64 = 0;
  let mean: f64 = 0;
  for (let i = 0; i < n; i++) {
    level += exp64(b * i);
    mean += load<f64>(ys + ((<usize>i) << 3));
  }
  level /= n;
  mean /= n;
  let squares: f64 = 0;
  let along: f64 = 0;
  for (let i = 0; i < n; i++) {
    const e = exp64(b * i) - level;
    squares += e * e;
    along += e * (load<f64>(ys + ((<usize>i) << 3)) - mean);
  }
  // Between e^{bx} and 1 there is no telling below the rounding of 1: then the fit is the constant.
  amplitude = squares > 1e-24 * n ? along / squares : 0;
  limit = mean - amplitude * level;
  let sum: f64 = 0;
  for (let i = 0; i < n; i++) {
    const r = load<f64>(ys + ((<usize>i) << 3)) - mean - amplitude * (exp64(b * i) - level);
    sum += r * r;
  }
  return sum;
}

/** The p of the minimum downhill from 0, within [-20, 6]; its fit is the last one made. */
function search(ys: usize, n: i32): f64 {
  let step: f64 = 1.0 / 4096;
  let middle: f64 = 0;
  let least = residual(ys, n, 0);
  if (residual(ys, n, step) >= least) step = -step;
  let low = -step;
  let high = step;
  for (let next = residual(ys, n, high); next < least && high > -20 && high < 6; next = residual(ys, n, high)) {
    low = middle;
    middle = high;
    least = next;
    step *= 2;
    high = min(max(middle + step, -20), 6);
  }
  const ratio = 0.6180339887498948482;
  let a = high - ratio * (high - low);
  let b = low + ratio * (high - low);
  let atA = residual(ys, n, a);
  let atB = residual(ys, n, b);
  for (let i = 0; i < 60; i++) {
    if (atA < atB) {
      high = b;
      b = a;
      atB = atA;
      a = high - ratio * (high - low);
      atA = residual(ys, n, a);
    } else {
      low = a;
      a = b;
      atA = atB;
      b = low + ratio * (high - low);
      atB = residual(ys, n, b);
    }
  }
  const p = 0.5 * (a + b);
  residual(ys, n, p);
  return p;
}
