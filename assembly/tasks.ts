/**
 * Schedules over tasks of equal length S: [mode, peak, least, S, W, C, share]. W updates warm up and, in modes 3 … 6, C cool down to 0. With
 * k the task, n the update in it, l the peak and ψ(a, b) = ½(1 + cos πa/b):
 *
 *   0 cosine                     each task anew: l(n + 1)/W, then least + ψ(n - W + 1, S - W)(l - least)
 *   1 cosine, autoregressive     the peaks of tasks follow one cosine over the history, ψ(k(S - W) + 1, (k + 1)(S - W))
 *   2 cosine, dynamic            warm-up to that peak, then where one cosine over the whole history would be; its warm-up is ⌈share·S(k + 1)⌉
 *   3 inverse square root        each task anew: l(n + 1)/W, then least + √(W/n)(l - least), in the last C updates times what is left of them
 *   4 … autoregressive           peaks follow √((k + 1)W/(kS + W))
 *   5 … continued                peaks follow √(W/(k(S - C) - (k - 1)W))
 *   6 … recovered                decay as if the tasks were one, √(W/(n + k(S - C - W))); warm-up to √(W/(2k(S - C - W)))
 *
 * Source: Roth et al. 2024, "A Practitioner's Guide to Continual Multimodal Pretraining", arXiv 2408.14471, and its code.
 */
import { cosPi64 } from "./math";

export function tasks(words: usize, t: f64): f64 {
  const mode = <i32>load<f64>(words);
  const peak = load<f64>(words, 8);
  const least = load<f64>(words, 16);
  const steps = load<f64>(words, 24);
  const warmup = load<f64>(words, 32);
  const k = floor(t / steps);
  const n = min(max(t - k * steps, 0), steps - 1);
  if (mode < 3) return cosine(mode, peak, least, steps, warmup, load<f64>(words, 48), k, n);
  return root(mode, peak, least, steps, warmup, load<f64>(words, 40), k, n);
}

/** ½(1 + cos πa/b). */
function fall(a: f64, b: f64): f64 {
  return 0.5 * (1 + cosPi64(min(a / b, 1)));
}

function cosine(mode: i32, peak: f64, least: f64, steps: f64, warmup: f64, share: f64, k: f64, n: f64): f64 {
  const rest = steps - warmup;
  const base = mode == 0 || k == 0 ? peak : least + fall(k * rest + 1, (k + 1) * rest) * (peak - least);
  if (n < warmup) return base * ((n + 1) / warmup);
  if (mode < 2) return least + fall(n - warmup + 1, rest) * (base - least);
  const all = steps * (k + 1);
  const rise = ceil(share * all);
  const m = k * steps + n;
  return m < rise ? peak * ((m + 1) / rise) : least + fall(m - rise + 1, all - rise) * (peak - least);
}

function root(mode: i32, peak: f64, least: f64, steps: f64, warmup: f64, cooldown: f64, k: f64, n: f64): f64 {
  let height: f64 = 1;
  let before: f64 = 0;
  if (k > 0) {
    const apart = steps - cooldown - warmup;
    if (mode == 4) height = sqrt(((k + 1) * warmup) / (k * steps + warmup));
    if (mode == 5) height = sqrt(warmup / (k * apart + warmup));
    if (mode == 6) before = k * apart;
  }
  const base = least + height * (peak - least);
  if (n < warmup) return (before > 0 ? least + sqrt(warmup / (2 * before)) * (peak - least) : base) * ((n + 1) / warmup);
  const value = least + sqrt(warmup / (n + before)) * (base - least);
  return n >= steps - cooldown ? value * ((steps - n - 1) / cooldown) : value;
}
