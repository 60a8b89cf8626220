import { checkKeys, checkNumber } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { add, div, less, maximum, mul, reshape, sum, toF32 } from "../program/tensor.ts";
import { none } from "./augment.ts";
import { cosines, countsOf, proxyLoss } from "./proxies.ts";
import type { StepContext, Strategy } from "./strategy.ts";
import { type Augment, checkAugment, viewOf } from "./views.ts";

/** Options of {@link pcr}. */
export interface PcrOptions {
  /** Rows drawn from memory in each step. */
  readonly batchSize: number;
  /** What cosines are divided by. Default 0.09. */
  readonly temperature?: number;
  /** A second view of every row, which joins the first. Default: none. */
  readonly augment?: Augment;
}

/**
 * Returns proxy-based contrastive replay: scores are cosines of features with the columns of the classifier's weight, by a temperature, in training
 * and in answers alike; each row, in both views, is told apart from the proxies of the rows of its batch, new and drawn: −s_y + log Σ_k e^(s of row
 * k's class). While memory is empty there is no loss. The second view passes as in prediction, without dropout.
 * @throws E_CONFIG
 * @see Lin et al. 2023, arXiv 2304.04408, "PCR: proxy-based contrastive replay for online class-incremental continual learning", equation 8
 */
export function pcr(options: PcrOptions): Strategy {
  const where = "strategies.pcr";
  checkKeys(where, options, ["batchSize", "temperature", "augment"]);
  const size = checkNumber(where, "batchSize", options.batchSize, { min: 1, max: 2 ** 20, integer: true });
  const temperature = checkNumber(where, "temperature", options.temperature ?? 0.09, { min: 0, open: "min" });
  const augment = checkAugment(`${where}: augment`, options.augment ?? none());
  return {
    name: "pcr",
    config: { batchSize: size, temperature, augment },
    needs: { labels: true, features: true, ...(augment.augment !== "none" && { passes: { forward: 1, backward: 1 } }) },
    needsMemory: true,
    draws: [{ draw: "uniform" }],
    draw: { groups: [{ name: "pcr", size }], select: ({ memory }) => ({ pcr: memory?.draw(size) ?? { slots: [] } }) },
    owns: ["arrival", "pcr"],
    space: { outputs: (context) => cosines(context, temperature) },
    terms: (context) => [{ tag: "task", value: contrast(context, "pcr", viewsOf(context, augment)) }],
  };
}

/** What the model makes of a view of all rows. */
interface View {
  readonly scores: Tensor;
  readonly features: Tensor;
}

/** Returns what the model makes of all rows: as they are, and, if there is one, in a second view. */
export function viewsOf({ logits, features, x, random, forward }: StepContext, augment: Augment): View[] {
  const first = { scores: logits, features };
  if (augment.augment === "none") return [first];
  const second = forward({ x: viewOf(x, augment, random, "view") });
  return [first, { scores: second.logits, features: second.features }];
}

/** Returns the mean loss of arrived and drawn rows together against the proxies of all of them, 0 where none was drawn. */
export function contrast({ weight, weightOf, labels, mean }: StepContext, group: string, views: readonly View[]): Tensor {
  const rows = weight.shape[0] as number;
  const [first] = views as [View];
  const present = toF32(less(0, weight));
  const named = reshape(labels, [rows]);
  const counts = mul(views.length, countsOf(named, present, first.scores.shape[1] as number));
  const loss = views.map(({ scores }) => proxyLoss(scores, named, counts)).reduce((a, b) => add(a, b));
  const [arrived, drawn] = ["arrival", group].map((name) => sum(toF32(less(0, weightOf(name))))) as [Tensor, Tensor];
  const both = add(mul(arrived, mean(loss, "arrival")), mul(drawn, mean(loss, group)));
  const any = toF32(less(0, drawn));
  return mul(any, div(both, maximum(mul(views.length, add(arrived, drawn)), 1)));
}
