/** The whole update of a chain as ordinary operations. */
import { fail } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { cos, less, log, mul, pack, reshape, select, sqrt, sub, uniform } from "../program/tensor.ts";
import { productOf, sampleOf, scaleOf } from "./hessian.ts";
import type { Optimizer, Results, UpdateInputs, UpdateResult } from "./optimizer.ts";
import { groupCount, type Named, partsOf, scalarName, slotsOf } from "./parts.ts";
import { type Placed, partOf, type SlotPlace, slotPlaces } from "./places.ts";
import type { StepInputs } from "./step.ts";

/** Records the update of all parameters as its operations; returns what is to be told of it. */
export function recordRecipe(optimizer: Optimizer, inputs: StepInputs): Results {
  const { params, slots, tensors } = inputs;
  const result = updateOf(optimizer, inputs);
  assign(params, result.params, slotPlaces({ name: "params", per: "parameter" }, tensors));
  for (const slot of slotsOf(optimizer)) {
    const value = result.slots[slot.name];
    if (value !== undefined) assign(slots[slot.name] as Tensor, value, slotPlaces(slot, tensors));
  }
  return result.metrics ?? {};
}

/** Returns the new vectors, slots by the names that {@link slotsOf} gives them. */
export function updateOf(optimizer: Optimizer, inputs: StepInputs): UpdateResult {
  const run = ([named, ...rest]: readonly Named[], { params, grads }: Pick<StepInputs, "params" | "grads">): UpdateResult => {
    const { part, prefix } = named as Named;
    const own = inputsOf(named as Named, inputs, { params, grads });
    const qualified = (slots: UpdateResult["slots"]) =>
      Object.fromEntries(Object.entries(slots).map(([name, value]) => [prefix + name, value]));
    if (part.kind === "rule") return part.update(own);
    if (part.factor !== undefined) return run(rest, { params, grads: mul(grads, part.factor(grads, own.scalars)) });
    if (part.around === undefined) return run(rest, { params, grads });
    let inner: UpdateResult | undefined;
    const { when, ...result } = part.around(own, (changed) => {
      inner = run(rest, { params, grads, ...changed });
      return inner;
    });
    const below = Object.entries(((inner as UpdateResult | undefined)?.slots ?? {}) as Results);
    const held = below.map(([name, value]) => [name, when === undefined ? value : select(when, value, inputs.slots[name] as Tensor)]);
    return { ...result, slots: { ...Object.fromEntries(held), ...qualified(result.slots) } };
  };
  return run(partsOf(optimizer), inputs);
}

/** Sets a range of the state; parts that were computed one by one go where they belong without being put together first. */
function assign(target: Tensor, value: Tensor, places: readonly SlotPlace[]): void {
  const { effects } = target.graph;
  const count = places.length;
  if (value.op !== "pack" || value.inputs.length !== count) effects.push({ kind: "assign", target, value: reshape(value, target.shape) });
  else
    for (const [i, place] of places.entries()) {
      const [to, from] = [partOf(target, place, i, count), partOf(value, place, i, count)];
      if (to !== from) effects.push({ kind: "assign", target: to, value: from });
    }
}

/** Returns the weights that an optimizer answers with where it averages them: those of its first part that does. */
export function averagedOf(optimizer: Optimizer, inputs: Omit<StepInputs, "grads">): Tensor | undefined {
  const named = partsOf(optimizer).find(({ part }) => part.averaged !== undefined);
  return named?.part.averaged?.(inputsOf(named, { ...inputs, grads: inputs.params }));
}

/** Returns the tensors of a vector by path. */
export function partsOfVector(vector: Tensor, tensors: readonly Placed[]): Results {
  return Object.fromEntries(tensors.map((tensor, i) => [tensor.path, partOf(vector, tensor, i, tensors.length)]));
}

/** Returns what one part of a chain reads: of a step, of which transforms before it may have changed parameters and gradients. */
function inputsOf({ part, prefix }: Named, step: StepInputs, changed: Pick<StepInputs, "params" | "grads"> = step): UpdateInputs {
  const { slots, tensors } = step;
  const { params, grads } = changed;
  const { graph } = params;
  const { scalar = (name: string) => graph.scalar(name) } = step;
  const names = Object.keys(part.scalars(1, { ...(part.options as Record<string, number>), learningRate: 1 }));
  const groups = groupCount(tensors);
  const scalarOf = (name: string, group: number): Tensor =>
    scalar(scalarName(prefix, name, groups > 1 && part.rates.includes(name) ? group : undefined));
  const scalars = (of: (name: string) => Tensor): Results => Object.fromEntries(names.map((name) => [name, of(name)]));
  // Groups are neighbours, so where each begins tells them apart.
  const spread = (name: string): Tensor => {
    if (groups === 1 || !part.rates.includes(name)) return scalarOf(name, 0);
    const place = graph.iota(params.shape[0] as number);
    const starts = Array.from({ length: groups - 1 }, (_, i) => (tensors.find(({ group }) => group === i + 1) as Placed).offset);
    return starts.reduceRight((behind, start, i) => select(less(place, start), scalarOf(name, i), behind), scalarOf(name, groups - 1));
  };
  const own = Object.fromEntries(part.slots.map(({ name }) => [name, slots[prefix + name] as Tensor]));
  const places = new Map(part.slots.map((slot) => [slot.name, slotPlaces(slot, tensors)]));
  const count = tensors.length;
  const refuse = (): never =>
    fail("E_UNSUPPORTED", `optim.${part.name}: more than gradients is needed; expected a loss, got gradients alone`);
  const { gradientsAt = refuse } = step;
  const loss = (): Tensor => step.loss ?? refuse();
  return {
    params,
    grads,
    slots: own,
    tensors,
    scalars: scalars(spread),
    each(recipe) {
      const results = tensors.map((tensor, i) => {
        const { path, shape, group } = tensor;
        const of = (vector: Tensor): Tensor => partOf(vector, tensor, i, count);
        const at = (name: string, vector: Tensor): Tensor => {
          const list = places.get(name) as SlotPlace[];
          return partOf(vector, list[i] ?? (list[0] as SlotPlace), i, count);
        };
        const slots = Object.fromEntries(Object.entries(own).map(([name, vector]) => [name, at(name, vector)]));
        return recipe({
          path,
          shape,
          index: i,
          params: of(params),
          grads: of(grads),
          slots: slots as never,
          scalars: scalars((name) => scalarOf(name, group)) as never,
          of,
        });
      });
      const joined = Object.keys(results[0] as Results).map((name) => [name, pack(results.map((result) => result[name] as Tensor))]);
      return Object.fromEntries(joined);
    },
    normal: step.normal ?? ((stream) => normalOf(params, prefix + stream)),
    gradientsAt,
    hessian: (along) => productOf(loss(), step.params, tensors, along),
    curvature(estimate) {
      if (step.curvature !== undefined) return step.curvature();
      if (estimate === "hesscale") return scaleOf(loss(), step.params, tensors);
      return sampleOf(step.params, step.grads, gradientsAt, `optim/${prefix}signs`);
    },
  };
}

/** Normal numbers by Box and Muller: √(−2 ln u)·cos 2πv of uniform u in (0, 1], v in [0, 1). */
function normalOf({ graph, shape }: Tensor, stream: string): Tensor {
  const [u, v] = [`optim/${stream}/radius`, `optim/${stream}/angle`].map((name) => uniform(graph, name, shape)) as [Tensor, Tensor];
  return mul(sqrt(mul(log(sub(1, u)), -2)), cos(mul(v, 2 * Math.PI)));
}
