/** Devices one after another: one that is lost is replaced, unless too many are lost in a short time. */
import { acquireGpu, type GpuHost, type GpuOptions } from "./host.ts";

/** Losses within {@link PERIOD_MS} after which no further device is asked for. */
const MOST_LOSSES = 3;
const PERIOD_MS = 60_000;

/** What becomes of a device that was lost: the host that takes its place, or why none does. */
export type Replaced = { readonly host: GpuHost } | { readonly refused: string };

/** Owns the devices of a runtime. */
export interface GpuKeeper {
  /** Returns the host of a device that is not lost as far as is known, or why there is none any more. */
  current(): Promise<Replaced>;
  close(): void;
}

/**
 * Returns a keeper that begins with a host and takes further ones from a new adapter, since an adapter gives one device; `replaced` hears of each
 * loss and what was done, once.
 */
export function keepGpu(first: GpuHost, { gpu, software }: Omit<GpuOptions, "device">, replaced: (by: Replaced) => void): GpuKeeper {
  let held: Replaced = { host: first };
  let replacing: Promise<Replaced> | undefined;
  const losses: number[] = [];
  let closed = false;

  async function replace(): Promise<Replaced> {
    const now = performance.now();
    losses.push(now);
    const recent = losses.filter((time) => now - time < PERIOD_MS).length;
    held =
      recent < MOST_LOSSES
        ? await acquireGpu({ ...(gpu && { gpu }), software })
        : { refused: `${recent} devices were lost within a minute` };
    replacing = undefined;
    if (closed && "host" in held) held.host.close();
    replaced(held);
    return held;
  }

  return {
    async current() {
      if ("host" in held && held.host.failure()?.code === "E_DEVICE_LOST") replacing ??= replace();
      return replacing ?? held;
    },
    close() {
      closed = true;
      if ("host" in held) held.host.close();
    },
  };
}
