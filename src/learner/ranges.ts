/** Where everything lies: what layouts are made of. */
import { type Placed, type SlotSpec, slotPlaces } from "../optim/places.ts";
import { sizeOf } from "../program/shape.ts";
import type { Arena, Column, Range } from "../state/arena.ts";
import type { Kept } from "../strategy/strategy.ts";

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
  /** What memory keeps of a row: `x`, `y`, and what strategies add. */
  readonly columns: readonly Column[];
  /** What strategies keep, by "strategy/name". */
  readonly kept: ReadonlyMap<string, KeptSlot>;
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

/** What a strategy keeps: in the state, or, where it does not outlive a step, beside the rows. */
export interface KeptSlot extends Omit<Slot, "spec"> {
  readonly spec: Kept;
}

/** Returns a range for what is kept of tensors, with its part of each. */
export function addSlot(state: Arena, spec: SlotSpec, tensors: readonly Placed[], name = `slots/${spec.name}`): Slot {
  const places = slotPlaces(spec, tensors);
  const range = state.add(name, spec.per === "all" ? [] : [places.reduce((sum, { shape }) => sum + sizeOf(shape), 0)]);
  const parts = places.map(({ path, shape, offset }): Range => {
    const placement = { ...range.placement, byteOffset: range.placement.byteOffset + 4 * offset };
    return { name: path === "" ? name : `${name}/${path}`, shape, placement, byteLength: 4 * sizeOf(shape) };
  });
  return { spec, range, parts };
}
