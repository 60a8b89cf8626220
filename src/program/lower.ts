/** Lowering: fused kernels and their layout become the plan's plain data. */
import { type Destination, type Fused, fuse, type Root, type Spec } from "./fuse.ts";
import type { Graph, Tensor } from "./graph.ts";
import { type Layout, layOut, type Place, partPlace } from "./layout.ts";
import { ops } from "./ops.ts";
import type { Access, Body, Instruction, Kernel, OptimizerKernel, Output, Plan, Storage } from "./plan.ts";
import { denseStrides, type Shape, sizeOf } from "./shape.ts";
import { collapse } from "./squeeze.ts";
import { verify } from "./verify.ts";
import { type Affine, bufferWalk, combine, identity, isBufferLeaf, isView, throughView, type Walk } from "./views.ts";

/** Returns the verified plan of a traced graph. @throws E_PLAN on a bug in the steps before */
export function lower(graph: Graph): Plan {
  const fused = fuse(graph);
  const layout = layOut(graph, fused);
  const kernels = fused.specs.filter((spec) => !isIdle(spec));
  const lowered = kernels.flatMap((spec) => {
    const kernel = collapse(lowerSpec(spec, fused, layout));
    if (kernel === undefined) return [];
    return spec.unless === undefined ? [kernel] : [{ ...kernel, unless: conditionAccess(spec.unless, fused, layout) }];
  });
  return verify({ kernels: lowered, bytes: arenaBytes(graph, layout), inputs: layout.inputs, outputs: layout.outputs });
}

/** Returns where the one element of a condition lies. */
function conditionAccess(unless: Tensor, fused: Fused, layout: Layout): Access {
  return new BodyBuilder(fused, layout, 0, undefined).bufferAccess(
    unless,
    unless.shape.map(() => ({ offset: 0, strides: [] })),
  );
}

/** Whether a kernel has nothing to store; folds and sums over rows store zeros even where there is nothing to add. */
function isIdle({ family, roots, effect }: Spec): boolean {
  if (family === "optimizer" || family === "reduce") return false;
  return roots.every(({ value, destination }) => {
    const sums = family === "scatter" && effect === undefined && destination.kind === "buffer";
    return sizeOf(sums ? destination.node.shape : value.shape) === 0;
  });
}

function lowerSpec(spec: Spec, fused: Fused, layout: Layout): Kernel {
  const label = labelOf(spec);
  if (spec.effect?.kind === "optimizer") return lowerOptimizer(spec.effect, label, fused, layout);
  // The points of a reduction run over kept dims first; those of a product over [batch, m, n].
  const order = [...spec.shape.keys()].filter((d) => !spec.axes.includes(d)).concat(spec.axes);
  const lead = spec.family === "matmul" ? 3 - spec.shape.length : 0;
  const rank = spec.shape.length + lead;
  const index: Affine[] = spec.shape.map((_, d) => ({
    offset: 0,
    strides: Array.from({ length: rank }, (__, i) => (i === order.indexOf(d) + lead ? 1 : 0)),
  }));
  const dims = [...new Array<number>(lead).fill(1), ...order.map((d) => spec.shape[d] as number)];
  const body = new BodyBuilder(fused, layout, rank, spec.product);
  const values = spec.roots.map((root) => body.value(root.value, index, isOwn(root)));
  const outputs = spec.roots.map(
    (root, i): Output => ({ value: values[i] as number, access: outputAccess(root, index, rank, spec, layout) }),
  );

  if (spec.family === "reduce") {
    const folds = outputs.map((output, i) => ({ ...output, op: (spec.roots[i] as Root).op as "sum" | "max" }));
    return { family: "reduce", label, dims, kept: rank - spec.axes.length, ...body.done(), outputs: folds };
  }
  if (spec.family === "scatter" && spec.effect === undefined) {
    // The values [...index, ...row] of a sum over rows, into the dense node [rows, ...row].
    const [{ destination }] = spec.roots as [Root];
    const node = (destination as Extract<Destination, { kind: "buffer" }>).node;
    const rows = node.inputs[1] as Tensor;
    const split = rows.shape.length;
    const at = body.rowAccess(node, index.slice(split));
    const gather = { index: body.bufferAccess(rows, index.slice(0, split)), stride: rowStride(node), size: node.shape[0] as number };
    return { family: "scatter", mode: "add", label, dims, ...body.done(), value: values[0] as number, target: { ...at, gather } };
  }
  if (spec.effect?.kind === "put") {
    const { target, index: rows } = spec.effect;
    const [value] = values as [number];
    const at = body.rowAccess(target, index.slice(rows.shape.length));
    const gather = {
      index: body.bufferAccess(rows, index.slice(0, rows.shape.length)),
      stride: rowStride(target),
      size: target.shape[0] as number,
    };
    return { family: "scatter", mode: "put", label, dims, ...body.done(), value, target: { ...at, gather } };
  }
  if (spec.product !== undefined) {
    const [a, b] = spec.product.inputs as [Tensor, Tensor];
    const operand = (t: Tensor): Access => {
      const walk = body.bufferAccess(t, identity(t.shape), t.shape.length);
      return { ...walk, strides: [...new Array<number>(lead).fill(0), ...walk.strides] };
    };
    return {
      family: "matmul",
      label,
      dims: dims as [number, number, number],
      k: a.shape.at(-1) as number,
      a: operand(a),
      b: operand(b),
      ...(spec.sums && { sums: sumsAccess(spec.sums, b.shape, lead, layout) }),
      ...body.done(),
      outputs,
    };
  }
  return { family: "map", label, dims, ...body.done(), outputs };
}

const isOwn = (root: Root): boolean => root.destination.kind === "buffer" && root.destination.node === root.value;
const rowStride = (table: Tensor): number => (table.attributes.rowStride as number | undefined) ?? sizeOf(table.shape.slice(1));
const storageOf = (node: Tensor): Storage => (node.op === "state" ? (node.attributes.storage as Storage) : node.dtype);
const elementBytes = (storage: Storage): number => (storage === "u8" ? 1 : 4);

/** Collects what one kernel loads and computes; equal values at equal points are one. */
class BodyBuilder {
  readonly #fused: Fused;
  readonly #layout: Layout;
  readonly #rank: number;
  readonly #product: Tensor | undefined;
  readonly #accesses: Access[] = [];
  readonly #instructions: Instruction[] = [];
  readonly #known = new Map<string, number>();

  constructor(fused: Fused, layout: Layout, rank: number, product: Tensor | undefined) {
    this.#fused = fused;
    this.#layout = layout;
    this.#rank = rank;
    this.#product = product;
  }

  done(): Body {
    return { accesses: this.#accesses, instructions: this.#instructions };
  }

  /** Returns the position of the value of `node` at `index`; `own` computes a stored node rather than loading it. */
  value(node: Tensor, index: readonly Affine[], own = false): number {
    if (node === this.#product) return this.#add({ op: "product", dtype: "f32" });
    if (!own && this.#isBuffer(node)) return this.#load(this.bufferAccess(node, index), node);
    if (isView(node)) {
      const isBuffer = (other: Tensor): boolean => !(own && other === node) && this.#isBuffer(other);
      const walk = bufferWalk(node, index, this.#rank, isBuffer);
      const source = this.#sourceOf(own ? (node.inputs[0] as Tensor) : node);
      if (walk !== undefined && source !== this.#product && this.#isBuffer(source)) return this.#load(this.#at(source, walk), node);
      return this.value(node.inputs[0] as Tensor, throughView(node, index, this.#rank) as Affine[]);
    }
    if (isBufferLeaf(node)) return this.#load(this.bufferAccess(node, index), node);
    const flat = (): Affine => combine(index, denseStrides(node.shape), this.#rank);
    switch (node.op) {
      case "const":
        return this.#add({ op: "const", value: node.attributes.value as number, dtype: node.dtype });
      case "iota":
        return this.#add({ op: "iota", ...flat(), dtype: "u32" });
      case "random":
        return this.#add({ op: "random", words: (this.#layout.places.get(node) as Place).byteOffset / 4, ...flat(), dtype: "u32" });
      case "gather": {
        const [table, rows] = node.inputs as [Tensor, Tensor];
        const split = rows.shape.length;
        const at = this.rowAccess(table, index.slice(split));
        const gather = { index: this.bufferAccess(rows, index.slice(0, split)), stride: rowStride(table), size: table.shape[0] as number };
        return this.#load({ ...at, gather }, node);
      }
      default: {
        const args = node.inputs.map((input) => this.value(input, index));
        return this.#add({ op: "apply", name: node.op, args, dtype: node.dtype });
      }
    }
  }

  /** Returns how the buffer under `node` (itself or views of it) is walked at `index`. */
  bufferAccess(node: Tensor, index: readonly Affine[], rank: number = this.#rank): Access {
    return this.#at(this.#sourceOf(node), bufferWalk(node, index, rank, this.#isBuffer) as Affine);
  }

  /** Returns how the rows of `table` are walked by the dims after the first. */
  rowAccess(table: Tensor, index: readonly Affine[]): Access {
    return this.#at(table, combine(index, denseStrides(table.shape.slice(1)), this.#rank));
  }

  readonly #isBuffer = (node: Tensor): boolean => isBufferLeaf(node) || (this.#fused.stored.has(node) && node !== this.#product);

  #sourceOf(node: Tensor): Tensor {
    let source = node;
    while (isView(source) && !this.#isBuffer(source)) source = source.inputs[0] as Tensor;
    return source;
  }

  #at(source: Tensor, { bounds, ...walk }: Walk): Access {
    const access = this.#placed(source, walk);
    return bounds === undefined || bounds.length === 0 ? access : { ...access, bounds };
  }

  #placed(source: Tensor, walk: Affine): Access {
    const storage = storageOf(source);
    const place = this.#layout.places.get(source);
    if (place !== undefined)
      return { arena: place.arena, storage: source.dtype, offset: place.byteOffset / 4 + walk.offset, strides: walk.strides };
    const start = (source.attributes.byteOffset as number) / elementBytes(storage);
    return { arena: source.attributes.arena as "state" | "rows", storage, offset: start + walk.offset, strides: walk.strides };
  }

  #load(access: Access, node: Tensor): number {
    const key = JSON.stringify(access);
    let position = this.#accesses.findIndex((other) => JSON.stringify(other) === key);
    if (position < 0) position = this.#accesses.push(access) - 1;
    return this.#add({ op: "load", access: position, dtype: node.dtype });
  }

  #add(instruction: Instruction): number {
    const key = JSON.stringify(instruction);
    let position = this.#known.get(key);
    if (position === undefined) {
      position = this.#instructions.push(instruction) - 1;
      this.#known.set(key, position);
    }
    return position;
  }
}

function outputAccess(root: Root, index: readonly Affine[], rank: number, spec: Spec, layout: Layout): Access {
  const { destination: d, value } = root;
  if (d.kind === "state") {
    const storage = storageOf(d.leaf);
    const strides = denseStrides(d.leaf.shape);
    if (strides.length > 0) strides[0] = rowStride(d.leaf);
    const walk = spec.effect?.kind === "put" ? combine([], [], rank) : combine(index, strides, rank);
    return {
      arena: d.leaf.attributes.arena as "state" | "rows",
      storage,
      offset: (d.leaf.attributes.byteOffset as number) / elementBytes(storage) + walk.offset,
      strides: walk.strides,
    };
  }
  const place = placeOf(d, layout);
  const kept = spec.shape.map((n, dim) => (spec.axes.includes(dim) ? 1 : n));
  const strides = denseStrides(kept).map((stride, dim) => (spec.axes.includes(dim) ? 0 : stride));
  return { arena: place.arena, storage: value.dtype, offset: place.byteOffset / 4, strides: combine(index, strides, rank).strides };
}

/** Returns the walk of the column sums of a right operand [.., k, n] over [batch, m, n]. */
function sumsAccess(destination: Destination, shape: Shape, lead: number, layout: Layout): Access {
  const place = placeOf(destination as Exclude<Destination, { kind: "state" }>, layout);
  return { arena: place.arena, storage: "f32", offset: place.byteOffset / 4, strides: [lead === 1 ? 0 : (shape.at(-1) as number), 0, 1] };
}

function placeOf(d: Exclude<Destination, { kind: "state" }>, layout: Layout): Place {
  if (d.kind === "part") return partPlace(d, layout.places);
  if (d.kind === "buffer") return layout.places.get(d.node) as Place;
  const slot = layout.outputs.find((output) => output.name === d.name);
  return { arena: "io", byteOffset: slot?.byteOffset as number };
}

function lowerOptimizer(
  effect: Extract<Spec["effect"], { kind: "optimizer" }>,
  label: string,
  fused: Fused,
  layout: Layout,
): OptimizerKernel {
  const count = sizeOf((effect.tensors.params as Tensor).shape);
  const flat = new BodyBuilder(fused, layout, 1, undefined);
  const access = (tensor: Tensor): Access => flat.bufferAccess(tensor, identity(tensor.shape));
  const scalar = (tensor: Tensor): Access => ({
    ...flat.bufferAccess(
      tensor,
      tensor.shape.map(() => ({ offset: 0, strides: [0] })),
    ),
    strides: [0],
  });
  return {
    family: "optimizer",
    name: effect.name,
    label,
    count,
    tensors: Object.fromEntries(Object.entries(effect.tensors).map(([name, tensor]) => [name, access(tensor)])),
    scalars: Object.fromEntries(Object.entries(effect.scalars).map(([name, tensor]) => [name, scalar(tensor)])),
    flags: effect.flags,
  };
}

function labelOf(spec: Spec): string {
  if (spec.effect?.kind === "optimizer") return `${spec.effect.name} ${(spec.effect.tensors.params as Tensor).attributes.name}`;
  const names = spec.roots.map(({ destination: d, value }) => {
    if (d.kind === "state") return `${d.leaf.attributes.name}`;
    if (d.kind === "output") return d.name;
    return ops[value.op] === undefined && !isOwn({ value, destination: d }) ? "value" : value.op;
  });
  return [...new Set(names)].join("+");
}

function arenaBytes(graph: Graph, layout: Layout): Plan["bytes"] {
  const bytes = { state: 0, rows: 0, io: layout.ioBytes, work: layout.workBytes };
  for (const node of graph.nodes) {
    if (node.op !== "state") continue;
    const rows = node.shape[0] ?? 1;
    const length = (node.shape.length === 0 ? 1 : rows * rowStride(node)) * elementBytes(storageOf(node));
    const arena = node.attributes.arena as "state" | "rows";
    bytes[arena] = Math.max(bytes[arena], Math.ceil(((node.attributes.byteOffset as number) + length) / 4) * 4);
  }
  return bytes;
}
