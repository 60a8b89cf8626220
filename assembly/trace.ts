/**
 * What the loss laws of `law.ts` need to know of a schedule, gathered in one pass over its rates [n].
 *
 * states   [n × 3]: S1 = Σ_{i≤s} η_i; S2 (annealing) or where the run's changes of rate begin (multi-power); where those so far end
 * changes  [≤ n × 4], multi-power, of all runs: η_{k-1} - η_k, ln η_k, S1 before k, and a word for the law's own use
 *
 * Rates of 0 before the first positive one count as that one's place: S1 is never 0.
 */
import { log64 } from "./math";

/** Writes states, and changes from number `begin` on; decay is λ of annealing's momentum. Returns where the changes end. */
export function trace(law: i32, rates: usize, n: i32, decay: f64, states: usize, changes: usize, begin: i32): i32 {
  let first = 0;
  while (first < n - 1 && load<f64>(rates + ((<usize>first) << 3)) == 0) first++;
  let before = load<f64>(rates + ((<usize>first) << 3));
  let area: f64 = 0;
  let momentum: f64 = 0;
  let annealed: f64 = 0;
  let end = begin;
  for (let s = first; s < n; s++) {
    const rate = load<f64>(rates + ((<usize>s) << 3));
    const drop = before - rate;
    if (law == 1 && drop != 0) {
      const change = changes + ((<usize>end) << 5);
      store<f64>(change, drop);
      store<f64>(change, log64(rate), 8);
      store<f64>(change, area, 16);
      end++;
    }
    momentum = decay * momentum + drop;
    annealed += momentum;
    area += rate;
    const state = states + <usize>s * 24;
    store<f64>(state, area);
    store<f64>(state, law == 1 ? <f64>begin : annealed, 8);
    store<f64>(state, end, 16);
    before = rate;
  }
  for (let s = 0; s < first; s++) memory.copy(states + <usize>s * 24, states + <usize>first * 24, 24);
  return end;
}
