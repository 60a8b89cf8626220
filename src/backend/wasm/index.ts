import { fail } from "../../errors.ts";
import type { ArenaName, Kernel, Plan } from "../../program/plan.ts";
import type { Wasm } from "../../wasm/instance.ts";
import type { Executable, Machine, MachineSizes, Target } from "../machine.ts";
import { checkOperations } from "../support.ts";
import { REGISTER_BYTES } from "./body.ts";
import { encode, formOf } from "./encode.ts";
import type { Memory } from "./memory.ts";
import { split } from "./split.ts";

/** Registers that the kernels of a thread share; one that needs more gets its own. */
const SHARED_REGISTERS = 24;
/** Words of a kernel in a list, as `assembly/run.ts` reads them. */
const ENTRY_WORDS = 3;

interface Program extends Executable {
  readonly io: number;
  /** Runs all kernels. */
  readonly run: () => void;
}

/** Returns a machine whose arenas lie in the memory of `wasm`. @throws E_OOM */
export function openWasmMachine(instance: Wasm, sizes: MachineSizes): Machine {
  const held: number[] = [];
  const wasm: Wasm = {
    ...instance,
    alloc(bytes) {
      const address = instance.alloc(bytes);
      held.push(address);
      return address;
    },
  };
  /** Allocates all that something takes, or nothing. */
  function whole<T>(make: () => T): T {
    const before = held.length;
    try {
      return make();
    } catch (error) {
      for (const address of held.splice(before)) instance.free(address);
      throw error;
    }
  }
  const threads = instance.crew?.size ?? 1;
  const { registers, ...arenas } = whole(() => ({
    state: wasm.alloc(sizes.state),
    rows: wasm.alloc(sizes.rows),
    registers: Array.from({ length: threads }, () => wasm.alloc(SHARED_REGISTERS * REGISTER_BYTES)),
  }));
  const programs = new Map<Executable, Program>();
  let closed = false;

  function alive(): void {
    if (closed) fail("E_STATE", "machine: it is closed; expected an open machine, got a call after close()");
  }

  function programOf(executable: Executable): Program {
    alive();
    const program = programs.get(executable);
    return program ?? fail("E_BACKEND", "machine: this program was compiled on another machine; expected one of its own");
  }

  function locate(target: Target, byteOffset: number, byteLength: number): number {
    const arena = typeof target === "string" ? arenas[target] : programOf(target).io;
    const size = typeof target === "string" ? sizes[target] : target.plan.bytes.io;
    if (byteOffset < 0 || byteOffset + byteLength > size) {
      fail("E_BACKEND", `machine: bytes ${byteOffset}–${byteOffset + byteLength} are outside; expected within 0–${size}`);
    }
    return arena + byteOffset;
  }

  return {
    backend: "wasm",
    async compile(plan) {
      alive();
      checkOperations(plan, "wasm");
      const program = whole(() => build(plan, wasm, arenas, registers, sizes));
      programs.set(program, program);
      return program;
    },
    write(target, byteOffset, bytes) {
      alive();
      new Uint8Array(wasm.memory.buffer).set(bytes, locate(target, byteOffset, bytes.byteLength));
    },
    async run(executable) {
      const { io, run, plan } = programOf(executable);
      run();
      const start = plan.outputs[0]?.byteOffset ?? plan.bytes.io;
      return new Uint8Array(wasm.memory.buffer).slice(io + start, io + plan.bytes.io);
    },
    async read(target, byteOffset, byteLength) {
      alive();
      const address = locate(target, byteOffset, byteLength);
      return new Uint8Array(wasm.memory.buffer).slice(address, address + byteLength);
    },
    close() {
      closed = true;
      for (const address of held.splice(0)) instance.free(address);
    },
  };
}

function build(
  plan: Plan,
  wasm: Wasm,
  shared: Record<"state" | "rows", number>,
  registers: readonly number[],
  sizes: MachineSizes,
): Program {
  for (const arena of ["state", "rows"] as const) {
    if (plan.bytes[arena] > sizes[arena])
      fail("E_PLAN", `machine: the plan touches ${plan.bytes[arena]} bytes of ${arena}; expected at most ${sizes[arena]}`);
  }
  const arenas: Record<ArenaName, number> = { ...shared, io: wasm.alloc(plan.bytes.io), work: wasm.alloc(plan.bytes.work) };
  const store = (words: Int32Array | Float32Array | Uint32Array): number => {
    const address = wasm.alloc(words.byteLength);
    new Uint8Array(wasm.memory.buffer).set(new Uint8Array(words.buffer), address);
    return address;
  };
  const words = (list: readonly number[]): number => store(Int32Array.from(list));
  const tables = new Map<string, number>();
  // Kernels of one thread share registers, since they run one at a time.
  const memoryOf = (registers: number): Memory => ({
    address: (arena) => arenas[arena],
    words,
    table(name, list) {
      const address = tables.get(name) ?? words(list());
      tables.set(name, address);
      return address;
    },
    splat: (value, u32) => store(u32 ? new Uint32Array(16).fill(value) : new Float32Array(16).fill(value)),
    registers: (count) => (count <= SHARED_REGISTERS ? registers : wasm.alloc(count * REGISTER_BYTES)),
  });
  const parts = plan.kernels.map((kernel) => split(kernel, registers.length) ?? [kernel]);
  // A part may need more room to pack than the whole.
  const packing = parts.flat().map((kernel) => {
    if (kernel.family !== "matmul") return 0;
    const { form, m, n, k } = formOf(kernel);
    return wasm.exports.matmulScratch(form, m, n, k);
  });
  const threads = registers.map((own) => ({ memory: memoryOf(own), scratch: wasm.alloc(Math.max(0, ...packing)) }));
  const code = (kernel: Kernel, thread: number): number[] => {
    const { memory, scratch } = threads[thread] as (typeof threads)[number];
    const unless = "unless" in kernel ? kernel.unless : undefined;
    const condition = unless === undefined ? 0 : arenas[unless.arena] + 4 * unless.offset;
    return encode(kernel, memory, scratch).flatMap(({ family, block }) => [family, block, condition]);
  };
  // The lists of each thread, step by step; kernels that one thread runs alone follow each other in one step.
  const steps: number[][][] = [];
  for (const kernels of parts) {
    const last = steps.at(-1);
    if (kernels.length === 1 && last?.length === 1) last[0]?.push(...code(kernels[0] as Kernel, 0));
    else steps.push(kernels.map(code));
  }
  const entries = steps.flatMap((step) =>
    threads.flatMap((_, thread): [list: number, count: number] => {
      const list = step[thread] ?? [];
      return [list.length === 0 ? 0 : words(list), list.length / ENTRY_WORDS];
    }),
  );
  const { crew, exports } = wasm;
  if (crew === undefined || steps.flat().length < 2)
    return { plan, io: arenas.io, run: () => exports.run(entries[0] ?? 0, entries[1] ?? 0) };
  const table = words(entries);
  return { plan, io: arenas.io, run: () => crew.run(table, steps.length) };
}
