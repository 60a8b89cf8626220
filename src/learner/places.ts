/**
 * Where the rows of a memory lie in a file: a place for each slot, and the checksum of the row there. A place is written once: it is free again
 * only when neither the rows as they are nor a state that the learner may go back to speaks of it.
 */
import { fail } from "../errors.ts";

/** Who speaks of places: the rows as they are; the snapshot that was committed last; one that may be; the copy kept against loss of the device. */
export const holders = { now: 1, snapshot: 2, attempt: 4, copy: 8 } as const;

const ALL = 15;
/** A place that may hold bytes of a row; one whose row is not known to be on the device. */
const WRITTEN = 16;
const FRESH = 32;

/** Slots of one store of a memory: its first, and how many are stored. */
interface Range {
  readonly first: number;
  readonly slots: { readonly stored: number };
}

/** The places of all slots. */
export class Places {
  /** By slot: its place + 1, 0 for none, and the checksum of its row. */
  readonly #placeOf: Uint32Array;
  readonly #sumOf: Uint32Array;
  /** By place: who speaks of it. */
  #held: Uint8Array;
  #free: number[] = [];
  #end: number;

  /** `pairs`: places and checksums that the last snapshot speaks of, of a file of `size` rows. @throws E_CORRUPT */
  constructor(capacity: number, size: number, pairs: Uint32Array, where: string) {
    this.#placeOf = new Uint32Array(capacity);
    this.#sumOf = new Uint32Array(capacity);
    this.#held = new Uint8Array(Math.max(64, size)).fill(WRITTEN, 0, size);
    this.#end = size;
    for (let i = 0; i < pairs.length; i += 2) {
      const place = pairs[i] as number;
      if (!(place < size) || this.#isHeld(place))
        fail("E_CORRUPT", `${where}: the file of rows is not the one that was saved; expected ${place + 1} rows at least, got ${size}`, {
          context: { place, size },
        });
      this.#held[place] = WRITTEN | holders.snapshot;
    }
    this.#freeUnheld();
  }

  /** Places in the file. */
  get end(): number {
    return this.#end;
  }

  /** The place of a slot's row. */
  of(slot: number): number {
    return (this.#placeOf[slot] as number) - 1;
  }

  /** The checksum of a slot's row. */
  sumOf(slot: number): number {
    return this.#sumOf[slot] as number;
  }

  /** Goes on from the places that a state speaks of. @throws E_CORRUPT where it has others than its stores have rows */
  adopt(stores: readonly Range[], pairs: Uint32Array, where: string): void {
    const stored = stores.reduce((sum, { slots }) => sum + slots.stored, 0);
    if (pairs.length !== 2 * stored)
      fail("E_CORRUPT", `${where}: places and rows disagree; expected ${stored} places, got ${pairs.length / 2}`);
    for (let place = 0; place < this.#end; place++) this.#let(place, holders.now);
    this.#placeOf.fill(0);
    let at = 0;
    for (const { first, slots } of stores)
      for (let slot = first; slot < first + slots.stored; slot++) {
        const place = pairs[at++] as number;
        this.#placeOf[slot] = place + 1;
        this.#sumOf[slot] = pairs[at++] as number;
        this.#held[place] = (this.#held[place] as number) | holders.now;
      }
    this.#freeUnheld();
  }

  /** Returns places and checksums [stored, 2] of the slots of stores. */
  pairs(stores: readonly Range[]): Uint32Array {
    const pairs = new Uint32Array(2 * stores.reduce((sum, { slots }) => sum + slots.stored, 0));
    let at = 0;
    for (const { first, slots } of stores)
      for (let slot = first; slot < first + slots.stored; slot++) {
        pairs[at++] = this.of(slot);
        pairs[at++] = this.sumOf(slot);
      }
    return pairs;
  }

  /** Returns a free place for the row of that checksum, which is a slot's from here on. */
  take(slot: number, sum: number): number {
    this.drop(slot);
    const place = this.#free.pop() ?? this.#grow();
    this.#held[place] = WRITTEN | FRESH | holders.now;
    this.#placeOf[slot] = place + 1;
    this.#sumOf[slot] = sum;
    return place;
  }

  /** Takes a slot's row out. */
  drop(slot: number): void {
    const place = this.of(slot);
    this.#placeOf[slot] = 0;
    if (place >= 0 && this.#let(place, holders.now)) this.#free.push(place);
  }

  /** Takes the row of slot `to` out, and gives it that of `from`. */
  move(from: number, to: number): void {
    this.drop(to);
    if (from === to) return;
    this.#placeOf[to] = this.#placeOf[from] as number;
    this.#sumOf[to] = this.#sumOf[from] as number;
    this.#placeOf[from] = 0;
  }

  /** Lets `drop` go of the places it speaks of, and has `take` speak of those of the rows as they are. */
  hold(take: number, drop: number): void {
    for (let place = 0; place < this.#end; place++) {
      const held = this.#held[place] as number;
      if ((held & holders.now) !== 0) this.#held[place] = (held & ~drop) | take;
      else if (this.#let(place, drop)) this.#free.push(place);
    }
  }

  /** Returns the slots whose rows are not known to be on the device. */
  fresh(): number[] {
    const isFresh = (slot: number): boolean => this.of(slot) >= 0 && ((this.#held[this.of(slot)] as number) & FRESH) !== 0;
    return [...this.#placeOf.keys()].filter(isFresh);
  }

  /** Notes that all rows are on the device. */
  flushed(): void {
    for (let place = 0; place < this.#end; place++) this.#held[place] = (this.#held[place] as number) & ~FRESH;
  }

  /** Returns the free places that may hold bytes of rows, and counts them as clean. */
  clean(): number[] {
    const found = this.#free.filter((place) => ((this.#held[place] as number) & WRITTEN) !== 0);
    for (const place of found) this.#held[place] = 0;
    return found;
  }

  /** Counts places as such that may hold bytes of rows. */
  soil(places: readonly number[]): void {
    for (const place of places) this.#held[place] = (this.#held[place] as number) | WRITTEN;
  }

  #isHeld(place: number): boolean {
    return ((this.#held[place] as number) & ALL) !== 0;
  }

  /** Takes holders off a place, and tells whether that leaves it without any. */
  #let(place: number, drop: number): boolean {
    const wasHeld = this.#isHeld(place);
    this.#held[place] = (this.#held[place] as number) & ~drop;
    return wasHeld && !this.#isHeld(place);
  }

  #freeUnheld(): void {
    this.#free = [];
    for (let place = this.#end - 1; place >= 0; place--) if (!this.#isHeld(place)) this.#free.push(place);
  }

  #grow(): number {
    if (this.#end === this.#held.length) {
      const longer = new Uint8Array(2 * this.#end);
      longer.set(this.#held);
      this.#held = longer;
    }
    return this.#end++;
  }
}
