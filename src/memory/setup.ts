/** What a memory of its own is made of: its options checked, and its parts. */
import { checkKeys, checkNumber, fail } from "../errors.ts";
import type { Wasm } from "../wasm/instance.ts";
import { type Field, fieldsOf, type MemoryColumns } from "./columns.ts";
import {
  type Capacity,
  capacitiesOf,
  checkPolicy,
  definitionOf,
  hasWeakness,
  indexBytes,
  keyOf,
  type MemoryPolicy,
  type StorePolicy,
  storesOf,
} from "./policy.ts";
import type { Refusals } from "./refusals.ts";
import type { Replay, ReplaySpec } from "./replay.ts";
import { type Rows, rowBytes } from "./rows.ts";

/** Options of `openMemory`. */
export interface OpenMemoryOptions<C extends MemoryColumns> {
  /** What a row is: its values by name. */
  readonly columns: C;
  /** Rows, or the bytes they may take with all that belongs to them; here or in the policy. */
  readonly capacity?: Capacity;
  /** Which rows are kept, of `memory`; default `memory.reservoir()`. */
  readonly insert?: MemoryPolicy;
  /** Columns, single u32, that draws group rows by; that of the policy is one of them anyway. At most 4. */
  readonly keys?: readonly string[];
  /** Default 0. */
  readonly seed?: number;
}

/** Options checked. */
export interface Plan {
  readonly fields: readonly Field[];
  readonly index: ReplaySpec;
  /** Bytes of a row with what the index knows of it. */
  readonly rowBytes: number;
  /** Whether every batch must have the column `score`. */
  readonly measured: boolean;
  /** Whether scores are priorities, none of them negative, rather than cosines. */
  readonly priorities: boolean;
  readonly seed: number;
}

/** The parts of an open memory. */
export interface Contents {
  readonly plan: Plan;
  readonly wasm: Wasm;
  readonly replay: Replay;
  readonly rows: Rows;
  readonly refusals: Refusals;
  readonly counters: Counters;
}

/** Rows offered and, of those, dropped since their identity is refused; merged ones that were here; drawn from each store. */
export interface Counters {
  offered: number;
  refused: number;
  duplicates: number;
  drawn: number[];
}

/** Returns the options as a plan. @throws E_CONFIG */
export function planOf(options: OpenMemoryOptions<MemoryColumns>): Plan {
  const where = "openMemory";
  checkKeys(where, options, ["columns", "capacity", "insert", "keys", "seed"]);
  const fields = fieldsOf(where, options.columns);
  const policy = checkPolicy(where, options.insert ?? { policy: "reservoir" });
  const stores = [...storesOf(policy).values()];
  const has = (name: string): boolean => fields.some((field) => field.name === name);
  for (const store of stores) checkStore(where, store, fields);
  if (stores.length > 1 && options.capacity !== undefined)
    fail("E_CONFIG", `${where}: each of several stores has its own capacity; expected none beside them, got one`);
  const keys = [...new Set(options.keys ?? [])];
  for (const key of keys) checkKey(`${where}: option "keys"`, fields, key);
  const measures = stores.map((store) => definitionOf(store.policy).measure);
  const dims = fields.find(({ name }) => name === "embedding")?.length ?? 0;
  const known = { ids: has("id"), scores: has("score"), dims };
  const groupings = stores.map((store) => new Set([keyOf(store), ...keys].filter((key) => key !== undefined)).size);
  const bytes =
    rowBytes(fields) + indexBytes({ ...known, keys: Math.max(...groupings), weakness: stores.some((store) => hasWeakness(store, dims)) });
  return {
    fields,
    index: { policy, capacities: capacitiesOf(where, policy, bytes, options.capacity), keys, ...known },
    rowBytes: bytes,
    measured: measures.some((measure) => measure === "loss" || (measure !== undefined && dims === 0)),
    priorities: dims > 0 || !stores.some(({ policy: name }) => cosines.includes(name)),
    seed: checkNumber(where, "seed", options.seed ?? 0, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true }),
  };
}

/** Policies by how alike rows are: where there is no embedding to measure it on, it is their score. */
const cosines: readonly string[] = ["gradient-diverse", "clusters", "similarity"];

function checkStore(where: string, store: StorePolicy, fields: readonly Field[]): void {
  const has = (name: string): boolean => fields.some((field) => field.name === name);
  const { measure } = definitionOf(store.policy);
  const ranks = store.policy === "herding" || store.policy === "closest-to-mean";
  const needed = measure === "loss" ? ["score"] : ranks ? ["embedding"] : measure === undefined ? [] : ["score", "embedding"];
  if (needed.length > 0 && !needed.some(has)) {
    fail("E_CONFIG", `${where}: policy "${store.policy}" has nothing to go by; expected a column ${needed.join(" or ")}, got none`, {
      hint: `Declare a column "${needed[0]}".`,
    });
  }
  const key = keyOf(store);
  const assigned = store.policy === "clusters" && has("embedding");
  if (key !== undefined && key !== "" && !assigned) checkKey(`${where}: policy "${store.policy}"`, fields, key);
}

function checkKey(where: string, fields: readonly Field[], key: string): void {
  const columns = fields.filter(({ dtype, shape }) => dtype === "u32" && shape.length === 0).map(({ name }) => name);
  if (columns.includes(key)) return;
  fail("E_CONFIG", `${where} groups rows by "${key}"; expected a column of single u32 (${columns.join(", ") || "none"}), got "${key}"`, {
    hint: `Declare a column ${JSON.stringify(key)}: "u32".`,
    context: { key, columns },
  });
}
