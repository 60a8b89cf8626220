/** The saved state of one store, as `assembly/image.ts` writes it: what is checked before Wasm sees it. */
import { fail } from "../errors.ts";
import { numbersOf, policyNames, type StorePolicy } from "./policy.ts";

// Offsets in a block, see `assembly/block.ts`.
const [OPTION, GROUPS, CLUSTERS, SAVED] = [120, 152, 168, 176];
const MAGIC = 0x4d504c50;
const VERSION = 2;

/** What an image must be of beside the policy. */
interface Expected {
  readonly capacity: number;
  /** Flags of `assembly/block.ts`. */
  readonly columns: number;
  readonly dims: number;
  readonly keys: number;
}

/**
 * Returns how many groups the largest grouping of an image has.
 * @throws E_CORRUPT E_VERSION E_MISMATCH
 */
export function checkImage(saved: Uint8Array, policy: StorePolicy, store: Expected): number {
  if (saved.length < SAVED) corrupt(`expected at least ${SAVED} bytes, got ${saved.length}`);
  const view = new DataView(saved.buffer, saved.byteOffset, saved.byteLength);
  const [magic, version, kind, capacity, , columns, dims, keys] = Array.from({ length: 8 }, (_, i) => view.getUint32(4 * i, true));
  if (magic !== MAGIC) corrupt(`expected the mark ${MAGIC}, got ${magic}`);
  if (version !== VERSION)
    fail("E_VERSION", `memory: saved state has another version; expected ${VERSION}, got ${version}`, { hint: "Update Palimpsest." });
  const own = numbersOf(policy);
  const expected = { policy: policy.policy, ...store, options: `${[...own.options, own.clusters]}` };
  const options = `${[view.getFloat64(OPTION, true), view.getFloat64(OPTION + 8, true), view.getUint32(CLUSTERS, true)]}`;
  const found = { policy: policyNames[kind as number] ?? kind, capacity, columns, dims, keys, options };
  for (const name of ["policy", "capacity", "columns", "dims", "keys", "options"] as const) {
    if (found[name] === expected[name]) continue;
    fail("E_MISMATCH", `memory: saved state has another ${name}; expected ${expected[name]}, got ${found[name]}`, {
      hint: `Create the memory with the ${name} it was saved with.`,
      context: { expected, found },
    });
  }
  const groups = Array.from({ length: expected.keys }, (_, j) => view.getUint32(GROUPS + 4 * j, true));
  const most = Math.max(0, ...groups);
  // Each has a record of 32 bytes: no room is had for more than there can be.
  if (most * 32 > saved.length) corrupt(`expected ${most} groups, got ${saved.length} bytes`);
  return most;
}

/** @throws E_CORRUPT */
export function corrupt(what: string): never {
  fail("E_CORRUPT", `memory: saved state is damaged; ${what}`, { hint: "Restore an earlier copy." });
}
