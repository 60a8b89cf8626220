/** What logits that are known but for a normal error say on the mean. */
import { exp, ln } from "../natural.ts";
import { fillNormal } from "../nn/init.ts";
import { RandomStream } from "../random.ts";

/**
 * Returns standard normal numbers [samples] for each class: a stream for each, and the same for every row, so that no answer hangs on what else is
 * asked, or on classes to come.
 */
export function draws(classes: readonly number[], samples: number, seed: number): Float32Array[] {
  return classes.map((c) => {
    const values = new Float32Array(samples);
    fillNormal(1)(values, new RandomStream(seed, `kalman/${c}`));
    return values;
  });
}

/** Returns the logarithm of the mean over samples of softmax(logits + deviation·normal), no less than ln 1e-300: no class that was seen is impossible. */
export function logMeanSoftmax(logits: readonly number[], deviation: number, normal: readonly Float32Array[]): number[] {
  const samples = normal[0]?.length ?? 0;
  const sums = new Float64Array(logits.length);
  const powers = new Float64Array(logits.length);
  for (let s = 0; s < samples; s++) {
    for (const [i, logit] of logits.entries()) powers[i] = logit + deviation * ((normal[i] as Float32Array)[s] as number);
    const most = powers.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    let all = 0;
    for (let i = 0; i < powers.length; i++) {
      powers[i] = exp((powers[i] as number) - most);
      all += powers[i] as number;
    }
    for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (powers[i] as number) / all;
  }
  return Array.from(sums, (sum) => ln(Math.max(1e-300, sum / samples)));
}
