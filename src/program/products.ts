/**
 * Views of products that their operands can take instead: a sum of shifted products is one product of what is shifted, a part of a product is a
 * product of parts. So the gradient of a convolution's images is a convolution, of the images' size.
 */
import type { Tensor } from "./graph.ts";
import { splitWalk } from "./operand.ts";
import { expand, matmul, permute, reshape, skew, slice } from "./primitives.ts";
import { type Shape, sizeOf } from "./shape.ts";
import { underViews } from "./views.ts";

/** Depth by which a product may grow for a fold to vanish: a sum over windows costs as much as about this many terms of a product. */
const FOLD_DEPTH = 64;

/** Columns that a product computes at once; what is left of them over is lost. */
const PANEL = 16;

/** A part of a dim of the view, and how the product's elements move with it. */
interface Digit {
  readonly dim: number;
  readonly size: number;
  readonly stride: number;
}

/** A view that holds all elements of a product in another order; the digits of batch, rows and columns from slow to fast. */
interface Viewed {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly digits: readonly Digit[];
  readonly batch: readonly Digit[];
  readonly rows: readonly Digit[];
  readonly columns: readonly Digit[];
}

/**
 * Returns the sum of windows, dims `axis` (places) and the next (elements) of `g`, put back `dilation` apart, as one product; undefined where `g` is
 * not a product whose rows hold the places and whose columns the elements, or where that product would cost more.
 */
export function foldedProduct(g: Tensor, axis: number, n: number, dilation: number): Tensor | undefined {
  const viewed = productUnder(g);
  const [count, size] = [g.shape[axis] as number, g.shape[axis + 1] as number];
  if (viewed === undefined) return undefined;
  const { a, b, digits, batch, rows, columns } = viewed;
  const [row, column] = [lone(digits, rows, axis), lone(digits, columns, axis + 1)];
  const depth = a.shape.at(-1) as number;
  if (row < 0 || column < 0) return undefined;
  const width = sizeOf(sizesOf(columns)) / size;
  const growth = (n / count) * ((Math.ceil(width / PANEL) * PANEL) / width);
  if (depth * (growth - 1) > FOLD_DEPTH) return undefined;
  // The elements of a window join the depth: [.., n, .., size, depth] · [size, depth, ..].
  const at = batch.length + row;
  const outer = sizesOf([...batch, ...rows]);
  const open = [...outer.slice(0, at + 1), 1, ...outer.slice(at + 1), depth];
  const repeated = expand(
    reshape(a, open),
    open.map((m, i) => (i === at + 1 ? size : m)),
  );
  const left = moved(skew(repeated, at, n, -dilation), at + 1, outer.length);
  const right = moved(reshape(b, [...sizesOf(batch), depth, ...sizesOf(columns)]), batch.length + 1 + column, batch.length);
  const lead = a.shape.slice(0, -2);
  const product = matmul(
    reshape(left, [...lead, sizeOf(left.shape) / sizeOf(lead) / (size * depth), size * depth]),
    reshape(right, [...lead, size * depth, width]),
  );
  const kept = { ...viewed, digits: digits.filter(({ dim }) => dim !== axis + 1), columns: columns.filter((_, i) => i !== column) };
  return viewAs(product, kept, new Map([[axis, n]]), [...g.shape.slice(0, axis), n, ...g.shape.slice(axis + 2)]);
}

/** Returns most of a product, cut out of a view of it, as a product; undefined where `g` is none, or cut in other dims than its rows. */
export function slicedProduct(g: Tensor, starts: readonly number[], sizes: Shape): Tensor | undefined {
  const cut = sizes.flatMap((size, d) => (size === g.shape[d] ? [] : [d]));
  const viewed = productUnder(g);
  if (viewed === undefined || 2 * sizeOf(sizes) <= sizeOf(g.shape)) return undefined;
  const { a, b, digits, batch, rows } = viewed;
  if (cut.some((d) => lone(digits, rows, d) < 0)) return undefined;
  const resized = new Map(cut.map((d) => [d, sizes[d] as number]));
  const outer = [...batch, ...rows];
  const depth = a.shape.at(-1) as number;
  const from = outer.map(({ dim }) => (resized.has(dim) ? (starts[dim] as number) : 0));
  const left = slice(reshape(a, [...sizesOf(outer), depth]), [...from, 0], [...outer.map((d) => resized.get(d.dim) ?? d.size), depth]);
  const lead = a.shape.slice(0, -2);
  const product = matmul(reshape(left, [...lead, sizeOf(left.shape) / sizeOf(lead) / depth, depth]), b);
  return viewAs(product, viewed, resized, sizes);
}

function productUnder(g: Tensor): Viewed | undefined {
  const product = underViews(g, ["reshape", "permute"]);
  const split = product.op === "matmul" ? splitWalk(g, (node) => node === product) : undefined;
  if (split === undefined) return undefined;
  const [a, b] = product.inputs as [Tensor, Tensor];
  const [height, width] = product.shape.slice(-2) as [number, number];
  const digits = split.parts
    .flatMap((sizes, dim) => sizes.map((size) => ({ dim, size })))
    .map((d, i) => ({ ...d, stride: split.strides[i] as number }));
  const within = (low: number, high: number): Digit[] =>
    digits.filter(({ stride }) => stride >= low && stride < high).sort((x, y) => y.stride - x.stride);
  const [batch, rows, columns] = [within(height * width, Number.POSITIVE_INFINITY), within(width, height * width), within(0, width)];
  // No digit may lie across rows and columns.
  const fits = sizeOf(sizesOf(rows)) === height && sizeOf(sizesOf(columns)) === width;
  return fits ? { a, b, digits, batch, rows, columns } : undefined;
}

const sizesOf = (digits: readonly Digit[]): number[] => digits.map(({ size }) => size);

/** Returns the position among `some` of the one digit that a dim has, or −1. */
function lone(digits: readonly Digit[], some: readonly Digit[], dim: number): number {
  return digits.filter((digit) => digit.dim === dim).length === 1 ? some.findIndex((digit) => digit.dim === dim) : -1;
}

/** Returns the tensor with dim `from` at place `to` among the others. */
function moved(a: Tensor, from: number, to: number): Tensor {
  const order = [...a.shape.keys()].filter((d) => d !== from);
  return permute(a, [...order.slice(0, to), from, ...order.slice(to)]);
}

/** Returns a product, some of its dims resized, in the order and shape of a view. */
function viewAs(product: Tensor, { digits, batch, rows, columns }: Viewed, resized: ReadonlyMap<number, number>, shape: Shape): Tensor {
  const order = [...batch, ...rows, ...columns];
  const apart = reshape(
    product,
    order.map(({ dim, size }) => resized.get(dim) ?? size),
  );
  return reshape(
    permute(
      apart,
      digits.map((digit) => order.indexOf(digit)),
    ),
    shape,
  );
}
