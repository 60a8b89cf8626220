import { checkKeys, checkNumber } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { add, div, exp, maximum, mul, neg, reshape, sqrt, square, sum } from "../program/tensor.ts";
import type { ProgramContext, Strategy } from "./strategy.ts";
import { normal } from "./views.ts";

/** Options of {@link refresh}. */
export interface RefreshOptions {
  /** How far a step unlearns first, δ. Default 1e-5. */
  readonly rate?: number;
  /** Deviation of the noise beside the way, before δ. Default 0.001. */
  readonly noise?: number;
  /** How much the importance of a parameter holds it back. Default 0.001. */
  readonly damping?: number;
  /** Rows of the memory whose importance is measured at a boundary; 0: none. Default 200. */
  readonly rows?: number;
  /** How much of the importance of former tasks stays, τ. Default 1e-5. */
  readonly decay?: number;
}

/** Rows measured between two moments at which the learner may be saved. */
const PIECE = 16;

/**
 * Returns refresh learning, beside another strategy such as `der`: before each step parameters go a little up the loss of the rows that arrive,
 * θ += δ·(u + noise·ξ)/(1 + damping·F), with u of each tensor the gradient brought to the tensor's own length and ξ ~ N(0, 1); then the step is made
 * from there. F ← τF + the mean of p(y|x)·g² over rows at each boundary: the form of the authors' code. Reconstructed: the rows are of the memory, not
 * all of the task. A step that is skipped takes the move back.
 * @throws E_CONFIG
 * @see Wang et al. 2024, arXiv 2403.13249, "A unified and general framework for continual learning", and github.com/joey-wang123/CL-refresh-learning
 */
export function refresh(options: RefreshOptions = {}): Strategy {
  const where = "strategies.refresh";
  checkKeys(where, options, ["rate", "noise", "damping", "rows", "decay"]);
  const rate = checkNumber(where, "rate", options.rate ?? 1e-5, { min: 0 });
  const noise = checkNumber(where, "noise", options.noise ?? 0.001, { min: 0 });
  const damping = checkNumber(where, "damping", options.damping ?? 0.001, { min: 0 });
  const rows = checkNumber(where, "rows", options.rows ?? 200, { min: 0, max: 2 ** 24, integer: true });
  const decay = checkNumber(where, "decay", options.decay ?? 1e-5, { min: 0, max: 1 });
  return {
    name: "refresh",
    config: { rate, noise, damping, rows, decay },
    needs: { ...(rows > 0 && { labels: true, boundary: true }), passes: { forward: 1, backward: 1 } },
    ...(rows > 0 && { needsMemory: true, draws: [{ draw: "uniform" }] }),
    hyper: { rate, noise, damping, decay },
    keeps: () => ({ importance: { shape: "parameters", mirror: "zero" }, fresh: { shape: "parameters", mirror: "zero" } }),
    programs: {
      unlearn: { arrival: true, moves: true, build: (context) => ({ params: unlearned(context) }) },
      measure: {
        groups: [{ name: "row", size: 1 }],
        build({ rowLoss, gradientOf, kept }) {
          const loss = reshape(rowLoss, []);
          return { keeps: { fresh: add(kept("fresh"), mul(exp(neg(loss)), square(gradientOf(loss)))) } };
        },
      },
      settle: {
        numbers: { count: [] },
        build: ({ kept, hyper, given }) => ({
          keeps: {
            importance: add(mul(hyper("decay"), kept("importance")), div(kept("fresh"), maximum(given("count"), 1))),
            fresh: mul(kept("fresh"), 0),
          },
        }),
      },
    },
    draw: {
      groups: [],
      async select({ run }) {
        await run?.("unlearn");
        return {};
      },
    },
    ...(rows > 0 && {
      phases: [
        {
          on: "boundary",
          async next({ memory, run, step }, cursor) {
            const list = Array.from(cursor === undefined ? (memory?.draw(rows).slots ?? []) : (cursor.slots as readonly number[]));
            const done = cursor === undefined ? 0 : (cursor.done as number);
            for (const [i, slot] of list.slice(done, done + PIECE).entries())
              await run("measure", { rows: { row: { slots: [slot] } }, step: step * rows + done + i });
            if (done + PIECE < list.length) return { slots: list, done: done + PIECE };
            await run("settle", { numbers: { count: list.length } });
            return undefined;
          },
        },
      ],
    }),
  };
}

/** Returns the parameters a little up the loss of the rows that arrive. */
function unlearned({ vector, parts, joined, rowLoss, mean, gradientOf, kept, hyper, random }: ProgramContext): Tensor {
  const lengthOf = (a: Tensor): Tensor => sqrt(sum(square(a)));
  const gradients = parts(gradientOf(mean(rowLoss, "arrival")));
  const ways = [...parts(vector)].map(([path, own]) => {
    const gradient = gradients.get(path) as Tensor;
    return [path, mul(div(lengthOf(own), maximum(lengthOf(gradient), 1e-18)), gradient)] as const;
  });
  const noisy = add(joined(new Map(ways)), mul(hyper("noise"), normal(random, "noise", vector.shape)));
  return add(vector, div(mul(hyper("rate"), noisy), add(1, mul(hyper("damping"), kept("importance")))));
}
