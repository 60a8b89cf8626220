/**
 * The insert policies of a replay memory, slowly: rows are objects, groups are plain lists, and every rule is written as its definition has it.
 * Decisions read the same Philox streams as `assembly/insert.ts`, so they must be the same, slot by slot.
 */
import { numbersOf, type StorePolicy } from "../../src/memory/policy.ts";
import { DROPPED, type Move } from "../../src/memory/slots.ts";
import type { Group } from "../../src/memory/view.ts";
import { RandomStream } from "../../src/random.ts";

/** A row that is offered. */
export interface Incoming {
  readonly keys: Readonly<Record<string, number>>;
  /** NaN: none. */
  readonly id: number;
  /** NaN: none. */
  readonly score: number;
  readonly embedding: readonly number[];
}

interface Row {
  readonly number: number;
  readonly id: number;
  readonly embedding: readonly number[];
  /** One of each grouping. */
  readonly groups: readonly Class[];
  score: number;
  /** What lets it give way, where that is measured on embeddings. */
  weakness: number;
}

interface Class {
  readonly key: number;
  members: Row[];
  seen: number;
  /** Whether it was a largest one since the memory is full. */
  full: boolean;
  sum: number[];
}

interface State {
  capacity: number;
  rows: Row[];
  groupings: Class[][];
  population: number;
  clock: number;
  duplicates: number;
  forgotten: number;
  top: number;
  /** What algorithm L drew ahead; "R": nothing any more. */
  ahead: { weight: number; next: number } | "R" | undefined;
  /** Where the present run of rows goes: which place, behind the others, or nowhere. */
  run: number | "behind" | undefined;
  centroids: number[][];
  /** Rows counted no more that no new row was paired with. */
  left: number;
  words: number;
}

/** What a store knows of its rows. */
export interface Known {
  readonly stored: number;
  readonly seen: number;
  readonly clock: number;
  readonly counts: { readonly duplicates: number; readonly forgotten: number };
  readonly top: number;
  readonly ages: readonly number[];
  readonly ids: readonly number[];
  readonly scores: readonly number[];
  readonly groups: readonly (readonly Group[])[];
}

/** One store. */
export class StoreModel {
  readonly #policy: StorePolicy;
  readonly #names: readonly string[];
  readonly #dims: number;
  readonly #options: readonly [number, number];
  readonly #clusters: number;
  readonly #random: RandomStream;
  #now: State;

  constructor(policy: StorePolicy, capacity: number, names: readonly string[], dims: number, seed: number, name: string) {
    this.#policy = policy;
    this.#names = names;
    this.#dims = dims;
    ({ options: this.#options, clusters: this.#clusters } = numbersOf(policy));
    this.#random = new RandomStream(seed, name === "memory" ? "store" : `store/${name}`);
    const zero = { population: 0, clock: 0, duplicates: 0, forgotten: 0, top: 0, left: 0, words: 0 };
    this.#now = { ...zero, capacity, rows: [], groupings: names.map(() => []), ahead: undefined, run: undefined, centroids: [] };
  }

  /** Returns a copy of all there is. */
  copy(): State {
    return structuredClone({ ...this.#now, words: this.#random.position });
  }

  /** Goes back to a copy. */
  restore(state: State): void {
    this.#now = structuredClone(state);
    this.#random.position = state.words;
  }

  get capacity(): number {
    return this.#now.capacity;
  }

  /** Returns what the store must say it knows. */
  known(): Known {
    const { rows, population, clock, duplicates, forgotten, top, groupings } = this.#now;
    return {
      stored: rows.length,
      seen: population,
      clock,
      counts: { duplicates, forgotten },
      top,
      ages: rows.map((row) => clock - row.number),
      ids: rows.map((row) => row.id),
      scores: rows.map((row) => row.score),
      groups: groupings.map((classes) => classes.map(({ key, members, seen }) => ({ key, stored: members.length, seen }))),
    };
  }

  /** Returns the slots of each group of each grouping, in the order of its list. */
  lists(): number[][][] {
    const { rows, groupings } = this.#now;
    return groupings.map((classes) => classes.map(({ members }) => members.map((row) => rows.indexOf(row))));
  }

  /** Returns the number of a slot's row, which is its generation. */
  numberOf(slot: number): number {
    return this.#now.rows[slot]?.number ?? -1;
  }

  offer(batch: readonly Incoming[]): number[] {
    const out = batch.map(() => DROPPED);
    if (this.#policy.policy === "herding" || this.#policy.policy === "closest-to-mean") {
      this.#rank(batch, out);
      return out;
    }
    for (const [i, incoming] of batch.entries()) {
      if (this.#refuses(incoming)) continue;
      const row = this.#rowOf(incoming, this.#clusters > 0 && this.#dims > 0 ? this.#assign(incoming.embedding) : undefined);
      row.score = this.#scoreOf(row);
      if (this.#embeds) row.weakness = this.#weaknessOf(row);
      const slot = this.#choose(row);
      if (slot !== undefined) this.#settle(row, slot, i, out);
      this.#count(row);
    }
    return out;
  }

  /** Takes a row out; the last moves into its slot. */
  remove(slot: number, forgets: boolean): Move {
    const now = this.#now;
    const row = now.rows[slot] as Row;
    if (forgets) {
      const down = (n: number, m: number): number => (n <= m ? n - 1 : nearest((n * (m - 1)) / m));
      const before = now.population;
      now.population = down(before, now.rows.length);
      now.left = now.population > now.rows.length - 1 ? now.left + before - now.population : 0;
      now.forgotten++;
      for (const group of row.groups) {
        const before = group.seen;
        group.seen = down(before, group.members.length);
        // The rest of the sum is that of as many rows, of the same mean, as are counted now.
        group.sum = group.sum.map((sum, k) => (before === 1 ? 0 : (sum - (row.embedding[k] as number)) * (group.seen / (before - 1))));
        if (group.members.length === 1) group.full = false;
      }
    }
    this.#leave(row);
    const last = now.rows.pop() as Row;
    if (last !== row) now.rows[slot] = last;
    this.#stop();
    return { from: now.rows.length, to: slot };
  }

  resize(capacity: number): Move[] {
    const now = this.#now;
    const moves: Move[] = [];
    while (now.rows.length > capacity) moves.push(this.remove(now.rows.indexOf(this.#victim(capacity)), false));
    if (now.capacity !== capacity) {
      const m = now.rows.length;
      // At the same share m/N of the rows seen, the memory is full after so many more.
      now.left = now.population > m ? nearest(((capacity - m) * now.population) / m) : 0;
      this.#stop();
    }
    now.capacity = capacity;
    this.#mark();
    return moves;
  }

  /** Sets the score of a slot's row, if that is still the row of this number. */
  update(slot: number, number: number | undefined, score: number): number {
    const row = this.#now.rows[slot];
    if (row === undefined || (number !== undefined && number !== row.number)) return 0;
    this.#score(row, Math.fround(score));
    return 1;
  }

  #refuses({ id }: Incoming): boolean {
    if (!this.#now.rows.some((row) => row.id === id)) return false;
    this.#now.duplicates++;
    return true;
  }

  #rowOf(incoming: Incoming, cluster: number | undefined): Row {
    const { groupings, clock } = this.#now;
    const groups = this.#names.map((name, j) => {
      const classes = groupings[j] as Class[];
      const key = j === 0 && cluster !== undefined ? cluster : (incoming.keys[name] ?? 0);
      let group = classes.find((other) => other.key === key);
      if (group === undefined) {
        group = { key, members: [], seen: 0, full: false, sum: new Array(this.#dims).fill(0) };
        classes.push(group);
      }
      return group;
    });
    return { number: clock, id: incoming.id, embedding: incoming.embedding, groups, score: Math.fround(incoming.score), weakness: 0 };
  }

  #scoreOf(row: Row): number {
    const { top } = this.#now;
    return Number.isNaN(row.score) ? (top > 0 ? top : 1) : row.score;
  }

  get #embeds(): boolean {
    return this.#dims > 0 && ["gradient-diverse", "herding", "closest-to-mean", "clusters", "similarity"].includes(this.#policy.policy);
  }

  #weaknessOf(row: Row): number {
    const { rows } = this.#now;
    if (this.#policy.policy === "clusters") {
      return Math.fround(Math.max(-1, ...(row.groups[0] as Class).members.map((other) => cosine(row.embedding, other.embedding))));
    }
    if (rows.length === 0) return Math.fround(0.1);
    const others = Array.from({ length: this.#options[0] }, () => rows[this.#random.below(rows.length)] as Row);
    return Math.fround(Math.max(-1, ...others.map((other) => cosine(row.embedding, other.embedding))));
  }

  /** What lets a row give way: measured on its embedding, or its score. */
  #weak(row: Row): number {
    return this.#embeds ? row.weakness : row.score;
  }

  #choose(row: Row): number | undefined {
    const { rows, capacity, groupings } = this.#now;
    const m = rows.length;
    const room = m < capacity;
    const own = row.groups[0] as Class;
    const slotOf = (victim: Row | undefined): number | undefined => (victim === undefined ? undefined : rows.indexOf(victim));
    switch (this.#policy.policy) {
      case "reservoir":
        return this.#options[1] > 1 ? this.#chunked() : this.#options[0] === 1 ? this.#skipping() : this.#reservoir();
      case "ring":
        if (own.members.length >= this.#limit(own, capacity)) return slotOf(own.members[0]);
        return room ? m : slotOf(this.#overfull(capacity).members[0]);
      case "quota":
        if (own.members.length >= this.#limit(own, capacity)) return slotOf(this.#within(own));
        if (this.#thins(own)) return undefined;
        return room ? m : slotOf(this.#any(this.#overfull(capacity).members));
      case "class-balanced":
        if (room) return this.#thins(own) ? undefined : m;
        return slotOf(own.full ? this.#within(own) : this.#anyOfLargest());
      case "balanced-reservoir": {
        const slot = this.#reservoir();
        if (room) return slot;
        const counts = (groupings[0] as Class[]).map(({ members }) => members.length).sort((a, b) => a - b);
        const median = ((counts[(counts.length - 1) >> 1] as number) + (counts[counts.length >> 1] as number)) / 2;
        return slot !== undefined || own.members.length < median ? slotOf(this.#anyOfLargest()) : undefined;
      }
      case "greedy":
        if (own.members.length >= Math.floor(capacity / (groupings[0] as Class[]).length)) return undefined;
        return room ? m : slotOf(this.#anyOfLargest());
      case "loss-aware": {
        const slot = this.#reservoir();
        return room || slot === undefined ? slot : slotOf(this.#byLoss());
      }
      case "gradient-diverse": {
        if (room) return m;
        if (this.#weak(row) >= 0) return undefined;
        const victim = this.#byLikeness();
        const odds = this.#weak(victim) + 1 + (this.#weak(row) + 1);
        const u = this.#unit();
        return odds === 0 || u * odds < this.#weak(victim) + 1 ? slotOf(victim) : undefined;
      }
      case "clusters": {
        if (room) return m;
        const largest = this.#largest();
        const crowded = largest.includes(own) ? own : (largest[0] as Class);
        const victim = this.#worst(crowded.members);
        return crowded === own && this.#weak(row) >= this.#weak(victim) ? undefined : slotOf(victim);
      }
      default: {
        if (room) return m;
        const victim = this.#worst(rows);
        return this.#weak(row) < this.#weak(victim) ? slotOf(victim) : undefined;
      }
    }
  }

  /** The row to give up where there is to be room for no more than `size`. */
  #victim(size: number): Row {
    const { rows } = this.#now;
    switch (this.#policy.policy) {
      case "reservoir":
        return this.#any(rows);
      case "ring":
        return this.#overfull(size).members[0] as Row;
      case "quota":
        return this.#any(this.#overfull(size).members);
      case "loss-aware":
        return this.#byLoss();
      case "gradient-diverse":
        return this.#byLikeness();
      case "herding":
      case "closest-to-mean":
        return this.#worst(this.#overfull(size).members);
      case "clusters":
        return this.#worst((this.#largest()[0] as Class).members);
      case "similarity":
        return this.#worst(rows);
      default:
        return this.#anyOfLargest();
    }
  }

  /** Algorithm R; before that, random pairing. */
  #reservoir(): number | undefined {
    const now = this.#now;
    const m = now.rows.length;
    if (now.left > 0) return this.#random.below(now.left--) < now.capacity - m ? m : undefined;
    if (m < now.capacity) return m;
    const r = this.#random.below(now.population + 1);
    return r < now.capacity ? r : undefined;
  }

  #thins({ members, seen }: Class): boolean {
    return members.length > 0 && seen > members.length && this.#random.below(seen) >= members.length;
  }

  /** Algorithm L: `weight` is the largest of the keys in the reservoir, rows before `next` have a larger one. */
  #skipping(): number | undefined {
    const now = this.#now;
    if (now.rows.length < now.capacity || now.ahead === "R") return this.#reservoir();
    const ahead = (weight: number, from: number): State["ahead"] => {
      const largest = weight * Math.exp(Math.log(1 - this.#unit()) / now.capacity);
      return { weight: largest, next: from + Math.floor(Math.log(1 - this.#unit()) / Math.log1p(-largest)) };
    };
    now.ahead ??= ahead(1, now.population);
    const { weight, next } = now.ahead as { weight: number; next: number };
    if (now.population < next) return undefined;
    const slot = this.#random.below(now.capacity);
    now.ahead = ahead(weight, now.population + 1);
    return slot;
  }

  /** Random pairing and algorithm R on runs of rows. */
  #chunked(): number | undefined {
    const now = this.#now;
    const length = Math.min(this.#options[1], now.capacity);
    const m = now.rows.length;
    const offset = now.clock % length;
    if (offset === 0) {
      const space = Math.floor((now.capacity - m) / length);
      if (now.left >= length) {
        now.run = this.#random.below(Math.floor(now.left / length)) < space ? "behind" : undefined;
        now.left -= length;
      } else if (space > 0) {
        now.run = "behind";
      } else {
        const r = this.#random.below(Math.floor(now.population / length) + 1);
        now.run = r < Math.floor(now.capacity / length) ? r : undefined;
      }
    }
    if (now.run === undefined) return undefined;
    const slot = now.run === "behind" ? m : Math.min(now.run * length + offset, m);
    return slot < now.capacity ? slot : undefined;
  }

  /** A reservoir among the rows of a group. */
  #within({ members, seen }: Class): Row | undefined {
    return members.length === 0 ? undefined : members[this.#random.below(seen + 1)];
  }

  #any(rows: readonly Row[]): Row {
    return rows[this.#random.below(rows.length)] as Row;
  }

  #largest(): Class[] {
    const classes = this.#now.groupings[0] as Class[];
    const most = Math.max(...classes.map(({ members }) => members.length));
    return classes.filter(({ members }) => members.length === most);
  }

  #anyOfLargest(): Row {
    return this.#any(this.#largest().flatMap(({ members }) => members));
  }

  /** An equal share of the capacity; what is left over goes to the first groups, one each. */
  #limit(group: Class, size: number): number {
    const classes = this.#now.groupings[0] as Class[];
    return Math.floor(size / classes.length) + (classes.indexOf(group) < size % classes.length ? 1 : 0);
  }

  #overfull(size: number): Class {
    const classes = this.#now.groupings[0] as Class[];
    const over = classes.map((group) => group.members.length - this.#limit(group, size));
    return classes[over.indexOf(Math.max(...over))] as Class;
  }

  /** The weakest row, in the lowest slot of several. */
  #worst(rows: readonly Row[]): Row {
    const most = Math.max(...rows.map((row) => this.#weak(row)));
    return this.#now.rows.find((row) => rows.includes(row) && this.#weak(row) === most) as Row;
  }

  #byLoss(): Row {
    const { rows } = this.#now;
    const [balance] = this.#options;
    const most = Math.max(...rows.map(({ score }) => score));
    const low = rows.map(({ score }) => most - score);
    const losses = sum(low);
    const sizes = rows.map(({ groups }) => (groups[0] as Class).members.length);
    const chances = rows.map((_, i) => {
      const byLoss = losses > 0 ? (low[i] as number) / losses : 1 / rows.length;
      return (1 - balance) * byLoss + (balance * (sizes[i] as number)) / sum(sizes);
    });
    return this.#byChance(chances);
  }

  #byLikeness(): Row {
    const { rows } = this.#now;
    const least = Math.min(...rows.map((row) => this.#weak(row)));
    const above = rows.map((row) => this.#weak(row) - least);
    return above.every((x) => x === 0) ? this.#any(rows) : this.#byChance(above);
  }

  #byChance(chances: readonly number[]): Row {
    const target = this.#unit() * sum(chances);
    let below = 0;
    const found = chances.findIndex((chance) => {
      below += chance;
      return below > target;
    });
    return this.#now.rows[found] as Row;
  }

  /** Ranks the rows of every group in the batch anew: those stored, in the order of their list, and the new ones. */
  #rank(batch: readonly Incoming[], out: number[]): void {
    const now = this.#now;
    const offered = batch.map((incoming, i) => {
      const again = batch.slice(0, i).some(({ id }) => id === incoming.id);
      if (again && !now.rows.some(({ id }) => id === incoming.id)) {
        now.duplicates++;
        return undefined;
      }
      if (this.#refuses(incoming)) return undefined;
      const row = this.#rowOf(incoming, undefined);
      this.#count(row);
      const group = row.groups[0] as Class;
      group.sum = group.sum.map((sum, k) => sum + (row.embedding[k] as number));
      return row;
    });
    for (const group of new Set(offered.flatMap((row) => (row === undefined ? [] : [row.groups[0] as Class])))) {
      const left = [...group.members, ...offered.filter((row) => row?.groups[0] === group)] as Row[];
      const limit = this.#limit(group, now.capacity);
      const ranked: Row[] = [];
      while (left.length > 0 && ranked.length < limit) {
        const distances = left.map((row) => this.#distance(group, ranked, row));
        ranked.push(...left.splice(distances.indexOf(Math.min(...distances)), 1));
      }
      const order = [...ranked, ...left];
      for (const row of group.members) row.weakness = order.indexOf(row);
      for (const [place, row] of ranked.entries()) {
        if (group.members.includes(row)) continue;
        row.weakness = place;
        row.score = this.#scoreOf(row);
        let slot = now.rows.length;
        if (slot === now.capacity) {
          const crowded = group.members.length < limit ? this.#overfull(now.capacity) : group;
          slot = now.rows.indexOf(this.#worst(crowded.members));
        }
        this.#settle(row, slot, offered.indexOf(row), out);
      }
    }
  }

  #distance(group: Class, ranked: readonly Row[], row: Row): number {
    const byMean = this.#policy.policy === "herding";
    const away = group.sum.map((total, k) => {
      const x = row.embedding[k] as number;
      const picked = sum(ranked.map(({ embedding }) => embedding[k] as number));
      return (byMean ? (picked + x) / (ranked.length + 1) : x) - total / group.seen;
    });
    return sum(away.map((x) => x * x));
  }

  /** Sequential k-means. */
  #assign(embedding: readonly number[]): number {
    const { centroids, groupings } = this.#now;
    if (centroids.length < this.#clusters) return centroids.push([...embedding]) - 1;
    const distances = centroids.map((centroid) => sum(centroid.map((x, k) => ((embedding[k] as number) - x) ** 2)));
    const best = distances.indexOf(Math.min(...distances));
    const seen = groupings[0]?.find(({ key }) => key === best)?.seen as number;
    centroids[best] = (centroids[best] as number[]).map((x, k) => Math.fround(x + (1 / (seen + 1)) * ((embedding[k] as number) - x)));
    return best;
  }

  #settle(row: Row, slot: number, i: number, out: number[]): void {
    const { rows } = this.#now;
    if (slot < rows.length) this.#leave(rows[slot] as Row);
    rows[slot] = row;
    for (const group of row.groups) group.members.push(row);
    const displaced = out.indexOf(slot);
    if (displaced >= 0) out[displaced] = DROPPED;
    out[i] = slot;
    this.#score(row, row.score);
    this.#mark();
  }

  /** The last of a list takes the place of the row that leaves it, unless that was the first, or the order counts. */
  #leave(row: Row): void {
    for (const [j, { members }] of row.groups.entries()) {
      const place = members.indexOf(row);
      if (place === 0 || (j === 0 && this.#policy.policy === "ring")) {
        members.splice(place, 1);
      } else {
        const last = members.pop() as Row;
        if (last !== row) members[place] = last;
      }
    }
  }

  #score(row: Row, score: number): void {
    row.score = score;
    this.#now.top = Math.max(this.#now.top, score);
  }

  #mark(): void {
    const { rows, capacity } = this.#now;
    if (this.#policy.policy === "class-balanced" && rows.length === capacity) for (const group of this.#largest()) group.full = true;
  }

  #stop(): void {
    const now = this.#now;
    if (now.ahead !== undefined || now.population > now.rows.length) now.ahead = "R";
  }

  #count(row: Row): void {
    for (const group of row.groups) group.seen++;
    this.#now.population++;
    this.#now.clock++;
  }

  #unit(): number {
    const high = this.#random.u32() >>> 5;
    return (high * 2 ** 26 + (this.#random.u32() >>> 6)) / 2 ** 53;
  }
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]): number => sum(x.map((v, k) => v * (y[k] as number)));
  const [aa, bb] = [dot(a, a), dot(b, b)];
  return aa > 0 && bb > 0 ? dot(a, b) / Math.sqrt(aa * bb) : 0;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The nearest whole number, of two the even one. */
function nearest(x: number): number {
  const whole = Math.floor(x);
  return x - whole > 0.5 || (x - whole === 0.5 && whole % 2 === 1) ? whole + 1 : whole;
}
