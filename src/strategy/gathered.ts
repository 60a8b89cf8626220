/** What phases read of stored rows: their features, as answers see them, and labels. */
import type { Replay } from "../memory/replay.ts";
import type { PhaseContext, StrategyProgram } from "./strategy.ts";
import type { Rows } from "./sums.ts";

/** Rows that one run reads. */
const AT_ONCE = 16;

/** The program, to be named "features", that {@link featuresOfRows} runs. */
export const featuresProgram: StrategyProgram = {
  groups: [{ name: "row", size: AT_ONCE }],
  build: ({ forward, labels }) => ({ outputs: { features: forward({}).features, labels } }),
};

/** A stored row. */
export interface StoredRow {
  readonly slot: number;
  readonly label: number;
}

/** Returns the stored rows of some classes (default: all), one that several stores hold under an identity once. */
export function storedRows(memory: Replay | undefined, wanted: (label: number) => boolean = () => true): StoredRow[] {
  const known = new Set<number>();
  return (memory?.stores ?? []).flatMap(({ first, slots }) => {
    const ids = slots.ids();
    return Array.from(slots.values("label"), (label, i) => ({ slot: first + i, label, id: ids[i] ?? Number.NaN })).filter(
      ({ label, id }) => {
        if (!wanted(label) || known.has(id)) return false;
        // NaN is no identity, yet a set would find it.
        if (!Number.isNaN(id)) known.add(id);
        return true;
      },
    );
  });
}

/** Returns the features and labels of stored rows. */
export async function featuresOfRows({ run, facts }: Pick<PhaseContext, "run" | "facts">, slots: readonly number[]): Promise<Rows> {
  const features = new Float32Array(slots.length * facts.features);
  const labels = new Uint32Array(slots.length);
  for (let at = 0; at < slots.length; at += AT_ONCE) {
    const some = slots.slice(at, at + AT_ONCE);
    const out = await run("features", { rows: { row: { slots: some } } });
    features.set((out.features as Float32Array).subarray(0, some.length * facts.features), at * facts.features);
    labels.set((out.labels as Uint32Array).subarray(0, some.length), at);
  }
  return { count: slots.length, labels, rows: { features } };
}
