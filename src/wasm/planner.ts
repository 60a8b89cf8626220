import { fail } from "../errors.ts";

/** The functions of the planners' module; addresses are bytes, numbers in memory f64. See the headers in `assembly/`. */
export interface PlannerKernels {
  heapBase(): number;
  bound(rates: number, norms: number, n: number, distance: number, out: number): void;
  refine(norms: number, n: number, width: number, power: number, floor: number, sorted: number, out: number): void;
  trace(law: number, rates: number, n: number, decay: number, states: number, changes: number, begin: number): number;
  fitScratch(): number;
  fit(
    law: number,
    states: number,
    changes: number,
    count: number,
    places: number,
    losses: number,
    n: number,
    delta: number,
    best: number,
    scratch: number,
  ): number;
  curve(law: number, states: number, n: number, changes: number, count: number, p: number, scratch: number, out: number): void;
  forecast(losses: number, n: number, end: number, validation: number, scratch: number, out: number): void;
  geometric(least: number, most: number, n: number, out: number): void;
}

/** The planners' module, its memory a desk cleared for each piece of work. */
export interface Planner {
  readonly exports: PlannerKernels;
  /** Returns the addresses of copies of arrays, and of as many unset numbers as a number says; what lay there before is gone. */
  lay(...parts: readonly (ArrayLike<number> | number)[]): number[];
  /** Returns a copy of `length` numbers. */
  read(address: number, length: number): Float64Array<ArrayBuffer>;
}

const PAGE = 65536;
let opened: Promise<Planner> | undefined;

/**
 * Returns the planners' module, loaded once.
 * @throws E_NO_BACKEND where WebAssembly is forbidden by the page's policy
 */
export async function openPlanner(): Promise<Planner> {
  opened ??= load();
  try {
    return await opened;
  } catch (cause) {
    opened = undefined;
    fail("E_NO_BACKEND", "wasm: the planners cannot be compiled here; expected WebAssembly, got a refusal", {
      hint: "A page with a Content-Security-Policy needs script-src 'wasm-unsafe-eval'.",
      cause,
    });
  }
}

async function load(): Promise<Planner> {
  const { base64 } = await import("./planner.generated.ts");
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  const exports = instance.exports as unknown as PlannerKernels;
  const start = Math.ceil(exports.heapBase() / 8) * 8;
  return {
    exports,
    lay(...parts) {
      let end = start;
      const addresses = parts.map((part) => {
        const at = end;
        end += 8 * (typeof part === "number" ? part : part.length);
        return at;
      });
      const missing = Math.ceil((end - memory.buffer.byteLength) / PAGE);
      if (missing > 0) memory.grow(missing);
      for (const [i, part] of parts.entries()) {
        if (typeof part !== "number") new Float64Array(memory.buffer, addresses[i] as number, part.length).set(part);
      }
      return addresses;
    },
    read: (address, length) => new Float64Array(memory.buffer, address, length).slice(),
  };
}
