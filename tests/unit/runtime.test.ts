import { openRuntime, PalimpsestError, type RuntimeEvent, type Tensor, tensor } from "palimpsest";
import { describe, expect, it } from "vitest";

/** A WebGPU whose only adapter calls itself what `info` says. */
function gpuWith(info: Partial<GPUAdapterInfo>): GPU {
  const adapter = { info, features: new Set(), limits: { maxBufferSize: 1 << 28, maxStorageBufferBindingSize: 1 << 27 } };
  return { requestAdapter: async () => adapter } as unknown as GPU;
}

describe("openRuntime", () => {
  it("takes Wasm when asked for by name, and says why", async () => {
    const events: RuntimeEvent[] = [];
    const runtime = await openRuntime({ backend: "wasm", onEvent: (event) => events.push(event) });
    expect(runtime.info).toEqual({ backend: "wasm", reason: "asked for by name" });
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
