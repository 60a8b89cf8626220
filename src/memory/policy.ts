import { checkChoice, checkNumber } from "../errors.ts";

/** Which rows a replay memory keeps: plain data. */
export interface MemoryPolicy {
  readonly policy: "reservoir" | "class-balanced";
  /** Rows it can hold. */
  readonly capacity: number;
}

/** The policies, in the order of their numbers in Wasm. */
export const policyNames: readonly MemoryPolicy["policy"][] = ["reservoir", "class-balanced"];

/**
 * Returns `value` as a policy.
 * @throws E_CONFIG
 */
export function checkPolicy(where: string, value: MemoryPolicy): MemoryPolicy {
  return {
    policy: checkChoice(where, "policy", value.policy, policyNames),
    capacity: checkNumber(where, "capacity", value.capacity, { min: 1, max: 2 ** 24, integer: true }),
  };
}
