/**
 * A device as bad as devices are: what is written and not flushed is lost, reordered or torn when the power fails, a flush that fails may
 * have dropped what it was to flush, though it can still be read, and any call may fail halfway.
 */
import type { RandomStream } from "../../src/random.ts";
import { slotBytes } from "../../src/store/head.ts";
import type { Storage } from "../../src/store/storage.ts";

/** Bytes at an offset; those up to `end` are zeros. */
interface Write {
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly end: number;
  /** When it was written. */
  readonly order: number;
  /** A flush has failed to keep it: none will. */
  lost?: boolean;
}

interface File {
  /** Whether the folder names it on the device. */
  named: boolean;
  durable: Write[];
  pending: Write[];
}

/** What ends a program. */
export type Crash = "kill" | "power";

/** What goes wrong at the next call, if anything, and whether a part of its work may have been done before. */
export type Fault = (call: string) => { readonly error: Error; readonly halfway: boolean } | undefined;

/** Does a part of a change to a device. */
type Part = (device: Device) => unknown;

/** Owners of all devices so far. */
let opened = 0;
/** Writes to all devices so far. */
let writes = 0;

export class Device {
  readonly files = new Map<string, File>();
  readonly random: RandomStream;
  fault: Fault = () => undefined;
  /** Is told of each change before it is made. */
  watch: (part: Part) => void = () => undefined;
  /** All calls. */
  calls = 0;
  readonly #owners = new Set<string>();

  constructor(random: RandomStream) {
    this.random = random;
  }

  /** Returns the files as a store that someone opens. */
  open(): Storage {
    const owner = `owner ${++opened}`;
    this.#owners.add(owner);
    /** `halfway` does a part of a change to this device, or to one that is as this one is. */
    const call = (name: string, halfway?: Part): void => {
      this.calls++;
      if (halfway !== undefined) this.watch(name === "flush" ? () => undefined : halfway);
      const fault = this.fault(name);
      if (fault === undefined) return;
      if (fault.halfway) halfway?.(this);
      throw fault.error;
    };
    const create = (device: Device, file: string, bytes: Uint8Array): void => {
      device.files.set(file, { named: false, durable: [], pending: [written(0, bytes)] });
    };
    const write = (device: Device, file: string, offset: number, bytes: Uint8Array): void => {
      device.files.get(file)?.pending.push(written(offset, bytes));
    };
    const some = ({ random }: Device, bytes: Uint8Array): Uint8Array => bytes.subarray(0, random.below(bytes.length + 1));
    return {
      ...{ name: "device", place: "memory", persistent: true, owner },
      alive: async (other) => this.#owners.has(other),
      list: async () => {
        call("list");
        return [...this.files.keys()];
      },
      read: async (file, offset, length) => {
        call("read");
        return this.read(file, offset, length);
      },
      create: async (file, bytes) => {
        if (this.files.has(file)) return false;
        call("create", (device) => device.random.below(2) === 0 && create(device, file, some(device, bytes)));
        create(this, file, bytes);
        return true;
      },
      write: async (file, offset, bytes) => {
        const size = sizeOf(this.files.get(file) ?? gone(file));
        if (offset > size) throw new Error(`a write to ${file} leaves a hole at ${size}`);
        call("write", (device) => write(device, file, offset, some(device, bytes)));
        write(this, file, offset, bytes);
      },
      flush: async (file) => {
        const kept = this.files.get(file) ?? gone(file);
        call("flush", ({ random }) => {
          for (const pending of kept.pending) pending.lost ??= random.below(2) === 0;
        });
        const flushed = [...kept.pending];
        // It takes a while, in which more may be written.
        for (let turns = this.random.below(4); turns > 0; turns--) await undefined;
        kept.named = true;
        for (const pending of flushed) if (pending.lost !== true) settle(kept.durable, pending);
        kept.pending = kept.pending.filter((pending) => pending.lost === true || !flushed.includes(pending));
      },
      remove: async (file) => {
        call("remove", (device) => device.random.below(2) === 0 && device.files.delete(file));
        this.files.delete(file);
      },
      close: async () => void this.#owners.delete(owner),
    };
  }

  read(file: string, offset = 0, length: number = Number.POSITIVE_INFINITY): Uint8Array {
    const kept = this.files.get(file);
    const bytes = new Uint8Array(kept === undefined ? 0 : Math.max(0, Math.min(length, sizeOf(kept) - offset)));
    const ordered = [...(kept?.durable ?? []), ...(kept?.pending ?? [])];
    for (const write of ordered.sort((a, b) => a.order - b.order)) {
      const [from, to] = [Math.max(offset, write.at), Math.min(offset + bytes.length, write.end)];
      if (from >= to) continue;
      const part = write.bytes.subarray(from - write.at, to - write.at);
      bytes.set(part, from - offset);
      bytes.fill(0, from - offset + part.length, to - offset);
    }
    return bytes;
  }

  /** Replaces a file whole, as damage does. */
  damage(file: string, bytes: Uint8Array): void {
    this.files.set(file, { named: true, durable: [written(0, bytes)], pending: [] });
  }

  /** Returns what is left after a part of a change, when every program is killed (all that was written), or when the power fails. */
  after(crash: Crash, random: RandomStream, part: Part = () => undefined): Device {
    const left = new Device(random);
    for (const [name, { named, durable, pending }] of this.files)
      left.files.set(name, { named, durable: [...durable], pending: [...pending] });
    part(left);
    if (crash === "kill") return left;
    for (const [name, { named, durable, pending }] of left.files) {
      if (named || random.below(2) === 0)
        left.files.set(name, { named: true, durable: [...durable, ...survivors(pending, random)], pending: [] });
      else left.files.delete(name);
    }
    return left;
  }
}

/** Some of the writes, some of them torn. */
function survivors(pending: readonly Write[], random: RandomStream): Write[] {
  const kept: Write[] = [];
  for (const { at, bytes, end, order, lost } of pending) {
    const fate = random.below(8);
    if (lost === true || fate < 3) continue;
    const cut = random.below(2) === 0 ? random.below(end - at + 1) : Math.min(end - at, 512 * random.below(8));
    if (fate === 3) kept.push({ at, bytes: bytes.slice(0, cut), end: at + cut, order });
    else if (fate === 4) kept.push({ at: at + cut, bytes: bytes.slice(cut), end, order });
    else if (fate === 5) kept.push({ at, bytes: bytes.map((byte, i) => (i < cut ? byte : random.u32())), end, order });
    else kept.push({ at, bytes, end, order });
  }
  return kept;
}

/** Adds a write to those on the device, in place of those that it hides. */
function settle(durable: Write[], write: Write): void {
  for (let i = durable.length - 1; i >= 0; i--) {
    const { at, end } = durable[i] as Write;
    if (at === write.at && end <= write.end) durable.splice(i, 1);
  }
  durable.push(write);
}

function written(at: number, bytes: Uint8Array): Write {
  const [end, order] = [at + bytes.length, ++writes];
  // Heads are made with room behind them, which would be most of the work.
  if (bytes.length < slotBytes) return { at, bytes: bytes.slice(), end, order };
  const words = new BigUint64Array(bytes.slice(0, slotBytes).buffer);
  let count = words.length;
  while (count > 0 && words[count - 1] === 0n) count--;
  return { at, bytes: bytes.slice(0, 8 * count), end, order };
}

function sizeOf({ durable, pending }: File): number {
  let size = 0;
  for (const { end } of durable) size = Math.max(size, end);
  for (const { end } of pending) size = Math.max(size, end);
  return size;
}

function gone(file: string): never {
  throw Object.assign(new Error(`${file} was removed`), { code: "ENOENT" });
}
