/**
 * Two laws of the loss L(s) after the updates 0 … s of a schedule, and their derivatives by the parameters.
 *
 * 0 annealing    [L0, A, α, C]           L0 + A·S1^-α - C·S2
 * 1 multi-power  [L0, A, α, B, C, β, γ]  L0 + A·S1^-α - B·Σ_k (η_{k-1} - η_k)(1 - (1 + C·η_k^-γ·(S1 - S1 before k))^-β)
 *
 * Sources: Tissue et al. 2024, arXiv 2408.11029; Luo et al. 2025, arXiv 2503.12811. A multi-power value costs a term for each change.
 */
import { exp64, log64 } from "./math";

/** The number of parameters. */
export function size(law: i32): i32 {
  return law == 1 ? 7 : 4;
}

/** Sets C·η_k^-γ, the last word of each change. To be called whenever C or γ may differ. */
export function prepare(law: i32, changes: usize, count: i32, p: usize): void {
  if (law != 1) return;
  const c = load<f64>(p, 32);
  const gamma = load<f64>(p, 48);
  for (let k = 0; k < count; k++) {
    const change = changes + ((<usize>k) << 5);
    store<f64>(change, c == 0 ? 0 : c * power(-gamma, load<f64>(change, 8)), 24);
  }
}

/** e^(y·log), where a factor 0 wins over log = -∞. */
function power(y: f64, log: f64): f64 {
  return y == 0 ? 1 : exp64(y * log);
}

/** The loss at a state; writes its derivatives to slope. */
export function loss(law: i32, state: usize, changes: usize, p: usize, slope: usize): f64 {
  const amplitude = load<f64>(p, 8);
  const log = log64(load<f64>(state));
  const decay = power(-load<f64>(p, 16), log);
  store<f64>(slope, 1);
  store<f64>(slope, decay, 8);
  store<f64>(slope, -amplitude * decay * log, 16);
  const trunk = load<f64>(p) + amplitude * decay;
  if (law == 1) return trunk - multiPower(state, changes, p, slope);
  const annealed = load<f64>(state, 8);
  store<f64>(slope, -annealed, 24);
  return trunk - load<f64>(p, 24) * annealed;
}

function multiPower(state: usize, changes: usize, p: usize, slope: usize): f64 {
  const b = load<f64>(p, 24);
  const c = load<f64>(p, 32);
  const beta = load<f64>(p, 40);
  const area = load<f64>(state);
  const end = <i32>load<f64>(state, 16);
  let gain: f64 = 0;
  let byU: f64 = 0;
  let byBeta: f64 = 0;
  let byGamma: f64 = 0;
  for (let k = <i32>load<f64>(state, 8); k < end; k++) {
    const change = changes + ((<usize>k) << 5);
    const drop = load<f64>(change);
    const logRate = load<f64>(change, 8);
    const u = load<f64>(change, 24) * (area - load<f64>(change, 16));
    // At rate 0 with γ > 0 the factor is ∞, or ∞ · 0 before any further update: the whole drop counts.
    if (!(u < Infinity)) {
      gain += beta == 0 ? 0 : drop;
      continue;
    }
    const log = log64(1 + u);
    const rest = exp64(-beta * log);
    const byLog = (drop * beta * rest * u) / (1 + u);
    gain += drop * (1 - rest);
    byU += byLog;
    byBeta += drop * log * rest;
    if (logRate != -Infinity) byGamma += byLog * logRate;
  }
  store<f64>(slope, -gain, 24);
  store<f64>(slope, c == 0 ? 0 : (-b * byU) / c, 32);
  store<f64>(slope, -b * byBeta, 40);
  store<f64>(slope, b * byGamma, 48);
  return b * gain;
}
