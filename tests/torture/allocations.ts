/** What is allocated while something runs, by every constructor of bytes. */

const names = [
  "ArrayBuffer",
  "Uint8Array",
  "Int8Array",
  "Uint16Array",
  "Int16Array",
  "Uint32Array",
  "Int32Array",
  "Float32Array",
  "Float64Array",
] as const;

/** Thrown in the place of an allocation that is over the limit; none of this package's errors. */
export class Allocated extends Error {}

/** Sees to it that what is allocated by number, until it is stopped, is at most a limit that can be set anew; beyond it, throws {@link Allocated}. */
export class Allocations {
  #left = 0;
  readonly #before = names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name) as PropertyDescriptor] as const);

  constructor() {
    for (const [name, { value: own }] of this.#before) {
      const bytes = name === "ArrayBuffer" ? 1 : (own.BYTES_PER_ELEMENT as number);
      const construct = (target: new (...given: unknown[]) => object, given: unknown[]): object => {
        if (typeof given[0] === "number") this.#take(given[0] * bytes);
        return Reflect.construct(target, given);
      };
      Object.defineProperty(globalThis, name, { value: new Proxy(own, { construct }), configurable: true, writable: true });
    }
  }

  /** Allows so many bytes from now on. */
  allow(bytes: number): void {
    this.#left = bytes;
  }

  #take(bytes: number): void {
    this.#left -= bytes;
    if (!(this.#left >= 0)) throw new Allocated(`${bytes} bytes are asked for, more than may be`);
  }

  stop(): void {
    for (const [name, descriptor] of this.#before) Object.defineProperty(globalThis, name, descriptor);
  }
}
