import { sizeOf } from "../program/shape.ts";
import { Arena, addColumn, type Column, type Range } from "../state/arena.ts";
import type { Config } from "./config.ts";

/** Where everything a learner owns lies. */
export interface StateLayout {
  /** Parameters by path, one after another without gaps. */
  readonly params: { get(path: string): Range };
  /** All parameters as one vector [n]. */
  readonly flat: Range;
  /** The optimizer's vectors [n] by name. */
  readonly slots: { get(name: string): Range };
  /** What layers keep without training it, by path. */
  readonly states: { get(path: string): Range };
  /** What the rows of the stream carry from step to step [staging, ...], by path. */
  readonly carried: ReadonlyMap<string, Range>;
  readonly x: Column;
  readonly y: Column;
  /** Rows of the memory by store, all of them, and rows of a batch behind them. */
  readonly capacities: readonly number[];
  readonly capacity: number;
  readonly staging: number;
  readonly stateBytes: number;
  readonly rowsBytes: number;
}

/** Returns the layout of a learner for batches of up to `staging` rows. */
export function layOutState(config: Config, staging: number): StateLayout {
  const state = new Arena("state");
  const ranges = [...config.params].map(([path, spec]) => state.add(`params/${path}`, spec.shape, "f32", true));
  const count = ranges.reduce((sum, range) => sum + sizeOf(range.shape), 0);
  const first = ranges[0] as Range;
  const flat: Range = { name: "params", shape: [count], placement: first.placement, byteLength: 4 * count };
  for (const slot of config.optimizer.slots) state.add(`slots/${slot}`, [count]);
  for (const [path, spec] of config.states) state.add(`states/${path}`, spec.shape);
  const rows = new Arena("rows");
  const capacities = config.memory?.capacities ?? [];
  const capacity = capacities.reduce((sum, rows) => sum + rows, 0);
  const x = addColumn(rows, "x", sizeOf(config.input.shape), config.input.dtype, capacity, staging);
  const y = addColumn(rows, "y", config.targets, config.loss.targets === "labels" ? "u32" : "f32", capacity, staging);
  const carried = new Map([...config.carries].map(([path, shape]) => [path, rows.add(`carried/${path}`, [staging, ...shape])]));
  return {
    params: { get: (path) => state.get(`params/${path}`) },
    flat,
    slots: { get: (name) => state.get(`slots/${name}`) },
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
