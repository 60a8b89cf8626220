/** The AssemblyScript of a replay memory, compiled by itself, in a memory whose allocator knows what is live. */
import { expect } from "vitest";
import { keyOf, type MemoryPolicy, type StorePolicy } from "../../src/memory/policy.ts";
import { type MemoryHost, type MemoryKernels, Slots, type SlotsSpec } from "../../src/memory/slots.ts";
import { type Compiled, compileAssembly } from "./assembly.ts";

/** What tests look at beside what the product calls. */
interface Inner extends MemoryKernels {
  /** The slot of the r-th member of a group. */
  member(state: number, j: number, group: number, r: number): number;
}

/** A host for tests. */
export interface TestHost extends MemoryHost {
  /** Addresses that were handed out and not given back. */
  readonly live: ReadonlySet<number>;
  readonly inner: Inner;
}

/** Returns a maker of hosts, which share one memory: a new one takes the place of the one before. */
export async function compileMemory(): Promise<() => TestHost> {
  const parts = ["./memory", "./image", "./draw"].map((file) => `export * from "${file}";`).join("\n");
  const wasm: Compiled<Inner> = await compileAssembly<Inner>(`${parts}\nexport { member } from "./group";`, 2048);
  return () => {
    const live = new Set<number>();
    let top = 65536;
    return {
      memory: wasm.memory,
      inner: wasm.exports,
      live,
      exports: wasm.exports,
      // Never reuses, and hands blocks out filled with ones.
      alloc(bytes) {
        const address = top;
        top += (bytes + 15) & ~7;
        new Uint8Array(wasm.memory.buffer, address, bytes).fill(255);
        live.add(address);
        return address;
      },
      free(address) {
        expect(live.delete(address)).toBe(true);
      },
    };
  };
}

/** What {@link openSlots} makes. */
type Given = Pick<SlotsSpec, "capacity" | "ids" | "scores" | "dims"> & { readonly policy: MemoryPolicy; readonly seed: number };

/** Returns a store whose rows are in groups by what its policy goes by. */
export function openSlots(host: MemoryHost, { policy, seed, ...known }: Given): Slots {
  const key = keyOf(policy as StorePolicy);
  return new Slots(host, { ...known, policy: policy as StorePolicy, keys: key === undefined ? [] : [key] }, seed, "memory");
}
