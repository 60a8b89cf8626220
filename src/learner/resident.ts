/**
 * Rows of a file that are kept in memory, in a number of bytes fixed when it is made. Each place has the one frame that its number gives, so a
 * hit costs one comparison and nothing is kept beside rows and tags: as many uniform draws hit as of any cache of that size.
 */
export class Resident {
  readonly rowBytes: number;
  readonly #rows: Uint8Array;
  /** By frame: the place whose row it holds + 1, or 0. */
  readonly #tags: Uint32Array;

  constructor(bytes: number, rowBytes: number) {
    const frames = Math.floor(bytes / (rowBytes + 4));
    this.rowBytes = rowBytes;
    this.#rows = new Uint8Array(frames * rowBytes);
    this.#tags = new Uint32Array(frames);
  }

  /** Bytes it takes, tags included; never more than it was given. */
  get bytes(): number {
    return this.#rows.length + 4 * this.#tags.length;
  }

  /** Returns the row of a place, a view, if it is kept. */
  get(place: number): Uint8Array | undefined {
    const frame = place % this.#tags.length;
    return this.#tags[frame] === place + 1 ? this.#at(frame) : undefined;
  }

  /** Keeps the row of a place, in place of another. */
  put(place: number, row: Uint8Array): void {
    if (this.#tags.length === 0) return;
    const frame = place % this.#tags.length;
    this.#at(frame).set(row);
    this.#tags[frame] = place + 1;
  }

  /** Overwrites the row of a place. */
  wipe(place: number): void {
    this.get(place)?.fill(0);
    const frame = place % this.#tags.length;
    if (this.#tags[frame] === place + 1) this.#tags[frame] = 0;
  }

  #at(frame: number): Uint8Array {
    return this.#rows.subarray(frame * this.rowBytes, (frame + 1) * this.rowBytes);
  }
}
