/** The replay memory of a learner: told of the rows of each step, and what was measured of them. */
import type { ProgramIo } from "../backend/io.ts";
import type { AdaptiveDraw } from "../memory/draw.ts";
import type { Measure } from "../memory/policy.ts";
import { Refusals } from "../memory/refusals.ts";
import { Replay, type ReplaySpec } from "../memory/replay.ts";
import { DROPPED, type MemoryHost, type Offer } from "../memory/slots.ts";
import type { Drawn } from "../strategy/strategy.ts";
import type { Pages } from "./pages.ts";
import type { LearnerMemoryStats } from "./stats.ts";

/** What a memory is made for. */
export interface MemorySpec extends ReplaySpec {
  /** Whether a step measures the rows that arrive, which are kept after it then, not in it: losses, for scores, or embeddings. */
  readonly measured: boolean;
  /** What rows are embedded by. */
  readonly embeds: Exclude<Measure, "loss"> | undefined;
  /** Whether scores are priorities, above 0. */
  readonly priorities: boolean;
  /** Draws that are told the share of active units. */
  readonly adaptive: readonly AdaptiveDraw[];
  /** Whether rows have no label of their own, and are all of class 0. */
  readonly oneClass: boolean;
}

/** Rows as they arrived. */
interface Arrived {
  readonly count: number;
  readonly labels: Uint32Array;
  readonly task: number;
  readonly id: Float64Array | undefined;
}

/** What a step answers, by name. */
export type Outputs = Readonly<Record<string, Float32Array | Uint32Array>>;

/** Drawn rows and where they stand among the rows of the step. */
export interface PlacedDraw extends Drawn {
  readonly first: number;
  /** How many of them joined the step. */
  readonly count: number;
}

/** What a learner tells of its memory. */
export interface LearnerMemory {
  /** Rows it can hold. */
  readonly capacity: number;
  /** Rows stored. */
  readonly stored: number;
  /** Rows of the stream that the stored ones stand for. */
  readonly seen: number;
  /** Returns counts of rows by class and task, and how old they are. */
  stats(): Promise<LearnerMemoryStats>;
}

/** Added to a loss that is a priority, so that a row of no loss is still drawn. @see Schaul et al. 2016, arXiv 1511.05952, section 3.3 */
const LEAST_PRIORITY = 1e-6;
/** Steps from one signal of an adaptive draw to the next. */
const SIGNAL_EVERY = 10;

/** What a memory goes on from. */
export interface SavedMemory {
  /** What it knows of its rows. */
  readonly index: Uint8Array | undefined;
  /** The identities that it refuses, and until when. */
  readonly refused: readonly (readonly [number, number])[];
  /** Where its rows lie in a file: places and checksums [stored, 2]. Undefined where they are in the arena, or there are none. */
  readonly pages?: { readonly file: string; readonly rowBytes: number; readonly pairs: Uint32Array } | undefined;
}

/** The index of a learner's memory, and the identities that it refuses. */
export class Remembered {
  readonly spec: MemorySpec;
  readonly replay: Replay;
  readonly face: LearnerMemory;
  /** Rows are numbered as they are learned. */
  readonly refusals: Refusals = new Refusals();
  /** Where its rows lie, if not in the arena. */
  readonly pages: Pages | undefined;

  /** @throws E_CORRUPT E_VERSION E_MISMATCH */
  constructor(host: MemoryHost, spec: MemorySpec, seed: number, saved?: SavedMemory, pages?: Pages) {
    this.spec = spec;
    this.pages = pages;
    const replay = new Replay(host, spec, seed);
    try {
      if (saved?.index !== undefined) replay.load(saved.index);
    } catch (error) {
      replay.close();
      throw error;
    }
    this.refusals.load(saved?.refused ?? []);
    const { refusals } = this;
    this.replay = replay;
    pages?.adopt(replay, saved?.pages?.pairs ?? new Uint32Array(0));
    this.face = {
      get capacity() {
        return replay.capacity;
      },
      get stored() {
        return replay.stored;
      },
      get seen() {
        return replay.seen;
      },
      stats: async () => (await import("./stats.ts")).statsOf(replay, refusals.size, pages?.stats()),
    };
  }

  /** Sees that {@link offer} of a batch and {@link learn} of as many drawn rows will find their memory. @throws E_OOM */
  prepare(batch: Arrived, drawn: number): void {
    this.replay.prepare(batch.count, this.#keysOf(batch), drawn);
  }

  /** Returns where each row of a batch goes in each store [stores × count], given what a step measured and how many rows came before. */
  offer(batch: Arrived, samples: number, measured: Outputs = {}): Uint32Array {
    const { count, id } = batch;
    const rows = this.refusals.pass(id, samples);
    const offer = this.#offerOf(batch, measured);
    if (rows === undefined) return this.replay.offer(offer);
    const some = this.replay.offer(rowsOf(offer, rows));
    const slots = new Uint32Array(count * this.replay.stores.length).fill(DROPPED);
    for (const [i, slot] of some.entries()) slots[Math.floor(i / rows.length) * count + (rows[i % rows.length] as number)] = slot;
    return slots;
  }

  /** Writes to inputs `keep/0`, `keep/1` … the slots of the rows of a batch, store by store, where a program keeps them. */
  place(io: ProgramIo, count: number, slots: ArrayLike<number>): void {
    if (this.pages === undefined)
      for (const store of this.replay.stores.keys()) {
        const keep = io.u32(`keep/${store}`).fill(DROPPED);
        for (let i = 0; i < count; i++) keep[i] = slots[store * count + i] as number;
      }
  }

  /** Tells what a step measured of the rows that were drawn, and how many units were active. */
  learn(drawn: readonly PlacedDraw[], outputs: Outputs, step: number): void {
    const { scores: scored, adaptive } = this.spec;
    if (scored) {
      const scores = this.#scoresOf(outputs);
      for (const { first, count, slots, generations } of drawn) {
        if (count > 0) this.replay.update(Uint32Array.from(slots).subarray(0, count), generations, scores.subarray(first, first + count));
      }
    }
    const active = outputs.active?.[0];
    if (active !== undefined && step % SIGNAL_EVERY === 0) for (const policy of adaptive) this.replay.signal(policy, Math.min(active, 1));
  }

  close(): void {
    this.replay.close();
  }

  #keysOf({ count, labels, task }: Arrived): Offer["keys"] {
    return { label: this.spec.oneClass ? new Uint32Array(count) : labels, task: new Uint32Array(count).fill(task) };
  }

  #offerOf(batch: Arrived, outputs: Outputs): Offer {
    const { count, id } = batch;
    const { scores, embeds, dims } = this.spec;
    return {
      count,
      keys: this.#keysOf(batch),
      ...(id && { ids: id }),
      ...(scores && { scores: this.#scoresOf(outputs).subarray(0, count) }),
      ...(dims > 0 && { embeddings: (outputs[embeds as string] as Float32Array).subarray(0, count * dims) }),
    };
  }

  #scoresOf({ rowLoss }: Outputs): Float32Array {
    const losses = rowLoss as Float32Array;
    return this.spec.priorities ? losses.map((loss) => Math.max(loss, 0) + LEAST_PRIORITY) : losses;
  }
}

/** Returns some of the rows offered. */
function rowsOf({ keys, ids, scores, embeddings, count }: Offer, rows: readonly number[]): Offer {
  const pick = <T extends Uint32Array | Float32Array | Float64Array>(values: T): T => {
    const width = values.length / count;
    return values.filter((_, i) => rows.includes(Math.floor(i / width))) as T;
  };
  return {
    count: rows.length,
    keys: Object.fromEntries(Object.entries(keys).map(([name, values]) => [name, pick(values)])),
    ...(ids && { ids: pick(ids) }),
    ...(scores && { scores: pick(scores) }),
    ...(embeddings && { embeddings: pick(embeddings) }),
  };
}
