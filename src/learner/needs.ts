/** What a learner keeps and measures for its memory: no more than the policy and the draws need. */
import { fail } from "../errors.ts";
import { type AdaptiveDraw, type DrawPolicy, drawDefinition, drawKey, type MixtureDraw, plainDraws } from "../memory/draw.ts";
import {
  capacitiesOf,
  checkPolicy,
  definitionOf,
  indexBytes,
  keyOf,
  type MemoryPolicy,
  type PolicyName,
  storesOf,
} from "../memory/policy.ts";
import type { MemoryHost } from "../memory/slots.ts";
import { keepPlan, recordKept } from "./keeping.ts";
import { type Watch, watchStep } from "./measure.ts";
import type { Pages } from "./pages.ts";
import { type MemorySpec, Remembered, type SavedMemory } from "./remember.ts";

/** What a learner's memory is made for, and how it is opened. */
export interface MemoryPlan extends MemorySpec {
  /** Returns what measures rows while a step is traced. */
  watch(): Watch;
  readonly recordKept: typeof recordKept;
  readonly keepPlan: typeof keepPlan;
  open(host: MemoryHost, seed: number, saved?: SavedMemory): Remembered;
  /** Rows of each store that lie in the arena: all, or, where they lie in a file, of no store. */
  readonly inArena: readonly number[];
  /** Rows that are put behind a batch, since they are drawn from a file. */
  readonly staged: number;
}

/** The rows that are kept. */
interface Subject {
  /** Bytes of a row's own columns. */
  readonly rowBytes: number;
  readonly oneClass: boolean;
  /** Returns how many numbers a step measures of a row under a plan of no rows. */
  readonly lengthOf: (plan: MemoryPlan) => number;
}

/** What every row of a learner is known by. */
const KEYS = ["label", "task"];

/** Returns what a memory of a policy, drawn from by `draws`, needs. @throws E_CONFIG */
export function planMemory(given: MemoryPolicy, draws: readonly DrawPolicy[], subject: Subject): MemoryPlan {
  const policy = checkPolicy("memory", given);
  const stores = [...storesOf(policy)];
  const plain = draws.flatMap(plainDraws);
  const names = stores.map(([name]) => name);
  for (const draw of draws) checkStores(draw, names);
  for (const [, store] of stores) {
    const own = store.policy === "clusters" ? ["cluster"] : KEYS;
    checkKey(`policy "${store.policy}"`, keyOf(store) ?? "", ["", ...own]);
  }
  const known = stores.some(([, store]) => store.policy === "clusters") ? [...KEYS, "cluster"] : KEYS;
  for (const draw of plain) checkKey(`draw "${draw.draw}"`, drawKey(draw) ?? "", ["", ...known]);
  const keys = [...new Set([...KEYS, ...plain.flatMap((draw) => drawKey(draw) ?? [])])];
  const embeds = embeddingOf(stores.map(([, { policy }]) => policy));
  const losses = stores.some(([, store]) => definitionOf(store.policy).measure === "loss");
  const scores = losses || plain.some(({ draw }) => drawDefinition(draw).scores !== undefined);
  const spec: MemorySpec = {
    policy,
    capacities: [],
    keys,
    ids: true,
    scores,
    dims: 0,
    measured: scores || embeds !== undefined,
    embeds,
    priorities: plain.some(({ draw }) => drawDefinition(draw).scores === "priorities"),
    adaptive: draws.flatMap(adaptiveOf),
    oneClass: subject.oneClass,
  };
  const dims = embeds === undefined ? 0 : subject.lengthOf(opening(spec));
  // Of stores side by side, the account of the one that knows most of a row.
  const most = Math.max(...stores.map(([, store]) => new Set([...keys, keyOf(store) ?? "label"]).size));
  const tree = plain.some(({ draw }) => draw === "proportional") ? TREE_BYTES : 0;
  const rowBytes = subject.rowBytes + tree + indexBytes({ ...spec, dims, keys: most, weakness: embeds !== undefined });
  return opening({ ...spec, dims, capacities: capacitiesOf("memory", policy, rowBytes) });
}

function opening(spec: MemorySpec): MemoryPlan {
  const open: MemoryPlan["open"] = (host, seed, saved) => new Remembered(host, spec, seed, saved);
  return { ...spec, recordKept, keepPlan, watch: () => watchStep(spec), open, inArena: spec.capacities, staged: 0 };
}

/** Returns the plan of a memory whose rows lie in a file, of which a step draws up to `staged`. */
export function pagedPlan(plan: MemoryPlan, pages: Pages, staged: number): MemoryPlan {
  return { ...plan, open: (host, seed, saved) => new Remembered(host, plan, seed, saved, pages), inArena: [], staged };
}

/** A leaf of the tree of priorities (f64), and its part of the nodes above it, each of eight. */
const TREE_BYTES = 64 / 7;

function checkKey(who: string, key: string, known: readonly string[]): void {
  if (known.includes(key)) return;
  const expected = known.filter((name) => name !== "").join(" or ");
  fail("E_CONFIG", `memory: ${who} groups rows by what a learner does not know of them; expected key ${expected}, got "${key}"`, {
    hint: "Give batches the number as their task, and group by task.",
    context: { key, known },
  });
}

/** Refuses a draw from stores that are not there. */
function checkStores(draw: DrawPolicy, known: readonly string[]): void {
  if (draw.draw !== "mixture") return void ("policy" in draw && checkStores(draw.policy as DrawPolicy, known));
  for (const { store, policy } of (draw as MixtureDraw).parts) {
    if (store !== undefined && !known.includes(store))
      fail("E_CONFIG", `memory: no store called "${store}"; expected one of ${known.join(", ")}, got "${store}"`);
    if (policy !== undefined) checkStores(policy, known);
  }
}

function adaptiveOf(draw: DrawPolicy): AdaptiveDraw[] {
  if (draw.draw === "mixture") return (draw as MixtureDraw).parts.flatMap(({ policy }) => (policy === undefined ? [] : adaptiveOf(policy)));
  const inner = "policy" in draw ? adaptiveOf(draw.policy as DrawPolicy) : [];
  return draw.draw === "adaptive" ? [draw as AdaptiveDraw, ...inner] : inner;
}

/** Returns what policies embed rows by, which must be the same for all stores: a row has one embedding. */
function embeddingOf(policies: readonly PolicyName[]): MemorySpec["embeds"] {
  const asked = policies.map((policy) => ({ policy, measure: definitionOf(policy).measure })).filter(({ measure }) => measure !== "loss");
  const [first, ...others] = asked.filter(({ measure }) => measure !== undefined);
  const other = others.find(({ measure }) => measure !== first?.measure);
  if (first !== undefined && other !== undefined) {
    const [expected, got] = [first, other].map(({ policy, measure }) => `${measure} (policy "${policy}")`);
    fail("E_CONFIG", `memory: the embedding of a row would mean two things; expected ${expected} in all stores, got also ${got}`, {
      hint: "Keep rows of one of the stores by another policy.",
    });
  }
  return first?.measure as MemorySpec["embeds"];
}
