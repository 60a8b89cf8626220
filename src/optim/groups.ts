/** Whether what a chain says of groups of parameters reaches its updates. */
import { fail } from "../errors.ts";
import type { Optimizer, Transform } from "./optimizer.ts";

/** Refuses differences between groups that no update would know of. @throws E_CONFIG naming option and rule */
export function checkGroups(before: readonly Transform[], rule: Optimizer): void {
  for (const { name, groups = [] } of before) {
    const paced = groups.find(({ rateScale = 1, schedule }) => rateScale !== 1 || schedule !== undefined);
    if (paced !== undefined && !differs(rule, { learningRate: 0.5 }))
      refuse(name, paced.schedule === undefined ? "rateScale" : "schedule", paced.match, rule, "groups share its rate");
    const decayed = groups.find(({ weightDecay }) => weightDecay !== undefined);
    if (decayed !== undefined && ![...before, rule].some((part) => differs(part, { weightDecay: 0.5 })))
      refuse(name, "weightDecay", decayed.match, rule, "no part of the chain decays weights");
  }
}

/** Whether a scalar in which groups may differ follows a number. */
function differs({ options, rates, scalars }: Transform | Optimizer, changed: Readonly<Record<string, number>>): boolean {
  const standard = { weightDecay: 0, ...(options as Readonly<Record<string, number>>), learningRate: 1 };
  const [one, other] = [scalars(1, standard), scalars(1, { ...standard, ...changed })];
  return rates.some((name) => one[name] !== other[name]);
}

function refuse(transform: string, option: string, match: string, { name }: Optimizer, because: string): never {
  fail(
    "E_CONFIG",
    `optim.chain: option "${option}" of ${transform} has no effect on ${name}, as ${because}; expected none, got one for /${match}/`,
    {
      hint: `Remove "${option}", or choose another rule.`,
      context: { option, rule: name },
    },
  );
}
