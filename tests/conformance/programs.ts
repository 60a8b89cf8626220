/** Seeded random programs: graphs of every primitive, views and broadcasts between them, several outputs. */
import type { Graph, Tensor } from "../../src/program/graph.ts";
import { type Shape, sizeOf } from "../../src/program/shape.ts";
import * as t from "../../src/program/tensor.ts";
import type { RandomStream } from "../../src/random.ts";

/** A program and what feeds it. */
export interface RandomProgram {
  readonly build: (graph: Graph) => void;
  readonly inputs: Record<string, Float32Array>;
}

/** What was drawn for one program, so that it can be recorded twice alike. */
type Move = (graph: Graph, known: Tensor[]) => Tensor;

/** Returns a program of `length` operations whose values stay moderate. */
export function randomProgram(random: RandomStream, length: number): RandomProgram {
  const pick = <T>(items: readonly T[]): T => items[random.below(items.length)] as T;
  const shapes: Shape[] = Array.from({ length: 3 }, () =>
    Array.from({ length: random.below(4) }, () => (random.below(20) === 0 ? 0 : pick([1, 2, 3, 4, 5, 8]))),
  );
  const inputs = Object.fromEntries(
    shapes.map((shape, i) => [`in${i}`, Float32Array.from({ length: sizeOf(shape) }, () => 2 * random.uniform() - 1)]),
  );
  // Shapes of what is known so far decide which moves are legal, so they are tracked beside the moves.
  const known: Shape[] = [...shapes];
  const moves: Move[] = [];
  const used: boolean[] = shapes.map(() => false);
  while (moves.length < length) {
    const i = random.below(known.length);
    const j = random.below(known.length);
    const [a, b] = [known[i], known[j]] as [Shape, Shape];
    const made = pick([unary, unary, binary, binary, binary, view, view, fold, product])(a, b, i, j);
    if (made === undefined || sizeOf(made.shape) > 4096) continue;
    moves.push(made.move);
    known.push(made.shape);
    used.push(false);
    used[i] = true;
  }

  type Made = { shape: Shape; move: Move } | undefined;
  function unary(a: Shape, _: Shape, i: number): Made {
    const f = pick([
      t.neg,
      t.abs,
      t.tanh,
      t.sin,
      (x: Tensor) => t.mul(x, 0.5),
      (x: Tensor) => t.exp(t.minimum(x, 1)),
      (x: Tensor) => t.sqrt(t.add(t.square(x), 0.1)),
    ]);
    return { shape: a, move: (_g, all) => f(all[i] as Tensor) };
  }
  function binary(a: Shape, b: Shape, i: number, j: number): Made {
    const rank = Math.max(a.length, b.length);
    const dim = (s: Shape, d: number): number => s[s.length - rank + d] ?? 1;
    const pairs = Array.from({ length: rank }, (_, d) => [dim(a, d), dim(b, d)] as const);
    if (pairs.some(([m, n]) => m !== n && m !== 1 && n !== 1)) return undefined;
    const f = pick([t.add, t.sub, t.mul, t.maximum, t.minimum, (x: Tensor, y: Tensor) => t.select(t.less(x, y), t.add(x, x), t.mul(y, 2))]);
    return { shape: pairs.map(([m, n]) => (m === 1 ? n : m)), move: (_g, all) => f(all[i] as Tensor, all[j] as Tensor) };
  }
  function view(a: Shape, _: Shape, i: number): Made {
    const kind = random.below(4);
    if (kind === 0) {
      const order = random.shuffle([...a.keys()]);
      return { shape: order.map((d) => a[d] as number), move: (_g, all) => t.permute(all[i] as Tensor, order) };
    }
    if (kind === 1) {
      const shape = pick([[sizeOf(a)], [1, ...a], [...a, 1], a.length > 1 ? [(a[0] as number) * (a[1] as number), ...a.slice(2)] : a]);
      const halves = sizeOf(a) % 2 === 0 ? [2, sizeOf(a) / 2] : shape;
      const to = random.below(3) === 0 ? halves : shape;
      return { shape: to, move: (_g, all) => t.reshape(all[i] as Tensor, to) };
    }
    if (kind === 2 && a.length > 0) return window(a, i);
    const shape = a.map((n) => (n === 1 ? pick([1, 3]) : n));
    return { shape, move: (_g, all) => t.expand(all[i] as Tensor, shape) };
  }
  function window(a: Shape, i: number): Made {
    const axis = random.below(a.length);
    const n = a[axis] as number;
    if (n === 0) return undefined;
    const only = (value: number): number[] => a.map((_, d) => (d === axis ? value : 0));
    const resized = (size: number): number[] => a.map((m, d) => (d === axis ? size : m));
    const [low, high, start, stride, dilation] = [
      random.below(3),
      random.below(3),
      random.below(n),
      1 + random.below(2),
      1 + random.below(2),
    ];
    const size = 1 + random.below(Math.min(n - start, 3));
    const count = Math.floor((n - dilation * (size - 1) - 1) / stride) + 1;
    switch (random.below(4)) {
      case 0:
        return { shape: resized(n + low + high), move: (_g, all) => t.pad(all[i] as Tensor, only(low), only(high)) };
      case 1:
        return { shape: resized(size), move: (_g, all) => t.slice(all[i] as Tensor, only(start), resized(size)) };
      case 2:
        if (count < 1) return undefined;
        return {
          shape: [...a.slice(0, axis), count, size, ...a.slice(axis + 1)],
          move: (_g, all) => t.unfold(all[i] as Tensor, axis, size, { stride, dilation }),
        };
      default:
        return { shape: resized(2 * n), move: (_g, all) => t.concat([all[i] as Tensor, t.neg(all[i] as Tensor)], axis) };
    }
  }
  function fold(a: Shape, _: Shape, i: number): Made {
    if (a.length === 0) return undefined;
    const axis = random.below(a.length);
    const keepDims = random.below(2) === 0;
    // Of nothing there is a sum alone.
    const f = a[axis] === 0 ? t.sum : pick([t.mean, t.max]);
    return {
      shape: a.flatMap((n, d) => (d !== axis ? [n] : keepDims ? [1] : [])),
      move: (_g, all) => f(all[i] as Tensor, axis, { keepDims }),
    };
  }
  function product(a: Shape, b: Shape, i: number, j: number): Made {
    if (a.length !== 2 || b.length !== 2) return undefined;
    const [m, k] = a as [number, number];
    const [p, n] = b as [number, number];
    const scale = 1 / Math.sqrt(Math.max(1, k));
    if (k === p) return { shape: [m, n], move: (_g, all) => t.mul(t.matmul(all[i] as Tensor, all[j] as Tensor), scale) };
    if (k === n) return { shape: [m, p], move: (_g, all) => t.mul(t.matmul(all[i] as Tensor, t.transpose(all[j] as Tensor)), scale) };
    if (m === p) return { shape: [k, n], move: (_g, all) => t.mul(t.matmul(t.transpose(all[i] as Tensor), all[j] as Tensor), scale) };
    return undefined;
  }

  return {
    inputs,
    build(graph) {
      const all = shapes.map((shape, i) => graph.input(`in${i}`, shape, "f32"));
      for (const move of moves) all.push(move(graph, all));
      const outputs = all.filter((node, i) => i >= shapes.length && (!used[i] || i % 5 === 0) && node.dtype === "f32");
      for (const [i, node] of outputs.entries()) graph.outputs.set(`out${i}`, node);
    },
  };
}
