import { fail } from "../errors.ts";
import { applyLayer, type ModelScope } from "../nn/layer.ts";
import type { Results } from "../optim/optimizer.ts";
import { recordKernel } from "../optim/step.ts";
import type { Graph, Tensor } from "../program/graph.ts";
import type { Plan } from "../program/plan.ts";
import { sizeOf } from "../program/shape.ts";
import { add, gather, grad, huge, less, max, maximum, mul, pack, reshape, select, sub, sum, toF32 } from "../program/tensor.ts";
import { compileProgram } from "../program/trace.ts";
import { columnLeaf, columnWords, leafOf } from "../state/arena.ts";
import type { RowGroup, Term } from "../strategy/strategy.ts";
import { carriedRows, carryRows } from "./carry.ts";
import type { Config, Recipe } from "./config.ts";
import type { StateLayout, TrainedLayout } from "./layout.ts";

/** The groups that join a step, with the place of each among the rows. */
export interface PlacedGroup extends RowGroup {
  readonly first: number;
}

/** Returns the rows of a step: what arrives, then each strategy's groups. */
export function placeGroups(config: Config, batchSize: number): { groups: PlacedGroup[]; rows: number } {
  const groups: PlacedGroup[] = [{ name: "arrival", size: batchSize, first: 0 }];
  let rows = batchSize;
  for (const group of config.strategies.flatMap((strategy) => strategy.draw?.groups ?? [])) {
    groups.push({ ...group, first: rows });
    rows += group.size;
  }
  return { groups, rows };
}

/**
 * Returns the plan of one training step: gather rows, forward, loss, gradients, update, keep the rows that memory takes. Where the loss, a
 * gradient, a parameter or what a layer would keep is huge (2^63 or more) or no number, output `broken` is not 0 and nothing changes.
 */
export function stepPlan(config: Config, layout: StateLayout): Plan {
  const { groups, rows } = placeGroups(config, layout.staging);
  return compileProgram((graph) => {
    const slots = graph.input("slots", [rows], "u32");
    const weight = graph.input("weight", [rows], "f32");
    const x = decode(gather(columnLeaf(graph, layout.x), slots), config);
    const labels = gather(columnLeaf(graph, layout.y), slots);
    const lossAt = (params: ReadonlyMap<string, Tensor>, tells: boolean): Tensor => {
      const own = scopeOf(graph, config, layout, params, weight, config.loss.targets === "labels" ? labels : undefined);
      // What layers keep, and what is told of a step, is that of the parameters as they are.
      const scope = tells ? own : { ...own, update: () => {}, carry: () => {} };
      const watch = tells ? config.memory?.watch() : undefined;
      const logits = applyLayer(config.built, x, watch === undefined ? scope : { ...scope, tap: watch.tap });
      const rowLoss = lossOf(logits, labels, config);
      watch?.report({ outputs: logits, rowLoss, weight, staging: layout.staging });
      const weightOf = (name: string): Tensor => restrict(weight, groups, name);
      const context = { graph, logits, labels, rowLoss, weight, weightOf, params };
      const terms = config.strategies.flatMap((strategy) => graph.scope(strategy.name, () => strategy.terms?.(context) ?? []));
      const all: Term[] = terms.some((term) => term.tag === "task") ? terms : [{ tag: "task", value: sum(mul(rowLoss, weight)) }, ...terms];

      const total = sumOf(all.map((term) => term.value));
      if (!tells) return total;
      graph.outputs.set("loss", total);
      for (const tag of ["task", "replay", "penalty"] as const) {
        const values = all.flatMap((term) => (term.tag === tag ? [term.value] : []));
        if (values.length > 0 && all.length > 1) graph.outputs.set(`loss/${tag}`, sumOf(values));
      }
      return total;
    };
    const params = paramLeaves(graph, layout);
    const total = lossAt(params, true);
    const grads = pack(grad(total, [...params.values()]));
    const flat = leafOf(graph, layout.flat);
    // One pass over both, the loss beside them: a step that would be built on what is no number leaves no trace.
    const trained = max(maximum(maximum(huge(grads), huge(flat)), huge(total)));
    const kept = graph.effects.flatMap((effect) => (effect.kind === "assign" ? [max(huge(effect.value))] : []));
    graph.unless = kept.reduce(maximum, trained);
    graph.outputs.set("broken", graph.unless);
    if (kept.length > 0) graph.outputs.set("broken/state", kept.reduce(maximum));
    const { recipe } = config;
    const gradientsAt = (at: Tensor): Tensor => {
      const parts = new Map(Object.entries((recipe as Recipe).partsOfVector(at, layout.tensors)));
      const there = pack(grad(lossAt(parts, false), [...parts.values()]));
      graph.unless = maximum(graph.unless as Tensor, max(huge(there)));
      return there;
    };
    const inputs = { params: flat, grads, slots: slotLeaves(graph, layout), tensors: layout.tensors, gradientsAt, loss: total };
    const metrics = recipe === undefined ? recordKernel(config.optimizer, inputs) : recipe.recordRecipe(config.optimizer, inputs);
    graph.outputs.set("broken", graph.unless);
    for (const [name, value] of Object.entries(metrics ?? {})) graph.outputs.set(`optimizer/${name}`, value);
    if (config.memory?.measured === false) recordKept(graph, layout);
  });
}

/** Returns the plan that keeps the rows memory takes, for a memory that must see what the step measured of them. */
export function keepPlan(layout: StateLayout): Plan {
  return compileProgram((graph) => recordKept(graph, layout));
}

function recordKept(graph: Graph, layout: StateLayout): void {
  const keeps = layout.capacities.map((_, store) => graph.input(`keep/${store}`, [layout.staging], "u32"));
  for (const column of [layout.x, layout.y]) {
    const [target, value] = [columnWords(graph, column, "stored"), columnWords(graph, column, "staged")];
    for (const index of keeps) graph.effects.push({ kind: "put", target, index, value });
  }
}

/**
 * Returns the plan that answers for `rows` rows at once: answers [rows, ...output] and each row's loss against given targets [rows, targets].
 * Rows begin afresh, or, `carried`, where the stream's rows stand; weights are those that are trained, or, `averaged`, those that the optimizer
 * averages.
 */
export function inferencePlan(config: Config, layout: StateLayout, rows: number, carried = false, averaged = false): Plan {
  return compileProgram((graph) => {
    const x = graph.input("x", [rows, ...config.input.shape], "f32");
    const targets = graph.input("y", [rows, config.targets], config.loss.targets === "labels" ? "u32" : "f32");
    const scope = scopeOf(graph, config, layout, averaged ? averagedLeaves(graph, config, layout) : paramLeaves(graph, layout));
    const outputs = applyLayer(config.built, x, carried ? { ...scope, carried: (path) => carriedRows(graph, layout, path, rows) } : scope);
    graph.outputs.set("answers", config.loss.answer(outputs));
    graph.outputs.set("rowLoss", lossOf(outputs, targets, config));
  });
}

function paramLeaves(graph: Graph, layout: StateLayout): Map<string, Tensor> {
  return new Map(layout.tensors.map(({ path }) => [path, leafOf(graph, layout.params.get(path))]));
}

function averagedLeaves(graph: Graph, config: Config, layout: StateLayout): Map<string, Tensor> {
  const { flat, tensors } = layout;
  const { averagedOf, partsOfVector } = config.recipe as Recipe;
  const averaged = averagedOf(config.optimizer, { params: leafOf(graph, flat), slots: slotLeaves(graph, layout), tensors });
  return new Map(Object.entries(partsOfVector(averaged as Tensor, tensors)));
}

/** Returns what an optimizer keeps, as leaves by name. */
export function slotLeaves(graph: Graph, layout: TrainedLayout): Results {
  return Object.fromEntries([...layout.slots].map(([name, { range }]) => [name, leafOf(graph, range)]));
}

/** The loss of each row [rows], whose targets [rows, targets] are labels, or values in the order of its outputs. */
function lossOf(outputs: Tensor, targets: Tensor, { loss }: Config): Tensor {
  return loss.rows(outputs, loss.targets === "labels" ? targets : reshape(targets, outputs.shape));
}

/** What the model finds while it is traced: in training where there are weights of rows. */
function scopeOf(
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

function restrict(weight: Tensor, groups: readonly PlacedGroup[], name: string): Tensor {
  const group = groups.find((candidate) => candidate.name === name);
  if (group === undefined)
    fail("E_TRACE", `strategies: no group called "${name}"; expected one of ${groups.map((g) => g.name).join(", ")}`);
  // Unsigned subtraction wraps, so one comparison bounds both sides.
  const inside = less(sub(weight.graph.iota(weight.shape[0] as number), group.first), group.size);
  return select(inside, weight, 0);
}

function sumOf(values: readonly Tensor[]): Tensor {
  return values.map((value) => (sizeOf(value.shape) === 1 ? reshape(value, []) : value)).reduce((a, b) => add(a, b));
}
