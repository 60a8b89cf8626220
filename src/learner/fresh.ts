/** The state that a learner begins with. */
import type { ParamSpec } from "../nn/layer.ts";
import { sizeOf } from "../program/shape.ts";
import { RandomStream } from "../random.ts";
import type { Range } from "../state/arena.ts";
import type { Config } from "./config.ts";
import { layOutState } from "./layout.ts";
import type { Slot, TrainedLayout } from "./ranges.ts";

/** Returns fresh parameters, each from its own stream, and what the optimizer keeps at first. */
export function freshState(config: Config): Uint8Array {
  const layout = layOutState(config, 1);
  const bytes = new Uint8Array(layout.stateBytes);
  const fill = (path: string, spec: ParamSpec, { placement }: Range): void => {
    const values = new Float32Array(bytes.buffer, placement.byteOffset, sizeOf(spec.shape));
    const given = config.weights.get(path);
    if (given !== undefined) values.set(given);
    else spec.fill(values, new RandomStream(config.seed, `init/${path}`));
  };
  for (const [path, spec] of config.params) fill(path, spec, layout.params.get(path));
  for (const [path, spec] of config.states) fill(path, spec, layout.states.get(path));
  fillSlots(bytes, layout);
  fillSlots(bytes, { flat: layout.flat, slots: layout.kept });
  return bytes;
}

type FilledSlots = ReadonlyMap<string, { readonly spec: Pick<Slot["spec"], "initial">; readonly range: Range }>;

/** Sets what an optimizer, or a strategy, keeps to what it begins with. */
export function fillSlots(bytes: Uint8Array, { flat, slots }: Pick<TrainedLayout, "flat"> & { readonly slots: FilledSlots }): void {
  const numbers = ({ placement, byteLength }: Range): Float32Array => new Float32Array(bytes.buffer, placement.byteOffset, byteLength / 4);
  for (const { spec, range } of slots.values()) {
    if (range.placement.arena !== "state") continue;
    if (spec.initial === "params") numbers(range).set(numbers(flat));
    else numbers(range).fill(spec.initial ?? 0);
  }
}
