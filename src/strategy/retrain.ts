/** Training on stored rows beside the steps: their order, and plain SGD. */
import type { Replay } from "../memory/replay.ts";
import type { Tensor } from "../program/graph.ts";
import { add, div, huge, max, maximum, mul, select, sqrt, square, sub, sum } from "../program/tensor.ts";
import type { Drawn, PhaseContext } from "./strategy.ts";

/** Returns the slots of all stored rows, store by store. */
function storedSlots(memory: Replay | undefined): number[] {
  return (memory?.stores ?? []).flatMap(({ first, slots }) => Array.from({ length: slots.stored }, (_, i) => first + i));
}

/** Returns how many batches of up to `size` rows an epoch over memory takes. */
export function batchesOf(memory: Replay | undefined, size: number): number {
  return Math.ceil((memory?.stored ?? 0) / size);
}

/** Returns the rows of a batch of an epoch: every stored row once in an epoch, in an order of its own. */
export function batchOf({ memory, random }: PhaseContext, epoch: number, batch: number, size: number): Drawn {
  const order = random(`order/${epoch}`).shuffle(Uint32Array.from(storedSlots(memory)));
  return { slots: order.subarray(batch * size, (batch + 1) * size) };
}

/** What plain SGD goes by. */
export interface Descent {
  readonly gradient: Tensor;
  readonly rate: Tensor;
  readonly velocity?: Tensor;
  readonly momentum?: Tensor;
  /** Largest norm of a gradient. */
  readonly clip?: Tensor;
}

/** Returns parameters [n] a step of SGD further, v ← μ·v + g and θ ← θ − η·v, and v; both as they were where they would not be finite. */
export function descend(params: Tensor, { gradient, rate, velocity, momentum, clip }: Descent): { params: Tensor; velocity: Tensor } {
  const bounded = clip === undefined ? gradient : div(gradient, maximum(1, div(sqrt(sum(square(gradient))), clip)));
  const moved = velocity === undefined || momentum === undefined ? bounded : add(mul(momentum, velocity), bounded);
  const next = sub(params, mul(rate, moved));
  const broken = max(huge(next));
  return { params: select(broken, params, next), velocity: select(broken, velocity ?? mul(params, 0), moved) };
}
