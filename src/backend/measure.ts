/** Which of two backends runs a program faster: found out by running it. */
import { isError } from "../errors.ts";
import { printPlan } from "../program/describe.ts";
import type { Plan } from "../program/plan.ts";
import { sizeOf } from "../program/shape.ts";
import { ProgramIo } from "./io.ts";
import type { Machine } from "./machine.ts";

/** How long one run of a program takes on each backend, and which was taken. */
export interface Measured {
  /** What the program is: its kernels, the largest of its inputs. */
  readonly program: string;
  /** The adapter and how Wasm was set up. */
  readonly device: string;
  readonly wasmMs: number;
  readonly webgpuMs: number;
  readonly backend: "wasm" | "webgpu";
}

/** A program is run this often, or for this long. */
const RUNS = 12;
const ENOUGH_MS = 150;

const known = new Map<string, Measured>();

/** Returns which machine runs a plan faster, measured once for each program and device. The machines are opened for this alone. */
export async function measure(
  plan: Plan,
  machines: Readonly<Record<"wasm" | "webgpu", () => Promise<Machine>>>,
  device: string,
): Promise<Measured> {
  const key = `${device}\n${printPlan(plan)}`;
  const old = known.get(key);
  if (old !== undefined) return old;
  const wasmMs = await runMs(plan, machines.wasm);
  const webgpuMs = await runMs(plan, machines.webgpu);
  const inputs = plan.inputs.map(({ name, shape }) => ({ name, shape, size: sizeOf(shape) }));
  const largest = inputs.reduce((a, b) => (b.size > a.size ? b : a), { name: "nothing", shape: [] as readonly number[], size: 0 });
  const program = `${plan.kernels.length} kernels, ${largest.name} [${largest.shape.join(", ")}]`;
  const result: Measured = { program, device, wasmMs, webgpuMs, backend: webgpuMs < wasmMs ? "webgpu" : "wasm" };
  known.set(key, result);
  return result;
}

/** Returns the time of the fastest of a few runs, each waited for, as a learner does; infinite where the program finds no room. */
async function runMs(plan: Plan, open: () => Promise<Machine>): Promise<number> {
  let machine: Machine | undefined;
  let best = Number.POSITIVE_INFINITY;
  try {
    machine = await open();
    const executable = await machine.compile(plan);
    const { bytes } = new ProgramIo(plan);
    const begin = performance.now();
    for (let run = 0; run < RUNS && performance.now() - begin < ENOUGH_MS; run++) {
      const start = performance.now();
      if (bytes.length > 0) machine.write(executable, 0, bytes);
      await machine.run(executable);
      best = Math.min(best, performance.now() - start);
    }
  } catch (error) {
    if (!isError(error, "E_OOM")) throw error;
  } finally {
    machine?.close();
  }
  return best;
}
