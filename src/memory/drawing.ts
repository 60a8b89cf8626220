/** Draws from stores side by side: mixtures, limits and adaptive ratios on top of what each store draws by itself. */
import { checkNumber, fail } from "../errors.ts";
import {
  type AdaptiveDraw,
  type DrawPolicy,
  drawDefinition,
  drawKey,
  drawNumbers,
  type LimitedDraw,
  type MixtureDraw,
  type MixturePart,
  type StoreDraw,
} from "./draw.ts";
import type { Slots } from "./slots.ts";

/** Rows that were drawn, all [n]. Slots count through all stores. */
export interface DrawnRows {
  readonly slots: Uint32Array;
  /** Importance weights, the largest 1. */
  readonly weights: Float32Array;
  /** What tells `update` whether a slot still holds the row that was drawn. */
  readonly generations: Uint32Array;
}

/** One of the stores side by side: its slots begin at `first`. */
export interface PlacedStore {
  readonly name: string;
  readonly slots: Slots;
  readonly first: number;
}

/** Stores, and where a policy stands within the one that was asked for: what it keeps is kept under that name. */
interface Place {
  readonly all: readonly PlacedStore[];
  readonly store: string | undefined;
  readonly path: string;
}

/** What draws keep between calls. */
export class Drawing {
  #carried = new Map<string, Float64Array>();

  /** Returns n rows, or as many as the policy and what is stored allow. @throws E_CONFIG E_STATE */
  draw(all: readonly PlacedStore[], n: number, policy: DrawPolicy): DrawnRows {
    const parts = this.#draw({ all, store: undefined, path: "" }, n, policy);
    if (parts.length === 1) return parts[0] as DrawnRows;
    const total = parts.reduce((sum, part) => sum + part.slots.length, 0);
    const drawn = { slots: new Uint32Array(total), weights: new Float32Array(total), generations: new Uint32Array(total) };
    let at = 0;
    for (const { slots, weights, generations } of parts) {
      drawn.slots.set(slots, at);
      drawn.weights.set(weights, at);
      drawn.generations.set(generations, at);
      at += slots.length;
    }
    return drawn;
  }

  /** Tells an adaptive policy the share of active units, once an episode. @throws E_CONFIG */
  signal(policy: DrawPolicy, active: number): void {
    if (policy.draw !== "adaptive")
      fail("E_CONFIG", `memory: signals are for draws.adaptive; expected such a policy, got "${policy.draw}"`);
    checkNumber("memory.signal", "active", active, { min: 0, max: 1 });
    const { gap, check } = policy as AdaptiveDraw;
    const told = this.#carry(`${adaptiveKey(policy as AdaptiveDraw)} told`);
    told[0] = (told[0] as number) + 1;
    if ((told[0] as number) % check !== 0) return;
    const before = told[0] === check ? 0.5 : (told[1] as number);
    if (Math.abs(active - before) <= gap) this.#carry(adaptiveKey(policy as AdaptiveDraw))[2] = 1;
    told[1] = active;
  }

  /** Returns what is kept as plain data, in an order of its own. */
  save(): Record<string, number[]> {
    return Object.fromEntries([...this.#carried].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, carry]) => [key, [...carry]]));
  }

  load(saved: Readonly<Record<string, readonly number[]>>): void {
    this.#carried = new Map(Object.entries(saved).map(([key, carry]) => [key, Float64Array.from(carry)]));
  }

  #draw(place: Place, n: number, policy: DrawPolicy): DrawnRows[] {
    const { all, store, path } = place;
    if (policy.draw === "mixture") return this.#mix({ ...place, path: `${path}/mixture` }, n, (policy as MixtureDraw).parts);
    if (policy.draw === "limited") {
      const limit = policy as LimitedDraw;
      return this.#draw({ ...place, path: `${path}/limited` }, this.#due(place, n, limit), limit.policy);
    }
    if (policy.draw === "adaptive") {
      const ratio = policy as AdaptiveDraw;
      return this.#draw({ ...place, path: `${path}/adaptive` }, this.#earned(place, n, ratio), ratio.policy);
    }
    const stores = all.filter(({ name }) => store === undefined || name === store);
    if (stores.length === 0)
      fail("E_CONFIG", `memory: no store called "${store}"; expected one of ${all.map(({ name }) => name).join(", ")}, got "${store}"`);
    if (stores.length === 1) return [this.#drawFrom(stores[0] as PlacedStore, n, policy as StoreDraw, path)];
    const parts = stores.map(({ name }) => ({ share: 1, store: name, policy }));
    return this.#mix({ all, store: undefined, path: `${path}/stores` }, n, parts);
  }

  #drawFrom({ name, slots, first }: PlacedStore, n: number, policy: StoreDraw, path: string): DrawnRows {
    const key = drawKey(policy);
    if (key !== undefined && !slots.keys.includes(key)) {
      const known = slots.keys.join(", ") || "(none)";
      fail("E_CONFIG", `memory: draw "${policy.draw}" needs groups by "${key}"; expected one of keys ${known}, got "${key}"`, {
        hint: `Open the memory with keys: ["${key}"].`,
      });
    }
    const numbers = drawNumbers(policy);
    const carry = policy.draw === "recall" ? this.#carry(`${path}/${name} ${JSON.stringify(policy)}`) : new Float64Array(4);
    const { distinct } = drawDefinition(policy.draw);
    const most = slots.stored === 0 ? 0 : distinct && numbers[0] === 0 ? Math.min(n, slots.stored) : n;
    const drawn = slots.draw(most, policy.draw, key, numbers, carry);
    if (drawn.slots.length === 0 && most > 0 && policy.draw === "proportional") {
      fail("E_STATE", "memory: every priority is 0; expected a row of a score above 0, got none", {
        hint: "Update scores, or draw by rank.",
      });
    }
    return {
      slots: drawn.slots.map((slot) => slot + first),
      weights: drawn.weights.slice(),
      generations: drawn.generations.slice(),
    };
  }

  /** Shares out n rows: what a part is owed grows by its share, and the part that is owed most comes next. A part without rows is not asked. */
  #mix(place: Place, n: number, parts: readonly MixturePart[]): DrawnRows[] {
    const { all, store, path } = place;
    const owed = this.#carry(`${path} ${JSON.stringify(parts)}`, parts.length);
    const filled = (name: string | undefined): boolean => all.some((each) => (name ?? each.name) === each.name && each.slots.stored > 0);
    const asked = [...parts.keys()].filter((k) => filled(parts[k]?.store ?? store));
    const total = asked.reduce((sum, k) => sum + (parts[k] as MixturePart).share, 0);
    for (const k of asked) owed[k] = (owed[k] as number) + (n * (parts[k] as MixturePart).share) / total;
    const counts = parts.map(() => 0);
    for (let i = 0; i < n && asked.length > 0; i++) {
      const next = asked.reduce((most, k) => ((owed[k] as number) > (owed[most] as number) ? k : most));
      counts[next] = (counts[next] as number) + 1;
      owed[next] = (owed[next] as number) - 1;
    }
    return parts.flatMap((part, k) => {
      const own = { all, store: part.store ?? store, path: `${path}/${k}` };
      return this.#draw(own, counts[k] as number, part.policy ?? { draw: "uniform" });
    });
  }

  /** How many of n rows a limit allows now; it remembers how many it allowed. */
  #due({ all, path }: Place, n: number, { policy: _, ...limits }: LimitedDraw): number {
    const { samplesPerInsert, minRows, errorBuffer } = limits;
    if (storedIn(all) < minRows) return 0;
    const carry = this.#carry(`${path}/limited ${JSON.stringify(limits)}`);
    const due = Math.floor(samplesPerInsert * clockOf(all) + errorBuffer - (carry[0] as number));
    const most = Math.max(0, Math.min(n, due));
    carry[0] = (carry[0] as number) + most;
    return most;
  }

  /** How many of n rows a ratio that may change has earned: it remembers what is left, when it last looked, and whether the ratio is high. */
  #earned({ all }: Place, n: number, policy: AdaptiveDraw): number {
    const carry = this.#carry(adaptiveKey(policy));
    const ratio = carry[2] === 0 ? policy.low : policy.high;
    const left = (carry[0] as number) + ratio * (clockOf(all) - (carry[1] as number));
    const most = storedIn(all) === 0 ? 0 : Math.min(n, Math.floor(left));
    carry[0] = left - most;
    carry[1] = clockOf(all);
    return most;
  }

  #carry(key: string, length = 4): Float64Array {
    const known = this.#carried.get(key) ?? new Float64Array(length);
    this.#carried.set(key, known);
    return known;
  }
}

function storedIn(all: readonly PlacedStore[]): number {
  return all.reduce((sum, { slots }) => sum + slots.stored, 0);
}

/** Rows offered so far: every store is offered all. */
function clockOf(all: readonly PlacedStore[]): number {
  return (all[0] as PlacedStore).slots.clock;
}

function adaptiveKey({ policy: _, ...options }: AdaptiveDraw): string {
  return `adaptive ${JSON.stringify(options)}`;
}
