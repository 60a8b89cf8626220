/**
 * Fusion: cuts a graph into kernels. All its rules: views and leaves are never computed on their own; a map with one consumer, or of at
 * most a dozen operations, is computed inside whoever reads it; same-shape siblings that share an operand become one kernel of
 * several outputs; a reduction takes the maps before it; a product takes views of its operands where they lie, the first map that reads it, and the
 * sum over the rows of its right operand.
 */
import { fail } from "../errors.ts";
import type { Effect, Graph, Tensor } from "./graph.ts";
import { ops } from "./ops.ts";
import type { ReduceOp } from "./plan.ts";
import { type Shape, sameShape, sizeOf } from "./shape.ts";
import { chooseStored } from "./stored.ts";
import { reachable, underViews } from "./views.ts";

/** Where a kernel's value goes: the buffer of a node, an output of the program, or a range of the state. */
export type Destination =
  | { readonly kind: "buffer"; readonly node: Tensor }
  | { readonly kind: "output"; readonly name: string }
  | { readonly kind: "part"; readonly pack: Tensor; readonly part: number }
  | { readonly kind: "state"; readonly leaf: Tensor };

/** A value that a kernel computes at each of its points, and where it goes. */
export interface Root {
  readonly value: Tensor;
  readonly destination: Destination;
  readonly op?: ReduceOp;
}

/** A kernel before its memory is known. */
export interface Spec {
  readonly family: "map" | "reduce" | "matmul" | "scatter" | "optimizer";
  /** The dims of the points it runs over. */
  readonly shape: Shape;
  /** Reduced dims, in a reduction. */
  readonly axes: readonly number[];
  readonly roots: readonly Root[];
  /** The product that a matmul computes. */
  readonly product?: Tensor;
  /** Where the column sums of its right operand go. */
  readonly sums?: Destination;
  readonly effect?: Effect;
  /** What keeps it from running, where it changes the state. */
  readonly unless?: Tensor;
}

/** The kernels in order, and the nodes whose elements lie in a buffer. */
export interface Fused {
  readonly specs: Spec[];
  readonly stored: ReadonlySet<Tensor>;
  /** Nodes whose buffer is not its own: an output of the program, or a part of a pack. */
  readonly homes: ReadonlyMap<Tensor, Destination>;
}

/** Returns the kernels of a traced graph. */
export function fuse(graph: Graph): Fused {
  const forced = new Set<Tensor>();
  for (;;) {
    const fused = cut(graph, forced);
    const hazard = findHazard(fused);
    if (hazard === undefined) return fused;
    const fresh = hazard.roots.map((root) => root.value).filter((value) => !forced.has(value));
    if (fresh.length === 0) {
      fail(
        "E_TRACE",
        "program: a range of the state is used after the same program changed it; expected all reads before, got a later one",
        {
          hint: "Read the state once and pass the new value on, or split the program in two.",
        },
      );
    }
    for (const value of fresh) forced.add(value);
  }
}

function cut(graph: Graph, forced: ReadonlySet<Tensor>): Fused {
  const live = reachable(graph);
  const stored = chooseStored(graph, live, forced);
  const homes = new Map<Tensor, Destination>();
  const specs: Spec[] = [];
  const map = (value: Tensor, destination: Destination): Spec => ({
    family: "map",
    shape: value.shape,
    axes: [],
    roots: [{ value, destination }],
  });

  const late: Spec[] = [];
  for (const [name, value] of graph.outputs) {
    const source = underViews(value, ["reshape", "detach"]);
    if (stored.has(source) && source.op !== "pack" && !homes.has(source)) homes.set(source, { kind: "output", name });
    else late.push(map(value, { kind: "output", name }));
  }
  const copies = new Map<Tensor, Spec[]>();
  for (const pack of live.filter((node) => node.op === "pack")) {
    const list: Spec[] = [];
    for (const [part, value] of pack.inputs.entries()) {
      const source = underViews(value, ["reshape", "detach"]);
      const destination: Destination = { kind: "part", pack, part };
      if (stored.has(source) && source.op !== "pack" && !homes.has(source)) homes.set(source, destination);
      else list.push(map(value, destination));
    }
    copies.set(pack, list);
  }
  for (const node of live) {
    if (!stored.has(node)) continue;
    const destination: Destination = { kind: "buffer", node };
    if (node.op === "pack") specs.push(...(copies.get(node) as Spec[]));
    else if (node.op === "reduce") {
      const value = node.inputs[0] as Tensor;
      const op = node.attributes.op as ReduceOp;
      specs.push({ family: "reduce", shape: value.shape, axes: node.attributes.axes as number[], roots: [{ value, destination, op }] });
    } else if (node.op === "matmul") {
      specs.push({ family: "matmul", shape: node.shape, axes: [], roots: [{ value: node, destination }], product: node });
    } else if (node.op === "scatterAdd") {
      const value = node.inputs[0] as Tensor;
      specs.push({ family: "scatter", shape: value.shape, axes: [], roots: [{ value, destination }] });
    } else specs.push(map(node, destination));
  }
  specs.push(...late);
  const condition = graph.unless && { unless: graph.unless };
  for (const effect of graph.effects) {
    if (effect.kind === "assign") specs.push({ ...map(effect.value, { kind: "state", leaf: effect.target }), ...condition });
    else if (effect.kind === "put") {
      specs.push({
        family: "scatter",
        shape: effect.value.shape,
        axes: [],
        roots: [{ value: effect.value, destination: { kind: "state", leaf: effect.target } }],
        effect,
        ...condition,
      });
    } else specs.push({ family: "optimizer", shape: (effect.tensors.params as Tensor).shape, axes: [], roots: [], effect, ...condition });
  }
  const merged = mergeSiblings(specs, stored, homes);
  return { specs: absorbSums(absorbProducts(merged, stored, homes), stored, homes), stored, homes };
}

/** Returns the stored nodes and state leaves that a kernel reads. */
export function readsOf(spec: Spec, stored: ReadonlySet<Tensor>): ReadonlySet<Tensor> {
  const known = knownReads.get(spec);
  if (known !== undefined) return known;
  const reads = new Set<Tensor>();
  const seen = new Set<Tensor>();
  const visit = (node: Tensor, asRoot: boolean): void => {
    if (!asRoot && (stored.has(node) || node.op === "state")) {
      reads.add(node);
      return;
    }
    if (seen.has(node)) return;
    seen.add(node);
    if (node.op === "state") reads.add(node);
    if (node !== spec.product) for (const input of node.inputs) visit(input, false);
  };
  for (const root of spec.roots) visit(root.value, root.destination.kind === "buffer" && root.destination.node === root.value);
  for (const operand of spec.product?.inputs ?? []) visit(operand, false);
  if (spec.effect?.kind === "put") visit(spec.effect.index, false);
  if (spec.unless !== undefined) visit(spec.unless, false);
  if (spec.family === "scatter" && spec.effect === undefined) {
    for (const { destination: d } of spec.roots) if (d.kind === "buffer") visit(d.node.inputs[1] as Tensor, false);
  }
  if (spec.effect?.kind === "optimizer")
    for (const t of [...Object.values(spec.effect.tensors), ...Object.values(spec.effect.scalars)]) visit(t, false);
  if (spec.product !== undefined) reads.delete(spec.product);
  knownReads.set(spec, reads);
  return reads;
}

/** Kernels do not change once made, so what they read is found once. */
const knownReads = new WeakMap<Spec, ReadonlySet<Tensor>>();

/** Returns the stored nodes and state leaves that a kernel writes. */
export function writesOf(spec: Spec): Tensor[] {
  if (spec.effect?.kind === "optimizer") {
    return Object.entries(spec.effect.tensors).flatMap(([name, tensor]) => (name === "grads" ? [] : [tensor]));
  }
  const destinations = [...spec.roots.map((root) => root.destination), ...(spec.sums === undefined ? [] : [spec.sums])];
  return destinations.flatMap((d) => (d.kind === "buffer" ? [d.node] : d.kind === "state" ? [d.leaf] : d.kind === "part" ? [d.pack] : []));
}

/** Returns whether two nodes share memory: the same node, or state ranges that overlap. */
function overlaps(a: Tensor, b: Tensor): boolean {
  if (a === b) return true;
  if (a.op !== "state" || b.op !== "state" || a.attributes.arena !== b.attributes.arena) return false;
  const range = (t: Tensor): [number, number] => {
    const start = t.attributes.byteOffset as number;
    const rows = t.shape[0] ?? 1;
    const stride = (t.attributes.rowStride as number | undefined) ?? sizeOf(t.shape) / Math.max(1, rows);
    return [start, start + rows * stride * (t.attributes.storage === "u8" ? 1 : 4)];
  };
  const [aStart, aEnd] = range(a);
  const [bStart, bEnd] = range(b);
  return aStart < bEnd && bStart < aEnd;
}

const clash = (some: Iterable<Tensor>, others: Iterable<Tensor>): boolean => [...some].some((a) => [...others].some((b) => overlaps(a, b)));

/** Returns what a kernel writes, and the packs that parts of it lie in: who reads these reads them. */
function placesOf(spec: Spec, homes: Fused["homes"]): Tensor[] {
  return writesOf(spec).flatMap((node) => {
    const home = homes.get(node);
    return home?.kind === "part" ? [node, home.pack] : [node];
  });
}

function mergeSiblings(specs: readonly Spec[], stored: ReadonlySet<Tensor>, homes: Fused["homes"]): Spec[] {
  const merged: Spec[] = [];
  const [read, written] = [new LastUse(), new LastUse()];
  const readers = new Map<Tensor, number[]>();
  for (const spec of specs) {
    const reads = readsOf(spec, stored);
    const writes = placesOf(spec, homes);
    // A later kernel may move up to one behind every writer of what it reads, and not before a reader or writer of what it writes; it
    // may join the last of them where each reads what the other sets at its own points alone, as loads come before stores.
    const [behind, before] = [written.of(reads), read.of(writes)];
    const floor = Math.max(behind, before, written.of(writes));
    const candidates = ["map", "reduce"].includes(spec.family) ? [...reads].flatMap((node) => readers.get(node) ?? []) : [];
    const fits = (at: number): boolean => {
      const other = merged[at] as Spec;
      return (
        at >= floor &&
        other.family === spec.family &&
        other.unless === spec.unless &&
        sameShape(other.shape, spec.shape) &&
        sameShape(other.axes, spec.axes) &&
        (at > behind || readsInPlace(spec, other, stored)) &&
        (at > before || readsInPlace(other, spec, stored))
      );
    };
    const home = candidates.filter(fits).reduce((a, b) => Math.min(a, b), merged.length);
    const other = merged[home];
    merged[home] = other === undefined ? spec : { ...other, roots: [...other.roots, ...spec.roots] };
    read.note(reads, home);
    written.note(writes, home);
    for (const node of reads) readers.set(node, [...(readers.get(node) ?? []), home]);
  }
  return merged;
}

/** The last kernel to use each node; ranges of the state that overlap count as one. */
class LastUse {
  readonly #at = new Map<Tensor, number>();
  readonly #states = new Set<Tensor>();

  note(nodes: Iterable<Tensor>, kernel: number): void {
    for (const node of nodes) {
      this.#at.set(node, Math.max(kernel, this.#at.get(node) ?? -1));
      if (node.op === "state") this.#states.add(node);
    }
  }

  of(nodes: Iterable<Tensor>): number {
    let last = -1;
    for (const node of nodes) {
      last = Math.max(last, this.#at.get(node) ?? -1);
      if (node.op === "state")
        for (const state of this.#states) if (overlaps(node, state)) last = Math.max(last, this.#at.get(state) ?? -1);
    }
    return last;
  }
}

function absorbProducts(specs: readonly Spec[], stored: ReadonlySet<Tensor>, homes: ReadonlyMap<Tensor, Destination>): Spec[] {
  const list: (Spec | undefined)[] = [...specs];
  const readersOf = new Map<Tensor, number[]>();
  for (const [j, spec] of specs.entries())
    for (const node of readsOf(spec, stored)) readersOf.set(node, [...(readersOf.get(node) ?? []), j]);
  for (const [i, spec] of specs.entries()) {
    const { product } = spec;
    if (product === undefined || list[i] !== spec) continue;
    const readers = readersOf.get(product) ?? [];
    const first = readers[0];
    const epilogue = first === undefined ? undefined : (list[first] as Spec);
    if (first === undefined || epilogue === undefined || epilogue.family !== "map" || epilogue.unless !== undefined) continue;
    if (!sameShape(epilogue.shape, product.shape)) continue;
    // A product that is part of a pack must be there when the pack is read.
    const home = homes.get(product);
    if (home?.kind === "part" && (readersOf.get(home.pack) ?? []).some((reader) => reader < first)) continue;
    // The product lies where the first output goes before the rest is computed, so that must not be a range the rest may read.
    if (epilogue.roots.some(({ destination }) => destination.kind === "state")) continue;
    if (!epilogue.roots.every((root) => onlyElementwise(root.value, product, stored))) continue;
    const [raw] = spec.roots as [Root];
    const exposed = homes.has(product) || readers.length > 1 || epilogue.roots[0]?.value.dtype !== "f32";
    list[first] = { ...epilogue, family: "matmul", product, roots: exposed ? [raw, ...epilogue.roots] : epilogue.roots };
    list[i] = undefined;
  }
  return list.filter((spec) => spec !== undefined);
}

/** Lets a product that comes later sum the columns of its right operand on its way: a weight's gradient brings its bias's. */
function absorbSums(specs: readonly Spec[], stored: ReadonlySet<Tensor>, homes: Fused["homes"]): Spec[] {
  const list: (Spec | undefined)[] = [...specs];
  for (const [i, spec] of specs.entries()) {
    const [root, ...others] = spec.roots;
    if (spec.family !== "reduce" || others.length > 0 || root?.op !== "sum" || spec.shape.length !== 2 || spec.axes.join() !== "0")
      continue;
    const fits = (other: Spec | undefined): boolean =>
      other?.product?.inputs[1] === root.value && other.sums === undefined && sizeOf(other.shape) > 0;
    const j = list.findIndex((other, at) => at > i && fits(other));
    const product = list[j];
    // Nobody may want the sums before the product comes.
    const places = placesOf(spec, homes);
    if (product === undefined || list.slice(i + 1, j).some((other) => other !== undefined && clash(readsOf(other, stored), places)))
      continue;
    list[j] = { ...product, sums: root.destination };
    list[i] = undefined;
  }
  return list.filter((spec) => spec !== undefined);
}

/** Returns whether a kernel reads of what another sets only ranges of the state, each at its own points. */
function readsInPlace(reader: Spec, writer: Spec, stored: ReadonlySet<Tensor>): boolean {
  const reads = [...readsOf(reader, stored)];
  return writesOf(writer).every((set) =>
    reads.every(
      (node) =>
        !overlaps(node, set) ||
        (node === set && node.op === "state" && reader.roots.every((root) => onlyElementwise(root.value, node, stored))),
    ),
  );
}

/** Returns whether every way from `root` to `source` inside one kernel goes through elementwise operations only. */
function onlyElementwise(root: Tensor, source: Tensor, stored: ReadonlySet<Tensor>): boolean {
  const seen = { straight: new Set<Tensor>(), moved: new Set<Tensor>() };
  const visit = (node: Tensor, way: keyof typeof seen): boolean => {
    if (node === source) return way === "straight";
    if (seen[way].has(node) || (node !== root && stored.has(node))) return true;
    seen[way].add(node);
    const next = ops[node.op] === undefined ? "moved" : way;
    return node.inputs.every((input) => visit(input, next));
  };
  return visit(root, "straight");
}

/** Returns a kernel that would read state after an earlier one changed it; its values must be stored before. */
function findHazard({ specs, stored }: Fused): Spec | undefined {
  const changed: Tensor[] = [];
  for (const spec of specs) {
    const states = [...readsOf(spec, stored)].filter((node) => node.op === "state");
    if (clash(states, changed)) return spec;
    changed.push(...writesOf(spec).filter((node) => node.op === "state"));
  }
  return undefined;
}
