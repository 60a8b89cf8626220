import { checkNumber, fail } from "../errors.ts";
import { streamKey } from "../random.ts";
import type { Kernels } from "../wasm/instance.ts";
import { checkPolicy, type MemoryPolicy, policyNames } from "./policy.ts";

/** What a replay memory needs of the Wasm exports (`assembly/memory.ts`). */
export type MemoryKernels = Pick<Kernels, Extract<keyof Kernels, `memory${string}`>>;

/** The Wasm instance a replay memory lives in, and the allocator of its memory; addresses are multiples of 8. */
export interface MemoryHost {
  readonly exports: MemoryKernels;
  readonly memory: { readonly buffer: ArrayBufferLike };
  alloc(bytes: number): number;
  free(address: number): void;
}

/** The slot of a row that is not kept. */
export const DROPPED = 0xffffffff;

const MAGIC = 0x52504c50;
const VERSION = 1;
const HEADER_BYTES = 64;
/** Calls remembered before the state is copied anew: a copy of a large memory takes as long as many steps. */
const REMEMBERED = 512;
const CLASS_BYTES = 16;

/**
 * The index of a replay memory: decides in Wasm which slot each row takes and which slots are drawn. The rows themselves lie elsewhere.
 * A stream without classes has one class, label 0.
 */
export class ReplayIndex {
  readonly policy: MemoryPolicy;
  readonly classes: number;
  readonly #host: MemoryHost;
  readonly #bytes: number;
  #state: number;
  #scratch = 0;
  #scratchBytes = 0;
  /** The state some calls ago, those calls, and how many of them came before the mark. */
  #past: { readonly bytes: Uint8Array; readonly calls: (() => void)[]; marked: number } | undefined;

  /** @throws E_CONFIG */
  constructor(host: MemoryHost, policy: MemoryPolicy, classes: number, seed: number) {
    this.policy = checkPolicy("memory", policy);
    this.classes = checkNumber("memory", "classes", classes, { min: 1, max: 2 ** 20, integer: true });
    this.#host = host;
    const code = policyNames.indexOf(policy.policy);
    const { exports } = host;
    this.#bytes = exports.memoryBytes(code, policy.capacity, classes);
    this.#state = host.alloc(this.#bytes);
    exports.memoryInit(this.#state, code, policy.capacity, classes, ...streamKey(seed, "store"), ...streamKey(seed, "draw"));
  }

  /** Rows stored. */
  get stored(): number {
    return this.#host.exports.memoryStored(this.#open());
  }

  /** Rows offered so far. */
  get seen(): number {
    return this.#host.exports.memorySeen(this.#open());
  }

  /** Returns the rows stored of each class `[classes]`. */
  counts(): Uint32Array {
    const state = this.#open();
    return Uint32Array.from({ length: this.classes }, (_, label) => this.#host.exports.memoryCount(state, label));
  }

  /**
   * Offers the rows labelled `labels` `[n]` and returns the slot `[n]` that each takes, or {@link DROPPED}; no slot comes twice.
   * The result is a view of Wasm memory, valid until the next call.
   * @throws E_DATA on a label that is no class; nothing has changed then
   */
  offer(labels: Uint32Array): Uint32Array {
    const state = this.#open();
    const wrong = labels.findIndex((label) => label >= this.classes);
    if (wrong >= 0) {
      fail("E_DATA", `memory: label of row ${wrong} is no class; expected a label below ${this.classes}, got ${labels[wrong]}`, {
        hint: "Give the memory as many classes as the labels need.",
        context: { row: wrong, label: labels[wrong], classes: this.classes },
      });
    }
    if (this.#past !== undefined) {
      const copy = labels.slice();
      this.#past.calls.push(() => this.offer(copy));
    }
    const n = labels.length;
    const rows = this.#reserve(8 * n);
    const slots = rows + 4 * n;
    const { exports, memory } = this.#host;
    new Uint32Array(memory.buffer, rows, n).set(labels);
    exports.memoryOffer(state, rows, n, slots);
    return new Uint32Array(memory.buffer, slots, n);
  }

  /**
   * Returns min(n, stored) distinct slots drawn uniformly. The result is a view of Wasm memory, valid until the next call.
   * @throws E_CONFIG
   */
  draw(n: number): Uint32Array {
    const state = this.#open();
    const most = Math.min(checkNumber("memory", "n", n, { min: 0, integer: true }), this.stored);
    this.#past?.calls.push(() => this.draw(n));
    const slots = this.#reserve(4 * most);
    const { exports, memory } = this.#host;
    return new Uint32Array(memory.buffer, slots, exports.memoryDraw(state, most, slots));
  }

  /** Makes this the state that {@link rollBack} returns to. */
  mark(): void {
    if (this.#past === undefined || this.#past.calls.length >= REMEMBERED) this.#past = { bytes: this.save(), calls: [], marked: 0 };
    this.#past.marked = this.#past.calls.length;
  }

  /** Undoes every call since the last {@link mark}: those before it are made again on an older copy. */
  rollBack(): void {
    const past = this.#past;
    if (past === undefined) return;
    this.#past = undefined;
    new Uint8Array(this.#host.memory.buffer, this.#open(), this.#bytes).set(past.bytes);
    past.calls.length = past.marked;
    for (const call of past.calls) call();
    this.#past = past;
  }

  /** Returns a copy of the whole state, which {@link load} takes back. */
  save(): Uint8Array {
    const state = this.#open();
    return new Uint8Array(this.#host.memory.buffer, state, this.#bytes).slice();
  }

  /**
   * Puts the state that {@link save} returned in place of this one, streams included; where it has fewer classes, the others were never
   * seen. On an error nothing has changed.
   * @throws E_CORRUPT, E_VERSION, or E_MISMATCH when it is of another policy or capacity, or of more classes
   */
  load(saved: Uint8Array): void {
    const old = this.#open();
    const bytes = this.#checked(saved);
    const { exports, memory } = this.#host;
    const state = this.#host.alloc(this.#bytes);
    new Uint8Array(memory.buffer, state, this.#bytes).set(bytes);
    if (!exports.memoryValid(state)) {
      this.#host.free(state);
      corrupt("its slots, labels and counts disagree");
    }
    this.#host.free(old);
    this.#state = state;
    this.#past = undefined;
  }

  /** Frees the Wasm memory; every later use but this one fails. */
  close(): void {
    if (this.#state !== 0) this.#host.free(this.#state);
    if (this.#scratch !== 0) this.#host.free(this.#scratch);
    this.#state = this.#scratch = this.#scratchBytes = 0;
  }

  /** Returns a saved state that fits, with as many classes as there are. */
  #checked(bytes: Uint8Array): Uint8Array {
    if (bytes.length < HEADER_BYTES) corrupt(`expected at least ${HEADER_BYTES} bytes, got ${bytes.length}`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const word = (offset: number): number => view.getUint32(offset, true);
    if (word(0) !== MAGIC) corrupt(`expected the mark ${MAGIC}, got ${word(0)}`);
    if (word(4) !== VERSION) {
      fail("E_VERSION", `memory: saved state has another version; expected ${VERSION}, got ${word(4)}`, { hint: "Update Palimpsest." });
    }
    const found = { policy: policyNames[word(8)] ?? word(8), capacity: word(12), classes: word(16) };
    const expected = { ...this.policy, classes: this.classes };
    for (const name of ["policy", "capacity", "classes"] as const) {
      if (found[name] === expected[name] || (name === "classes" && found.classes < expected.classes)) continue;
      fail("E_MISMATCH", `memory: saved state has another ${name}; expected ${expected[name]}, got ${found[name]}`, {
        hint: `Create the memory with the ${name} it was saved with.`,
        context: { expected, found },
      });
    }
    const added = CLASS_BYTES * (expected.classes - found.classes);
    if (bytes.length !== this.#bytes - added) corrupt(`expected ${this.#bytes - added} bytes, got ${bytes.length}`);
    if (added === 0) return bytes;
    const wider = new Uint8Array(this.#bytes);
    const end = HEADER_BYTES + CLASS_BYTES * found.classes;
    wider.set(bytes.subarray(0, end));
    wider.set(bytes.subarray(end), end + added);
    new DataView(wider.buffer).setUint32(16, expected.classes, true);
    return wider;
  }

  /** The address of the block. */
  #open(): number {
    if (this.#state === 0) fail("E_STATE", "memory: it is closed; expected an open one, got a closed one", { hint: "Create a new one." });
    return this.#state;
  }

  /** The address of at least `bytes` of scratch. */
  #reserve(bytes: number): number {
    if (bytes > this.#scratchBytes) {
      const larger = Math.max(bytes, 2 * this.#scratchBytes, 256);
      const scratch = this.#host.alloc(larger);
      if (this.#scratch !== 0) this.#host.free(this.#scratch);
      this.#scratch = scratch;
      this.#scratchBytes = larger;
    }
    return this.#scratch;
  }
}

function corrupt(what: string): never {
  fail("E_CORRUPT", `memory: saved state is damaged; ${what}`, { hint: "Restore an earlier copy." });
}
