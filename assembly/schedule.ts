/**
 * Learning-rate schedules in f64: pure functions of t, the 0-based index of the update about to be made. Parameters are f64 words,
 * written by `src/optim/schedules.ts`; kinds are 0 constant, 1 stages (a cosine decay is one stage), 2 infinite. Error: a few units in the
 * last place.
 *
 * constant   [rate]
 * stages     [count, offset, least, floored] then, per stage, [start, length, warmup, from, peak, final]
 * infinite   [peak, constant, final, warmup, cooldown, hold, anneal, offset, timescale, inverseSqrt]; hold = ∞: never anneals
 *
 * Sources: GPT-NeoX `learning_rates.py`; Ibrahim et al. 2024, arXiv 2403.08763 (re-warming, the infinite schedule).
 */
import { cosPi64, exp64, log64 } from "./math";

/** The learning rate of update t. */
export function rate(kind: i32, parameters: usize, t: f64): f64 {
  if (kind == 1) return stages(parameters, t);
  if (kind == 2) return infinite(parameters, t);
  return load<f64>(parameters);
}

/** Writes the rates of updates first … first + count - 1 to out `[count]` (f64). */
export function rates(kind: i32, parameters: usize, first: f64, count: i32, out: usize): void {
  for (let i = 0; i < count; i++) store<f64>(out + ((<usize>i) << 3), rate(kind, parameters, first + i));
}

/** Warm-up's share of the peak: (t + offset)/W, or max(t, 1)/W with offset 0 and least 1; at most 1 also where W is not whole. */
function share(t: f64, warmup: f64, offset: f64, least: f64): f64 {
  return min(max(t + offset, least) / warmup, 1);
}

/** ½(1 + cos πu): from 1 at u = 0 to 0 at u = 1. */
function fall(u: f64): f64 {
  return 0.5 * (1 + cosPi64(u));
}

function stages(parameters: usize, t: f64): f64 {
  let stage = parameters + 32;
  const last = stage + 48 * (<usize>load<f64>(parameters) - 1);
  while (stage < last && load<f64>(stage, 48) <= t) stage += 48;
  const length = load<f64>(stage, 8);
  const warmup = load<f64>(stage, 16);
  const from = load<f64>(stage, 24);
  const peak = load<f64>(stage, 32);
  const final = load<f64>(stage, 40);
  const local = t - load<f64>(stage);
  if (local < warmup) {
    const warm = from + (peak - from) * share(local, warmup, load<f64>(parameters, 8), load<f64>(parameters, 16));
    return load<f64>(parameters, 24) != 0 ? max(warm, final) : warm;
  }
  if (length == warmup) return peak;
  return local < length ? final + (peak - final) * fall((local - warmup) / (length - warmup)) : final;
}

/** 1/√(1 + αx) - 1. */
function bend(x: f64, timescale: f64): f64 {
  return 1 / sqrt(1 + timescale * x) - 1;
}

function infinite(parameters: usize, t: f64): f64 {
  const peak = load<f64>(parameters);
  const constant = load<f64>(parameters, 8);
  const final = load<f64>(parameters, 16);
  const warmup = load<f64>(parameters, 24);
  const cooldown = load<f64>(parameters, 32);
  if (t < warmup) return peak * share(t, warmup, load<f64>(parameters, 56), 0);
  const u = t - warmup;
  if (u < cooldown) {
    if (load<f64>(parameters, 72) == 0) return constant + (peak - constant) * fall(u / cooldown);
    const timescale = load<f64>(parameters, 64);
    return peak + ((constant - peak) * bend(u / cooldown, timescale)) / bend(1, timescale);
  }
  const s = u - cooldown - load<f64>(parameters, 40);
  const anneal = load<f64>(parameters, 48);
  if (s < 0) return constant;
  return s < anneal ? max(constant * exp64((log64(final / constant) * s) / anneal), final) : final;
}
