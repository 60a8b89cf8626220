/**
 * The five verbs on a GPU: arenas as storage buffers, a run as one submit, results through a small ring of staging buffers. Each submit copies a
 * number of its own behind its results: bytes that come back without it, as from a device that is lost and does not say so, are not taken.
 */
import { fail } from "../../errors.ts";
import type { Plan } from "../../program/plan.ts";
import type { Executable, Machine, MachineSizes, Target } from "../machine.ts";
import { checkOperations } from "../support.ts";
import { allocate, checkRange, checkSizes, usage, watchMap } from "./buffers.ts";
import { blame, errorOf, type Failure, type GpuHost } from "./host.ts";
import { lower } from "./kernels.ts";
import { arenaBindings, makePipeline } from "./pipelines.ts";
import { splitLongSums } from "./split.ts";

const TICKET_BYTES = 4;
/** Runs in flight of one program; a further one waits for the staging buffer of the first. */
const IN_FLIGHT = 3;

interface Program extends Executable {
  readonly io: GPUBuffer;
  readonly bindings: GPUBindGroup;
  readonly dispatches: readonly { readonly pipeline: GPUComputePipeline; readonly groups: readonly [x: number, y: number] }[];
  readonly outputOffset: number;
  readonly outputBytes: number;
  /** Staging buffers that no run holds, each for the outputs and a ticket. */
  readonly idle: GPUBuffer[];
}

/** Work in the order it was asked for: what cannot start holds up all that comes after. */
interface Job {
  ready(): boolean;
  start(): void;
}

/**
 * Returns a machine with zeroed arenas on a host's device.
 * @throws E_OOM E_DEVICE_LOST E_STATE
 */
export async function openWebGpuMachine(host: GpuHost, sizes: MachineSizes): Promise<Machine> {
  const { device } = host;
  const { queue } = device;
  let failure = host.failure();
  check();
  const [state, rows, ticket] = (await allocate(host, [
    { label: "state", size: sizes.state, usage: usage.arena },
    { label: "rows", size: sizes.rows, usage: usage.arena },
    { label: "ticket", size: TICKET_BYTES, usage: usage.ticket },
  ]).catch((error) => blame(host, error))) as [GPUBuffer, GPUBuffer, GPUBuffer];
  const buffers = new Set([state, rows, ticket]);
  let tickets = 0;
  const jobs: Job[] = [];
  const rejects = new Set<(reason: unknown) => void>();
  const stopListening = host.listen(stop);

  function check(): void {
    if (failure !== undefined) throw errorOf(failure);
  }

  function stop(reason: Failure): void {
    failure ??= reason;
    jobs.length = 0;
    for (const reject of rejects) reject(errorOf(failure));
    rejects.clear();
  }

  function enqueue(job: Job): void {
    jobs.push(job);
    drain();
  }

  function drain(): void {
    while (jobs[0]?.ready() === true) (jobs.shift() as Job).start();
  }

  function bufferOf(target: Target): GPUBuffer {
    if (target === "state") return state;
    return target === "rows" ? rows : programOf(target).io;
  }

  function programOf(executable: Executable): Program {
    const program = executable as Program;
    if (buffers.has(program.io)) return program;
    fail("E_STATE", "webgpu: this program is not of this machine; expected one that it compiled, got another");
  }

  /** Resolves to the first bytes of the staging buffer that `start` asks for by an encoder, once its work is done. */
  function readBack(
    byteLength: number,
    ready: () => boolean,
    start: (encoder: GPUCommandEncoder) => GPUBuffer,
    release: (staging: GPUBuffer) => void,
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      rejects.add(reject);
      enqueue({
        ready,
        start() {
          const encoder = device.createCommandEncoder();
          let staging: GPUBuffer;
          try {
            staging = start(encoder);
          } catch (error) {
            rejects.delete(reject);
            reject(error);
            return;
          }
          // Never 0, which is what blank bytes hold.
          tickets = (tickets + 1) >>> 0 || 1;
          const number = tickets;
          queue.writeBuffer(ticket, 0, Uint32Array.of(number));
          encoder.copyBufferToBuffer(ticket, 0, staging, byteLength, TICKET_BYTES);
          queue.submit([encoder.finish()]);
          const done = (): void => {
            if (!rejects.has(reject)) {
              // What stopped the machine has rejected this already.
              staging.destroy();
              return;
            }
            const mapped = staging.getMappedRange();
            const [found] = new Uint32Array(mapped, byteLength, 1);
            const bytes = new Uint8Array(mapped).slice(0, byteLength);
            staging.unmap();
            if (found !== number) throw new Error(`result ${found} in place of ${number}`);
            rejects.delete(reject);
            release(staging);
            resolve(bytes);
            drain();
          };
          watchMap(device, staging).then(done).catch(lose);
        },
      });
    });
  }

  /** A refused map means a lost device, whose own report, if it comes, is the better one. */
  async function lose(cause: unknown): Promise<void> {
    if (failure !== undefined) return;
    await Promise.race([device.lost, new Promise((resolve) => setTimeout(resolve, 1000))]);
    host.lose({
      code: "E_DEVICE_LOST",
      message: `webgpu: a result cannot be read; expected a mapped buffer, got "${String(cause)}"`,
      cause,
    });
  }

  async function compile(plan: Plan): Promise<Executable> {
    check();
    checkOperations(plan, "webgpu");
    for (const name of ["state", "rows"] as const) {
      if (plan.bytes[name] <= sizes[name]) continue;
      fail("E_PLAN", `webgpu: the plan reaches beyond the ${name} arena; expected at most ${sizes[name]} bytes, got ${plan.bytes[name]}`);
    }
    const { software } = host.info;
    const { kernels, bytes } = software ? plan : splitLongSums(plan);
    const own = (["io", "work"] as const).map((label) => ({ label, size: bytes[label], usage: usage.arena }));
    checkSizes(host, own);
    const target = { software, bytes };
    const lowered = kernels.flatMap((kernel) => lower(kernel, target) ?? []);
    const pipelines = await Promise.all(lowered.map((dispatch) => makePipeline(device, dispatch))).catch((error) => blame(host, error));
    check();
    const outputBytes = plan.bytes.io - (plan.outputs[0]?.byteOffset ?? plan.bytes.io);
    const outputOffset = outputBytes === 0 ? 0 : plan.bytes.io - outputBytes;
    const staging = { label: "staging", size: outputBytes + TICKET_BYTES, usage: usage.staging };
    const wanted = [...own, ...Array.from({ length: IN_FLIGHT }, () => staging)];
    const [io, work, ...idle] = (await allocate(host, wanted).catch((error) => blame(host, error))) as [
      GPUBuffer,
      GPUBuffer,
      ...GPUBuffer[],
    ];
    if (failure !== undefined) for (const buffer of [io, work, ...idle]) buffer.destroy();
    check();
    for (const buffer of [io, work, ...idle]) buffers.add(buffer);
    const entries = [state, rows, io, work].map((buffer, binding) => ({ binding, resource: { buffer } }));
    const bindings = device.createBindGroup({ label: "arenas", layout: arenaBindings(device), entries });
    const dispatches = lowered.map(({ groups }, i) => ({ pipeline: pipelines[i] as GPUComputePipeline, groups }));
    return { plan, io, bindings, dispatches, outputOffset, outputBytes, idle } as Program;
  }

  function recordRun(program: Program, encoder: GPUCommandEncoder): GPUBuffer {
    const pass = encoder.beginComputePass();
    pass.setBindGroup(0, program.bindings);
    for (const { pipeline, groups } of program.dispatches) {
      pass.setPipeline(pipeline);
      pass.dispatchWorkgroups(groups[0], groups[1]);
    }
    pass.end();
    const staging = program.idle.pop() as GPUBuffer;
    if (program.outputBytes > 0) encoder.copyBufferToBuffer(program.io, program.outputOffset, staging, 0, program.outputBytes);
    return staging;
  }

  return {
    backend: "webgpu",
    compile,
    write(target, byteOffset, bytes) {
      check();
      const buffer = bufferOf(target);
      checkRange(buffer, byteOffset, bytes.byteLength);
      if (bytes.byteLength === 0) return;
      // Bytes are the caller's again when this returns; and Node 20 crashes on those of a SharedArrayBuffer.
      const held = jobs.length > 0 || !(bytes.buffer instanceof ArrayBuffer) ? bytes.slice() : bytes;
      enqueue({ ready: () => true, start: () => queue.writeBuffer(buffer, byteOffset, held as Uint8Array<ArrayBuffer>) });
    },
    async run(executable) {
      check();
      const program = programOf(executable);
      return readBack(
        program.outputBytes,
        () => program.idle.length > 0,
        (encoder) => recordRun(program, encoder),
        (staging) => program.idle.push(staging),
      );
    },
    async read(target, byteOffset, byteLength) {
      check();
      const source = bufferOf(target);
      checkRange(source, byteOffset, byteLength);
      if (byteLength === 0) return new Uint8Array(0);
      let found: GPUBuffer | { readonly refused: unknown } | undefined;
      const settle = (result: typeof found): void => {
        found = result;
        if (failure === undefined) drain();
        else if (result !== undefined && "destroy" in result) result.destroy();
      };
      allocate(host, [{ label: "read", size: byteLength + TICKET_BYTES, usage: usage.staging }]).then(
        ([staging]) => settle(staging),
        (refused: unknown) => settle({ refused }),
      );
      const copy = (encoder: GPUCommandEncoder): GPUBuffer => {
        const staging = found as NonNullable<typeof found>;
        if ("refused" in staging) throw staging.refused;
        encoder.copyBufferToBuffer(source, byteOffset, staging, 0, byteLength);
        return staging;
      };
      return readBack(
        byteLength,
        () => found !== undefined,
        copy,
        (staging) => staging.destroy(),
      );
    },
    close() {
      stop({ code: "E_STATE", message: "webgpu: the machine is closed; expected an open one, got a call after close" });
      stopListening();
      for (const buffer of buffers) buffer.destroy();
      buffers.clear();
      // Dawn frees destroyed buffers at the next submit.
      queue.submit([]);
    },
  };
}
