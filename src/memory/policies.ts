import { checkKeys } from "../errors.ts";
import { checkPolicy, type MemoryPolicy } from "./policy.ts";

/** Options of a memory policy. */
export interface MemoryOptions {
  /** Rows it can hold, 1 … 2^24. */
  capacity: number;
}

/**
 * Returns the policy that keeps a uniform sample of all rows seen.
 * @throws E_CONFIG
 * @see Vitter 1985, "Random sampling with a reservoir", algorithm R
 */
export function reservoir(options: MemoryOptions): MemoryPolicy {
  return policyOf("reservoir", "memory.reservoir", options);
}

/**
 * Returns the policy that keeps classes as equal in number as the stream allows, each a uniform sample of its own rows.
 * @throws E_CONFIG
 * @see Chrysakis and Moens 2020, "Online continual learning from imbalanced data", algorithm 1
 */
export function classBalanced(options: MemoryOptions): MemoryPolicy {
  return policyOf("class-balanced", "memory.classBalanced", options);
}

function policyOf(policy: MemoryPolicy["policy"], where: string, options: MemoryOptions): MemoryPolicy {
  checkKeys(where, options, ["capacity"]);
  return checkPolicy(where, { policy, capacity: options.capacity });
}
