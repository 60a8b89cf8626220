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

/** Returns the slots of stored rows of some classes (default: all), one that several stores hold under an identity once. */
export function storedSlots(memory: Replay | undefined, wanted: (label: number) => boolean = () => true): number[] {
  const known = new Set<number>();
  return (memory?.stores ?? []).flatMap(({ first, slots }) => {
    const [labels, ids] = [slots.values("label"), slots.ids()];
    return Array.from({ length: slots.stored }, (_, i) => i).flatMap((i) => {
      const id = ids[i] ?? Number.NaN;
      if (!wanted(labels[i] as number) || known.has(id)) return [];
      // NaN is no identity, yet a set would find it.
      if (!Number.isNaN(id)) known.add(id);
      return [first + i];
    });
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
