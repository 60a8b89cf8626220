/** The rate that follows the signal-to-noise ratio of gradients. */
import { checkKeys, checkNumber, fail } from "../errors.ts";
import { type Controller, checkRate, controller, observed } from "./controller.ts";

/** Options of {@link signalToNoise}. */
export interface SignalToNoiseOptions {
  /** 1/L: the rate without noise. */
  readonly rate: number;
  /** Decay of the means of signal and noise; 0 takes each observation as it is. Default 0.9. */
  readonly decay?: number;
  /** Whether noise is taken out of the squared norm of the mean, which holds some: then it is an unbiased estimate. Default true. */
  readonly unbiased?: boolean;
}

/** What a batch's gradients tell; `batching.dispersion` gives it. */
export interface GradientMoments {
  /** ‖mean gradient‖². */
  readonly meanSquare: number;
  /** tr Σ: the sum over parameters of the gradients' variance between rows. */
  readonly variance: number;
  /** Rows in the mean. */
  readonly count: number;
}

/** State of {@link signalToNoise}. */
export interface SignalToNoiseState {
  /** Mean of ‖ḡ‖²; null before the first observation. */
  readonly signal: number | null;
  /** Mean of tr Σ. */
  readonly noise: number;
  readonly rate: number;
}

/**
 * Returns the rate that lowers a smooth loss most in expectation: η = (1/L)·SNR/(1 + SNR), SNR = ‖ḡ‖²/(tr Σ/N). Reconstructed from the
 * descent bound f − η‖ḡ‖² + ½Lη²(‖ḡ‖² + tr Σ/N), not read in the paper; nor are the means over time.
 * @throws E_CONFIG
 * @see OBLR-PO 2025, arXiv 2511.23310
 */
export function signalToNoise(options: SignalToNoiseOptions): Controller<SignalToNoiseState, GradientMoments> {
  const where = "controllers.signalToNoise";
  checkKeys(where, options, ["rate", "decay", "unbiased"]);
  const rate = checkRate(where, options.rate);
  const decay = checkNumber(where, "decay", options.decay ?? 0.9, { min: 0, max: 1, open: "max" });
  const unbiased = options.unbiased ?? true;
  const first: SignalToNoiseState = { signal: null, noise: 0, rate };
  return controller<SignalToNoiseState, GradientMoments>("signalToNoise", { rate, decay, unbiased }, first, (state, seen) => {
    const variance = observed(where, "variance", seen.variance, 0);
    const share = variance / observed(where, "count", seen.count, 1);
    const square = observed(where, "meanSquare", seen.meanSquare, 0);
    const here = unbiased ? Math.max(square - share, 0) : square;
    const signal = state.signal === null ? here : decay * state.signal + (1 - decay) * here;
    const noise = state.signal === null ? variance : decay * state.noise + (1 - decay) * variance;
    const total = signal + noise / seen.count;
    // No gradient at all says nothing about noise.
    return { signal, noise, rate: total > 0 ? (rate * signal) / total : state.rate };
  });
}

/**
 * Returns the baseline that makes a policy gradient's variance least: Σ‖sᵢ‖²Rᵢ/Σ‖sᵢ‖², of rewards R and squared norms of the scores
 * s = ∇ log π; the mean reward where all scores are 0.
 * @throws E_DATA
 */
export function optimalBaseline(rewards: ArrayLike<number>, scoreSquares: ArrayLike<number>): number {
  const where = "controllers.optimalBaseline";
  if (rewards.length === 0 || rewards.length !== scoreSquares.length) {
    fail("E_DATA", `${where}: rewards and scores disagree; expected as many of each, got ${rewards.length} and ${scoreSquares.length}`);
  }
  let [weighted, weight, sum] = [0, 0, 0];
  for (let i = 0; i < rewards.length; i++) {
    const square = observed(where, `scoreSquares[${i}]`, scoreSquares[i], 0);
    const reward = observed(where, `rewards[${i}]`, rewards[i]);
    weighted += square * reward;
    weight += square;
    sum += reward;
  }
  return weight > 0 ? weighted / weight : sum / rewards.length;
}
