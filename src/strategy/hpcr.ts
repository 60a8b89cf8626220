import { checkKeys, checkNumber } from "../errors.ts";
import { logSoftmax, MASKED } from "../nn/losses.ts";
import type { Tensor } from "../program/graph.ts";
import { sizeOf } from "../program/shape.ts";
import {
  add,
  and,
  concat,
  cos,
  detach,
  div,
  equal,
  exp,
  less,
  matmul,
  maximum,
  mul,
  neg,
  reshape,
  select,
  square,
  sub,
  sum,
  toF32,
  transpose,
} from "../program/tensor.ts";
import { none } from "./augment.ts";
import { contrast, type PcrOptions, viewsOf } from "./pcr.ts";
import { cosines, countsOf, unit } from "./proxies.ts";
import type { StepContext, Strategy } from "./strategy.ts";
import { type Augment, checkAugment } from "./views.ts";

/** Options of {@link hpcr}. */
export interface HpcrOptions extends PcrOptions {
  /** Between what the loss is scaled, and the steps of a whole wave. Default 0.5625, 1.8 and 500. */
  readonly low?: number;
  readonly high?: number;
  readonly period?: number;
  /** Weight of the distance between scores and those that were stored. Default 0.1. */
  readonly alpha?: number;
  /** Weight of the distance between the likenesses of drawn rows and those they had. Default 0.5. */
  readonly beta?: number;
}

/**
 * Returns holistic proxy-based contrastive replay: `pcr` times a scale that swings, (high − low)·½(1 − cos(2πi/period)) + low at step i; after the first
 * boundary drawn rows are also held to the scores they had when they came, α times the mean square over the rows' classes, and to how alike their
 * features were, β times the cross-entropy between softmaxes of cosines with the other drawn rows.
 * @throws E_CONFIG
 * @see Lin et al. 2023, arXiv 2309.15038, "HPCR: holistic proxy-based contrastive replay for online continual learning"
 */
export function hpcr(options: HpcrOptions): Strategy {
  const where = "strategies.hpcr";
  checkKeys(where, options, ["batchSize", "temperature", "augment", "low", "high", "period", "alpha", "beta"]);
  const size = checkNumber(where, "batchSize", options.batchSize, { min: 1, max: 2 ** 20, integer: true });
  const temperature = checkNumber(where, "temperature", options.temperature ?? 0.09, { min: 0, open: "min" });
  const augment: Augment = checkAugment(`${where}: augment`, options.augment ?? none());
  const low = checkNumber(where, "low", options.low ?? 0.5625, { min: 0 });
  const high = checkNumber(where, "high", options.high ?? Math.max(1.8, low), { min: low });
  const period = checkNumber(where, "period", options.period ?? 500, { min: 1, max: 2 ** 24, integer: true });
  const alpha = checkNumber(where, "alpha", options.alpha ?? 0.1, { min: 0 });
  const beta = checkNumber(where, "beta", options.beta ?? 0.5, { min: 0 });
  return {
    name: "hpcr",
    config: { batchSize: size, temperature, augment, low, high, period, alpha, beta },
    needs: { labels: true, features: true, boundary: true, ...(augment.augment !== "none" && { passes: { forward: 1, backward: 1 } }) },
    needsMemory: true,
    hyper: { low, high, alpha, beta },
    draws: [{ draw: "uniform" }],
    draw: { groups: [{ name: "hpcr", size }], select: ({ memory }) => ({ hpcr: memory?.draw(size) ?? { slots: [] } }) },
    owns: ["arrival", "hpcr"],
    keeps: () => ({ place: { shape: [] }, later: { shape: [] } }),
    gathers({ kept }) {
      const next = add(kept("place"), 1);
      return { place: select(less(next, period), next, 0) };
    },
    edits: [{ on: "boundary", apply: ({ kept }) => ({ keeps: { later: maximum(kept("later"), 1) } }) }],
    columns: {
      logits: { length: "classes", value: ({ logits }) => logits },
      features: { length: "features", value: ({ features }) => reshape(features, [features.shape[0] as number, widthOf(features)]) },
    },
    space: { outputs: (context) => cosines(context, temperature) },
    terms(context) {
      const { hyper, kept } = context;
      const views = viewsOf(context, augment);
      const scale = add(mul(sub(hyper("high"), hyper("low")), waveAt(kept("place"), period)), hyper("low"));
      const scores = views.map((view) => apart(context, view.scores)).reduce((a, b) => add(a, b));
      const features = views.map((view) => context.rowsOf("hpcr", view.features));
      const held = add(mul(mul(hyper("alpha"), 1 / views.length), scores), mul(hyper("beta"), unlikeness(context, features, temperature)));
      return [
        { tag: "task", value: mul(scale, contrast(context, "hpcr", views)) },
        { tag: "replay", value: mul(kept("later"), held) },
      ];
    },
  };
}

const widthOf = ({ shape }: Tensor): number => sizeOf(shape) / (shape[0] as number);

/** Returns ½(1 − cos(2π·place/period)). */
export function waveAt(place: Tensor, period: number): Tensor {
  return mul(0.5, sub(1, cos(mul(place, (2 * Math.PI) / period))));
}

/** Returns the mean square between scores of drawn rows and those stored, over the classes of the rows in the batch as often as they are there. */
function apart({ column, labels, weight, mean }: StepContext, scores: Tensor): Tensor {
  const [rows, classes] = scores.shape as [number, number];
  const stored = column("logits");
  const counts = countsOf(reshape(labels, [rows]), toF32(less(0, weight)), classes);
  const known = and(less(MASKED / 2, stored), less(MASKED / 2, scores));
  const squares = select(known, square(sub(scores, stored)), 0);
  return mean(div(sum(mul(squares, reshape(counts, [1, classes])), 1), maximum(sum(counts), 1)), "hpcr");
}

/** Returns the cross-entropy between how alike drawn rows were and are, mean over the rows of all views. */
function unlikeness({ column, rowsOf, weight }: StepContext, views: readonly Tensor[], temperature: number): Tensor {
  const stored = rowsOf("hpcr", column("features"));
  const present = toF32(less(0, rowsOf("hpcr", weight)));
  const width = stored.shape[1] as number;
  const size = (stored.shape[0] as number) * views.length;
  const all = (parts: readonly Tensor[]): Tensor => (parts.length === 1 ? (parts[0] as Tensor) : concat(parts, 0));
  const now = all(views.map((view) => reshape(view, [stored.shape[0] as number, width])));
  const there = all(views.map(() => present));
  const { graph } = stored;
  const upright = (a: Tensor): Tensor => reshape(a, [size, 1]);
  const other = and(equal(equal(upright(graph.iota(size)), graph.iota(size)), 0), less(0, mul(upright(there), there)));
  const likeness = (features: Tensor): Tensor => {
    const direction = unit(features, 1);
    return logSoftmax(select(other, mul(matmul(direction, transpose(direction)), 1 / temperature), MASKED));
  };
  const [before, after] = [detach(likeness(all(views.map(() => stored)))), likeness(now)];
  const losses = neg(sum(select(other, mul(exp(before), after), 0), 1));
  return div(sum(mul(losses, there)), maximum(sum(there), 1));
}
