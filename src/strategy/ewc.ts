import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import { logSoftmax } from "../nn/losses.ts";
import type { Tensor } from "../program/graph.ts";
import {
  add,
  detach,
  div,
  equal,
  exp,
  log,
  max,
  maximum,
  mul,
  neg,
  oneHot,
  reshape,
  shiftRight,
  square,
  sub,
  sum,
  toF32,
} from "../program/tensor.ts";
import { measuring } from "./measuring.ts";
import type { ProgramContext, ProgramResult, Strategy } from "./strategy.ts";

/** How the diagonal of the Fisher information is estimated. */
export type Fisher = "true" | "sampled" | "predicted" | "empirical" | "batched";

/** Options of {@link ewc}. */
export interface EwcOptions {
  /** Weight λ of the penalty ½λ·ΣF(θ − θ*)². Default 100. */
  readonly lambda?: number;
  /**
   * Squares of gradients of log p(c|x), row by row, with c: all classes, weighted by p(c|x) (`true`); drawn from it (`sampled`); the likeliest
   * (`predicted`); the label (`empirical`, default). Or `batched`: squares of the gradients that steps had anyway, means over their batches,
   * which needs no rows, and is up to a batch's rows smaller.
   */
  readonly fisher?: Fisher;
  /** Rows of the memory that are measured at a boundary. Default 200. A `memory.ring` holds the newest. */
  readonly rows?: number;
  /** `online` (default): one anchor, F ← γF + new; `separate`: a penalty for each task, all of them kept exactly in as much space. */
  readonly form?: "online" | "separate";
  /** How much of the importance of former tasks stays in the online form. Default 1. */
  readonly gamma?: number;
}

/** Returns a 1 at the largest of values [n], the first of equals. */
function largest(values: Tensor): Tensor {
  const [n] = values.shape as [number];
  const order = sub(n, toF32(values.graph.iota(n)));
  const peaks = mul(toF32(equal(values, max(values))), order);
  return toF32(equal(peaks, max(peaks)));
}

/**
 * Returns elastic weight consolidation: parameters are held to what they were at boundaries, by how much the answers on rows of the past depend on
 * each.
 * @throws E_CONFIG
 * @see Kirkpatrick et al. 2017, arXiv 1612.00796, equation 3; Schwarz et al. 2018, arXiv 1805.06370, section 3.2 (online)
 */
export function ewc(options: EwcOptions = {}): Strategy {
  const where = "strategies.ewc";
  checkKeys(where, options, ["lambda", "fisher", "rows", "form", "gamma"]);
  const lambda = checkNumber(where, "lambda", options.lambda ?? 100, { min: 0 });
  const fisher = checkChoice<Fisher>(where, "fisher", options.fisher ?? "empirical", [
    "true",
    "sampled",
    "predicted",
    "empirical",
    "batched",
  ]);
  const rows = checkNumber(where, "rows", options.rows ?? 200, { min: 1, max: 2 ** 24, integer: true });
  const form = checkChoice(where, "form", options.form ?? "online", ["online", "separate"]);
  const gamma = checkNumber(where, "gamma", options.gamma ?? 1, { min: 0, max: 1 });
  const batched = fisher === "batched";
  return {
    name: "ewc",
    config: { lambda, fisher, rows, form, gamma },
    needs: { labels: true, boundary: true },
    ...(batched ? {} : { needsMemory: true, draws: [{ draw: "uniform" }] }),
    hyper: { lambda, gamma },
    keeps: () => ({
      importance: { shape: "parameters", mirror: "zero" },
      // Σ F·θ* of all tasks, and Σ F·θ*² in all: what a sum of quadratic penalties comes down to.
      pull: { shape: "parameters", mirror: "zero" },
      rest: { shape: [] },
      fresh: { shape: "parameters", mirror: "zero" },
      count: { shape: [] },
    }),
    ...(batched && {
      gathers: ({ taskGradient, kept }) => ({ fresh: add(kept("fresh"), square(taskGradient())), count: add(kept("count"), 1) }),
      edits: [{ on: "boundary", apply: settle }],
    }),
    ...(!batched && {
      programs: { measure: { groups: [{ name: "row", size: 1 }], build: measure }, settle: { build: settle } },
      phases: [measuring(rows)],
    }),
    terms({ vector, kept, hyper }) {
      const quadratic = sub(mul(kept("importance"), square(vector)), mul(mul(2, kept("pull")), vector));
      return [{ tag: "penalty", value: mul(mul(0.5, hyper("lambda")), add(sum(quadratic), kept("rest"))) }];
    },
  };

  /** Takes the squares of one row in. */
  function measure({ graph, forward, labels, gradientOf, kept, random }: ProgramContext): ProgramResult {
    const logs = logSoftmax(forward({}).logits);
    const classes = logs.shape.at(-1) as number;
    const flat = reshape(logs, [classes]);
    const squares = (chosen: Tensor): Tensor => square(gradientOf(sum(mul(detach(chosen), flat))));
    const label = reshape(labels, [1]);
    const one = (): Tensor => {
      if (fisher === "empirical") return toF32(reshape(oneHot(label, classes), [classes]));
      if (fisher === "predicted") return largest(flat);
      // The largest of log p − log(−log u) is drawn from p.
      const uniform = mul(add(toF32(shiftRight(random("labels", [classes]), 9)), 0.5), 2 ** -23);
      return largest(sub(flat, log(neg(log(uniform)))));
    };
    let sums: Tensor;
    if (fisher === "true") {
      const each = Array.from({ length: classes }, (_, c) => {
        const chosen = toF32(equal(graph.iota(classes), c));
        return mul(exp(detach(sum(mul(chosen, flat)))), squares(chosen));
      });
      sums = each.reduce((a, b) => add(a, b));
    } else sums = squares(one());
    return { keeps: { fresh: add(kept("fresh"), sums), count: add(kept("count"), 1) } };
  }

  /** Makes what was measured since the last boundary part of the penalty. */
  function settle({ vector, kept, hyper }: Pick<ProgramContext, "vector" | "kept" | "hyper">): { keeps: Record<string, Tensor> } {
    const [fresh, count] = [kept("fresh"), kept("count")];
    const measured = div(fresh, maximum(count, 1));
    const before = form === "online" ? mul(hyper("gamma"), kept("importance")) : kept("importance");
    const importance = add(before, measured);
    const held = form === "online" ? importance : measured;
    const [pull, rest] = [mul(held, vector), sum(mul(held, square(vector)))];
    return {
      keeps: {
        importance,
        pull: form === "online" ? pull : add(kept("pull"), pull),
        rest: form === "online" ? rest : add(kept("rest"), rest),
        fresh: mul(fresh, 0),
        count: mul(count, 0),
      },
    };
  }
}
