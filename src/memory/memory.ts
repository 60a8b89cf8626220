/** A replay memory of its own, for any trainer. */
import { checkKeys, checkNumber, describe, fail } from "../errors.ts";
import { openWasm } from "../wasm/instance.ts";
import { type MemoryStats, statsOf } from "./census.ts";
import { checkBatch, checkScores, type Field, type MemoryBatch, type MemoryColumns, type MemoryRows, type Values } from "./columns.ts";
import { checkDraw, type DrawPolicy, drawDefinition, drawKey, type LimitedDraw, type MixtureDraw, type StoreDraw } from "./draw.ts";
import { mergeInto } from "./merge.ts";
import { type Capacity, checkCapacity, MOST_ROWS } from "./policy.ts";
import { Refusals } from "./refusals.ts";
import { type DrawnRows, Replay } from "./replay.ts";
import { Rows } from "./rows.ts";
import { type Contents, type OpenMemoryOptions, planOf } from "./setup.ts";
import { DROPPED } from "./slots.ts";
import { loadInto, save } from "./snapshot.ts";

/** Rows that were drawn. */
export interface MemoryDrawn<C extends MemoryColumns> extends DrawnRows {
  /** Their values by column; views, valid until the memory's next call. */
  readonly rows: MemoryRows<C>;
  /** How many: as many as asked for unless a limit or a small store allowed fewer. */
  readonly count: number;
}

/** Values of a row that are single: its columns of that kind, and its age, 1 for the newest. */
export type MemoryRow = Readonly<Record<string, number>>;

/** What {@link Memory.forget} forgets: rows by identity, by the values of single columns, or by a test of them. */
export type Forgettable = Iterable<number> | { readonly where: MemoryRow | ((row: MemoryRow) => boolean) };

/**
 * Returns an empty memory of rows with these columns, in Wasm memory of its own.
 * @throws E_CONFIG, E_OOM, E_NO_BACKEND
 * @example
 * const replay = await openMemory({ columns: { x: { dtype: "u8", shape: [28, 28], scale: 1 / 255 }, label: "u32" }, capacity: 1000 });
 * replay.offer({ x: pixels, label: labels });
 * const { rows } = replay.draw(32);
 */
export async function openMemory<const C extends MemoryColumns>(options: OpenMemoryOptions<C>): Promise<Memory<C>> {
  const plan = planOf(options);
  const wasm = await openWasm();
  const replay = new Replay(wasm, plan.index, plan.seed);
  const rows = new Rows(wasm, plan.fields, replay.capacity);
  const counters = { offered: 0, refused: 0, duplicates: 0, drawn: replay.stores.map(() => 0) };
  return new Memory<C>({ plan, wasm, replay, rows, refusals: new Refusals(), counters });
}

/** A replay memory of its own; see {@link openMemory}. A call that fails changes nothing. */
export class Memory<C extends MemoryColumns> {
  #contents: Contents | undefined;

  constructor(contents: Contents) {
    this.#contents = contents;
  }

  /** Rows it can hold. */
  get capacity(): number {
    return this.#open().replay.capacity;
  }

  /** Rows stored. */
  get stored(): number {
    return this.#open().replay.stored;
  }

  /** Rows that the stored ones stand for: all that were taken in, less what was forgotten. */
  get seen(): number {
    return this.#open().replay.seen;
  }

  /**
   * Offers rows and returns the slot `[stores, n]` where each is kept, or 0xffffffff. A row whose `id` is stored is dropped and counted, and so
   * is one whose `id` was forgotten. A row without a `score` gets the largest so far.
   * @throws E_DATA, E_SHAPE
   */
  offer(batch: MemoryBatch<C>): Uint32Array {
    const { plan, wasm, rows, refusals, counters } = this.#open();
    const where = "memory.offer";
    const { count, values } = checkBatch(where, plan.fields, batch, !plan.measured, wasm.memory.buffer);
    const scores = values.get("score");
    if (scores !== undefined) checkScores(`${where}: column "score"`, scores, plan.priorities);
    rows.prepare(count);
    const passed = refusals.pass(values.get("id"), counters.offered);
    const slots = passed === undefined ? this.#decide(values, count) : this.#decideSome(values, count, passed);
    rows.put(values, slots, count);
    counters.offered += count;
    counters.refused += passed === undefined ? 0 : count - passed.length;
    return slots;
  }

  #decide(values: ReadonlyMap<string, Values>, count: number): Uint32Array {
    const { replay } = this.#open();
    const [ids, scores, embeddings] = ["id", "score", "embedding"].map((name) => values.get(name));
    return replay.offer({
      count,
      keys: Object.fromEntries(replay.keys.flatMap((key) => (values.has(key) ? [[key, values.get(key) as Uint32Array]] : []))),
      ...(ids && { ids: ids as Float64Array }),
      ...(scores && { scores: scores as Float32Array }),
      ...(embeddings && { embeddings: embeddings as Float32Array }),
    });
  }

  /** Decides on the rows at `passed`; the others are dropped. */
  #decideSome(values: ReadonlyMap<string, Values>, count: number, passed: readonly number[]): Uint32Array {
    const { replay, plan } = this.#open();
    const some = new Map<string, Values>();
    for (const { name, length } of plan.fields) {
      const all = values.get(name);
      if (all === undefined || !(replay.keys.includes(name) || ["id", "score", "embedding"].includes(name))) continue;
      const own = all.slice(0, passed.length * length);
      for (const [i, from] of passed.entries()) own.set(all.subarray(from * length, (from + 1) * length), i * length);
      some.set(name, own);
    }
    const decided = this.#decide(some, passed.length);
    const slots = new Uint32Array(replay.stores.length * count).fill(DROPPED);
    for (let s = 0; s < replay.stores.length; s++)
      for (const [i, from] of passed.entries()) slots[s * count + from] = decided[s * passed.length + i] as number;
    return slots;
  }

  /**
   * Draws n rows by a policy of `draws`, default uniform.
   * @throws E_STATE from an empty memory, or where every priority is 0; E_CONFIG for more rows than are stored of a policy without replacement,
   * for groups by no key, or for scores that are not there or, in proportion, cosines. Limited and adaptive draws give fewer rows instead.
   */
  draw(n: number, policy: DrawPolicy = { draw: "uniform" }): MemoryDrawn<C> {
    const where = "memory.draw";
    const { replay, rows, counters } = this.#open();
    const checked = checkDraw(where, policy);
    checkNumber(where, "n", n, { min: 0, max: MOST_ROWS, integer: true });
    this.#checkDraw(where, checked);
    const rationed = checked.draw === "limited" || checked.draw === "adaptive";
    if (!rationed && replay.stored === 0)
      fail("E_STATE", `${where}: the memory is empty; expected a stored row, got none`, { hint: "Offer rows first." });
    const { distinct } = checked.draw === "mixture" || rationed ? {} : drawDefinition((checked as StoreDraw).draw);
    if (distinct && !(checked as StoreDraw).replacement && n > replay.stored) {
      fail("E_CONFIG", `${where}: more rows than are stored; expected at most ${replay.stored}, got ${n}`, {
        hint: "Draw fewer rows, or with { replacement: true }.",
        context: { n, stored: replay.stored },
      });
    }
    const drawn = replay.draw(n, checked);
    for (const [s, { first, slots }] of replay.stores.entries()) {
      let mine = drawn.slots.length;
      if (replay.stores.length > 1) mine = drawn.slots.filter((slot) => slot >= first && slot < first + slots.capacity).length;
      counters.drawn[s] = (counters.drawn[s] as number) + mine;
    }
    return { ...drawn, rows: rows.gather(drawn.slots, replay.stores) as MemoryRows<C>, count: drawn.slots.length };
  }

  /** Refuses a policy that this memory cannot draw by. */
  #checkDraw(where: string, policy: DrawPolicy): void {
    const { plan, replay } = this.#open();
    if (policy.draw === "mixture") {
      const names = replay.stores.map(({ name }) => name);
      for (const { store, policy: inner } of (policy as MixtureDraw).parts) {
        if (store !== undefined && !names.includes(store))
          fail("E_CONFIG", `${where}: no store called "${store}"; expected one of ${names.join(", ")}, got "${store}"`);
        this.#checkDraw(where, inner as DrawPolicy);
      }
      return;
    }
    if (policy.draw === "limited" || policy.draw === "adaptive") {
      this.#checkDraw(where, (policy as LimitedDraw).policy);
      return;
    }
    const { draw } = policy as StoreDraw;
    const key = drawKey(policy as StoreDraw);
    if (key !== undefined && !replay.stores.every(({ slots }) => slots.keys.includes(key))) {
      fail(
        "E_CONFIG",
        `${where}: draw "${draw}" needs groups by "${key}"; expected one of ${replay.keys.join(", ") || "(none)"}, got "${key}"`,
        {
          hint: `Open the memory with keys: ["${key}"].`,
        },
      );
    }
    const { scores } = drawDefinition(draw);
    if (scores !== undefined && !plan.index.scores)
      fail("E_CONFIG", `${where}: draw "${draw}" goes by scores; expected a column "score", got none`, {
        hint: 'Declare a column score: "f32".',
      });
    if (scores === "priorities" && !plan.priorities)
      fail("E_CONFIG", `${where}: draw "${draw}" needs scores that are priorities; expected none below 0, got cosines`, {
        hint: "Draw by rank.",
      });
  }

  /**
   * Sets scores and returns how many. Of drawn rows, those that have left since are passed over; of slots, those that are empty.
   * @throws E_CONFIG without a column `score`; E_DATA, E_SHAPE
   */
  update(target: DrawnRows | ArrayLike<number>, scores: ArrayLike<number>): number {
    const where = "memory.update";
    const { plan, replay } = this.#open();
    if (!plan.fields.some(({ name }) => name === "score"))
      fail("E_CONFIG", `${where}: no scores; expected a column "score", got none`, { hint: 'Declare a column score: "f32".' });
    const { slots, generations } = "slots" in target ? target : { slots: target, generations: undefined };
    if (slots.length !== scores.length)
      fail("E_SHAPE", `${where}: scores have the wrong length; expected ${slots.length}, got ${scores.length}`);
    const values = Float32Array.from(scores);
    checkScores(where, values, plan.priorities);
    checkSlots(where, slots, 2 ** 32);
    return replay.update(Uint32Array.from(slots), generations, values);
  }

  /** Returns the rows of slots by column; views, valid until the next call. @throws E_DATA for a slot without a row */
  read(slots: ArrayLike<number>): MemoryRows<C> {
    const { replay, rows } = this.#open();
    checkSlots("memory.read", slots, replay.capacity);
    for (const { slots: store, first } of replay.stores) {
      const [filled, end] = [first + store.stored, first + store.capacity];
      for (let i = 0; i < slots.length; i++) {
        const slot = slots[i] as number;
        if (slot >= filled && slot < end)
          fail("E_DATA", `memory.read: slot ${slot} is empty; expected one with a row, got number ${i} of the list`);
      }
    }
    // A view of the memory itself would not outlast what comes.
    return rows.gather(Uint32Array.from(slots), replay.stores) as MemoryRows<C>;
  }

  /**
   * Overwrites rows with zeros, counts them no more, and returns how many. Their identities, and those listed that are not stored, are refused for
   * the next `refuse` rows offered: default all, 0: none.
   * @throws E_CONFIG without a column `id` where one is needed; E_DATA
   */
  forget(what: Forgettable, options: { readonly refuse?: number } = {}): number {
    const where = "memory.forget";
    const { plan, replay, rows, refusals, counters } = this.#open();
    checkKeys(where, options, ["refuse"]);
    const { refuse = Number.POSITIVE_INFINITY } = options;
    if (refuse !== Number.POSITIVE_INFINITY) checkNumber(where, "refuse", refuse, { min: 0, integer: true });
    const byIds = typeof what === "object" && what !== null && Symbol.iterator in what;
    if (!plan.index.ids && (byIds || options.refuse !== undefined))
      fail("E_CONFIG", `${where}: rows have no identity; expected a column id: "id", got none`, { hint: "Forget with { where }." });
    const ids = byIds ? [...new Set(what)] : [];
    for (const id of ids)
      if (!(Number.isInteger(id) && id >= 0 && id <= Number.MAX_SAFE_INTEGER))
        fail("E_DATA", `${where}: an identity is none; expected a whole number 0 … 2^53 - 1, got ${describe(id)}`);
    const slots = byIds ? ids.flatMap((id) => replay.find(id)) : this.#find(where, what as Exclude<Forgettable, Iterable<number>>);
    if (plan.index.ids) {
      const stored = rows.gather(slots, replay.stores, ["id"]).id as Float64Array;
      for (const id of new Set([...ids, ...stored])) refusals.add(id, refuse, counters.offered);
    }
    rows.follow(replay.forget(slots));
    rows.wipe();
    return slots.length;
  }

  /** Returns the slots of the rows that a test holds for. */
  #find(where: string, what: Exclude<Forgettable, Iterable<number>>): number[] {
    const { plan, replay, rows } = this.#open();
    checkKeys(where, what, ["where"]);
    const single = plan.fields.filter(({ shape }: Field) => shape.length === 0).map(({ name }) => name);
    const test = what.where;
    if (typeof test !== "function") checkKeys(`${where}: where`, test, single);
    const slots = replay.stores.flatMap(({ slots: store, first }) => Array.from({ length: store.stored }, (_, slot) => first + slot));
    const names = typeof test === "function" ? single : Object.keys(test);
    const values = { ...rows.gather(slots, replay.stores, names), age: replay.stores.flatMap(({ slots: store }) => [...store.ages()]) };
    const rowOf = (i: number): MemoryRow => Object.fromEntries(Object.entries(values).map(([name, column]) => [name, column[i] as number]));
    if (typeof test === "function") {
      // A test may call the memory, which moves its views.
      const all = slots.map((_, i) => rowOf(i));
      return slots.filter((_, i) => test(all[i] as MemoryRow));
    }
    return slots.filter((_, i) => names.every((name) => values[name as keyof typeof values][i] === test[name]));
  }

  /**
   * Makes room for as many rows. Those beyond go as the policy gives up rows; several stores change in proportion, the first has the rest.
   * @throws E_CONFIG below a row for each store; E_OOM
   */
  resize(capacity: Capacity): void {
    const where = "memory.resize";
    const { plan, wasm, replay, rows } = this.#open();
    const given = checkCapacity(where, capacity);
    const total = typeof given === "number" ? given : Math.min(Math.floor(given.bytes / plan.rowBytes), MOST_ROWS);
    const before = replay.stores.map(({ slots, first }) => ({ first, capacity: slots.capacity, bytes: slots.bytes }));
    const capacities = before.map((store) => Math.max(1, Math.floor((total * store.capacity) / replay.capacity)));
    capacities[0] = (capacities[0] as number) + total - capacities.reduce((sum, size) => sum + size, 0);
    if ((capacities[0] as number) < 1)
      fail("E_CONFIG", `${where}: too small; expected a row for each of ${capacities.length} stores, got ${total}`, {
        context: { capacities },
      });
    rows.resize(total, () => {
      // A store's new block, and twice its image: once had, memory is there, so that the stores cannot end up halfway.
      const most = before.map(({ bytes, capacity: old }, s) => 4 * bytes * Math.max(1, (capacities[s] as number) / old));
      wasm.free(wasm.alloc(Math.ceil(most.reduce((sum, bytes) => sum + bytes, 0))));
      rows.follow(replay.resize(capacities));
      return replay.stores.map(({ slots, first }, s) => [before[s]?.first as number, first, slots.stored] as const);
    });
  }

  /**
   * Takes in the rows of another memory of the same columns and policy, which stays as it is, and returns how many were kept. Uniform samples (whole, or
   * by group) become one uniform sample of all rows that both stand for: of no more rows than the smaller of those that rows are missing from. Other
   * policies are offered the rows, oldest first. Rows whose `id` is here are counted as duplicates, those whose `id` is refused are not taken.
   * @throws E_MISMATCH, E_CONFIG for the memory itself
   */
  merge(other: Memory<C>): number {
    const contents = this.#open();
    if (other === this) fail("E_CONFIG", "memory.merge: a memory cannot join itself; expected another, got the same");
    return mergeInto(contents, other.#open());
  }

  /** Tells an adaptive draw the share of active units, once an episode. @see draws.adaptive */
  signal(policy: DrawPolicy, active: number): void {
    this.#open().replay.signal(checkDraw("memory.signal", policy), active);
  }

  /** Returns what there is: rows, bytes, groups, ages and shares. */
  stats(): MemoryStats {
    return statsOf(this.#open());
  }

  /** Returns the whole memory as bytes; equal memories give equal bytes. */
  save(): Uint8Array {
    return save(this.#open());
  }

  /** Puts a saved memory of the same columns, policy, keys and capacity in place of this one. @throws E_CORRUPT, E_VERSION, E_MISMATCH */
  load(saved: Uint8Array): void {
    loadInto(this.#open(), saved);
  }

  /** Gives its memory back; every later use but this one fails. */
  close(): void {
    this.#contents?.replay.close();
    this.#contents?.rows.close();
    this.#contents = undefined;
  }

  #open(): Contents {
    return this.#contents ?? fail("E_STATE", "memory: it is closed; expected an open one, got a closed one", { hint: "Open a new one." });
  }
}

function checkSlots(where: string, slots: ArrayLike<number>, end: number): void {
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i] as number;
    if (!(Number.isInteger(slot) && slot >= 0 && slot < end))
      fail("E_DATA", `${where}: slot ${i} is none; expected 0 … ${end - 1}, got ${describe(slot)}`);
  }
}
