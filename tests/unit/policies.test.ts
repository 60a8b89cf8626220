import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import * as memory from "../../src/memory/policies.ts";
import { keyOf, type MemoryPolicy, storesOf } from "../../src/memory/policy.ts";
import { Replay } from "../../src/memory/replay.ts";
import { DROPPED, type Move, type Offer } from "../../src/memory/slots.ts";
import { compileMemory, type TestHost } from "./memoryhost.ts";
import { type Incoming, type Known, StoreModel } from "./policymodel.ts";

const SEQUENCES = 10_000;
/** A column that rows are grouped by for draws alone. */
const OTHER = "task";

let newHost: () => TestHost;
beforeAll(async () => {
  newHost = await compileMemory();
});

/** The policies, and the length of the rows' embeddings. */
const policies: Readonly<Record<string, readonly [policy: MemoryPolicy, dims: number]>> = {
  "reservoir, R": [memory.reservoir(), 0],
  "reservoir, L": [memory.reservoir({ method: "L" }), 0],
  "reservoir, chunks": [memory.reservoir({ chunk: 3 }), 0],
  ring: [memory.ring(), 0],
  "ring of groups": [memory.ring({ key: "label" }), 0],
  quota: [memory.quota(), 0],
  "class-balanced": [memory.classBalanced(), 0],
  "balanced-reservoir": [memory.balancedReservoir(), 0],
  greedy: [memory.greedy({ key: OTHER }), 0],
  "loss-aware": [memory.lossAware(), 0],
  "loss-aware, balanced": [memory.lossAware({ balance: 0.5 }), 0],
  "gradient-diverse by scores": [memory.gradientDiverse(), 0],
  "gradient-diverse by embeddings": [memory.gradientDiverse({ strength: 3 }), 2],
  herding: [memory.herding(), 2],
  "closest-to-mean": [memory.closestToMean(), 2],
  "clusters of embeddings": [memory.clusters({ clusters: 3 }), 2],
  "clusters by column": [memory.clusters({ key: "label" }), 0],
  similarity: [memory.similarity({ strength: 2 }), 2],
  "long-term": [memory.longTerm({ capacity: 9, chunk: 2 }), 0],
  "several stores": [
    memory.stores({
      first: memory.quota({ capacity: 4 }),
      second: memory.lossAware({ capacity: 3, balance: 0.25, key: OTHER }),
      third: memory.reservoir({ capacity: 5, method: "L" }),
    }),
    0,
  ],
};

/** A call: of a kind, with a number, and rows. */
type Step = readonly [kind: number, a: number, rows: readonly number[]];

/** A row by a number: few groups, ids that come again, scores and embeddings that are equal now and then. */
function rowOf(code: number): Incoming {
  const digit = (shift: number, n: number): number => (code >>> shift) % n;
  const id = digit(4, 24);
  const score = digit(9, 16);
  return {
    keys: { label: [0, 7, 0xffffffff, 1000][digit(0, 4)] as number, [OTHER]: digit(2, 3), cluster: 0 },
    id: id < 20 ? id : Number.NaN,
    score: score < 9 ? (score - 3) / 3 : Number.NaN,
    embedding: [digit(13, 7) - 3, digit(16, 7) - 2],
  };
}

function offerOf(rows: readonly Incoming[], dims: number): Offer {
  const column = (name: string): Uint32Array => Uint32Array.from(rows, ({ keys }) => keys[name] as number);
  return {
    count: rows.length,
    keys: { label: column("label"), [OTHER]: column(OTHER), cluster: column("cluster") },
    ids: Float64Array.from(rows, ({ id }) => id),
    scores: Float32Array.from(rows, ({ score }) => score),
    ...(dims > 0 && { embeddings: Float32Array.from(rows.flatMap(({ embedding }) => embedding)) }),
  };
}

/** Holds texts against each other, which is far quicker than what names the difference. */
function expectSame(found: unknown, expected: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(expected)) expect(found).toEqual(expected);
}

/** A memory and its model, which go through the same calls. */
class Pair {
  readonly host: TestHost = newHost();
  readonly replay: Replay;
  readonly models: readonly StoreModel[];
  readonly #dims: number;
  #marked: ReturnType<StoreModel["copy"]>[] | undefined;

  constructor(policy: MemoryPolicy, dims: number, capacity: number, seed: number) {
    this.#dims = dims;
    const stores = [...storesOf(policy)];
    const capacities = stores.map(([, store]) => (store.capacity as number | undefined) ?? capacity);
    this.replay = new Replay(this.host, { policy, capacities, keys: [OTHER], ids: true, scores: true, dims }, seed);
    this.models = stores.map(([name, store], i) => {
      const key = keyOf(store);
      const names = [...new Set(key === undefined ? [OTHER] : [key, OTHER])];
      return new StoreModel(store, capacities[i] as number, names, dims, seed, name);
    });
  }

  /** Makes a call on both and checks that they answer alike. */
  step([kind, a, codes]: Step): void {
    const { replay, models } = this;
    const at = (code: number): number => code % (replay.capacity + 1);
    if (kind < 5) {
      const rows = codes.map(rowOf);
      const expected = models.flatMap((model, i) => model.offer(rows).map((slot) => (slot === DROPPED ? slot : this.#first(i) + slot)));
      expectSame([...replay.offer(offerOf(rows, this.#dims))], expected);
    } else if (kind === 5) {
      const taken = models.flatMap((model, i) => Array.from({ length: model.known().stored }, (_, slot) => this.#first(i) + slot));
      const chosen = taken.filter((_, i) => codes.some((code) => code % taken.length === i));
      const expected = chosen.reverse().map((slot) => this.#remove(slot));
      expectSame(replay.forget(chosen), expected);
      this.#marked = undefined;
    } else if (kind === 6) {
      if (models.length === 1) {
        const capacity = 1 + (a % 10);
        expectSame(replay.stores[0]?.slots.resize(capacity), models[0]?.resize(capacity));
      }
      replay.load(replay.save());
      this.#marked = undefined;
    } else if (kind === 7) {
      const slots = codes.map(at);
      const numbers = slots.map((slot, i) => this.#numberOf(slot) + ((codes[i] as number) % 3 === 0 ? -1 : 0));
      const scores = codes.map((code) => ((code >>> 4) % 5) / 4);
      const given = a % 4 === 0 ? undefined : numbers;
      const expected = slots.map((slot, i) => {
        const owner = models.findLastIndex((_, k) => slot >= this.#first(k));
        return models[owner]?.update(slot - this.#first(owner), given?.[i], scores[i] as number) as number;
      });
      expect(replay.update(slots, given, scores)).toBe(expected.reduce((sum, n) => sum + n, 0));
    } else if (kind === 8) {
      this.#reopen();
      this.#marked = undefined;
    } else if (a % 2 === 0) {
      replay.mark();
      this.#marked = models.map((model) => model.copy());
    } else {
      replay.rollBack();
      for (const [i, state] of (this.#marked ?? []).entries()) models[i]?.restore(state);
    }
    this.compare();
  }

  /** Checks what the stores say of themselves. */
  compare(): void {
    const found = this.replay.stores.map(({ slots }): Known => {
      const { stored, seen, clock, counts, top, keys } = slots;
      const [ages, ids, scores] = [[...slots.ages()], [...slots.ids()], [...slots.scores()]];
      return { stored, seen, clock, counts, top, ages, ids, scores, groups: keys.map((key) => slots.groups(key)) };
    });
    const expected = this.models.map((model) => model.known());
    expectSame(found, expected);
  }

  /** Checks that the tables find every identity and every member of every group, and nothing else. */
  search(): void {
    for (const [i, model] of this.models.entries()) {
      const { slots } = this.replay.stores[i] as Replay["stores"][number];
      const { ids } = model.known();
      const every = Array.from({ length: 20 }, (_, id) => id);
      expectSame(
        every.map((id) => slots.find(id) ?? -1),
        every.map((id) => ids.indexOf(id)),
      );
      expect(slots.clock).toBe(model.known().clock);
      const { inner } = this.host;
      for (const [j, lists] of model.lists().entries()) {
        for (const [group, members] of lists.entries()) {
          const found = [...members, 0].map((_, r) => inner.member(slots.address, j, group, r) >>> 0);
          expectSame(found, [...members, DROPPED]);
        }
      }
    }
  }

  #first(i: number): number {
    return this.replay.stores[i]?.first as number;
  }

  #numberOf(slot: number): number {
    const owner = this.models.findLastIndex((_, k) => slot >= this.#first(k));
    return this.models[owner]?.numberOf(slot - this.#first(owner)) as number;
  }

  #remove(slot: number): Move {
    const owner = this.models.findLastIndex((_, k) => slot >= this.#first(k));
    const first = this.#first(owner);
    const { from, to } = (this.models[owner] as StoreModel).remove(slot - first, true);
    return { from: from + first, to: to + first };
  }

  /** Saves, spoils, and loads. */
  #reopen(): void {
    const bytes = this.replay.save();
    this.replay.offer(offerOf([3, 50_000, 999_999].map(rowOf), this.#dims));
    this.replay.load(bytes);
    expectSame([...this.replay.save()], [...bytes]);
  }
}

const steps = fc.array(
  fc.tuple(fc.nat(9), fc.nat(99), fc.array(fc.oneof(fc.nat(2 ** 31 - 1), fc.noBias(fc.nat(2 ** 31 - 1))), { maxLength: 9 })),
  { minLength: 1, maxLength: 16 },
);

describe.each(Object.entries(policies))("%s", (_, [policy, dims]) => {
  it("decides as its definition does, through forgetting, resizing, updates, saving and going back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.nat(), steps, (capacity, seed, calls) => {
        const pair = new Pair(policy, dims, capacity, seed);
        for (const call of calls) pair.step(call);
        pair.search();
        pair.replay.close();
        expect(pair.host.live.size).toBe(0);
      }),
      { numRuns: SEQUENCES / Object.keys(policies).length, seed: 4 },
    );
  });
});
