import { checkKeys, checkNumber } from "../errors.ts";
import { mul } from "../program/tensor.ts";
import { type Group, numbersOf, ranges, type Transform, transform } from "./optimizer.ts";
import { patternsOf } from "./places.ts";

/** Options of {@link decoupledDecay}. */
export interface DecoupledDecayOptions {
  /** λ: w shrinks by 1 − ηλ before the update. */
  readonly weightDecay: number;
  /** Regular expressions of paths of parameters that do not shrink, such as "bias$". Default none. */
  readonly exclude?: readonly string[];
}

/**
 * Returns decoupled weight decay before any update. Parameters that are excluded have no decay of the rule's own either.
 * @throws E_CONFIG
 * @see Loshchilov and Hutter 2019, arXiv 1711.05101
 */
export function decoupledDecay(options: DecoupledDecayOptions): Transform {
  const where = "optim.decoupledDecay";
  const { values, hyper } = numbersOf(where, options, { weightDecay: [undefined, ranges.natural] }, ["exclude"]);
  const { exclude = [] } = options;
  patternsOf(where, "exclude", exclude);
  return transform({
    name: "decoupledDecay",
    options: { ...values, exclude },
    hyper,
    scalars: (_, { learningRate, weightDecay }) => ({ decay: 1 - learningRate * weightDecay }),
    rates: ["decay"],
    groups: exclude.map((match) => ({ match, weightDecay: 0 })),
    around: ({ params, scalars: { decay } }, rest) => ({ ...rest({ params: mul(params, decay) }), slots: {} }),
  });
}

/**
 * Returns differences between parameters by their paths: rates are multiplied by `rateScale` and follow the `schedule` they name, decays
 * are set to `weightDecay`. Where patterns overlap, scales multiply, and the last decay and schedule count. A chain refuses a difference that
 * its rule would not know of.
 * @throws E_CONFIG
 */
export function perGroup(options: { readonly groups: readonly Group[] }): Transform {
  const where = "optim.perGroup";
  checkKeys(where, options, ["groups"]);
  for (const group of options.groups) {
    checkKeys(`${where}: group`, group, ["match", "rateScale", "weightDecay", "schedule"]);
    patternsOf(where, "match", [group.match]);
    for (const name of ["rateScale", "weightDecay"] as const)
      if (group[name] !== undefined) checkNumber(where, name, group[name], ranges.natural);
  }
  return transform({ name: "perGroup", options: { groups: options.groups }, groups: options.groups });
}
