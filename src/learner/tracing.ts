/** The hooks of strategies, traced into the programs of a learner. */
import { fail } from "../errors.ts";
import { MASKED } from "../nn/losses.ts";
import { partOf } from "../optim/places.ts";
import type { Graph, Tensor } from "../program/graph.ts";
import { join } from "../program/join.ts";
import type { Plan } from "../program/plan.ts";
import { sizeOf } from "../program/shape.ts";
import { add, and, equal, gather, grad, less, max, mul, oneHot, pack, reshape, select, slice, sub, sum, toF32 } from "../program/tensor.ts";
import { compileProgram } from "../program/trace.ts";
import { columnLeaf, leafOf } from "../state/arena.ts";
import type { RowFact } from "../strategy/host.ts";
import type { Change, Edit, GradientContext, ProgramContext, StepContext, Strategy, Term, TraceContext } from "../strategy/strategy.ts";
import type { Config } from "./config.ts";
import type { HookPlan, Pass } from "./hookplan.ts";
import { paramLeaves, passes, placeRows, lossOf as rowLossOf, scopeOf, slotLeaves } from "./programs.ts";
import type { KeptSlot, StateLayout } from "./ranges.ts";

/** Parameters before the update, where strategies hold some of them fast. */
export const BEFORE = "before";

/** Parameters before a step whose programs move them first. */
export const HELD = "held";

/** An edit and whose it is. */
export interface OwnEdit {
  readonly strategy: Strategy;
  readonly edit: Edit;
}

/** What a program makes of the state, until it is written. */
interface Draft {
  vector: Tensor;
  readonly kept: Map<string, Tensor>;
  readonly slots: Map<string, Tensor>;
}

function traceContext(graph: Graph, config: Config, layout: StateLayout, { name }: Strategy, draft: Draft): TraceContext {
  const { tensors } = layout;
  const parts = (vector: Tensor): Map<string, Tensor> =>
    new Map(tensors.map((tensor, i) => [tensor.path, partOf(vector, tensor, i, tensors.length)]));
  return {
    graph,
    facts: (config.hooks as HookPlan<Config>).facts,
    vector: draft.vector,
    tensors,
    parts,
    joined: (given) => {
      const own = parts(draft.vector);
      return pack(tensors.map(({ path, shape }) => reshape((given.get(path) ?? own.get(path)) as Tensor, shape)));
    },
    kept: (key) => keptOf(graph, layout, pathOf(name, key), draft),
    hyper: (key) => graph.scalar(`${name}.${key}`),
    random: (stream, shape) => graph.random(`strategy/${name}/${stream}`, shape),
  };
}

const pathOf = (strategy: string, key: string): string => (key.includes("/") ? key : `${strategy}/${key}`);

function slotOf(layout: StateLayout, path: string): KeptSlot {
  const slot = layout.kept.get(path);
  if (slot === undefined)
    fail(
      "E_TRACE",
      `strategies: nothing is kept as "${path}"; expected one of ${[...layout.kept.keys()].join(", ") || "none"}, got "${path}"`,
      {
        hint: "Declare it in keeps, or name the strategy that keeps it in uses.",
      },
    );
  return slot as KeptSlot;
}

function keptOf(graph: Graph, layout: StateLayout, path: string, { kept }: Draft): Tensor {
  return kept.get(path) ?? leafOf(graph, slotOf(layout, path).range);
}

const draftOf = (vector: Tensor): Draft => ({ vector, kept: new Map(), slots: new Map() });

/** Returns what a hook of a strategy sees of a pass. */
function stepContext(config: Config, pass: Pass, strategy: Strategy, draft: Draft = draftOf(pass.vector)): StepContext {
  const { graph, layout, groups, weight, slots, labels, rowLoss, params } = pass;
  const { logits } = pass.outputs;
  const features = pass.outputs.features ?? logits;
  const groupOf = (name: string) =>
    groups.find((group) => group.name === name) ??
    fail("E_TRACE", `strategies: no group called "${name}"; expected one of ${groups.map((g) => g.name).join(", ")}, got "${name}"`);
  const weightOf = (name: string): Tensor => restricted(weight, [groupOf(name)]);
  const rowsOf = (name: string, values: Tensor): Tensor => {
    const { first, size } = groupOf(name);
    const rest = values.shape.slice(1);
    return slice(values, [first, ...rest.map(() => 0)], [size, ...rest]);
  };
  return {
    ...traceContext(graph, config, layout, strategy, draft),
    logits,
    raw: pass.outputs.raw ?? logits,
    features,
    rectified: pass.outputs.rectified ?? [],
    labels,
    rowLoss,
    weight,
    params,
    x: pass.x,
    tasks: pass.tasks,
    apart(name) {
      const group = pass.all.find((one) => one.name === name && one.apart === true);
      if (group === undefined) return fail("E_TRACE", `strategies: no group "${name}" is computed apart; expected apart: true, got none`);
      return stepContext(config, pass.apart(group), strategy, draft);
    },
    weightOf,
    rowsOf,
    mean: (values, name) => sum(mul(values, weightOf(name))),
    column(name) {
      const path = pathOf(strategy.name, name);
      const column = layout.columns.find((one) => one.name === path);
      if (column === undefined)
        return fail("E_TRACE", `strategies: no column called "${path}"; expected one of its columns, got "${name}"`);
      return gather(columnLeaf(graph, column), slots);
    },
    forward({ group, x = group === undefined ? pass.x : rowsOf(group, pass.x), vector }) {
      const own = vector === undefined ? params : traceContext(graph, config, layout, strategy, draftOf(vector)).parts(vector);
      const scope = scopeOf(graph, config, layout, own);
      const tasks = (): Tensor => (group === undefined ? pass.tasks() : rowsOf(group, pass.tasks()));
      const seen = (config.hooks as HookPlan<Config>).applyModel(x, scope, tasks);
      return { logits: seen.logits, raw: seen.raw ?? seen.logits, features: seen.features ?? seen.logits };
    },
    lossOf: (outputs, targets) => rowLossOf(outputs, targets, config),
  };
}

/** Returns weights with those outside some groups at 0. */
function restricted(weight: Tensor, groups: Pass["groups"]): Tensor {
  const place = weight.graph.iota(weight.shape[0] as number);
  // Unsigned subtraction wraps, so one comparison bounds both sides.
  const inside = groups.map(({ first, size }) => less(sub(place, first), size)).reduce((a, b) => add(a, b));
  return select(inside, weight, 0);
}

/** Returns all parts of the loss: the mean over the rows that no strategy owns, and what strategies add. */
function termsOf(config: Config, pass: Pass): Term[] {
  const { graph, groups, rowLoss, weight } = pass;
  const owned = new Set(config.strategies.flatMap(({ owns = [] }) => owns));
  const joint = groups.filter(({ name }) => !owned.has(name));
  const own = joint.length === groups.length ? weight : joint.length > 0 ? restricted(weight, joint) : undefined;
  const terms = config.strategies.flatMap((strategy) =>
    graph.scope(strategy.name, () => strategy.terms?.(stepContext(config, pass, strategy)) ?? []),
  );
  return own === undefined ? terms : [{ tag: "task", value: sum(mul(rowLoss, own)) }, ...terms];
}

const single = (value: Tensor): Tensor => (sizeOf(value.shape) === 1 ? reshape(value, []) : value);
const totalOf = (terms: readonly Term[]): Tensor | undefined =>
  terms.length === 0 ? undefined : terms.map(({ value }) => single(value)).reduce((a, b) => add(a, b));

/** Returns the loss of a step; its parts are told where there are several. */
export function lossOf(config: Config, pass: Pass, tells: boolean): Tensor {
  const all = termsOf(config, pass);
  const { graph } = pass;
  if (tells && all.length > 1)
    for (const tag of ["task", "replay", "penalty"] as const) {
      const total = totalOf(all.filter((term) => term.tag === tag));
      if (total !== undefined) graph.outputs.set(`loss/${tag}`, total);
    }
  return totalOf(all) ?? graph.constant(0, [], "f32");
}

/** Returns the gradient [n] of a number: of parameters one by one, and of their vector as a whole. */
function gradientAt(value: Tensor, params: ReadonlyMap<string, Tensor>, vector: Tensor): Tensor {
  const loss = single(value);
  const parts = pack(grad(loss, [...params.values()]));
  const [whole] = grad(loss, [vector]) as [Tensor];
  return whole.op === "const" ? parts : add(parts, whole);
}

function gradientContext(config: Config, pass: Pass, strategy: Strategy, loss: Tensor): GradientContext {
  const { params, vector } = pass;
  return {
    ...stepContext(config, pass, strategy),
    loss,
    gradientOf: (value) => gradientAt(value, params, vector),
    taskGradient: () => gradientAt(totalOf(termsOf(config, pass).filter(({ tag }) => tag !== "penalty")) ?? loss, params, vector),
  };
}

/** Returns the gradient [n] that the optimizer sees. */
export function gradientOf(config: Config, pass: Pass, loss: Tensor): Tensor {
  const { graph, layout, params, vector } = pass;
  let gradient = gradientAt(loss, params, vector);
  for (const strategy of config.strategies) {
    const { grad: map } = strategy;
    if (map !== undefined) gradient = graph.scope(strategy.name, () => map(gradientContext(config, pass, strategy, loss), gradient));
  }
  const mask = trainsOf(graph, config, layout, vector);
  return mask === undefined ? gradient : select(mask, gradient, 0);
}

/** Returns what is not 0 at parameters that all strategies let change; undefined where that is all. */
function trainsOf(graph: Graph, config: Config, layout: StateLayout, vector: Tensor): Tensor | undefined {
  const masks = config.strategies.flatMap(
    (strategy) => strategy.space?.trains?.(traceContext(graph, config, layout, strategy, draftOf(vector))) ?? [],
  );
  return masks.length === 0 ? undefined : masks.reduce((a, b) => and(a, b));
}

/** Records what strategies take of a step before its update: what they keep, columns of rows, facts for folds. */
export function gatherOf(config: Config, pass: Pass, loss: Tensor): void {
  const { graph, layout } = pass;
  const assign = (target: Tensor, value: Tensor): number =>
    graph.effects.push({ kind: "assign", target, value: reshape(value, target.shape) });
  for (const strategy of config.strategies) {
    const { gathers, columns = {} } = strategy;
    const values = gathers === undefined ? {} : graph.scope(strategy.name, () => gathers(gradientContext(config, pass, strategy, loss)));
    for (const [key, value] of Object.entries(values)) assign(leafOf(graph, slotOf(layout, pathOf(strategy.name, key)).range), value);
    for (const [key, { value }] of Object.entries(columns)) {
      const arrived = firstRows(value(stepContext(config, pass, strategy)), layout.staging);
      recordColumn(config, pass, `${strategy.name}/${key}`, arrived, assign);
    }
  }
  const before = layout.kept.get(BEFORE);
  if (before !== undefined) assign(leafOf(graph, before.range), pass.vector);
  for (const fact of factsOf(config)) graph.outputs.set(`fold/${fact}`, firstRows(factOf(config, pass, fact), layout.staging));
}

/** Puts what is kept of arrived rows where the rows go; where that is known only later, behind the stored ones. */
function recordColumn(
  config: Config,
  { graph, layout }: Pass,
  name: string,
  value: Tensor,
  assign: (target: Tensor, value: Tensor) => void,
): void {
  const column = layout.columns.find((one) => one.name === name);
  if (column === undefined || config.memory === undefined) return;
  const { byteOffset, length, rowBytes } = column;
  const leaf = (part: string, first: number, rows: number): Tensor =>
    graph.state(`${name}.${part}`, [rows, length], { arena: "rows", storage: "f32", byteOffset: byteOffset + first * rowBytes });
  if (config.memory.measured) {
    assign(leaf("staged", layout.capacity, layout.staging), value);
    return;
  }
  const target = leaf("stored", 0, layout.capacity);
  for (const [store] of layout.capacities.entries())
    graph.effects.push({ kind: "put", target, index: graph.input(`keep/${store}`, [layout.staging], "u32"), value });
}

/** Returns what the folds of a learner read of rows. */
export function factsOf({ strategies }: Config): Set<RowFact> {
  return new Set(strategies.flatMap(({ fold }) => fold?.reads ?? []));
}

function factOf(config: Config, pass: Pass, fact: RowFact): Tensor {
  const { outputs, rowLoss, labels } = pass;
  const { logits } = outputs;
  const rows = rowLoss.shape[0] as number;
  if (fact === "rowLoss") return rowLoss;
  if (fact === "logits") return reshape(logits, [rows, sizeOf(logits.shape) / rows]);
  if (fact === "correct")
    return toF32(equal(max(select(oneHot(reshape(labels, [rows]), logits.shape.at(-1) as number), logits, MASKED), -1), max(logits, -1)));
  const features = featuresOf(config, pass);
  return reshape(features, [rows, sizeOf(features.shape) / rows]);
}

/** Returns features as answers see them, which is the same value where no layer acts otherwise in training. */
function featuresOf(config: Config, pass: Pass): Tensor {
  const { outputs, graph, layout, params, x } = pass;
  // What rows carry on is told in training alone.
  if (config.carries.size > 0) return outputs.features ?? outputs.logits;
  const seen = (config.hooks as HookPlan<Config>).applyModel(x, scopeOf(graph, config, layout, params), pass.tasks);
  return seen.features ?? seen.logits;
}

function firstRows(values: Tensor, count: number): Tensor {
  const rest = values.shape.slice(1);
  return slice(values, [0, ...rest.map(() => 0)], [count, ...rest]);
}

/** Returns edits in the order in which they are done. */
export function editsOn(config: Config, chosen: (edit: Edit) => boolean): OwnEdit[] {
  const all = config.strategies.flatMap((strategy) => (strategy.edits ?? []).filter(chosen).map((edit) => ({ strategy, edit })));
  return all.sort((a, b) => (a.edit.order ?? 0) - (b.edit.order ?? 0));
}

/** Returns a step's plan with the edits behind it that are done after every step. */
export function editsAfter(plan: Plan, config: Config, layout: StateLayout): Plan {
  const edits = editsOn(config, ({ on = "step" }) => on === "step");
  if (edits.length === 0 && !layout.kept.has(BEFORE)) return plan;
  return join(plan, editPlan(config, layout, edits), "broken");
}

/** Returns the plan of edits one after another, each on what those before it left. */
export function editPlan(config: Config, layout: StateLayout, edits: readonly OwnEdit[]): Plan {
  return compileProgram((graph) => {
    const draft = draftOf(leafOf(graph, layout.flat));
    const mask = trainsOf(graph, config, layout, draft.vector);
    if (mask !== undefined) draft.vector = select(mask, draft.vector, leafOf(graph, slotOf(layout, BEFORE).range));
    for (const { strategy, edit } of edits) {
      const change = graph.scope(strategy.name, () => edit.apply(traceContext(graph, config, layout, strategy, draft)));
      take(graph, layout, strategy, draft, change);
    }
    write(graph, layout, draft);
  });
}

/** Takes a change into a draft; what is made anew is so for all who keep something of it. */
function take(graph: Graph, layout: StateLayout, { name }: Strategy, draft: Draft, { params, keeps = {}, reset, restart }: Change): void {
  if (params !== undefined) draft.vector = params;
  for (const [key, value] of Object.entries(keeps)) draft.kept.set(pathOf(name, key), value);
  const begin = (initial: number | "params" | undefined): Tensor | number => (initial === "params" ? draft.vector : (initial ?? 0));
  const leaves = slotLeaves(graph, layout);
  for (const mask of [reset, restart])
    for (const [slot, { spec }] of layout.slots)
      if (mask !== undefined && spec.per === "parameter" && spec.holds === undefined)
        draft.slots.set(slot, select(mask, begin(spec.initial), draft.slots.get(slot) ?? (leaves[slot] as Tensor)));
  if (reset === undefined) return;
  for (const [path, { spec }] of layout.kept) {
    if (spec.shape !== "parameters" || spec.mirror === undefined || spec.mirror === "keep") continue;
    const value = spec.mirror === "copy" ? draft.vector : begin(spec.initial);
    draft.kept.set(path, select(reset, value, keptOf(graph, layout, path, draft)));
  }
}

/** Records a draft as the state. */
function write(graph: Graph, layout: StateLayout, { vector, kept, slots }: Draft): void {
  const assign = (target: Tensor, value: Tensor): void => {
    if (value !== target) graph.effects.push({ kind: "assign", target, value: reshape(value, target.shape) });
  };
  for (const [path, value] of kept) assign(leafOf(graph, slotOf(layout, path).range), value);
  const leaves = slotLeaves(graph, layout);
  for (const [slot, value] of slots) assign(leaves[slot] as Tensor, value);
  assign(leafOf(graph, layout.flat), vector);
}

/** Returns the plan that holds the parameters as they are, or gives back those that were held. */
export function holdPlan(layout: StateLayout, hold: boolean): Plan {
  return compileProgram((graph) => {
    const [held, params] = [leafOf(graph, slotOf(layout, HELD).range), leafOf(graph, layout.flat)];
    graph.effects.push(hold ? { kind: "assign", target: held, value: params } : { kind: "assign", target: params, value: held });
  });
}

/** Returns the plan of a program of a strategy. */
export function programPlan(config: Config, layout: StateLayout, strategy: Strategy, name: string): Plan {
  const program = strategy.programs?.[name];
  if (program === undefined)
    return fail(
      "E_TRACE",
      `strategies: "${strategy.name}" has no program "${name}"; expected one of ${Object.keys(strategy.programs ?? {}).join(", ") || "none"}`,
    );
  const { groups = [], arrival = false, numbers = {} } = program;
  const placed = placeRows([...(arrival ? [{ name: "arrival", size: layout.staging }] : []), ...groups]);
  return compileProgram((graph) => {
    const draft = draftOf(leafOf(graph, layout.flat));
    const params = paramLeaves(graph, layout);
    const given = (key: string): Tensor => {
      const dims = (numbers[key] ?? []).map((n) => (typeof n === "number" ? n : base.facts[n]));
      return numbers[key]?.length === 0 ? graph.scalar(`given/${key}`) : graph.input(`given/${key}`, dims, "f32");
    };
    const gradient = (value: Tensor, vector = draft.vector): Tensor => {
      if (vector === draft.vector) return gradientAt(value, params, vector);
      // The parts of what is kept are leaves of their own.
      const leaf = vector.op === "state";
      const parts = leaf ? traceContext(graph, config, layout, strategy, draft).parts(vector) : undefined;
      return parts === undefined ? (grad(single(value), [vector])[0] as Tensor) : gradientAt(value, parts, vector);
    };
    const base =
      placed.rows === 0
        ? (traceContext(graph, config, layout, strategy, draft) as StepContext)
        : stepContext(config, passes(graph, config, layout, placed.groups, placed.rows)(params, draft.vector, false), strategy, draft);
    const context: ProgramContext = { ...base, gradientOf: gradient, given };
    const { outputs = {}, ...change } = graph.scope(`${strategy.name}.${name}`, () => program.build(context));
    for (const [key, value] of Object.entries(outputs)) graph.outputs.set(key, value);
    take(graph, layout, strategy, draft, change);
    write(graph, layout, draft);
  });
}
