/** A GPU whose devices are lost on cue. */

/** What a device is asked for. */
export type Call = "writeBuffer" | "dispatchWorkgroups" | "submit" | "mapAsync" | "createComputePipelineAsync";

/**
 * How a device is lost: by `destroy()`; or it does no more work but keeps resolving promises, and tells that it is lost after a while
 * (`unknown`) or never (`silent`).
 */
export type Manner = "destroy" | "unknown" | "silent";

/** A GPU, and the cue. */
export interface FaultyGpu {
  readonly gpu: GPU;
  /** Devices that were asked for. */
  devices(): number;
  /** Loses the newest device at its `count`-th call from now on. */
  arm(call: Call, count: number, manner: Manner): void;
  /** Whether what was armed has come to pass. */
  fired(): boolean;
}

interface Armed {
  readonly call: Call;
  left: number;
  readonly manner: Manner;
}

/** Returns a GPU that gives real devices of `real`, whose calls are counted. */
export function faultyGpu(real: GPU): FaultyGpu {
  let armed: Armed | undefined;
  let devices = 0;

  function watch(device: GPUDevice): GPUDevice {
    let dead = false;
    let tellLost: (info: { reason: string; message: string }) => void = () => {};
    const pretended = new Promise<{ reason: string; message: string }>((resolve) => {
      tellLost = resolve;
    });
    const lost = Promise.race([device.lost, pretended]);
    Object.defineProperty(device, "lost", { value: lost });
    const count = (call: Call): void => {
      if (armed?.call !== call || --armed.left > 0) return;
      const { manner } = armed;
      armed = undefined;
      if (manner === "destroy") device.destroy();
      else dead = true;
      if (manner === "unknown") setTimeout(() => tellLost({ reason: "unknown", message: "the driver went away" }), 5);
    };
    /** Counts calls of a method; where the device is dead they do nothing, if they need not answer. */
    const wrap = <T extends object>(target: T, name: keyof T & Call, silences: boolean): void => {
      const own = (target[name] as (...args: unknown[]) => unknown).bind(target);
      const counted = (...args: unknown[]): unknown => {
        count(name);
        return dead && silences ? undefined : own(...args);
      };
      Object.defineProperty(target, name, { value: counted });
    };
    wrap(device.queue, "writeBuffer", true);
    wrap(device.queue, "submit", true);
    wrap(device, "createComputePipelineAsync", false);
    const createBuffer = device.createBuffer.bind(device);
    const createEncoder = device.createCommandEncoder.bind(device);
    Object.defineProperty(device, "createBuffer", {
      value(descriptor: GPUBufferDescriptor) {
        const buffer = createBuffer(descriptor);
        wrap(buffer, "mapAsync", false);
        return buffer;
      },
    });
    Object.defineProperty(device, "createCommandEncoder", {
      value() {
        const encoder = createEncoder();
        const begin = encoder.beginComputePass.bind(encoder);
        Object.defineProperty(encoder, "beginComputePass", {
          value() {
            const pass = begin();
            wrap(pass, "dispatchWorkgroups", false);
            return pass;
          },
        });
        return encoder;
      },
    });
    return device;
  }

  const gpu = {
    async requestAdapter(options?: GPURequestAdapterOptions) {
      const adapter = await real.requestAdapter(options);
      if (adapter === null) return null;
      const request = adapter.requestDevice.bind(adapter);
      Object.defineProperty(adapter, "requestDevice", {
        async value(descriptor?: GPUDeviceDescriptor) {
          devices += 1;
          return watch(await request(descriptor));
        },
      });
      return adapter;
    },
  } as unknown as GPU;
  return {
    gpu,
    devices: () => devices,
    arm(call, count, manner) {
      armed = { call, left: count, manner };
    },
    fired: () => armed === undefined,
  };
}
