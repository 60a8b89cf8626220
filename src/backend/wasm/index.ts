import { fail } from "../../errors.ts";
import type { ArenaName, Plan } from "../../program/plan.ts";
import type { Wasm } from "../../wasm/instance.ts";
import type { Executable, Machine, MachineSizes, Target } from "../machine.ts";
import { REGISTER_BYTES } from "./body.ts";
import { type Entry, encode, formOf } from "./encode.ts";
import type { Memory } from "./memory.ts";

/** Registers that the kernels of a program share; one that needs more gets its own. */
const SHARED_REGISTERS = 24;

interface Program extends Executable {
  readonly io: number;
  readonly list: number;
  readonly count: number;
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
  const arenas = { state: wasm.alloc(sizes.state), rows: wasm.alloc(sizes.rows) };
  const registers = wasm.alloc(SHARED_REGISTERS * REGISTER_BYTES);
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
      const program = build(plan, wasm, arenas, registers, sizes);
      programs.set(program, program);
      return program;
    },
    write(target, byteOffset, bytes) {
      alive();
      new Uint8Array(wasm.memory.buffer).set(bytes, locate(target, byteOffset, bytes.byteLength));
    },
    async run(executable) {
      const { io, list, count, plan } = programOf(executable);
      wasm.exports.run(list, count);
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

function build(plan: Plan, wasm: Wasm, shared: Record<"state" | "rows", number>, registers: number, sizes: MachineSizes): Program {
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
  const tables = new Map<string, number>();
  const memory: Memory = {
    address: (arena) => arenas[arena],
    words: (words) => store(Int32Array.from(words)),
    table(name, words) {
      const address = tables.get(name) ?? memory.words(words());
      tables.set(name, address);
      return address;
    },
    splat: (value, u32) => store(u32 ? new Uint32Array(16).fill(value) : new Float32Array(16).fill(value)),
    registers: (count) => (count <= SHARED_REGISTERS ? registers : wasm.alloc(count * REGISTER_BYTES)),
  };
  const packing = plan.kernels.map((kernel) => {
    if (kernel.family !== "matmul") return 0;
    const { form, m, n, k } = formOf(kernel);
    return wasm.exports.matmulScratch(form, m, n, k);
  });
  const scratch = wasm.alloc(Math.max(0, ...packing));
  const entries: Entry[] = plan.kernels.flatMap((kernel) => encode(kernel, memory, scratch));
  const list = memory.words(entries.flatMap((entry) => [entry.family, entry.block]));
  return { plan, io: arenas.io, list, count: entries.length };
}
