/** What changes a learner's state, as data: done once by the caller's wish, and again where work is lost and must be repeated. */
import type { CheckedBatch } from "./batch.ts";
import type { Engine, StepOutputs } from "./engine.ts";
import { setSetting } from "./settings.ts";

/** A change, its arguments checked. */
export type Operation =
  | { readonly kind: "observe"; readonly batch: CheckedBatch }
  | { readonly kind: "mark"; readonly name: string }
  | { readonly kind: "set"; readonly name: string; readonly value: number | undefined }
  | { readonly kind: "control"; readonly observation: unknown }
  | { readonly kind: "consolidate" }
  | { readonly kind: "resetCarry"; readonly rows: readonly number[] };

/** Does it; what is done at once throws at once. @throws E_CONFIG E_DATA, changing nothing */
export function perform(engine: Engine, operation: Operation): Promise<StepOutputs> | undefined {
  switch (operation.kind) {
    case "observe":
      return engine.step(operation.batch);
    case "mark":
      engine.rates.mark(operation.name, engine.counters.step);
      return;
    case "set":
      setSetting(engine, operation.name, operation.value);
      return;
    case "control":
      engine.rates.control(operation.observation);
      return;
    case "consolidate":
      engine.counters.boundaries += 1;
      engine.rates.mark("boundary", engine.counters.step);
      return;
    case "resetCarry":
      engine.resetCarry(operation.rows);
  }
}
