import { readFileSync } from "node:fs";
import asc from "assemblyscript/asc";

/** One compiled module of `assembly/`, with the memory it was given. */
export interface Compiled<Exports> {
  readonly exports: Exports;
  readonly memory: WebAssembly.Memory;
}

/**
 * Returns an instance compiled from `entry`, AssemblyScript source that imports `"./<file>"` of `assembly/`. What the product's module
 * does not export, such as functions of v128, is reached this way.
 */
export async function compileAssembly<Exports>(entry: string, pages = 64): Promise<Compiled<Exports>> {
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    ["entry.ts", "-o", "out.wasm", "-O3", "--noAssert", "--runtime", "stub", "--enable", "simd", "--importMemory"],
    {
      readFile: (name) => {
        if (name === "entry.ts") return entry;
        const url = new URL(`../../assembly/${name}`, import.meta.url);
        try {
          return readFileSync(url, "utf8");
        } catch {
          return null;
        }
      },
      writeFile: (name, contents) => {
        if (name === "out.wasm") binary = contents as Uint8Array;
      },
      listFiles: () => [],
    },
  );
  if (error !== null || binary === undefined) throw new Error(`${error?.message}\n${stderr.toString()}`);
  const memory = new WebAssembly.Memory({ initial: pages });
  const { instance } = await WebAssembly.instantiate(binary as Uint8Array<ArrayBuffer>, { env: { memory } });
  return { exports: instance.exports as Exports, memory };
}
