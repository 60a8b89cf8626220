import { checkKeys, checkNumber } from "../errors.ts";
import { klDivergence } from "../nn/losses.ts";
import { add, detach, div, less, maximum, mul, sub, sum, toF32 } from "../program/tensor.ts";
import { anchor } from "./anchor.ts";
import type { HostContext, Strategy } from "./strategy.ts";

/** Options of {@link cal}. */
export interface CalOptions {
  /** Rows of former rounds drawn from memory in each step. */
  readonly batchSize: number;
  /** Share of the distillation in what drawn rows count: 0 … 1. Default 0.5. */
  readonly alpha?: number;
}

/**
 * Returns continual active learning with distillation, for rounds of newly labelled rows between boundaries: λ·L_new + (1 − λ)·[α·KL(softmax z′ ‖
 * softmax z) + (1 − α)·cross-entropy], the latter over rows of former rounds, z′ the answers of the model at the end of the last round, λ the share of
 * this round's rows among all. The teacher is the model of that moment rather than stored answers: the same numbers. Reconstructed: rows of a round
 * count as they arrive, and α = 0.5.
 * @throws E_CONFIG
 * @see Das et al. 2023, arXiv 2305.06408, "Accelerating batch active learning using continual learning techniques", CAL-SD
 */
export function cal(options: CalOptions): Strategy {
  checkKeys("strategies.cal", options, ["batchSize", "alpha"]);
  const size = checkNumber("strategies.cal", "batchSize", options.batchSize, { min: 1, max: 2 ** 20, integer: true });
  const alpha = checkNumber("strategies.cal", "alpha", options.alpha ?? 0.5, { min: 0, max: 1 });
  return {
    name: "cal",
    config: { batchSize: size, alpha },
    needs: { labels: true, boundary: true, passes: { forward: 1 } },
    needsMemory: true,
    uses: [anchor],
    hyper: { alpha },
    draws: [{ draw: "uniform" }],
    draw: { groups: [{ name: "cal", size }], select: (context) => ({ cal: { slots: former(context, size) } }) },
    owns: ["arrival", "cal"],
    keeps: () => ({ now: { shape: [] }, past: { shape: [] } }),
    gathers: ({ kept, weightOf }) => ({ now: add(kept("now"), sum(toF32(less(0, weightOf("arrival"))))) }),
    edits: [{ on: "boundary", apply: ({ kept }) => ({ keeps: { past: add(kept("past"), kept("now")), now: mul(kept("now"), 0) } }) }],
    // What rows are of this round is known on the host by their age.
    fold: {
      numbers: () => ({ now: [1] }),
      reads: [],
      push(numbers, { count }) {
        const now = numbers.now as Float64Array;
        now[0] = (now[0] as number) + count;
        return undefined;
      },
    },
    phases: [
      {
        on: "boundary",
        async next({ numbers }) {
          (numbers.now as Float64Array)[0] = 0;
          return undefined;
        },
      },
    ],
    terms({ x, logits, rowLoss, kept, hyper, mean, forward, weightOf, rowsOf }) {
      const now = add(kept("now"), sum(toF32(less(0, weightOf("arrival")))));
      const share = div(now, maximum(add(now, kept("past")), 1));
      const teacher = detach(forward({ x: rowsOf("cal", x), vector: kept("anchor/params") }).logits);
      const apart = sum(mul(rowsOf("cal", weightOf("cal")), klDivergence(rowsOf("cal", logits), teacher)));
      const held = add(mul(hyper("alpha"), apart), mul(sub(1, hyper("alpha")), mean(rowLoss, "cal")));
      return [
        { tag: "task", value: mul(share, mean(rowLoss, "arrival")) },
        { tag: "replay", value: mul(sub(1, share), held) },
      ];
    },
  };
}

/** Returns up to `size` slots of rows of former rounds, at random. */
function former({ memory, host }: HostContext, size: number): number[] {
  if (host === undefined || memory === undefined) return [];
  const now = host.numbers.now?.[0] ?? 0;
  const slots = memory.stores.flatMap(({ first, slots: store }) => [...store.ages()].flatMap((age, i) => (age > now ? [first + i] : [])));
  return host.random("rows").shuffle(slots).slice(0, size);
}
