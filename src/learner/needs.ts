/** What a learner keeps and measures for its memory: no more than the policy and the draws need. */
import { fail } from "../errors.ts";
import { type AdaptiveDraw, type DrawPolicy, drawDefinition, drawKey, type MixtureDraw, plainDraws } from "../memory/draw.ts";
import { capacitiesOf, checkPolicy, definitionOf, indexBytes, keyOf, type Measure, type MemoryPolicy, storesOf } from "../memory/policy.ts";
import type { ReplaySpec } from "../memory/replay.ts";
import type { BuiltLayer } from "../nn/layer.ts";
import { type Shape, sizeOf } from "../program/shape.ts";
import { featuresOf, type Watch, watchStep } from "./measure.ts";

/** What a learner's memory knows of each row, and what steps measure for it. */
export interface MemoryPlan extends ReplaySpec {
  /** What a step measures of the rows that arrive, which are kept after it then; undefined: nothing, they are kept in the step itself. */
  readonly measure: Measure | undefined;
  /** Whether scores are priorities, above 0. */
  readonly priorities: boolean;
  /** Draws that are told the share of active units. */
  readonly adaptive: readonly AdaptiveDraw[];
  /** Returns what records the measures in the step's program; undefined where there are none. */
  readonly watch: (() => Watch) | undefined;
}

/** The model whose rows are kept. */
interface Subject {
  readonly built: BuiltLayer;
  /** The shape of a row as the model takes it. */
  readonly input: Shape;
  /** Bytes of a row's own columns. */
  readonly rowBytes: number;
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
  const measure = measureOf([
    ...stores.map(([, store]) => [`policy "${store.policy}"`, definitionOf(store.policy).measure] as const),
    ...plain.map(({ draw }) => [`draw "${draw}"`, drawDefinition(draw).scores && "loss"] as const),
  ]);
  const dims =
    measure === "gradient" ? sizeOf(subject.built.output) : measure === "features" ? featuresOf(subject.built, subject.input) : 0;
  const kept = { ids: true, scores: measure !== undefined, dims };
  // Of stores side by side, the account of the one that knows most of a row.
  const most = Math.max(...stores.map(([, store]) => new Set([...keys, keyOf(store) ?? "label"]).size));
  const tree = plain.some(({ draw }) => draw === "proportional") ? TREE_BYTES : 0;
  const adaptive = draws.flatMap(adaptiveOf);
  return {
    policy,
    capacities: capacitiesOf("memory", policy, subject.rowBytes + tree + indexBytes({ ...kept, keys: most })),
    keys,
    ...kept,
    measure,
    priorities: plain.some(({ draw }) => drawDefinition(draw).scores === "priorities"),
    adaptive,
    watch: measure === undefined && adaptive.length === 0 ? undefined : () => watchStep(measure, adaptive.length > 0),
  };
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

/** Returns the one thing that all of them measure, for a row has one score. */
function measureOf(asked: readonly (readonly [who: string, measure: Measure | undefined])[]): Measure | undefined {
  const [first, ...others] = asked.filter(([, measure]) => measure !== undefined);
  const other = others.find(([, measure]) => measure !== first?.[1]);
  if (first !== undefined && other !== undefined) {
    const [expected, got] = [first, other].map(([who, measure]) => `${measure} (${who})`);
    fail("E_CONFIG", `memory: the score of a row would mean two things; expected ${expected} alone, got also ${got}`, {
      hint: "Keep rows by another policy, such as memory.lossAware, or draw them by another, such as draws.balanced.",
    });
  }
  return first?.[1];
}
