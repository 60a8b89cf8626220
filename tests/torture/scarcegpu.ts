/** A GPU whose memory runs out on cue. */

/** A GPU, and the cue. */
export interface ScarceGpu {
  readonly gpu: GPU;
  /** Has the `count`-th buffer from now on find no memory. */
  arm(count: number): void;
  /** Buffers until then; none or fewer once it has come to pass. */
  left(): number;
  /** Buffers that were made and not destroyed. */
  live(): number;
}

/** Returns a GPU that gives real devices of `real`. As the standard has it, a buffer without memory is there but invalid, and its scope tells. */
export function scarceGpu(real: GPU): ScarceGpu {
  let left = Number.POSITIVE_INFINITY;
  const live = new Set<GPUBuffer>();

  function watch(device: GPUDevice): GPUDevice {
    const create = device.createBuffer.bind(device);
    const [push, pop] = [device.pushErrorScope.bind(device), device.popErrorScope.bind(device)];
    const scopes: { readonly filter: GPUErrorFilter; error?: { readonly message: string } }[] = [];
    const own = {
      createBuffer(descriptor: GPUBufferDescriptor): GPUBuffer {
        left -= 1;
        const scope = scopes.findLast(({ filter }) => filter === "out-of-memory");
        if (left === 0 && scope !== undefined) scope.error = { message: "no memory" };
        // Mapping for reading and for writing is a usage that no buffer may have.
        if (left === 0) push("validation");
        const buffer = create(left === 0 ? { ...descriptor, usage: 3 } : descriptor);
        if (left === 0) void pop();
        live.add(buffer);
        const destroy = buffer.destroy.bind(buffer);
        Object.defineProperty(buffer, "destroy", {
          value() {
            live.delete(buffer);
            destroy();
          },
        });
        return buffer;
      },
      pushErrorScope(filter: GPUErrorFilter): void {
        scopes.push({ filter });
        push(filter);
      },
      async popErrorScope(): Promise<unknown> {
        const scope = scopes.pop();
        return (await pop()) ?? scope?.error ?? null;
      },
    };
    for (const [name, value] of Object.entries(own)) Object.defineProperty(device, name, { value });
    return device;
  }

  const gpu = {
    async requestAdapter(options?: GPURequestAdapterOptions) {
      const adapter = await real.requestAdapter(options);
      if (adapter === null) return null;
      const request = adapter.requestDevice.bind(adapter);
      const value = async (descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> => watch(await request(descriptor));
      Object.defineProperty(adapter, "requestDevice", { value });
      return adapter;
    },
  } as unknown as GPU;
  return {
    gpu,
    arm(count) {
      left = count;
    },
    left: () => left,
    live: () => live.size,
  };
}
