import type { Optimizer } from "../optim/optimizer.ts";
import { groupsOf, slotsOf } from "../optim/parts.ts";
import { type Placed, placeTensors, type SlotSpec, slotPlaces } from "../optim/places.ts";
import { type Shape, sizeOf } from "../program/shape.ts";
import { Arena, addColumn, type Column, type Range } from "../state/arena.ts";
import type { Config } from "./config.ts";

/** Where parameters lie, and what the optimizer keeps of them. */
export interface TrainedLayout {
  /** The trained tensors in the order in which they lie. */
  readonly tensors: readonly Placed[];
  /** Parameters by path, one after another without gaps. */
  readonly params: { get(path: string): Range };
  /** All parameters as one vector [n]. */
  readonly flat: Range;
  /** What the optimizer keeps, by name: [n], or less where it is not for each parameter. */
  readonly slots: ReadonlyMap<string, Slot>;
}

/** Where everything a learner owns lies. */
export interface StateLayout extends TrainedLayout {
  /** What layers keep without training it, by path. */
  readonly states: { get(path: string): Range };
  /** What the rows of the stream carry from step to step [staging, ...], by path. */
  readonly carried: ReadonlyMap<string, Range>;
  readonly x: Column;
  readonly y: Column;
  /** Rows of the memory that lie here by store, all of them, and rows of a batch behind them. */
  readonly capacities: readonly number[];
  readonly capacity: number;
  readonly staging: number;
  readonly stateBytes: number;
  readonly rowsBytes: number;
}

/** What an optimizer keeps: all of it, and its parts of each tensor by the names they are saved under. */
export interface Slot {
  readonly spec: SlotSpec;
  readonly range: Range;
  readonly parts: readonly Range[];
}

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
  const carried = new Map([...config.carries].map(([path, shape]) => [path, rows.add(`carried/${path}`, [staging, ...shape])]));
  return {
    ...trained,
    states: { get: (path) => state.get(`states/${path}`) },
    carried,
    x,
    y,
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

function addSlot(state: Arena, spec: SlotSpec, tensors: readonly Placed[]): Slot {
  const places = slotPlaces(spec, tensors);
  const name = `slots/${spec.name}`;
  const range = state.add(name, spec.per === "all" ? [] : [places.reduce((sum, { shape }) => sum + sizeOf(shape), 0)]);
  const parts = places.map(({ path, shape, offset }): Range => {
    const placement = { ...range.placement, byteOffset: range.placement.byteOffset + 4 * offset };
    return { name: path === "" ? name : `${name}/${path}`, shape, placement, byteLength: 4 * sizeOf(shape) };
  });
  return { spec, range, parts };
}
