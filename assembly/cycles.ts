/**
 * Schedules that come round again, and two of one formula:
 *
 *   restarts   [peak, final, period, growth]: half a cosine from peak to final, each cycle `growth` times as long as the one before
 *   cyclic     [low, high, up, down, mode, gamma]: up in `up` updates and down in `down`; mode 0 always as high, 1 half as high with every
 *              cycle, 2 gamma^t times as high
 *   sigmoid    [rate, steepness, delay, alpha, floor]: rate·(1/(alpha + e^(steepness·(t - delay))) + floor)
 *   table      [rate, count, pace, values…]: rate times the value at t·pace, between two values their mean by distance; the last one stays
 *
 * Sources: Loshchilov and Hutter 2017, arXiv 1608.03983; Smith 2017, arXiv 1506.01186; TVLARS.
 */
import { cosPi64, exp64, pow64 } from "./math";

export function restarts(words: usize, t: f64): f64 {
  const peak = load<f64>(words);
  const final = load<f64>(words, 8);
  let length = load<f64>(words, 16);
  const growth = load<f64>(words, 24);
  if (growth == 1) t = within(t, length);
  else {
    while (t >= length) {
      t -= length;
      length *= growth;
    }
  }
  return min(final + (peak - final) * 0.5 * (1 + cosPi64(t / length)), peak);
}

export function cyclic(words: usize, t: f64): f64 {
  const low = load<f64>(words);
  const high = load<f64>(words, 8);
  const up = load<f64>(words, 16);
  const down = load<f64>(words, 24);
  const mode = load<f64>(words, 32);
  const past = within(t, up + down);
  const share = past <= up ? past / up : max(up + down - past, 0) / down;
  const cycle = floor(t / (up + down));
  const height = mode == 1 ? half(cycle) : mode == 2 ? pow64(load<f64>(words, 40), t) : 1;
  return min(low + (high - low) * share * height, high);
}

export function sigmoid(words: usize, t: f64): f64 {
  const grown = exp64(load<f64>(words, 8) * (t - load<f64>(words, 16)));
  return min(load<f64>(words) * (1 / (load<f64>(words, 24) + grown) + load<f64>(words, 32)), f64.MAX_VALUE);
}

export function table(words: usize, t: f64): f64 {
  const last = load<f64>(words, 8) - 1;
  const at = min(t * load<f64>(words, 16), last);
  const index = floor(at);
  const value = words + 24 + ((<usize>index) << 3);
  const here = load<f64>(value);
  const there = index < last ? load<f64>(value, 8) : here;
  return min(load<f64>(words) * (here + (there - here) * (at - index)), f64.MAX_VALUE);
}

/** t modulo a length, kept within it where the quotient is rounded. */
function within(t: f64, length: f64): f64 {
  return min(max(t - length * floor(t / length), 0), length);
}

/** 2^-n. */
function half(n: f64): f64 {
  return n <= 1022 ? f64.reinterpret_i64((1023 - <i64>n) << 52) : 0;
}
