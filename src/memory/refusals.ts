/** Identities that were forgotten and must not come back, each until so many rows were offered. */
export class Refusals {
  #until = new Map<number, number>();

  /** Identities that are refused; those whose time is over count until the next {@link save}. */
  get size(): number {
    return this.#until.size;
  }

  /** Refuses an identity for so many rows after those offered so far; 0: no more. */
  add(id: number, rows: number, offered: number): void {
    if (rows === 0) this.#until.delete(id);
    else this.#until.set(id, offered + rows);
  }

  /** Whether the row of this number, counted from 0, is refused. */
  has(id: number, row: number): boolean {
    return row < (this.#until.get(id) ?? 0);
  }

  /** Returns which of the rows that are offered next are not refused; undefined: all. */
  pass(ids: ArrayLike<number> | undefined, offered: number): number[] | undefined {
    if (ids === undefined || this.#until.size === 0) return undefined;
    const passed: number[] = [];
    for (let i = 0; i < ids.length; i++) if (!this.has(ids[i] as number, offered + i)) passed.push(i);
    return passed.length === ids.length ? undefined : passed;
  }

  /** Returns what is refused still, by ascending identity. */
  save(offered: number): [id: number, until: number][] {
    for (const [id, until] of this.#until) if (until <= offered) this.#until.delete(id);
    return [...this.#until].sort(([a], [b]) => a - b);
  }

  load(saved: Iterable<readonly [id: number, until: number]>): void {
    this.#until = new Map(saved);
  }
}
