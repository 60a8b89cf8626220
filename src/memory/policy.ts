/** Which rows a replay memory keeps, as plain data. */
import { checkChoice, checkKeys, checkNumber, fail, type NumberRange } from "../errors.ts";

/** What a policy keeps rows by, beside chance. A learner measures it; alone, the caller gives it as a column. */
export type Measure = "loss" | "gradient" | "features";

interface Definition {
  /** The column whose values make groups, where none is named; null: one group of all rows. */
  readonly key?: string | null;
  /** Options beside capacity and key, with their defaults, in the order that Wasm takes them. */
  readonly options?: Readonly<Record<string, Option>>;
  readonly measure?: Measure;
}

interface Option extends NumberRange {
  readonly preset: number;
}

/** The name of a policy. */
export type PolicyName =
  | "reservoir"
  | "ring"
  | "quota"
  | "class-balanced"
  | "balanced-reservoir"
  | "greedy"
  | "loss-aware"
  | "gradient-diverse"
  | "herding"
  | "closest-to-mean"
  | "clusters"
  | "similarity";

/** The policies in the order of their numbers in `assembly/insert.ts`. */
const definitions: Readonly<Record<PolicyName, Definition>> = {
  reservoir: { options: { skip: { preset: 0, min: 0, max: 1, integer: true }, chunk: { preset: 1, min: 1, max: 2 ** 20, integer: true } } },
  ring: { key: null },
  quota: { key: "label" },
  "class-balanced": { key: "label" },
  "balanced-reservoir": { key: "label" },
  greedy: { key: "label" },
  "loss-aware": { key: "label", options: { balance: { preset: 0, min: 0, max: 1 } }, measure: "loss" },
  "gradient-diverse": { options: { strength: { preset: 10, min: 1, max: 1024, integer: true } }, measure: "gradient" },
  herding: { key: "label", measure: "features" },
  "closest-to-mean": { key: "label", measure: "features" },
  clusters: { key: "cluster", options: { clusters: { preset: 10, min: 1, max: 65_536, integer: true } }, measure: "features" },
  similarity: { options: { strength: { preset: 10, min: 1, max: 1024, integer: true } }, measure: "features" },
};

/** Rows, or the bytes that rows may take with all that belongs to them. */
export type Capacity = number | { readonly bytes: number };

/** One policy and its options. */
export interface StorePolicy {
  readonly policy: PolicyName;
  /** May be left out where the memory as a whole has one. */
  readonly capacity?: Capacity;
  /** The column whose values make groups. */
  readonly key?: string;
  readonly [option: string]: unknown;
}

/** Several stores side by side: each is offered every row and keeps its own. */
export interface StoresPolicy {
  readonly policy: "stores";
  readonly stores: Readonly<Record<string, StorePolicy>>;
}

/** Which rows a replay memory keeps. */
export type MemoryPolicy = StorePolicy | StoresPolicy;

/** The names of the policies. */
export const policyNames: readonly PolicyName[] = Object.keys(definitions) as PolicyName[];

/** Rows that a store can hold at most. */
export const MOST_ROWS: number = 2 ** 24;

/** Returns what is known of a policy. */
export function definitionOf(name: PolicyName): Definition {
  return definitions[name];
}

/** Returns the stores of a policy by name; a single one is called "memory". */
export function storesOf(policy: MemoryPolicy): ReadonlyMap<string, StorePolicy> {
  return new Map(
    policy.policy === "stores" ? Object.entries(policy.stores as StoresPolicy["stores"]) : [["memory", policy as StorePolicy]],
  );
}

/** Returns the key that a store's groups go by: a column, "" for one group of all rows, or undefined where it has no groups. */
export function keyOf(policy: StorePolicy): string | undefined {
  const { key } = definitionOf(policy.policy);
  return key === undefined ? undefined : (policy.key ?? key ?? "");
}

/** Returns the two options of a store as Wasm takes them, and its clusters. */
export function numbersOf(policy: StorePolicy): { readonly options: readonly [number, number]; readonly clusters: number } {
  const { options = {} } = definitionOf(policy.policy);
  const [first = 0, second = 0] = Object.entries(options).map(([name, { preset }]) => (policy[name] as number | undefined) ?? preset);
  return policy.policy === "clusters" ? { options: [0, 0], clusters: first } : { options: [first, second], clusters: 0 };
}

/**
 * Returns `value` as a policy with its defaults filled in.
 * @throws E_CONFIG
 */
export function checkPolicy(where: string, value: MemoryPolicy): MemoryPolicy {
  if (value?.policy !== "stores") return checkStore(where, value as StorePolicy);
  checkKeys(where, value, ["policy", "stores"]);
  const stores = Object.entries(value.stores as StoresPolicy["stores"]);
  if (stores.length === 0 || stores.length > 8)
    fail("E_CONFIG", `${where}: too few or too many stores; expected 1 … 8, got ${stores.length}`);
  return {
    policy: "stores",
    stores: Object.fromEntries(stores.map(([name, store]) => [name, checkStore(`${where}: store "${name}"`, store)])),
  };
}

function checkStore(where: string, value: StorePolicy): StorePolicy {
  const policy = checkChoice(where, "policy", value?.policy, policyNames);
  const { key, options = {} }: Definition = definitionOf(policy);
  checkKeys(where, value, ["policy", "capacity", ...(key === undefined ? [] : ["key"]), ...Object.keys(options)]);
  if (value.key !== undefined && (typeof value.key !== "string" || value.key === ""))
    fail("E_CONFIG", `${where}: option "key" names no column; expected a name such as "label", got ${JSON.stringify(value.key)}`);
  return {
    policy,
    ...(value.capacity !== undefined && { capacity: checkCapacity(where, value.capacity) }),
    ...((value.key ?? key) && { key: (value.key ?? key) as string }),
    ...Object.fromEntries(
      Object.entries(options).map(([name, { preset, ...range }]) => [name, checkNumber(where, name, value[name] ?? preset, range)]),
    ),
  };
}

/** Returns a capacity. @throws E_CONFIG below one row or byte */
export function checkCapacity(where: string, value: Capacity): Capacity {
  if (typeof value !== "object" || value === null) return checkNumber(where, "capacity", value, { min: 1, max: MOST_ROWS, integer: true });
  checkKeys(`${where}: capacity`, value, ["bytes"]);
  return { bytes: checkNumber(`${where}: capacity`, "bytes", value.bytes, { min: 1, integer: true }) };
}

/** Whether a store of embeddings of `dims` numbers knows of each row, beside its score, what lets it give way. */
export function hasWeakness({ policy }: StorePolicy, dims: number): boolean {
  const { measure } = definitionOf(policy);
  return dims > 0 && (measure === "gradient" || measure === "features");
}

/** What a store knows of each row. */
export interface KnownOfRows {
  readonly keys: number;
  readonly ids: boolean;
  readonly scores: boolean;
  readonly weakness: boolean;
  readonly dims: number;
}

/** Bytes that a store knows of a row, beside the rows' own columns. */
export function indexBytes(known: KnownOfRows): number {
  return 4 + (known.ids ? 8 + 16 / 3 : 0) + (known.scores ? 4 : 0) + (known.weakness ? 4 : 0) + 4 * known.dims + known.keys * (8 + 16 / 3);
}

/**
 * Returns the rows that each store can hold, where a row takes `rowBytes` with all that belongs to it; `whole` is the capacity of a memory of
 * one store whose policy has none.
 * @throws E_CONFIG
 */
export function capacitiesOf(where: string, policy: MemoryPolicy, rowBytes: number, whole?: Capacity): number[] {
  const stores = [...storesOf(policy)];
  return stores.map(([name, store]) => {
    const given = store.capacity ?? (stores.length === 1 ? whole : undefined);
    if (given === undefined)
      fail("E_CONFIG", `${where}: store "${name}" has no capacity; expected rows or { bytes }, got nothing`, {
        hint: "Give its policy a capacity.",
      });
    if (stores.length === 1 && whole !== undefined && store.capacity !== undefined)
      fail("E_CONFIG", `${where}: capacity is given twice; expected it in the policy or beside it, got both`);
    const capacity = checkCapacity(where, given);
    if (typeof capacity === "number") return capacity;
    const rows = Math.min(Math.floor(capacity.bytes / rowBytes), MOST_ROWS);
    if (rows < 1)
      fail("E_CONFIG", `${where}: no row fits the capacity; expected at least ${Math.ceil(rowBytes)} bytes, got ${capacity.bytes}`, {
        context: { store: name, rowBytes, bytes: capacity.bytes },
      });
    return rows;
  });
}
