/** What `palimpsest learn` keeps and recalls, by name. */
import { type DrawName, type DrawPolicy, drawNames } from "../memory/draw.ts";
import { adaptive, balanced, limited, mixture, top, uniform } from "../memory/draws.ts";
import { longTerm } from "../memory/policies.ts";
import { type MemoryPolicy, type PolicyName, policyNames } from "../memory/policy.ts";

/** Names of what is kept. */
export type PolicyChoice = PolicyName | "long-term";

/** Names of what is drawn. */
export type DrawChoice = DrawName | "mixture" | "limited" | "adaptive";

/** Names of what is kept. */
export const policyChoices: readonly PolicyChoice[] = [...policyNames, "long-term"];

/** Names of what is drawn. */
export const drawChoices: readonly DrawChoice[] = [...drawNames, "mixture", "limited", "adaptive"];

/** Returns a policy by its name, with its defaults. @throws E_CONFIG */
export function policyOf(name: PolicyChoice, capacity: number): MemoryPolicy {
  return name === "long-term" ? longTerm({ capacity }) : { policy: name, capacity };
}

/** Returns a draw by its name for about `rows` in each step. @throws E_CONFIG */
export function drawOf(name: DrawChoice, rows: number): DrawPolicy {
  switch (name) {
    case "top":
      // Of five times as many candidates, as in maximally interfered retrieval; of all rows, the same few would come back.
      return top({ candidates: 5 * rows });
    case "mixture":
      return mixture([
        { share: 1, policy: uniform() },
        { share: 1, policy: balanced() },
      ]);
    case "limited":
      return limited({ samplesPerInsert: 0.5 });
    case "adaptive":
      return adaptive();
    default:
      return { draw: name };
  }
}
