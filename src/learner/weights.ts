/** The numbers of a model, taken out of a learner. */
import type { ParamSpec } from "../nn/layer.ts";
import type { Shape } from "../program/shape.ts";
import type { Range } from "../state/arena.ts";
import type { Engine } from "./engine.ts";

/** Returns the numbers of all parameters and layer states by path. */
export async function weightsOf({ config, layout, machine }: Engine): Promise<Map<string, { shape: Shape; data: Float32Array }>> {
  const state = await machine.read("state", 0, layout.stateBytes);
  const take = (spec: ParamSpec, { placement, byteLength }: Range): { shape: Shape; data: Float32Array } => ({
    shape: spec.shape,
    data: new Float32Array(state.slice(placement.byteOffset, placement.byteOffset + byteLength).buffer),
  });
  return new Map([
    ...[...config.params].map(([path, spec]) => [path, take(spec, layout.params.get(path))] as const),
    ...[...config.states].map(([path, spec]) => [path, take(spec, layout.states.get(path))] as const),
  ]);
}
