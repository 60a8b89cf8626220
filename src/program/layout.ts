/** Where every buffer of a program lies: io slots in order, temporaries packed by lifetime. */
import { type Destination, type Fused, readsOf, type Spec, writesOf } from "./fuse.ts";
import type { Graph, Tensor } from "./graph.ts";
import type { Slot } from "./plan.ts";
import { type Shape, sizeOf } from "./shape.ts";

/** A place in an arena. */
export interface Place {
  readonly arena: "io" | "work";
  readonly byteOffset: number;
}

/** The places of a program's nodes, inputs and outputs. */
export interface Layout {
  readonly places: ReadonlyMap<Tensor, Place>;
  readonly inputs: readonly Slot[];
  readonly outputs: readonly Slot[];
  readonly ioBytes: number;
  readonly workBytes: number;
}

const ALIGN = 16;
const align = (bytes: number): number => Math.ceil(bytes / ALIGN) * ALIGN;
const bytesOf = (shape: Shape): number => 4 * sizeOf(shape);

/** Returns the layout of a fused program. */
export function layOut(graph: Graph, fused: Fused): Layout {
  let io = 0;
  const slot = (name: string, shape: Shape, dtype: "f32" | "u32"): Slot => {
    const made = { name, dtype, shape, byteOffset: io };
    io += align(bytesOf(shape));
    return made;
  };
  const places = new Map<Tensor, Place>();
  const inputs: Slot[] = [];
  const streams = new Map<string, Place>();
  const leaves = graph.nodes.filter((node) => ["input", "scalar", "random"].includes(node.op));
  for (const op of ["input", "scalar", "random"]) {
    for (const node of leaves) {
      if (node.op !== op) continue;
      const name = op === "random" ? `random/${node.attributes.stream}` : (node.attributes.name as string);
      const known = streams.get(name);
      const place: Place = known ?? { arena: "io", byteOffset: io };
      if (known === undefined) inputs.push(slot(name, op === "random" ? [4] : node.shape, op === "random" ? "u32" : node.dtype));
      if (op === "random") streams.set(name, place);
      places.set(node, place);
    }
  }
  const outputs = [...graph.outputs].map(([name, value]) => slot(name, value.shape, value.dtype));
  const outputPlace = (name: string): Place => ({ arena: "io", byteOffset: (outputs.find((o) => o.name === name) as Slot).byteOffset });

  for (const [node, home] of fused.homes) if (home.kind === "output") places.set(node, outputPlace(home.name));
  const workBytes = packByLifetime(fused, places);
  for (const [node, home] of fused.homes) if (home.kind === "part") places.set(node, partPlace(home, places));
  return { places, inputs, outputs, ioBytes: io, workBytes };
}

/** Returns where a part of a pack lies. */
export function partPlace(home: Extract<Destination, { kind: "part" }>, places: ReadonlyMap<Tensor, Place>): Place {
  const { arena, byteOffset } = places.get(home.pack) as Place;
  const before = home.pack.inputs.slice(0, home.part).reduce((sum, part) => sum + bytesOf(part.shape), 0);
  return { arena, byteOffset: byteOffset + before };
}

/** Greedy by size (Pisarchyk & Lee 2020, arXiv 2001.03288): large buffers first, each at the lowest gap its lifetime leaves. */
function packByLifetime(fused: Fused, places: Map<Tensor, Place>): number {
  const owner = (node: Tensor): Tensor => {
    const home = fused.homes.get(node);
    return home?.kind === "part" ? home.pack : node;
  };
  const lives = new Map<Tensor, { first: number; last: number }>();
  fused.specs.forEach((spec: Spec, time) => {
    for (const node of [...readsOf(spec, fused.stored), ...writesOf(spec)].map(owner)) {
      if (!fused.stored.has(node) || places.has(node)) continue;
      const life = lives.get(node) ?? { first: time, last: time };
      lives.set(node, { first: life.first, last: time });
    }
  });
  const placed: { start: number; end: number; first: number; last: number }[] = [];
  let top = 0;
  for (const [node, { first, last }] of [...lives].sort(([a], [b]) => bytesOf(b.shape) - bytesOf(a.shape) || a.id - b.id)) {
    const size = align(bytesOf(node.shape));
    let start = 0;
    for (const other of placed.filter((p) => p.first <= last && first <= p.last).sort((a, b) => a.start - b.start)) {
      if (other.start >= start + size) break;
      start = Math.max(start, other.end);
    }
    placed.push({ start, end: start + size, first, last });
    places.set(node, { arena: "work", byteOffset: start });
    top = Math.max(top, start + size);
  }
  return top;
}
