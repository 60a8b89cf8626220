/** The hooks of a learner's strategies, checked and in order; fetched only where strategies have any beyond drawing and storing rows. */
import { fail, nearestName } from "../errors.ts";
import { applyLayer, type ModelScope } from "../nn/layer.ts";
import type { Placed } from "../optim/places.ts";
import { Graph, type Tensor } from "../program/graph.ts";
import { type Shape, sizeOf } from "../program/shape.ts";
import { addColumn, type Column, leafOf } from "../state/arena.ts";
import type { ModelFacts } from "../strategy/host.ts";
import type { Kept, Strategy } from "../strategy/strategy.ts";
import type { Linear } from "../wasm/linear.ts";
import type { Config } from "./config.ts";
import type { HookPlace, HookPlan, ModelOutputs, StrategyCost } from "./hookplan.ts";
import { addSlot, type KeptSlot, type StateLayout } from "./ranges.ts";
import { BEFORE, editsAfter, gatherOf, gradientOf, HELD, lossOf } from "./tracing.ts";
import { unitsOf } from "./units.ts";

/** Returns strategies with all that they use, each before those that use it; equal ones are one. @throws E_CONFIG */
function expand(given: readonly Strategy[]): Strategy[] {
  const all: Strategy[] = [];
  const add = (strategy: Strategy): void => {
    const same = all.find(({ name }) => name === strategy.name);
    if (same !== undefined) {
      if (same === strategy || (same.config !== undefined && JSON.stringify(same.config) === JSON.stringify(strategy.config))) return;
      fail(
        "E_CONFIG",
        `strategies: two are called "${strategy.name}"; expected equal options, got ${JSON.stringify(same.config)} and ${JSON.stringify(strategy.config)}`,
        { hint: "Use one of them, or give both the same options." },
      );
    }
    for (const part of strategy.uses ?? []) add(part);
    all.push(strategy);
  };
  for (const strategy of given) add(strategy);
  return all;
}

/** Returns options whose strategies are bound to them, with all that they use. @throws E_CONFIG */
export async function withHooks(plain: Config): Promise<Config> {
  const config = { ...plain, strategies: expand(plain.strategies) };
  const shown = shownBy(config);
  check(config, shown);
  const linear = config.strategies.some(({ needs }) => needs?.linear === true)
    ? await (await import("../wasm/linear.ts")).openLinear()
    : undefined;
  return bind(config, { given: plain.strategies, linear, shown });
}

/** What is found once, whatever becomes of the classes. */
interface Found {
  readonly given: readonly Strategy[];
  readonly linear: Linear | undefined;
  readonly shown: Shown;
}

function bind(plain: Config, found: Found): Config {
  const facts: ModelFacts = {
    classes: plain.classes,
    features: found.shown.features ?? plain.classes,
    parameters: [...plain.params.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    targets: plain.loss.targets,
    shapes: new Map([...plain.params].map(([path, { shape }]) => [path, shape])),
    units: unitsOf(plain.model.config, plain.params, found.shown.rectified),
    classifier: found.shown.classifier,
  };
  const config: Config = {
    ...plain,
    hooks: {
      ...found,
      facts,
      rebind: (other) => bind(other, found),
      layOut: (place) => layOut(config, facts, place),
      applyModel: (x, scope, tasks) => applyModel(config, x, scope, tasks),
      loss: (pass, tells) => lossOf(config, pass, tells),
      gradient: (pass, total) => gradientOf(config, pass, total),
      gather: (pass, total) => gatherOf(config, pass, total),
      withEdits: (plan, layout) => editsAfter(plan, config, layout),
      headLeaves: (graph, layout) => headLeaves(config, graph, layout),
      costs: (layout) => costsOf(config, layout),
    },
  };
  return config;
}

function costsOf({ strategies }: Config, { kept, columns, capacity, staging }: StateLayout): StrategyCost[] {
  return strategies.map(({ name, needs = {}, draw }) => {
    const own = (path: string): boolean => path.startsWith(`${name}/`);
    const ranges = [...kept].reduce((sum, [path, { range }]) => sum + (own(path) ? range.byteLength : 0), 0);
    const { passes: { forward = 0, backward = 0 } = {}, forwardRows = 0 } = needs;
    return {
      name,
      ...{ forward, backward, forwardRows },
      rows: (draw?.groups ?? []).reduce((sum, { size }) => sum + size, 0),
      bytes: columns.reduce((sum, { name: path, rowBytes }) => sum + (own(path) ? rowBytes * (capacity + staging) : 0), ranges),
    };
  });
}

function headLeaves({ strategies }: Config, graph: Graph, layout: StateLayout): Map<string, Tensor> | undefined {
  const owner = strategies.find(({ head }) => head !== undefined && "params" in head);
  if (owner === undefined) return undefined;
  const name = (owner.head as { readonly params: string }).params;
  const slot = layout.kept.get(name.includes("/") ? name : `${owner.name}/${name}`) as KeptSlot;
  return new Map(slot.parts.map((range, i) => [(layout.tensors[i] as Placed).path, leafOf(graph, range)]));
}

/** What a model shows of itself. */
interface Shown {
  /** Numbers of a row that its classifier reads; undefined where it has none. */
  readonly features: number | undefined;
  /** Paths of the rectified layers, in order. */
  readonly rectified: readonly string[];
  /** Paths of what is trained behind the features. */
  readonly classifier: readonly string[];
}

function shownBy(config: Config): Shown {
  const graph = new Graph();
  const params = new Map([...config.params, ...config.states].map(([path, { shape }]) => [path, graph.input(path, shape, "f32")]));
  const asked: string[] = [];
  let behind = 0;
  const param = (path: string): Tensor => {
    asked.push(path);
    return params.get(path) as Tensor;
  };
  const rectified: string[] = [];
  const tap: ModelScope["tap"] = (name) => {
    if (name === "features") behind = asked.length;
    else rectified.push(graph.path);
  };
  const update = (): void => {};
  const random = (path: string, shape: Shape): Tensor => graph.random(path, shape);
  const scope: ModelScope = { graph, training: false, weight: undefined, param, state: param, update, random, tap };
  const { features } = applyModel({ ...config, strategies: [] }, graph.input("x", [1, ...config.input.shape], "f32"), scope);
  const classifier = features === undefined ? [] : asked.slice(behind).filter((path) => config.params.has(path));
  return { features: features && sizeOf(features.shape), rectified, classifier };
}

/** Returns what a model answers, as strategies' maps of outputs have it, with what it shows of itself. */
function applyModel(config: Config, x: Tensor, scope: ModelScope, tasks?: () => Tensor): ModelOutputs {
  const { graph, training, labels } = scope;
  let features: Tensor | undefined;
  const rectified: Tensor[] = [];
  const tap: NonNullable<ModelScope["tap"]> = (name, value) => {
    scope.tap?.(name, value);
    if (name === "features") features = value;
    else rectified.push(value);
  };
  const raw = applyLayer(config.built, x, { ...scope, tap });
  const maps = config.strategies.flatMap(({ space }) => space?.outputs ?? []);
  const rows = x.shape[0] as number;
  const logits = maps.reduce(
    (outputs, map) =>
      map({
        graph,
        facts: (config.hooks as HookPlan<Config>).facts,
        logits: outputs,
        features: features ?? outputs,
        tasks: tasks ?? (() => graph.input("tasks", [rows], "u32")),
        params: new Map([...config.params.keys()].map((path) => [path, scope.param(path) as Tensor])),
        labels,
        training,
      }),
    raw,
  );
  return { logits, raw, features, rectified };
}

/** Refuses strategies that clash, or need what is not there. @throws E_CONFIG */
function check(config: Config, shown: Shown): void {
  const { strategies, loss } = config;
  const owners = new Map<string, string>();
  const groups = ["arrival", ...strategies.flatMap(({ draw }) => draw?.groups.map(({ name }) => name) ?? [])];
  const heads: string[] = [];
  for (const { name, needs = {}, owns = [], head, columns, draw, programs = {} } of strategies) {
    const refuse = (what: string, expected: string, got: string, hint: string): never =>
      fail("E_CONFIG", `strategies: "${name}" ${what}; expected ${expected}, got ${got}`, { hint, context: { strategy: name } });
    if ((needs.labels === true || needs.features === true) && (loss.targets !== "labels" || config.targets > 1))
      refuse(
        "is made for one label a row",
        "a loss of labels",
        `${config.loss.kind} of ${config.targets} ${loss.targets}`,
        "Use nn.classifier as the last layer.",
      );
    if (needs.features === true && shown.features === undefined)
      refuse(
        "reads features that the model does not name",
        "nn.classifier as its last layer",
        "none",
        "End the model with nn.classifier: what it reads are the features.",
      );
    if (needs.rectified === true && shown.rectified.length === 0)
      refuse("looks at rectified units", "nn.relu in the model", "none", "Put nn.relu() behind its hidden layers.");
    if (needs.units === true && unitsOf(config.model.config, config.params, shown.rectified).length === 0)
      refuse(
        "makes rectified units anew",
        "nn.relu between a linear layer or convolution and the next",
        "none",
        "Put nn.relu() right behind a hidden layer, and no normalisation between it and the next.",
      );
    if (columns !== undefined && config.residentBytes !== undefined)
      refuse("keeps columns beside the rows", "rows in memory", "residentBytes", 'Leave out "residentBytes".');
    if (config.residentBytes !== undefined && Object.values(programs).some(({ groups = [] }) => groups.length > 0))
      refuse("reads stored rows beside the steps", "rows in memory", "residentBytes", 'Leave out "residentBytes".');
    for (const { name: group, apart } of draw?.groups ?? [])
      if (apart === true && !owns.includes(group))
        refuse(`computes group "${group}" apart, of which nobody makes a loss`, `owns: ["${group}"]`, "none", "Own the group.");
    for (const group of owns) {
      const other = owners.get(group);
      if (other !== undefined)
        refuse(`and "${other}" both decide the loss of group "${group}"`, "one of them", "both", "Leave one of them out.");
      if (!groups.includes(group)) {
        const near = nearestName(group, groups);
        refuse(
          `owns a group "${group}" that there is not`,
          groups.join(", "),
          group,
          near === undefined ? "Declare it in draw.groups." : `Did you mean "${near}"?`,
        );
      }
      owners.set(group, name);
    }
    if (needs.boundary === true && config.boundaries === "none" && !strategies.some(({ raises }) => raises?.boundary === true))
      refuse(
        "settles what it keeps at boundaries",
        "somebody who tells them",
        'boundaries: "none"',
        "Add strategies.detect({ detector: detectors.pageHinkley() }).",
      );
    if (head !== undefined) heads.push(name);
  }
  if (heads.length > 1)
    fail("E_CONFIG", `strategies: ${heads.join(" and ")} all answer in place of the model; expected one head, got ${heads.length}`, {
      hint: "Leave all but one of them out.",
    });
}

function layOut(
  config: Config,
  facts: ModelFacts,
  { state, rows, tensors, capacity, staging }: HookPlace,
): ReturnType<HookPlan<Config>["layOut"]> {
  const kept = new Map<string, KeptSlot>();
  const besides = (name: string): void => {
    const { range, parts } = addSlot(rows, { name, per: "parameter" }, tensors, name);
    kept.set(name, { range, parts, spec: { shape: "parameters", lasts: false } });
  };
  if (config.strategies.some(({ space }) => space?.trains !== undefined)) besides(BEFORE);
  if (config.strategies.some(({ programs = {} }) => Object.values(programs).some(({ moves }) => moves === true))) besides(HELD);
  const columns: Column[] = [];
  const lengthOf = (n: number | "classes" | "features"): number => (typeof n === "number" ? n : facts[n]);
  for (const { name, keeps, columns: own = {} } of config.strategies) {
    for (const [key, spec] of Object.entries(keeps?.(facts) ?? {})) {
      const path = `${name}/${key}`;
      const arena = spec.lasts === false ? rows : state;
      if (spec.shape === "parameters") {
        const slot = addSlot(arena, { name: path, per: "parameter", ...initialOf(spec) }, tensors, `strategies/${path}`);
        kept.set(path, { range: slot.range, parts: slot.parts, spec });
      } else {
        const range = arena.add(`strategies/${path}`, spec.shape.map(lengthOf));
        kept.set(path, { range, parts: [range], spec });
      }
    }
    for (const [key, { length }] of Object.entries(own))
      columns.push(addColumn(rows, `${name}/${key}`, lengthOf(length), "f32", capacity, staging));
  }
  return { columns, kept };
}

const initialOf = ({ initial }: Kept): { readonly initial?: number | "params" } => (initial === undefined ? {} : { initial });
