/** Losses of each row; {@link weightedMean} makes one number of them. */
import { checkKeys, checkNumber, fail } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { sameShape, showShape } from "../program/shape.ts";
import {
  abs,
  add,
  and,
  detach,
  div,
  equal,
  exp,
  log,
  matmul,
  max,
  maximum,
  mean,
  minimum,
  mul,
  oneHot,
  reshape,
  select,
  sqrt,
  square,
  sub,
  sum,
  toF32,
  transpose,
} from "../program/tensor.ts";
import { softplusOf } from "./activations.ts";

/** Below every logit. */
export const MASKED = -1e30;

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions {
  /** Share of the target that is spread evenly over the classes. Default 0. @see Szegedy et al. 2016, arXiv 1512.00567 */
  readonly labelSmoothing?: number;
  /** The classes that take part: not 0 in [classes] or [...rows, classes]. Default: all. */
  readonly mask?: Tensor;
}

/**
 * Returns the cross-entropy of each row [...rows] between logits [...rows, classes] and u32 labels [...rows], or f32 target probabilities
 * [...rows, classes]: log Σ e^z − Σ target·z, with the maximum taken out so that no exponential overflows.
 * @throws E_CONFIG E_SHAPE
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkKeys("nn.crossEntropy", options, ["labelSmoothing", "mask"]);
  const smoothing = checkNumber("nn.crossEntropy", "labelSmoothing", options.labelSmoothing ?? 0, { min: 0, max: 1, open: "max" });
  const rows = logits.shape.slice(0, -1);
  const classes = logits.shape.at(-1) as number;
  const hard = targets.dtype === "u32";
  checkShape("crossEntropy", targets, hard ? rows : logits.shape);
  const allowed = options.mask === undefined ? undefined : truth(options.mask);
  const seen = allowed === undefined ? logits : select(allowed, logits, MASKED);
  const peak = detach(max(seen, -1, { keepDims: true }));
  const total = add(log(sum(exp(sub(seen, peak)), -1, { keepDims: true })), peak);
  const target = smooth(hard ? toF32(oneHot(targets, classes)) : targets, smoothing, classes, allowed);
  const mass = hard ? 1 : sum(target, -1, { keepDims: true });
  return reshape(sub(mul(total, mass), sum(mul(target, logits), -1, { keepDims: true })), rows);
}

function smooth(target: Tensor, share: number, classes: number, allowed: Tensor | undefined): Tensor {
  if (share === 0) return target;
  const even = allowed === undefined ? 1 / classes : div(toF32(allowed), sum(toF32(allowed), -1, { keepDims: true }));
  return add(mul(target, 1 - share), mul(even, target.graph.constant(share, [], "f32")));
}

/** Returns the probabilities [..., classes] of logits. */
export function softmax(logits: Tensor): Tensor {
  const shifted = exp(sub(logits, detach(max(logits, -1, { keepDims: true }))));
  return div(shifted, sum(shifted, -1, { keepDims: true }));
}

/** Returns the logarithms of the probabilities [..., classes] of logits. */
export function logSoftmax(logits: Tensor): Tensor {
  const shifted = sub(logits, detach(max(logits, -1, { keepDims: true })));
  return sub(shifted, log(sum(exp(shifted), -1, { keepDims: true })));
}

/** Returns the mean over each row's elements of the cross-entropy between sigmoid(logits) and targets in [0, 1]: [rows]. @throws E_SHAPE */
export function binaryCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  checkShape("binaryCrossEntropy", targets, logits.shape);
  return rowMean(sub(softplusOf(logits), mul(logits, targets)));
}

/** Returns the mean over each row's elements of (prediction − target)²: [rows]. @throws E_SHAPE */
export function meanSquaredError(predictions: Tensor, targets: Tensor): Tensor {
  checkShape("meanSquaredError", targets, predictions.shape);
  return rowMean(square(sub(predictions, targets)));
}

/**
 * Returns the mean over each row's elements of ½d² for |d| < delta, delta·(|d| − ½delta) beyond, d being prediction − target: [rows].
 * @throws E_CONFIG E_SHAPE
 */
export function huber(predictions: Tensor, targets: Tensor, options: { readonly delta?: number } = {}): Tensor {
  checkKeys("nn.huber", options, ["delta"]);
  checkShape("huber", targets, predictions.shape);
  const delta = checkNumber("nn.huber", "delta", options.delta ?? 1, { min: 0, open: "min" });
  const distance = abs(sub(predictions, targets));
  const near = minimum(distance, delta);
  return rowMean(mul(near, sub(distance, mul(near, 0.5))));
}

/**
 * Returns temperature²·KL(softmax(teacher / temperature) ‖ softmax(logits / temperature)) of each row [...rows], both [...rows, classes].
 * @throws E_CONFIG E_SHAPE @see Hinton et al. 2015, arXiv 1503.02531
 */
export function klDivergence(logits: Tensor, teacher: Tensor, options: { readonly temperature?: number } = {}): Tensor {
  checkKeys("nn.klDivergence", options, ["temperature"]);
  checkShape("klDivergence", teacher, logits.shape);
  const temperature = checkNumber("nn.klDivergence", "temperature", options.temperature ?? 1, { min: 0, open: "min" });
  const [student, wanted] = [logits, teacher].map((z) => logSoftmax(mul(z, 1 / temperature))) as [Tensor, Tensor];
  return mul(sum(mul(exp(wanted), sub(wanted, student)), -1), temperature ** 2);
}

/** Returns 1 − the cosine of the angle between the vectors [..., features] of a and b: [...]. @throws E_SHAPE */
export function cosineDistance(a: Tensor, b: Tensor): Tensor {
  checkShape("cosineDistance", b, a.shape);
  return sub(1, sum(mul(unit(a), unit(b)), -1));
}

/** Options of {@link supervisedContrastive}. */
export interface ContrastiveOptions {
  /** Default 0.1. */
  readonly temperature?: number;
  /** Weight of each row [rows]; a row of weight 0 is no one's partner. */
  readonly weight?: Tensor;
}

/**
 * Returns the supervised contrastive loss of each row [rows] of features [rows, features], brought to length 1, with u32 labels [rows]: the
 * mean over the other rows p of its label of −log(e^(z·p) / Σ e^(z·a)), a being every other row; 0 for the only row of its label.
 * @throws E_CONFIG E_SHAPE @see Khosla et al. 2020, arXiv 2004.11362, equation 2
 */
export function supervisedContrastive(features: Tensor, labels: Tensor, options: ContrastiveOptions = {}): Tensor {
  checkKeys("nn.supervisedContrastive", options, ["temperature", "weight"]);
  const temperature = checkNumber("nn.supervisedContrastive", "temperature", options.temperature ?? 0.1, { min: 0, open: "min" });
  const rows = features.shape[0] as number;
  checkShape("supervisedContrastive", labels, [rows]);
  const { graph } = features;
  const direction = unit(features);
  const likeness = mul(matmul(direction, transpose(direction)), 1 / temperature);
  const column = (a: Tensor): Tensor => reshape(a, [rows, 1]);
  const apart = equal(equal(column(graph.iota(rows)), graph.iota(rows)), 0);
  const others = options.weight === undefined ? apart : and(apart, truth(options.weight));
  const seen = select(others, likeness, MASKED);
  const peak = detach(max(seen, -1, { keepDims: true }));
  const total = add(log(sum(exp(sub(seen, peak)), -1, { keepDims: true })), peak);
  const partners = toF32(and(others, equal(column(labels), labels)));
  return div(sum(mul(partners, sub(total, likeness)), -1), maximum(sum(partners, -1), 1));
}

/** Returns Σ weight·values / Σ weight of [rows] each. */
export function weightedMean(values: Tensor, weight: Tensor): Tensor {
  return div(sum(mul(values, weight)), sum(weight));
}

/** Returns vectors [..., features] brought to length 1; those shorter than 1e-8 stay short. */
function unit(a: Tensor): Tensor {
  return div(a, sqrt(maximum(sum(square(a), -1, { keepDims: true }), 1e-16)));
}

function rowMean(a: Tensor): Tensor {
  return a.shape.length === 1 ? a : mean(a, [...a.shape.keys()].slice(1));
}

/** Returns a u32 1 where `a` is not 0, else 0. */
function truth(a: Tensor): Tensor {
  return equal(equal(a, 0), 0);
}

function checkShape(name: string, found: Tensor, expected: readonly number[]): void {
  if (sameShape(found.shape, expected)) return;
  fail("E_SHAPE", `nn.${name}: targets do not fit; expected ${showShape(expected)}, got ${showShape(found.shape)}`);
}
