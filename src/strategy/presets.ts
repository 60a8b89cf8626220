/** Strategies that go well together, by what a device has to give. */
import { checkKeys, checkNumber } from "../errors.ts";
import { type DetectOptions, detect } from "./detect.ts";
import { ema } from "./ema.ts";
import { erAce } from "./erace.ts";
import { ewc } from "./ewc.ts";
import { l2 } from "./l2.ts";
import { lwf } from "./lwf.ts";
import { pageHinkley } from "./pagehinkley.ts";
import { slda } from "./slda.ts";
import type { Strategy } from "./strategy.ts";

/** Options of a preset. */
export interface PresetOptions {
  /** Rows drawn from memory in each step, where the preset has one. Default 10. */
  readonly batchSize?: number;
  /** What finds boundaries; default: Page–Hinkley on the error. False: they are told. */
  readonly detector?: DetectOptions["detector"] | false;
}

const KEYS = ["batchSize", "detector"];

function detection({ detector = pageHinkley() }: PresetOptions): Strategy[] {
  return detector === false ? [] : [detect({ detector })];
}

/**
 * Returns strategies for a body that is not trained (`nn.frozen`): streaming linear discriminant analysis on its features, whose rows can be
 * forgotten exactly, and a detector of drift.
 */
export function features(options: PresetOptions = {}): Strategy[] {
  checkKeys("strategies.features", options, KEYS);
  return [slda(), ...detection(options)];
}

/**
 * Returns strategies for a small net that is trained whole, with a `memory.classBalanced` of 1,000 to 2,000 rows: ER-ACE, an average of the weights that
 * answers, a pull towards the first weights, and a detector of drift.
 * @throws E_CONFIG
 */
export function smallNet(options: PresetOptions = {}): Strategy[] {
  checkKeys("strategies.smallNet", options, KEYS);
  const batchSize = checkNumber("strategies.smallNet", "batchSize", options.batchSize ?? 10, { min: 1, integer: true });
  return [erAce({ batchSize }), l2({ lambda: 1e-3, towards: "init" }), ema({ decay: 0.99 }), ...detection(options)];
}

/** Returns strategies that keep no rows, for privacy: learning without forgetting and online EWC by the gradients of steps, and a detector of drift. */
export function noRows(options: PresetOptions = {}): Strategy[] {
  checkKeys("strategies.noRows", options, KEYS);
  return [lwf(), ewc({ fisher: "batched", lambda: 1 }), ...detection(options)];
}
