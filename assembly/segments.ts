/**
 * Schedules made of segments: [count] then, per segment, [start, length, shape, from, to, a, b]. A segment lasts until the next one starts
 * and is at `to` once its length is over; with u = (t - start)/length:
 *
 *   0 rise      from + (to - from)·min((t - start + a)/length, 1)
 *   1 rise      the same with max(t - start, 1), and at least a
 *   2 cosine    to + (from - to)·(½(1 + cos πau))^b; from u = 1 on as at u = 1
 *   3 linear, 4 1 - √u, 5 mirrored cosine 2(1 - u) - ½(1 + cos πu), 6 1 - u², 7 (1 - u)/(1 - u/2)   the share of from - to that is left
 *   8 exponential   from·a^u, a > 0 the ratio of to and from
 *   9 inverse square root   from + (to - from)·h(u)/h(1) with h(x) = 1/√(1 + ax) - 1
 *
 * No rate lies outside what from and to, and the floor of shape 1, span.
 *
 * Sources: GPT-NeoX `learning_rates.py` (1, 9); Hugging Face (a) and optax (b) for 2; Hägele et al. 2024, arXiv 2405.18392 (4 … 6);
 * Chen et al. 2022, arXiv 2107.04197, REX (7); Ibrahim et al. 2024, arXiv 2403.08763 (8, 9).
 */
import { cosPi64, exp64, log64, pow64 } from "./math";

const BYTES: usize = 56;

export function segments(words: usize, t: f64): f64 {
  let segment = words + 8;
  const last = segment + BYTES * (<usize>load<f64>(words) - 1);
  while (segment < last && load<f64>(segment, BYTES) <= t) segment += BYTES;
  const length = load<f64>(segment, 8);
  const shape = <i32>load<f64>(segment, 16);
  const from = load<f64>(segment, 24);
  const to = load<f64>(segment, 32);
  const a = load<f64>(segment, 40);
  const past = t - load<f64>(segment);
  if (past >= length && (shape != 2 || length == 0)) return to;
  const u = min(past / length, 1);
  if (shape == 1) return max(from + (to - from) * min(max(past, 1) / length, 1), a);
  let value: f64;
  if (shape == 0) value = from + (to - from) * min((past + a) / length, 1);
  else if (shape == 8) value = from * exp64(log64(a) * u);
  else if (shape == 9) value = from + (to - from) * bent(u, a);
  else value = to + (from - to) * remaining(shape, u, a, load<f64>(segment, 48));
  return min(max(value, min(from, to)), max(from, to));
}

/** The share of from - to that is left at u. */
function remaining(shape: i32, u: f64, a: f64, b: f64): f64 {
  switch (shape) {
    case 2:
      return pow64(0.5 * (1 + cosPi64(a * u)), b);
    case 4:
      return 1 - sqrt(u);
    case 5:
      return 2 * (1 - u) - 0.5 * (1 + cosPi64(u));
    case 6:
      return 1 - u * u;
    case 7:
      return (1 - u) / (1 - 0.5 * u);
    default:
      return 1 - u;
  }
}

/** h(u)/h(1), free of the cancellation in h where the timescale is small. */
function bent(u: f64, timescale: f64): f64 {
  const end = sqrt(1 + timescale);
  const here = sqrt(1 + timescale * u);
  return (u * end * (1 + end)) / (here * (1 + here));
}
