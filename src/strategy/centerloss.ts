import { checkKeys, checkNumber } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { sameShape } from "../program/shape.ts";
import {
  add,
  broadcast,
  detach,
  div,
  equal,
  less,
  matmul,
  mul,
  oneHot,
  reshape,
  select,
  square,
  sub,
  sum,
  toF32,
  transpose,
} from "../program/tensor.ts";
import type { ModelFacts } from "./host.ts";
import { seen } from "./seen.ts";
import type { StepContext, Strategy } from "./strategy.ts";

/** Options of {@link centerLoss}. */
export interface CenterLossOptions {
  /** Weight λ of the penalty ½λ·mean‖f − c_y‖². Default 0.1. */
  readonly lambda?: number;
  /** How far a class's center follows its rows: 0 … 1. Default 0.5. */
  readonly alpha?: number;
  /** Whether what the classifier keeps of classes that have fixed centers stays as it is. Default true. */
  readonly freeze?: boolean;
}

/**
 * Returns center loss regularisation: until the boundary at which a class is first known, its center follows its features,
 * c ← c − α·Σ(c − f)/(1 + n) over its n rows in the batch; from then on it is fixed, and its rows are drawn to it. Reconstructed: λ, and that classes
 * are told apart by when they came, so that new ones may still join.
 * @throws E_CONFIG
 * @see Wen et al. 2016, "A discriminative feature learning approach for deep face recognition", equations 2 and 4
 */
export function centerLoss(options: CenterLossOptions = {}): Strategy {
  const where = "strategies.centerLoss";
  checkKeys(where, options, ["lambda", "alpha", "freeze"]);
  const lambda = checkNumber(where, "lambda", options.lambda ?? 0.1, { min: 0 });
  const alpha = checkNumber(where, "alpha", options.alpha ?? 0.5, { min: 0, max: 1 });
  const freeze = options.freeze ?? true;
  return {
    name: "centerLoss",
    config: { lambda, alpha, freeze },
    needs: { labels: true, features: true, boundary: true },
    uses: [seen],
    hyper: { lambda, alpha },
    keeps: () => ({ centers: { shape: ["features", "classes"] }, fixed: { shape: ["classes"] } }),
    edits: [{ on: "boundary", apply: ({ kept }) => ({ keeps: { fixed: kept("seen/classes") } }) }],
    ...(freeze && {
      space: {
        trains({ facts, graph, kept, joined, tensors }) {
          const free = toF32(equal(kept("fixed"), 0));
          const head = headOf(facts);
          const open = (path: string, shape: readonly number[]): Tensor =>
            head.includes(path) ? broadcast(free, shape) : graph.constant(1, shape, "f32");
          return less(0, joined(new Map(tensors.map(({ path, shape }) => [path, open(path, shape)]))));
        },
      },
    }),
    gathers(context) {
      const { features, kept, hyper, weightOf } = context;
      const [rows] = features.shape as [number];
      const before = kept("centers");
      const named = mul(classesOf(context), reshape(toF32(less(0, weightOf("arrival"))), [rows, 1]));
      const count = sum(named, 0);
      const pull = sub(matmul(transpose(detach(features)), named), mul(before, count));
      const moved = add(before, div(mul(hyper("alpha"), pull), add(count, 1)));
      return { centers: select(less(0, kept("fixed")), before, moved) };
    },
    terms(context) {
      const { features, kept, mean, hyper } = context;
      const named = mul(classesOf(context), kept("fixed"));
      const away = sub(features, matmul(named, transpose(kept("centers"))));
      const half = mul(mul(0.5, sum(square(away), -1)), sum(named, -1));
      return [{ tag: "penalty", value: mul(hyper("lambda"), mean(half, "arrival")) }];
    },
  };
}

/** Returns a 1 [rows, classes] for the class of each row. */
function classesOf({ labels, logits }: StepContext): Tensor {
  const [rows, classes] = logits.shape as [number, number];
  return toF32(oneHot(reshape(labels, [rows]), classes));
}

/** Returns the paths of the classifier's parameters, which are the model's last. */
function headOf({ shapes, features, classes }: ModelFacts): string[] {
  const list = [...shapes];
  const at = list.findLastIndex(([, shape]) => sameShape(shape, [features, classes]));
  return list.slice(at).flatMap(([path, shape]) => (shape.at(-1) === classes ? [path] : []));
}
