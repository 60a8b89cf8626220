import { fail } from "../errors.ts";
import type { Crew } from "./crew.ts";

/** The functions the module exports; addresses are bytes, see the headers in `assembly/`. */
export interface Kernels {
  /** The first byte of memory that is free. */
  heapBase(): number;
  /** Runs `count` kernels of the list at `list`. */
  run(list: number, count: number): void;
  /** Bytes of packing space a product needs. */
  matmulScratch(form: number, m: number, n: number, k: number): number;
  rate(node: number, t: number): number;
  rates(node: number, first: number, count: number, out: number): void;
  memoryBytes(policy: number, rows: number, flags: number, dims: number, groupings: number, groups: number, clusters: number): number;
  memoryInit(
    state: number,
    policy: number,
    rows: number,
    flags: number,
    dims: number,
    groupings: number,
    groups: number,
    clusters: number,
    store0: number,
    store1: number,
    draw0: number,
    draw1: number,
    option: number,
    option2: number,
  ): number;
  memoryFind(state: number, id: number): number;
  memoryOfferScratch(state: number, n: number): number;
  memoryOffer(
    state: number,
    n: number,
    keys: number,
    ids: number,
    scores: number,
    embeddings: number,
    scratch: number,
    slots: number,
  ): void;
  memoryAdmit(state: number, n: number, keys: number, ids: number, scores: number, embeddings: number, slots: number): void;
  memoryCount(state: number, grouping: number, key: number, rows: number): void;
  memoryRead(state: number, first: number, n: number, slots: number, ids: number, scores: number, embeddings: number): void;
  memoryGenerations(state: number, n: number, slots: number, generations: number): void;
  memoryUpdate(state: number, n: number, slots: number, generations: number, scores: number): number;
  memoryVictim(state: number, size: number): number;
  memoryRemove(state: number, slot: number, forgets: number): number;
  memoryTreeBytes(rows: number): number;
  memoryTree(state: number, tree: number, alpha: number): void;
  memoryDrawScratch(state: number, kind: number, n: number, a: number): number;
  memoryDraw(
    state: number,
    kind: number,
    n: number,
    grouping: number,
    a: number,
    b: number,
    carry: number,
    scratch: number,
    slots: number,
    weights: number,
  ): number;
  memoryMerge(state: number, m: number, n: number, m2: number, n2: number, count: number, out: number): number;
  memorySaved(state: number): number;
  memorySave(state: number, out: number): void;
  memoryLoad(state: number, image: number, bytes: number): number;
  rowsGather(column: number, stride: number, bytes: number, n: number, slots: number, out: number): void;
  rowsScale(column: number, stride: number, length: number, n: number, slots: number, scale: number, offset: number, out: number): void;
  rowsWiden(column: number, stride: number, length: number, n: number, slots: number, out: number): void;
  rowsNarrow(values: number, count: number, out: number): void;
  rowsFollow(column: number, stride: number, n: number, moves: number): void;
  crcTables(tables: number): void;
  crc32c(tables: number, data: number, length: number, previous: number): number;
}

/** One instance of the kernels with its own memory; arenas, replay index and scratch all live in it. */
export interface Wasm {
  readonly exports: Kernels;
  readonly memory: WebAssembly.Memory;
  /** Threads over this memory, where there are several. */
  readonly crew: Crew | undefined;
  /** Returns the address of `bytes` fresh zeroed bytes, 16-aligned with 64 spare bytes behind. @throws E_OOM */
  alloc(bytes: number): number;
  /** Gives back what {@link Wasm.alloc} returned. */
  free(address: number): void;
}

/** Whether sums of products are rounded twice, the same in every engine, or once where the engine can: faster, but not the same. */
export type Precision = "exact" | "fast";

const PAGE = 65536;
/** Compiled modules by precision, decoded and compiled once per process. */
const compiled = new Map<Precision, Promise<WebAssembly.Module>>();

/**
 * Returns a new instance with a memory of its own.
 * @throws E_NO_BACKEND where WebAssembly or its SIMD is missing or forbidden by the page's policy
 */
export async function openWasm(precision: Precision = "exact"): Promise<Wasm> {
  const known = compiled.get(precision) ?? bytesOf(precision).then((bytes) => WebAssembly.compile(bytes));
  compiled.set(precision, known);
  let module: WebAssembly.Module;
  try {
    module = await known;
  } catch (cause) {
    compiled.delete(precision);
    fail("E_NO_BACKEND", "wasm: the kernels cannot be compiled here; expected WebAssembly with SIMD, got a refusal", {
      hint: "Use a browser of 2023 or later; a page with a Content-Security-Policy needs script-src 'wasm-unsafe-eval'.",
      cause,
    });
  }
  const memory = new WebAssembly.Memory({ initial: 32, maximum: 65536 });
  const instance = await WebAssembly.instantiate(module, { env: { memory } });
  const exports = instance.exports as unknown as Kernels;
  return { exports, memory, crew: undefined, ...allocator(memory, exports.heapBase()) };
}

/** Whether the engine has relaxed SIMD. */
export async function relaxes(): Promise<boolean> {
  return WebAssembly.validate(await bytesOf("fast"));
}

/** Returns the module's bytes. */
export async function bytesOf(precision: Precision): Promise<Uint8Array<ArrayBuffer>> {
  const { base64 } = await (precision === "fast" ? import("./fast.generated.ts") : import("./exact.generated.ts"));
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

/** First-fit over a sorted free list: learners make few, large, long-lived blocks. */
export function allocator(memory: WebAssembly.Memory, heapBase: number): Pick<Wasm, "alloc" | "free"> {
  const used = new Map<number, number>();
  let free: { start: number; end: number }[] = [];
  let top = align(heapBase);

  function alloc(bytes: number): number {
    const size = align(bytes + 64);
    const index = free.findIndex((hole) => hole.end - hole.start >= size);
    const hole = free[index];
    let start = top;
    if (hole === undefined) {
      grow(top + size, bytes);
      top += size;
    } else {
      start = hole.start;
      hole.start += size;
      if (hole.start === hole.end) free.splice(index, 1);
    }
    used.set(start, size);
    return start;
  }

  function grow(end: number, bytes: number): void {
    const missing = Math.ceil((end - memory.buffer.byteLength) / PAGE);
    if (missing <= 0) return;
    try {
      memory.grow(missing);
    } catch (cause) {
      fail("E_OOM", `wasm: memory cannot grow; expected room for ${bytes} more bytes, got a refusal at ${memory.buffer.byteLength} bytes`, {
        hint: "Use a smaller model, memory capacity or batch; a 32-bit Wasm memory ends at 4 GiB.",
        context: { bytes, held: memory.buffer.byteLength },
        cause,
      });
    }
  }

  function release(address: number): void {
    const size = used.get(address);
    if (size === undefined) return;
    used.delete(address);
    // What was forgotten is gone for good, and memory never used before is not touched: it is zero.
    new Uint8Array(memory.buffer, address, size).fill(0);
    free.push({ start: address, end: address + size });
    free.sort((a, b) => a.start - b.start);
    const merged: typeof free = [];
    for (const hole of free) {
      const last = merged.at(-1);
      if (last !== undefined && last.end === hole.start) last.end = hole.end;
      else merged.push(hole);
    }
    free = merged;
    const last = free.at(-1);
    if (last !== undefined && last.end === top) {
      top = last.start;
      free.pop();
    }
  }

  return { alloc, free: release };
}

function align(bytes: number): number {
  return Math.ceil(bytes / 16) * 16;
}
