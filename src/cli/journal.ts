/**
 * What a run has told so far. In a checkpoint it lies beside the learner's state, so that one file, replaced in one step, holds both; to
 * whoever opens the learner alone it is not there.
 */
import { fail } from "../errors.ts";
import type { CurvePoint } from "../metrics/index.ts";
import { decodeCheckpoint, encodeCheckpoint, type Store, type StoredTensor } from "../store/index.ts";

/** The journal of one run. */
export interface Journal {
  /** What decides the run, by the names of its options. */
  readonly options: Readonly<Record<string, string | number | readonly number[] | null>>;
  /** Accuracy of the untrained model on each task, once measured. */
  baseline: readonly number[] | undefined;
  /** Accuracies on all tasks, a row after each task. */
  readonly matrix: number[][];
  readonly curve: CurvePoint[];
  /** Time spent in steps. */
  seconds: number;
  /** Loss and learning rate of each step. */
  readonly losses: number[];
  readonly learningRates: number[];
}

const names = { head: "run/journal", losses: "run/losses", learningRates: "run/learningRates" } as const;

/** Returns the journal of a run that has not begun. */
export function newJournal(options: Journal["options"]): Journal {
  return { options, baseline: undefined, matrix: [], curve: [], seconds: 0, losses: [], learningRates: [] };
}

/**
 * Returns the journal in a checkpoint.
 * @throws E_MISMATCH where it holds none, or that of a run with other options; E_FORMAT, E_CORRUPT, E_VERSION as {@link decodeCheckpoint}
 */
export async function readJournal(bytes: Uint8Array, file: string, options: Journal["options"]): Promise<Journal> {
  const { tensors } = await decodeCheckpoint(bytes, file);
  const head = tensors.get(names.head);
  if (head === undefined) {
    fail("E_MISMATCH", `${file}: the checkpoint is of no run of this command; expected tensor "${names.head}", got none`, {
      hint: "Give --checkpoint another name.",
    });
  }
  const journal = JSON.parse(new TextDecoder().decode(head.data)) as Omit<Journal, "losses" | "learningRates">;
  checkOptions(journal.options, options, file);
  return { ...journal, losses: numbersIn(tensors.get(names.losses)), learningRates: numbersIn(tensors.get(names.learningRates)) };
}

/** Returns a store in which every checkpoint written to `store` also holds the journal as it is then; `first` is what it holds now. */
export function keeping(store: Store, journal: Journal, first: Uint8Array | undefined): Store {
  return {
    ...store,
    read: async () => first,
    async write(bytes) {
      const { tensors, meta } = await decodeCheckpoint(bytes, store.name);
      const { losses, learningRates, ...head } = journal;
      const data = new TextEncoder().encode(JSON.stringify(head));
      const own: [string, StoredTensor][] = [
        [names.head, { dtype: "U8", shape: [data.length], data }],
        [names.losses, vector(losses)],
        [names.learningRates, vector(learningRates)],
      ];
      await store.write(await encodeCheckpoint({ tensors: new Map([...tensors, ...own]), meta }));
    },
  };
}

function checkOptions(saved: Journal["options"], now: Journal["options"], file: string): void {
  for (const name of new Set([...Object.keys(now), ...Object.keys(saved)])) {
    const [expected, got] = [now, saved].map((options) => (options[name] ?? "none").toString());
    if (expected === got) continue;
    fail("E_MISMATCH", `${file}: the run in it has another --${name}; expected ${expected}, got ${got}`, {
      hint: `Run with --${name} ${got} to continue it, or give --checkpoint another name.`,
      context: { option: name },
    });
  }
}

function vector(values: readonly number[]): StoredTensor {
  return { dtype: "F64", shape: [values.length], data: new Uint8Array(Float64Array.from(values).buffer) };
}

function numbersIn(tensor: StoredTensor | undefined): number[] {
  return tensor === undefined ? [] : Array.from(new Float64Array(tensor.data.slice().buffer));
}
