import { applyLayer, type ModelScope } from "../nn/layer.ts";
import type { Results } from "../optim/optimizer.ts";
import { recordKernel } from "../optim/step.ts";
import type { Graph, Tensor } from "../program/graph.ts";
import type { Plan } from "../program/plan.ts";
import { add, gather, grad, huge, max, maximum, mul, pack, reshape, slice, sum, toF32 } from "../program/tensor.ts";
import { compileProgram } from "../program/trace.ts";
import { columnLeaf, leafOf } from "../state/arena.ts";
import type { RowGroup } from "../strategy/strategy.ts";
import { carryRows } from "./carry.ts";
import type { Config, Recipe } from "./config.ts";
import type { ModelOutputs, Pass, PlacedGroup } from "./hookplan.ts";
import type { StateLayout, TrainedLayout } from "./ranges.ts";

/** Returns the rows of a step: what arrives, then each strategy's groups. */
export function placeGroups(config: Config, batchSize: number): { groups: PlacedGroup[]; rows: number } {
  return placeRows([{ name: "arrival", size: batchSize }, ...config.strategies.flatMap((strategy) => strategy.draw?.groups ?? [])]);
}

/** Returns groups one behind another, those that are computed apart behind the others. */
export function placeRows(list: readonly RowGroup[]): { groups: PlacedGroup[]; rows: number } {
  let rows = 0;
  const groups = [...list.filter(({ apart }) => apart !== true), ...list.filter(({ apart }) => apart === true)].map((group) => {
    rows += group.size;
    return { ...group, first: rows - group.size };
  });
  return { groups, rows };
}

/** Returns how passes of the rows of some groups are traced into a graph. */
export function passes(graph: Graph, config: Config, layout: StateLayout, all: readonly PlacedGroup[], rows: number) {
  const everySlot = graph.input("slots", [rows], "u32");
  const everyWeight = graph.input("weight", [rows], "f32");
  const joint = all.filter(({ apart }) => apart !== true);
  const passOf = (params: ReadonlyMap<string, Tensor>, vector: Tensor, tells: boolean, groups: readonly PlacedGroup[]): Pass => {
    const first = groups[0]?.first ?? 0;
    const count = groups.reduce((sum, { size }) => sum + size, 0);
    const part = (values: Tensor): Tensor => (count === rows ? values : slice(values, [first], [count]));
    const [slots, weight] = [part(everySlot), part(everyWeight)];
    const x = decode(gather(columnLeaf(graph, layout.x), slots), config);
    const labels = gather(columnLeaf(graph, layout.y), slots);
    const own = scopeOf(graph, config, layout, params, weight, config.loss.targets === "labels" ? labels : undefined);
    const scope = tells ? own : { ...own, update: () => {}, carry: () => {} };
    const watch = tells ? config.memory?.watch() : undefined;
    const tasks = (): Tensor => part(graph.input("tasks", [rows], "u32"));
    const outputs = applyModel(config, x, watch === undefined ? scope : { ...scope, tap: watch.tap }, tasks);
    const rowLoss = lossOf(outputs.logits, labels, config);
    watch?.report({ outputs: outputs.logits, rowLoss, weight, staging: layout.staging });
    const placed = groups.map((group) => ({ ...group, first: group.first - first }));
    const apart = (group: PlacedGroup): Pass => passOf(params, vector, false, [group]);
    return { layout, groups: placed, all, apart, tasks, graph, slots, weight, x, labels, params, vector, outputs, rowLoss };
  };
  /** What layers keep, and what is told of a step, is that of the parameters as they are: `tells`. */
  return (params: ReadonlyMap<string, Tensor>, vector: Tensor, tells: boolean): Pass => passOf(params, vector, tells, joint);
}

/** Returns what a model answers to rows. */
export function applyModel(config: Config, x: Tensor, scope: ModelScope, tasks?: () => Tensor): ModelOutputs {
  return config.hooks?.applyModel(x, scope, tasks) ?? { logits: applyLayer(config.built, x, scope) };
}

/**
 * Returns the plan of one training step: gather rows, forward, loss, gradients, update, keep the rows that memory takes. Where the loss, a
 * gradient, a parameter or what a layer would keep is huge (2^63 or more) or no number, output `broken` is not 0 and nothing changes.
 */
export function stepPlan(config: Config, layout: StateLayout): Plan {
  const { groups, rows } = placeGroups(config, layout.staging);
  const { hooks } = config;
  const plan = compileProgram((graph) => {
    const passAt = passes(graph, config, layout, groups, rows);
    const lossOfPass = (pass: Pass, tells: boolean): Tensor => hooks?.loss(pass, tells) ?? sum(mul(pass.rowLoss, pass.weight));
    const params = paramLeaves(graph, layout);
    const flat = leafOf(graph, layout.flat);
    const pass = passAt(params, flat, true);
    const total = lossOfPass(pass, true);
    graph.outputs.set("loss", total);
    const grads = hooks?.gradient(pass, total) ?? pack(grad(total, [...params.values()]));
    // One pass over both, the loss beside them: a step that would be built on what is no number leaves no trace.
    const trained = max(maximum(maximum(huge(grads), huge(flat)), huge(total)));
    const kept = graph.effects.flatMap((effect) => (effect.kind === "assign" ? [max(huge(effect.value))] : []));
    graph.unless = kept.reduce(maximum, trained);
    graph.outputs.set("broken", graph.unless);
    if (kept.length > 0) graph.outputs.set("broken/state", kept.reduce(maximum));
    hooks?.gather(pass, total);
    const { recipe } = config;
    const gradientsAt = (at: Tensor): Tensor => {
      const parts = new Map(Object.entries((recipe as Recipe).partsOfVector(at, layout.tensors)));
      const loss = lossOfPass(passAt(parts, at, false), false);
      const there = hooks === undefined ? pack(grad(loss, [...parts.values()])) : (grad(loss, [at])[0] as Tensor);
      graph.unless = maximum(graph.unless as Tensor, max(huge(there)));
      return there;
    };
    const inputs = { params: flat, grads, slots: slotLeaves(graph, layout), tensors: layout.tensors, gradientsAt, loss: total };
    const metrics = recipe === undefined ? recordKernel(config.optimizer, inputs) : recipe.recordRecipe(config.optimizer, inputs);
    graph.outputs.set("broken", graph.unless);
    for (const [name, value] of Object.entries(metrics ?? {})) graph.outputs.set(`optimizer/${name}`, value);
    if (config.memory?.measured === false) config.memory.recordKept(graph, layout, [layout.x, layout.y]);
  });
  return hooks?.withEdits(plan, layout) ?? plan;
}

/** Returns the parameters by path. */
export function paramLeaves(graph: Graph, layout: StateLayout): Map<string, Tensor> {
  return new Map(layout.tensors.map(({ path }) => [path, leafOf(graph, layout.params.get(path))]));
}

/** Returns what an optimizer keeps, as leaves by name. */
export function slotLeaves(graph: Graph, layout: TrainedLayout): Results {
  return Object.fromEntries([...layout.slots].map(([name, { range }]) => [name, leafOf(graph, range)]));
}

/** The loss of each row [rows], whose targets [rows, targets] are labels, or values in the order of its outputs. */
export function lossOf(outputs: Tensor, targets: Tensor, { loss }: Config): Tensor {
  return loss.rows(outputs, loss.targets === "labels" ? targets : reshape(targets, outputs.shape));
}

/** What the model finds while it is traced: in training where there are weights of rows. */
export function scopeOf(
  graph: Graph,
  config: Config,
  layout: StateLayout,
  params: ReadonlyMap<string, Tensor>,
  weight?: Tensor,
  labels?: Tensor,
): ModelScope {
  const states = new Map([...config.states.keys()].map((path) => [path, leafOf(graph, layout.states.get(path))]));
  const state = (path: string): Tensor => states.get(path) as Tensor;
  const assign = (target: Tensor, value: Tensor): number => graph.effects.push({ kind: "assign", target, value });
  return {
    graph,
    training: weight !== undefined,
    weight,
    ...(labels === undefined ? {} : { labels }),
    param: (path) => params.get(path) ?? states.get(path),
    state,
    update: (path, value) => assign(state(path), value),
    ...(weight === undefined ? {} : carryRows(graph, layout, weight, assign)),
    random: (path, shape) => graph.random(`layer/${path}`, shape),
  };
}

/** The numbers the model sees for stored rows. */
function decode(stored: Tensor, { input }: Config): Tensor {
  const rows = stored.shape[0] as number;
  return reshape(add(mul(toF32(stored), input.scale), input.offset), [rows, ...input.shape]);
}
