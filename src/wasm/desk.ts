import { fail } from "../errors.ts";

/** A module for work of its own on f64 numbers, its memory a desk cleared for each piece of work. */
export interface Desk<Exports> {
  readonly exports: Exports;
  /** Returns the addresses of copies of arrays, and of as many unset numbers as a number says; what lay there before is gone. @throws E_OOM */
  lay(...parts: readonly (ArrayLike<number> | number)[]): number[];
  /** Returns a copy of `length` numbers. */
  read(address: number, length: number): Float64Array<ArrayBuffer>;
}

const PAGE = 65536;
/** Bytes of a cache line, where each part begins. */
const LINE = 64;

/**
 * Returns how to get a module, which is loaded once, when it is first asked for.
 * @param plural names what the module computes, as in "the planners"
 * @throws E_NO_BACKEND from what is returned, where WebAssembly is missing or forbidden by the page's policy
 */
export function deskOf<Exports extends { heapBase(): number }>(
  plural: string,
  fetch: () => Promise<{ readonly base64: string }>,
): () => Promise<Desk<Exports>> {
  let opened: Promise<Desk<Exports>> | undefined;
  return async () => {
    opened ??= fetch().then(({ base64 }) => load(base64));
    try {
      return await opened;
    } catch (cause) {
      opened = undefined;
      fail("E_NO_BACKEND", `wasm: ${plural} cannot be compiled here; expected WebAssembly, got a refusal`, {
        hint: "A page with a Content-Security-Policy needs script-src 'wasm-unsafe-eval'.",
        cause,
      });
    }
  };
}

async function load<Exports extends { heapBase(): number }>(base64: string): Promise<Desk<Exports>> {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  const exports = instance.exports as unknown as Exports;
  const start = exports.heapBase();
  return {
    exports,
    lay(...parts) {
      let end = start;
      const addresses = parts.map((part) => {
        const at = Math.ceil(end / LINE) * LINE;
        end = at + 8 * (typeof part === "number" ? part : part.length);
        return at;
      });
      grow(memory, end);
      for (const [i, part] of parts.entries()) {
        if (typeof part !== "number") new Float64Array(memory.buffer, addresses[i] as number, part.length).set(part);
      }
      return addresses;
    },
    read: (address, length) => new Float64Array(memory.buffer, address, length).slice(),
  };
}

function grow(memory: WebAssembly.Memory, end: number): void {
  const missing = Math.ceil((end - memory.buffer.byteLength) / PAGE);
  if (missing <= 0) return;
  try {
    memory.grow(missing);
  } catch (cause) {
    fail("E_OOM", `wasm: memory cannot grow; expected room for ${end} bytes, got a refusal at ${memory.buffer.byteLength} bytes`, {
      hint: "Give smaller matrices; a 32-bit Wasm memory ends at 4 GiB.",
      context: { bytes: end, held: memory.buffer.byteLength },
      cause,
    });
  }
}
