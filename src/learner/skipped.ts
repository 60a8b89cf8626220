/** Why a step was skipped. */
import type { CheckedBatch } from "./batch.ts";
import type { SkippedStep } from "./events.ts";
import { inferenceOf } from "./inference.ts";

/** From here on a number's square is not finite. */
export const HUGE: number = 2 ** 63;

/** An engine, as far as it is asked. */
type Asked = Parameters<typeof inferenceOf>[0];

/** Returns what was not finite in a step that changed nothing, and on which rows; `state`: whether it is what a layer would keep. */
export async function explain(engine: Asked, batch: CheckedBatch, loss: number, state: boolean): Promise<SkippedStep> {
  const { flat } = engine.layout;
  const params = await engine.machine.read("state", flat.placement.byteOffset, flat.byteLength);
  const isSound = (value: number): boolean => Math.abs(value) < HUGE;
  const cause = !new Float32Array(params.buffer).every(isSound) ? "weights" : !isSound(loss) ? "loss" : state ? "state" : "gradients";
  const { rowLoss } = await inferenceOf(engine).answer(batch.x, batch.targets);
  const all = [...rowLoss.keys()];
  const odd = all.filter((row) => !isSound(rowLoss[row] as number));
  const rows = odd.length > 0 ? odd : all;
  return { step: engine.counters.step + 1, cause, rows, ...(batch.id && { ids: rows.map((row) => batch.id?.[row] as number) }) };
}
