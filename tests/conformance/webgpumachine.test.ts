import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Executable, Machine } from "../../src/backend/machine.ts";
import { acquireGpu, type GpuHost, openWebGpuMachine } from "../../src/backend/webgpu/index.ts";
import type { ErrorCode, PalimpsestError } from "../../src/errors.ts";
import type { Access, ArenaName, Instruction, MapKernel, Plan } from "../../src/program/plan.ts";
import { openTestHost } from "../env.ts";

const host = await openTestHost();
const sizes = { state: 64, rows: 64 };

const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
const numbers = (bytes: Uint8Array): number[] => [...new Uint32Array(bytes.buffer)];
const at = (arena: ArenaName, offset: number): Access => ({ arena, storage: "u32", offset, strides: [1] });
const load = (access: number): Instruction => ({ op: "load", access, dtype: "u32" });

/** state[0] += io[0], and the sum is put out. */
function counter(label = "count"): Plan {
  const add: Instruction = { op: "apply", name: "add", args: [0, 1], dtype: "u32" };
  const kernel: MapKernel = {
    family: "map",
    label,
    dims: [1],
    accesses: [at("state", 0), at("io", 0)],
    instructions: [load(0), load(1), add],
    outputs: [at("state", 0), at("io", 1)].map((access) => ({ value: 2, access })),
  };
  return {
    kernels: [kernel],
    bytes: { state: 4, rows: 0, io: 8, work: 0 },
    inputs: [{ name: "step", dtype: "u32", shape: [1], byteOffset: 0 }],
    outputs: [{ name: "sum", dtype: "u32", shape: [1], byteOffset: 4 }],
  };
}

async function codeOf(work: () => unknown): Promise<ErrorCode | "no error"> {
  try {
    await work();
  } catch (error) {
    return (error as PalimpsestError).code;
  }
  return "no error";
}

describe.skipIf(host === undefined)("the machine on WebGPU", () => {
  let machine: Machine;
  let program: Executable;
  let device: GPUDevice;
  beforeAll(async () => {
    device = (host as GpuHost).device;
    machine = await openWebGpuMachine(host as GpuHost, sizes);
    program = await machine.compile(counter());
  });
  afterAll(() => {
    machine.close();
    host?.close();
  });

  it("keeps writes, runs and reads in order, with more of them than fit in flight", async () => {
    machine.write("state", 0, words(0));
    const runs: Promise<Uint8Array>[] = [];
    const reads: Promise<Uint8Array>[] = [];
    const step = words(0);
    for (let i = 1; i <= 10; i++) {
      // The bytes are ours again at once.
      new Uint32Array(step.buffer)[0] = i;
      machine.write(program, 0, step);
      runs.push(machine.run(program));
      reads.push(machine.read("state", 0, 4));
    }
    const sums = Array.from({ length: 10 }, (_, i) => [((i + 1) * (i + 2)) / 2]);
    expect((await Promise.all(runs)).map(numbers)).toEqual(sums);
    expect((await Promise.all(reads)).map(numbers)).toEqual(sums);
  });

  it("makes neither pipelines for a plan it knows nor any object for a run", async () => {
    const made = ["createComputePipelineAsync", "createShaderModule", "createBuffer", "createBindGroup"] as const;
    const spies = made.map((name) => vi.spyOn(device, name));
    const calls = (): number[] => spies.map((spy) => spy.mock.calls.length);
    const again = await machine.compile(counter());
    expect(calls()).toEqual([0, 0, 5, 1]);
    for (let i = 0; i < 5; i++) {
      machine.write(again, 0, words(1));
      await machine.run(again);
    }
    expect(calls()).toEqual([0, 0, 5, 1]);
    for (const spy of spies) spy.mockRestore();
  });

  it("writes and reads any words of state, rows and io, shared memory among them", async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(8));
    shared.set([1, 2, 3, 4, 5, 6, 7, 8]);
    machine.write("rows", 8, shared);
    expect([...(await machine.read("rows", 4, 16))]).toEqual([0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0]);
    machine.write("rows", 8, new Uint8Array(0));
    expect(await machine.read("rows", 8, 0)).toEqual(new Uint8Array(0));
  });

  it("resolves a run without outputs once it is done", async () => {
    const { kernels, bytes, inputs } = counter();
    const silent = await machine.compile({ kernels, bytes, inputs, outputs: [] });
    machine.write("state", 0, words(5));
    machine.write(silent, 0, words(2));
    expect(await machine.run(silent)).toEqual(new Uint8Array(0));
    expect(numbers(await machine.read("state", 0, 4))).toEqual([7]);
  });

  it("refuses bytes out of range, plans beyond its arenas and programs of another machine", async () => {
    expect(await codeOf(() => machine.write("state", 64, words(1)))).toBe("E_STATE");
    expect(await codeOf(() => machine.write("state", 2, words(1)))).toBe("E_STATE");
    expect(await codeOf(() => machine.read("rows", 0, 68))).toBe("E_STATE");
    const plan = counter();
    expect(await codeOf(() => machine.compile({ ...plan, bytes: { ...plan.bytes, rows: 68 } }))).toBe("E_PLAN");
    const other = await openWebGpuMachine(host as GpuHost, sizes);
    expect(await codeOf(() => other.run(program))).toBe("E_STATE");
    other.close();
  });

  it("says in numbers what memory it lacks", async () => {
    const plan = counter();
    const huge = 2 ** 45;
    const refusal = machine.compile({ ...plan, bytes: { ...plan.bytes, work: huge } });
    await expect(refusal).rejects.toThrow(
      `expected at most ${host?.info.maxArenaBytes} bytes for "work", the limit of this adapter, got ${huge}`,
    );
    expect(await codeOf(() => openWebGpuMachine(host as GpuHost, { state: huge, rows: 0 }))).toBe("E_OOM");
  });

  it("makes nothing for what is beyond the adapter's limit", async () => {
    const real = host as GpuHost;
    const small = { ...real, info: { ...real.info, maxArenaBytes: 1024 } };
    const tight = await openWebGpuMachine(small, { state: 1024, rows: 0 });
    const made = (["createShaderModule", "createBuffer"] as const).map((name) => vi.spyOn(device, name));
    const plan = counter("beyond");
    for (const arena of ["io", "work"] as const) {
      await expect(tight.compile({ ...plan, bytes: { ...plan.bytes, [arena]: 1040 } })).rejects.toMatchObject({
        code: "E_OOM",
        message: expect.stringContaining(`expected at most 1024 bytes for "${arena}", the limit of this adapter, got 1040`),
      });
    }
    expect(await codeOf(() => openWebGpuMachine(small, { state: 0, rows: 1040 }))).toBe("E_OOM");
    expect(made.map((spy) => spy.mock.calls.length)).toEqual([0, 0]);
    for (const spy of made) spy.mockRestore();
    expect(await codeOf(() => tight.compile(plan))).toBe("no error");
    tight.close();
  });

  it("names the kernel that the compiler refuses, and goes on", async () => {
    const plan = counter("layer 1 bias");
    const [kernel] = plan.kernels as [MapKernel];
    const wrong: MapKernel = {
      ...kernel,
      instructions: [load(0), { op: "const", value: 1, dtype: "f32" }, kernel.instructions[2] as Instruction],
    };
    await expect(machine.compile({ ...plan, kernels: [wrong] })).rejects.toMatchObject({
      code: "E_BACKEND",
      message: expect.stringMatching(/^layer 1 bias: the GPU refuses the kernel; expected it to compile, got ".+"$/),
      context: { code: expect.stringContaining("let v2 = (v0 + v1);") },
    });
    expect(await codeOf(() => machine.run(program))).toBe("no error");
  });

  it("refuses everything after close, and what was under way", async () => {
    const closing = await openWebGpuMachine(host as GpuHost, sizes);
    const own = await closing.compile(counter());
    const runs = Array.from({ length: 5 }, () => codeOf(() => closing.run(own)));
    closing.close();
    expect(await Promise.all(runs)).toEqual(runs.map(() => "E_STATE"));
    for (const call of [
      () => closing.run(own),
      () => closing.compile(counter()),
      () => closing.write("state", 0, words(1)),
      () => closing.read("state", 0, 4),
    ]) {
      expect(await codeOf(call)).toBe("E_STATE");
    }
    closing.close();
  });
});

describe.skipIf(host === undefined)("a device on WebGPU", () => {
  const open = async (): Promise<{ own: GpuHost; machine: Machine; program: Executable }> => {
    const own = (await openTestHost()) as GpuHost;
    const machine = await openWebGpuMachine(own, sizes);
    return { own, machine, program: await machine.compile(counter()) };
  };

  it("that is lost ends what is under way and all that follows", async () => {
    const { own, machine, program } = await open();
    const runs = Array.from({ length: 5 }, () => codeOf(() => machine.run(program)));
    own.device.destroy();
    expect(await Promise.all(runs)).toEqual(runs.map(() => "E_DEVICE_LOST"));
    expect(await codeOf(() => machine.run(program))).toBe("E_DEVICE_LOST");
    expect(await codeOf(() => openWebGpuMachine(own, sizes))).toBe("E_DEVICE_LOST");
    machine.close();
  });

  it("that reports an error nobody waits for fails the next run", async () => {
    const { own, machine, program } = await open();
    own.device.createBuffer({ size: 4, usage: 0 });
    await own.device.queue.onSubmittedWorkDone();
    await expect.poll(() => codeOf(() => machine.run(program))).toBe("E_BACKEND");
    machine.close();
    own.close();
  });

  it("of the caller's is taken as it is and survives", async () => {
    const { own, machine } = await open();
    const acquired = await acquireGpu({ device: own.device, software: false });
    if (!("host" in acquired)) throw new Error(acquired.refused);
    const guest = await openWebGpuMachine(acquired.host, sizes);
    machine.close();
    const program = await guest.compile(counter());
    guest.close();
    acquired.host.close();
    expect(await codeOf(() => guest.run(program))).toBe("E_STATE");
    expect(await codeOf(() => openWebGpuMachine(acquired.host, sizes))).toBe("E_STATE");
    const after = await openWebGpuMachine(own, sizes);
    expect(numbers(await after.run(await after.compile(counter())))).toEqual([0]);
    after.close();
    own.close();
  });
});

describe("the search for an adapter", () => {
  const limits = { maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2 ** 27 };
  const adapter = (fields: object): object => ({
    limits,
    features: new Set(),
    requestDevice: async () => Promise.reject(new Error("no device")),
    ...fields,
  });
  const gpuOf = (found: object | null): GPU => ({ requestAdapter: async () => found }) as unknown as GPU;

  it.each([
    ["there is none", null, /no GPU adapter/],
    ["it is a fallback by its info", adapter({ info: { isFallbackAdapter: true } }), /\(unnamed adapter\) computes on the CPU/],
    ["it is a fallback by its own word", adapter({ isFallbackAdapter: true }), /computes on the CPU/],
    ["it is llvmpipe", adapter({ info: { description: "llvmpipe (LLVM 15.0.6, 256 bits)" } }), /\(llvmpipe .*\) computes on the CPU/],
    ["it is SwiftShader", adapter({ info: { architecture: "swiftshader" } }), /\(swiftshader\) computes on the CPU/],
    ["it is WARP", adapter({ info: { description: "Microsoft Basic Render Driver" } }), /computes on the CPU/],
    ["it gives no device", adapter({ info: { vendor: "nvidia" } }), /gives no device: no device/],
    ["it says nothing of itself and gives no device", adapter({}), /gives no device/],
  ])("refuses when %s", async (_, found, reason) => {
    expect(await acquireGpu({ gpu: gpuOf(found), software: false })).toEqual({ refused: expect.stringMatching(reason) });
  });

  it("refuses when the search itself fails", async () => {
    const gpu = { requestAdapter: () => Promise.reject(new Error("blocked")) } as unknown as GPU;
    expect(await acquireGpu({ gpu, software: true })).toEqual({ refused: expect.stringContaining("blocked") });
  });

  it("takes an adapter that computes on the CPU where that will do, with its largest limits", async () => {
    let asked: GPUDeviceDescriptor | undefined;
    const requestDevice = async (descriptor: GPUDeviceDescriptor): Promise<never> => {
      asked = descriptor;
      throw new Error("asked");
    };
    await acquireGpu({ gpu: gpuOf(adapter({ info: { architecture: "swiftshader" }, requestDevice })), software: true });
    expect(asked?.requiredLimits).toEqual({ maxBufferSize: 2 ** 27, maxStorageBufferBindingSize: 2 ** 27 });
  });
});
