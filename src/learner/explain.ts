/** Why a step changed nothing. */
import type { Machine } from "../backend/machine.ts";
import type { Range } from "../state/arena.ts";
import type { CheckedBatch } from "./batch.ts";
import type { SkippedStep } from "./events.ts";

/** What made the step. */
interface Stepper {
  readonly machine: Machine;
  readonly layout: { readonly flat: Range };
  readonly counters: { readonly step: number };
  infer(x: CheckedBatch["x"], targets: CheckedBatch["targets"]): Promise<{ readonly rowLoss: Float32Array }>;
}

/** From here on a number's square is not finite. */
const HUGE = 2 ** 63;

/** Returns what was not finite in a step of that loss, and on which rows; `state`: it was what layers would have kept. */
export async function explain(engine: Stepper, batch: CheckedBatch, loss: number, state: boolean): Promise<SkippedStep> {
  const { flat } = engine.layout;
  const params = await engine.machine.read("state", flat.placement.byteOffset, flat.byteLength);
  const isSound = (value: number): boolean => Math.abs(value) < HUGE;
  const cause = !new Float32Array(params.buffer).every(isSound) ? "weights" : !isSound(loss) ? "loss" : state ? "state" : "gradients";
  const { rowLoss } = await engine.infer(batch.x, batch.targets);
  const all = [...rowLoss.keys()];
  const odd = all.filter((row) => !isSound(rowLoss[row] as number));
  const rows = odd.length > 0 ? odd : all;
  return { step: engine.counters.step + 1, cause, rows, ...(batch.id && { ids: rows.map((row) => batch.id?.[row] as number) }) };
}
