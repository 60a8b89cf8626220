import type { Optimizer } from "../optim/optimizer.ts";
import { groupsOf, slotsOf } from "../optim/parts.ts";
import { placeTensors } from "../optim/places.ts";
import { type Shape, sizeOf } from "../program/shape.ts";
import { Arena, addColumn, type Range } from "../state/arena.ts";
import type { Config } from "./config.ts";
import { addSlot, type StateLayout, type TrainedLayout } from "./ranges.ts";

/** Returns the layout of a learner for batches of up to `staging` rows. */
export function layOutState(config: Config, staging: number): StateLayout {
  const state = new Arena("state");
  const trained = layOutTrained(state, config.optimizer, config.params);
  for (const [path, spec] of config.states) state.add(`states/${path}`, spec.shape);
  const rows = new Arena("rows");
  const { inArena: capacities = [], staged = 0 } = config.memory ?? {};
  const capacity = capacities.reduce((sum, rows) => sum + rows, 0);
  const x = addColumn(rows, "x", sizeOf(config.input.shape), config.input.dtype, capacity, staging + staged);
  const y = addColumn(rows, "y", config.targets, config.loss.targets === "labels" ? "u32" : "f32", capacity, staging + staged);
  const { columns = [], kept = new Map() } = config.hooks?.layOut({ state, rows, tensors: trained.tensors, capacity, staging }) ?? {};
  const carried = new Map([...config.carries].map(([path, shape]) => [path, rows.add(`carried/${path}`, [staging, ...shape])]));
  return {
    ...trained,
    states: { get: (path) => state.get(`states/${path}`) },
    carried,
    x,
    y,
    columns: [x, y, ...columns],
    kept,
    capacities,
    capacity,
    staging,
    stateBytes: state.bytes,
    rowsBytes: rows.bytes,
  };
}

/** Returns the layout of parameters and of what an optimizer keeps, added to an arena. */
export function layOutTrained(state: Arena, optimizer: Optimizer, params: ReadonlyMap<string, { readonly shape: Shape }>): TrainedLayout {
  const tensors = placeTensors(groupsOf(optimizer), params);
  const ranges = tensors.map(({ path, shape }) => state.add(`params/${path}`, shape, "f32", true));
  const count = ranges.reduce((sum, range) => sum + sizeOf(range.shape), 0);
  const first = ranges[0] as Range;
  const flat: Range = { name: "params", shape: [count], placement: first.placement, byteLength: 4 * count };
  const slots = new Map(slotsOf(optimizer).map((spec) => [spec.name, addSlot(state, spec, tensors)]));
  return { tensors, params: { get: (path) => state.get(`params/${path}`) }, flat, slots };
}
