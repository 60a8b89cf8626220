/** The kernels over one memory that threads share. */
import { CONTROL_BYTES, openCrew } from "./crew.ts";
import { allocator, bytesOf, type Kernels, type Precision, type Wasm } from "./instance.ts";

/** Returns a new instance whose memory `threads` threads share, or the reason why they cannot. */
export async function openThreadedWasm(threads: number, precision: Precision = "exact"): Promise<Wasm | { refused: string }> {
  if (typeof SharedArrayBuffer === "undefined") {
    return { refused: "threads need shared memory, which a page has only when it is cross-origin isolated" };
  }
  const bytes = sharing(await bytesOf(precision));
  let memory: WebAssembly.Memory;
  let exports: Kernels;
  try {
    memory = new WebAssembly.Memory({ initial: 32, maximum: 65536, shared: true });
    exports = (await WebAssembly.instantiate(bytes, { env: { memory } })).instance.exports as unknown as Kernels;
  } catch (error) {
    return { refused: `no shared memory can be had: ${error instanceof Error ? error.message : String(error)}` };
  }
  const { alloc, free } = allocator(memory, exports.heapBase());
  const crew = await openCrew(bytes, exports, memory, alloc(CONTROL_BYTES), threads);
  return "refused" in crew ? crew : { exports, memory, crew, alloc, free };
}

/** The import of the memory as it stands in the module, up to its flags: "env", "memory", kind 2. */
const MEMORY_IMPORT = [3, 0x65, 0x6e, 0x76, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 2];

/** Returns the module with its memory declared shared, which is one bit: the kernels are the same, since threads never meet inside them. */
function sharing(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const start = bytes.findIndex((_, i) => MEMORY_IMPORT.every((byte, j) => bytes[i + j] === byte));
  const [LIMITED, SHARED] = [1, 2] as const;
  bytes[start + MEMORY_IMPORT.length] = LIMITED | SHARED;
  return bytes;
}
