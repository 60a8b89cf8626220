/** Chains of views, recorded in a program and told as closures: the slow, obvious meaning of an element. */
import fc from "fast-check";
import type { Tensor } from "../../src/program/graph.ts";
import { denseStrides, type Shape, sizeOf } from "../../src/program/shape.ts";
import * as t from "../../src/program/tensor.ts";

/** An array as a function of its indices. */
export interface Model {
  readonly shape: Shape;
  readonly at: (point: readonly number[]) => number;
}

/** A view, as a program records it and as it reads the array below it. */
export interface View {
  readonly name: string;
  readonly record: (x: Tensor) => Tensor;
  readonly model: (x: Model) => Model;
}

/** Returns the indices of every element of a shape, in row-major order. */
function pointsOf(shape: Shape): number[][] {
  const strides = denseStrides(shape);
  return Array.from({ length: sizeOf(shape) }, (_, i) => strides.map((stride, d) => Math.floor(i / stride) % (shape[d] as number)));
}

/** Returns the array of flat elements. */
export function modelOf(shape: Shape, values: ArrayLike<number>): Model {
  const strides = denseStrides(shape);
  return { shape, at: (point) => values[point.reduce((sum, i, d) => sum + i * (strides[d] as number), 0)] as number };
}

/** Returns the elements of an array, flat. */
export const elementsOf = ({ shape, at }: Model): number[] => pointsOf(shape).map(at);

const inside = (shape: Shape, point: readonly number[]): boolean => point.every((i, d) => i >= 0 && i < (shape[d] as number));

/** Views of a shape, by kind: what random numbers choose among. */
const makers: readonly ((shape: Shape, pick: (n: number) => number) => View)[] = [
  (shape, pick) => {
    const left = [...shape.keys()];
    const order = shape.map(() => left.splice(pick(left.length), 1)[0] as number);
    return {
      name: `permute ${order}`,
      record: (x) => t.permute(x, order),
      model: (x) => ({
        shape: order.map((d) => x.shape[d] as number),
        at: (point) => x.at(order.map((_, d) => point[order.indexOf(d)] as number)),
      }),
    };
  },
  (shape, pick) => {
    const size = sizeOf(shape);
    const divisors = [...Array(size).keys()].map((n) => n + 1).filter((n) => size % n === 0);
    const first = divisors[pick(divisors.length)] as number;
    const to = [[size], [first, size / first], [first, 1, size / first], [...shape, 1], [1, ...shape]][pick(5)] as number[];
    return {
      name: `reshape ${to}`,
      record: (x) => t.reshape(x, to),
      model: (x) => modelOf(to, elementsOf(x)),
    };
  },
  (shape, pick) => {
    const [low, high] = [shape.map(() => pick(2)), shape.map(() => pick(2))];
    return {
      name: `pad ${low} and ${high}`,
      record: (x) => t.pad(x, low, high),
      model: (x) => ({
        shape: x.shape.map((n, d) => n + (low[d] as number) + (high[d] as number)),
        at(point) {
          const below = point.map((i, d) => i - (low[d] as number));
          return inside(x.shape, below) ? x.at(below) : 0;
        },
      }),
    };
  },
  (shape, pick) => {
    const starts = shape.map((n) => pick(n));
    const sizes = shape.map((n, d) => 1 + pick(n - (starts[d] as number)));
    return {
      name: `slice ${sizes} from ${starts}`,
      record: (x) => t.slice(x, starts, sizes),
      model: (x) => ({ shape: sizes, at: (point) => x.at(point.map((i, d) => i + (starts[d] as number))) }),
    };
  },
  (shape, pick) => {
    const to = shape.map((n) => (n === 1 ? 1 + pick(3) : n));
    return {
      name: `expand ${to}`,
      record: (x) => t.expand(x, to),
      model: (x) => ({ shape: to, at: (point) => x.at(point.map((i, d) => (x.shape[d] === 1 ? 0 : i))) }),
    };
  },
  (shape, pick) => {
    if (shape.length === 0) return { name: "nothing", record: (x) => x, model: (x) => x };
    const axis = pick(shape.length);
    const n = shape[axis] as number;
    const [size, stride] = [1 + pick(Math.min(3, n)), 1 + pick(2)];
    const dilation = size > 1 && 2 * (size - 1) < n ? 1 + pick(2) : 1;
    const count = Math.floor((n - dilation * (size - 1) - 1) / stride) + 1;
    return {
      name: `unfold dim ${axis} by ${size}, stride ${stride}, dilation ${dilation}`,
      record: (x) => t.unfold(x, axis, size, { stride, dilation }),
      model: (x) => ({
        shape: [...x.shape.slice(0, axis), count, size, ...x.shape.slice(axis + 1)],
        at(point) {
          const [o, k] = point.slice(axis, axis + 2) as [number, number];
          return x.at([...point.slice(0, axis), o * stride + k * dilation, ...point.slice(axis + 2)]);
        },
      }),
    };
  },
];

/** A shape and the views that go on it, one after another; results stay within 500 elements and 6 dims. */
export interface Chain {
  readonly shape: number[];
  readonly views: View[];
}

/** Returns chains of up to `most` views. */
export function chains(most: number): fc.Arbitrary<Chain> {
  const shapes = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 3 });
  const choices = fc.array(fc.tuple(fc.nat({ max: makers.length - 1 }), fc.infiniteStream(fc.nat())), { minLength: 1, maxLength: most });
  return fc.tuple(shapes, choices).map(([shape, list]) => {
    const views: View[] = [];
    let model = modelOf(shape, []);
    for (const [kind, numbers] of list) {
      const view = (makers[kind] as (typeof makers)[number])(model.shape, (n) => (numbers.next().value as number) % n);
      // Only the shape of this model is used: its elements are never read.
      const next = { ...model, at: () => 0, shape: view.model({ ...model, at: () => 0 }).shape };
      if (sizeOf(next.shape) > 500 || next.shape.length > 6) continue;
      views.push(view);
      model = next;
    }
    return { shape, views };
  });
}
