/** Slots of a memory are vacated: in its index, and in the arena or the file where rows lie. */
import type { Machine } from "../backend/machine.ts";
import type { Move } from "../memory/slots.ts";
import type { StateLayout } from "./ranges.ts";
import type { Remembered } from "./remember.ts";

/** An engine, as far as it is asked. */
interface Holder {
  readonly layout: StateLayout;
  readonly machine: Machine;
}

/** Bytes that are moved at once. */
const AT_ONCE = 2 ** 22;

/** Takes the rows of slots out of a memory, zeros in their place; `then` is called once the index is without them. @throws E_DATA, changing nothing */
export async function vacate(holder: Holder, memory: Remembered, slots: Iterable<number>, then = (): void => {}): Promise<void> {
  const { stores } = memory.replay;
  const before = stores.map((store) => store.slots.stored);
  const moves = memory.replay.forget(slots);
  then();
  if (memory.pages !== undefined) {
    memory.pages.forget(moves);
    return;
  }
  const origins = originsOf(moves);
  for (const [i, { first, slots: store }] of stores.entries())
    await clear(holder, first + store.stored, first + (before[i] as number), origins);
}

/** Returns the slots of a share of the rows of each store, the oldest first. */
export function oldest({ replay }: Remembered, share: number): number[] {
  return replay.stores.flatMap(({ first, slots }) => {
    const ages = slots.ages();
    const order = [...ages.keys()].sort((a, b) => (ages[b] as number) - (ages[a] as number) || a - b);
    return order.slice(0, Math.floor(share * slots.stored)).map((slot) => first + slot);
  });
}

/** Returns, by slot, which slot its row was in before rows moved. */
function originsOf(moves: readonly Move[]): Map<number, number> {
  const origins = new Map<number, number>();
  for (const { from, to } of moves) {
    const origin = origins.get(from) ?? from;
    origins.delete(from);
    if (from !== to) origins.set(to, origin);
  }
  return origins;
}

/** Clears slots `start` … `end` - 1, that held the last rows of a store, once those that moved are where `origins` says, all of them before. */
async function clear({ machine, layout }: Holder, start: number, end: number, origins: ReadonlyMap<number, number>): Promise<void> {
  const targets = new Map([...origins].map(([to, from]) => [from, to]));
  for (const { byteOffset, rowBytes } of layout.columns) {
    const most = Math.max(1, Math.floor(AT_ONCE / rowBytes));
    for (let slot = start; slot < end; slot += most) {
      const count = Math.min(most, end - slot);
      const bytes = await machine.read("rows", byteOffset + slot * rowBytes, count * rowBytes);
      for (let i = 0; i < count; i++) {
        const to = targets.get(slot + i);
        if (to !== undefined) machine.write("rows", byteOffset + to * rowBytes, bytes.subarray(i * rowBytes, (i + 1) * rowBytes));
      }
      machine.write("rows", byteOffset + slot * rowBytes, new Uint8Array(count * rowBytes));
    }
  }
}
