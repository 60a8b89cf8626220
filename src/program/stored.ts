/** Which nodes of a graph get a buffer, so that a kernel may read them as they lie. */
import type { Graph, Tensor } from "./graph.ts";
import { isOperand } from "./operand.ts";
import { ops } from "./ops.ts";
import { sameShape } from "./shape.ts";
import { bufferWalk, identity, isBounded, isBufferLeaf, isView, splitsDims, underViews } from "./views.ts";

/** Operations of a map that several kernels read above which it is stored rather than recomputed. */
const RECOMPUTED = 12;

/** Returns the nodes that get a buffer: those `forced` and all that a kernel could not read otherwise. */
export function chooseStored(graph: Graph, live: readonly Tensor[], forced: ReadonlySet<Tensor>): Set<Tensor> {
  const stored = new Set<Tensor>(forced);
  const consumers = new Map<Tensor, Set<unknown>>();
  const consume = (value: Tensor, by: unknown): void => {
    const source = underViews(value);
    consumers.set(source, (consumers.get(source) ?? new Set()).add(by));
  };
  for (const node of live) if (!isView(node)) for (const input of node.inputs) consume(input, node);
  for (const [name, value] of graph.outputs) consume(value, name);
  for (const effect of graph.effects) if (effect.kind !== "optimizer") consume(effect.value, effect);

  const isStored = (node: Tensor): boolean => stored.has(node);
  const needBuffer = (value: Tensor): void => {
    const source = underViews(value, undefined, isStored);
    if (!isBufferLeaf(source)) stored.add(source);
  };
  // Row numbers are read without conditions.
  const needIndex = (index: Tensor): void => {
    const walk = bufferWalk(index, identity(index.shape), index.shape.length);
    if (walk === undefined || walk.bounds !== undefined) stored.add(index);
    else needBuffer(index);
  };
  if (graph.unless !== undefined) needBuffer(graph.unless);
  for (const effect of graph.effects) {
    if (effect.kind === "put") needIndex(effect.index);
    if (effect.kind === "optimizer")
      for (const tensor of [...Object.values(effect.tensors), ...Object.values(effect.scalars)]) needBuffer(tensor);
  }
  for (const node of live) {
    if (node.op === "gather" || node.op === "scatterAdd") needIndex(node.inputs[1] as Tensor);
    if (node.op === "gather" && !isBufferLeaf(node.inputs[0] as Tensor)) stored.add(node.inputs[0] as Tensor);
  }
  // What is stored for one kernel changes how another may read.
  for (let before = -1; before < stored.size; ) {
    before = stored.size;
    for (const node of live) {
      if (node.op !== "matmul") continue;
      for (const side of [0, 1] as const) {
        const operand = node.inputs[side] as Tensor;
        if (isOperand(node, side, isStored)) needBuffer(operand);
        else stored.add(operand);
      }
    }
    for (const node of readByPoint(graph, live, stored)) {
      if (!isBounded(node) && !splitsDims(node)) continue;
      // Dense elements may be read under any shape; a view of them that is not dense must be copied first.
      const isBuffer = (other: Tensor): boolean => other !== node && stored.has(other);
      const walk = bufferWalk(node, identity(node.shape), node.shape.length, isBuffer);
      if (walk === undefined) stored.add(node.inputs[0] as Tensor);
      else needBuffer(node.inputs[0] as Tensor);
    }
  }
  // An output is written anyway, so whoever else wants it reads it.
  const outputs = new Set([...graph.outputs.values()].map((value) => underViews(value, ["reshape", "detach"])));
  const written = onlyWritten(graph, live);
  const cost = new Map<Tensor, number>();
  for (const node of live) {
    const parts = node.inputs.reduce((sum, input) => sum + (stored.has(input) ? 0 : (cost.get(input) ?? 0)), 0);
    const elementwise = ops[node.op] !== undefined;
    cost.set(node, parts + (elementwise ? 1 : 0));
    if (["reduce", "matmul", "pack", "scatterAdd"].includes(node.op)) stored.add(node);
    else if (
      elementwise &&
      (consumers.get(node)?.size ?? 0) > 1 &&
      !written.has(node) &&
      ((cost.get(node) as number) > RECOMPUTED || outputs.has(node))
    )
      stored.add(node);
  }
  return stored;
}

/** Returns the maps that only maps of their shape read whose values are all set in the state: one kernel computes them together. */
function onlyWritten(graph: Graph, live: readonly Tensor[]): ReadonlySet<Tensor> {
  const outside = new Set<Tensor>([...graph.outputs.values(), ...(graph.unless === undefined ? [] : [graph.unless])]);
  const assigned = new Set<Tensor>();
  for (const effect of graph.effects) {
    if (effect.kind === "assign") assigned.add(effect.value);
    else
      for (const tensor of effect.kind === "put"
        ? [effect.index, effect.value]
        : [...Object.values(effect.tensors), ...Object.values(effect.scalars)])
        outside.add(tensor);
  }
  const readers = new Map<Tensor, Tensor[]>();
  for (const node of live) for (const input of node.inputs) readers.set(input, [...(readers.get(input) ?? []), node]);
  const written = new Set<Tensor>();
  for (const node of [...live].reverse()) {
    const own = readers.get(node) ?? [];
    const isRead = own.every((reader) => written.has(reader) && sameShape(reader.shape, node.shape));
    if (ops[node.op] !== undefined && !outside.has(node) && isRead && (own.length > 0 || assigned.has(node))) written.add(node);
  }
  return written;
}

/** Returns the views that a kernel reads point by point: all but those that only products read, where they lie. */
function readByPoint(graph: Graph, live: readonly Tensor[], stored: ReadonlySet<Tensor>): Tensor[] {
  const read = new Set<Tensor>();
  const follow = (value: Tensor): void => {
    for (let node = value; isView(node) && !read.has(node); node = node.inputs[0] as Tensor) read.add(node);
  };
  for (const node of live) {
    if (stored.has(node)) follow(node);
    if (!isView(node) && node.op !== "matmul") node.inputs.forEach(follow);
  }
  for (const value of graph.outputs.values()) follow(value);
  for (const effect of graph.effects) {
    if (effect.kind === "optimizer") Object.values({ ...effect.tensors, ...effect.scalars }).forEach(follow);
    else follow(effect.value);
    if (effect.kind === "put") follow(effect.index);
  }
  return live.filter((node) => read.has(node));
}
