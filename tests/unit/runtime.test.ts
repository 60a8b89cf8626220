import {
  Learner,
  type Measured,
  nn,
  openRuntime,
  optim,
  PalimpsestError,
  type RuntimeEvent,
  type RuntimeOptions,
  type Tensor,
  tensor,
} from "palimpsest";
import { describe, expect, it } from "vitest";
import { openTestHost } from "../env.ts";

/** A WebGPU whose only adapter calls itself what `info` says. */
function gpuWith(info: Partial<GPUAdapterInfo>): GPU {
  const adapter = { info, features: new Set(), limits: { maxBufferSize: 1 << 28, maxStorageBufferBindingSize: 1 << 27 } };
  return { requestAdapter: async () => adapter } as unknown as GPU;
}

describe("openRuntime", () => {
  it("takes Wasm when asked for by name, and says why", async () => {
    const events: RuntimeEvent[] = [];
    const runtime = await openRuntime({ backend: "wasm", onEvent: (event) => events.push(event) });
    expect(runtime.info).toEqual({ backend: "wasm", reason: "asked for by name", threads: 1, precision: "exact", measured: [] });
    expect(events).toEqual([{ level: "info", message: "wasm: asked for by name" }]);
    runtime.close();
  });

  it("takes Wasm over an adapter that computes on the CPU unless WebGPU is asked for by name", async () => {
    const runtime = await openRuntime({ gpu: gpuWith({ description: "llvmpipe (LLVM 15)" }) });
    expect(runtime.info.backend).toBe("wasm");
    expect(runtime.info.reason).toMatch(/llvmpipe .*computes on the CPU/);
    runtime.close();
  });

  it("takes Wasm where there is no adapter, and fails where WebGPU was asked for by name", async () => {
    const none = { requestAdapter: async () => null } as unknown as GPU;
    const runtime = await openRuntime({ gpu: none });
    expect(runtime.info).toMatchObject({ backend: "wasm", reason: expect.stringMatching(/no GPU adapter/) });
    runtime.close();
    const error = await openRuntime({ backend: "webgpu", gpu: none }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(PalimpsestError);
    expect((error as PalimpsestError).code).toBe("E_NO_BACKEND");
  });

  it("given a device measures each program on both backends, once, and stays on the faster", async (context) => {
    const host = await openTestHost();
    if (host === undefined) return context.skip("this runtime has no WebGPU adapter");
    const runtime = await openRuntime({ device: host.device });
    const options = { model: nn.classifier({ capacity: 2 }), input: [3], optimizer: optim.sgd(), schedule: 0.1, batchSize: 4 };
    const [first, second] = [await Learner.create(runtime, options), await Learner.create(runtime, options)];
    expect(runtime.info.measured.length).toBe(1);
    const [{ wasmMs, webgpuMs, backend, program }] = runtime.info.measured as [Measured];
    expect(program).toMatch(/^\d+ kernels, slots \[4\]$/);
    expect(backend).toBe(webgpuMs < wasmMs ? "webgpu" : "wasm");
    expect(first.plan().backend).toBe(backend);
    expect(second.plan().backend).toBe(backend);
    await first.observe({ x: new Float32Array(3), y: [1] });
    await first.close();
    await second.close();
    runtime.close();
    host.close();
  });

  it.each([{ threads: 0 }, { threads: 1.5 }, { threads: 65 }, { precision: "half" }, { memoryBudget: 0 }, { thread: 2 }])(
    "refuses %j",
    async (options) => {
      await expect(openRuntime({ backend: "wasm", ...options } as RuntimeOptions)).rejects.toMatchObject({ code: "E_CONFIG" });
    },
  );

  it("refuses what is over the memory budget before it allocates, in numbers", async () => {
    const options = { model: nn.classifier({ capacity: 10 }), input: [784], optimizer: optim.adamw(), schedule: 0.1, batchSize: 4 };
    const free = await openRuntime({ backend: "wasm" });
    const learner = await Learner.create(free, options);
    const { bytes, parameters } = learner.plan();
    expect(parameters).toBe(7850);
    expect(bytes.state).toBeGreaterThanOrEqual(3 * 4 * 7850);
    const total = Object.values(bytes).reduce((a, b) => a + b, 0);
    const runtime = await openRuntime({ backend: "wasm", memoryBudget: total - 1 });
    await expect(Learner.create(runtime, options)).rejects.toMatchObject({ code: "E_OOM", context: { budget: total - 1, total, bytes } });
    const enough = await openRuntime({ backend: "wasm", memoryBudget: total });
    await (await Learner.create(enough, options)).close();
    await learner.close();
    for (const opened of [free, runtime, enough]) opened.close();
  });

  it("opens nothing once it is closed", async () => {
    const runtime = await openRuntime({ backend: "wasm" });
    runtime.close();
    await expect(runtime.compile(({ x }) => ({ y: tensor.neg(x as never) }), { x: [1] })).rejects.toMatchObject({ code: "E_STATE" });
  });
});

describe("runtime.compile", () => {
  it("runs a function of the user's own: typed arrays in, typed arrays out", async () => {
    const runtime = await openRuntime({ backend: "wasm" });
    const f = await runtime.compile(
      ({ x, w, k }) => {
        const loss = tensor.sum(tensor.square(tensor.matmul(x as Tensor, w as Tensor)));
        return { loss, grad: tensor.grad(loss, [w as Tensor])[0] as Tensor, next: tensor.add(k as Tensor, 1) };
      },
      { x: [2, 2], w: [2, 1], k: { shape: [2], dtype: "u32" } },
    );
    const { loss, grad, next } = await f.run({ x: [1, 2, 3, 4], w: [1, -1], k: [7, 2 ** 32 - 1] });
    // x·w = (−1, −1); the gradient is 2·xᵀ·(−1, −1).
    expect([...(loss as Float32Array)]).toEqual([2]);
    expect([...(grad as Float32Array)]).toEqual([-8, -12]);
    expect(next).toEqual(Uint32Array.of(8, 0));
    await expect(f.run({ x: [1], w: [1, 1], k: [0, 0] })).rejects.toMatchObject({
      code: "E_SHAPE",
      message: /input "x" does not fit; expected 4 numbers of \[2, 2\]/,
    });
    f.close();
    runtime.close();
  });

  it("draws new random bits in every run, the same for the same seed", async () => {
    const runtime = await openRuntime({ backend: "wasm" });
    const draw = (seed: number) => runtime.compile((_, graph) => ({ u: tensor.uniform(graph, "noise", [1000]) }), {}, { seed });
    const [a, b, c] = await Promise.all([draw(1), draw(1), draw(2)]);
    const [first, again, other, second] = [await a.run({}), await b.run({}), await c.run({}), await a.run({})];
    expect(first.u).toEqual(again.u);
    expect(first.u).not.toEqual(other.u);
    expect(first.u).not.toEqual(second.u);
    const mean = (first.u as Float32Array).reduce((sum, value) => sum + value, 0) / 1000;
    expect(mean).toBeGreaterThan(0.46);
    expect(mean).toBeLessThan(0.54);
    runtime.close();
  });

  it("refuses what a trace cannot record, in the user's words", async () => {
    const runtime = await openRuntime({ backend: "wasm" });
    const attempt = (build: Parameters<typeof runtime.compile>[0]) => runtime.compile(build, { x: [2, 3] });
    await expect(attempt(({ x }) => ({ y: tensor.mul(x as Tensor, Number(x)) }))).rejects.toMatchObject({
      code: "E_TRACE",
      message: /a tensor was used as a number or text/,
    });
    await expect(attempt(({ x }) => ({ y: tensor.matmul(x as Tensor, x as Tensor) }))).rejects.toMatchObject({
      code: "E_SHAPE",
      message: /matmul: shapes do not fit; .* got f32 \[2, 3\] and f32 \[2, 3\]/,
    });
    await expect(
      attempt(({ x }) => ({ y: tensor.add(x as Tensor, tensor.sum(x as Tensor, 0, { keepDims: false })) })),
    ).resolves.toBeDefined();
    let calls = 0;
    await expect(attempt(({ x }) => ({ y: tensor.mul(x as Tensor, ++calls) }))).rejects.toMatchObject({
      code: "E_TRACE",
      message: /two traces of the function differ/,
    });
    runtime.close();
  });
});
