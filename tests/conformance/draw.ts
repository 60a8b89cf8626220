/** Seeded draws for the conformance table: shapes around the sizes where kernels change their way, and operands that lie about. */
import type { Tensor } from "../../src/program/graph.ts";
import type { Storage } from "../../src/program/plan.ts";
import { type Shape, sizeOf } from "../../src/program/shape.ts";
import * as t from "../../src/program/tensor.ts";
import { RandomStream } from "../../src/random.ts";
import type { Argument } from "./agree.ts";

/** Lengths of dims, beside 0. */
export const SIZES: readonly number[] = [1, 2, 3, 5, 7, 63, 64, 65, 255, 256, 257];

/** An argument, and where it comes from: an input of the program unless it says so. */
export interface Operand extends Argument {
  /** A scalar input. */
  readonly scalar?: boolean;
  /** A range of the state, one index of the first dim `rowStride` elements from the next. */
  readonly kept?: { readonly arena: "state" | "rows"; readonly storage: Storage; readonly rowStride?: number };
  /** Whether a gradient must not reach it. */
  readonly cut?: boolean;
}

/** A leaf of one shape seen as a tensor of another. */
export interface Sight {
  readonly leaf: Shape;
  readonly view: (leaf: Tensor) => Tensor;
}

export class Draw {
  readonly #random: RandomStream;

  constructor(seed: number, name: string) {
    this.#random = new RandomStream(seed, name);
  }

  below(n: number): number {
    return this.#random.below(n);
  }

  chance(probability: number): boolean {
    return this.#random.uniform() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  shuffle<T>(items: readonly T[]): T[] {
    return this.#random.shuffle([...items]);
  }

  /** Returns the lengths of `rank` dims with at most `most` elements together; now and then one is 0. */
  shape(rank: number, most: number, least = 0): number[] {
    const shape = new Array<number>(rank).fill(1);
    for (const d of this.shuffle([...shape.keys()])) shape[d] = this.pick(SIZES.filter((n) => n * sizeOf(shape) <= most));
    if (rank > 0 && least === 0 && this.chance(0.1)) shape[this.below(rank)] = 0;
    return shape;
  }

  /** Returns f32 numbers uniform on [low, high), or on multiples of `step` behind low. */
  f32(shape: Shape, low: number, high: number, step = 0): Operand {
    const real = (): number => low + (high - low) * this.#random.uniform();
    const stepped = (): number => low + step * this.below(Math.floor((high - low) / step));
    return { shape, values: Float32Array.from({ length: sizeOf(shape) }, step === 0 ? real : stepped) };
  }

  /** Returns f32 numbers around 0, any two of them at least 1/16 apart. */
  apart(shape: Shape): Operand {
    const size = sizeOf(shape);
    return { shape, values: Float32Array.from(this.shuffle([...Array(size).keys()]), (i) => (i - size / 2) / 16) };
  }

  /** Returns u32 numbers below `limit`. */
  u32(shape: Shape, limit: number): Operand {
    return { shape, values: Uint32Array.from({ length: sizeOf(shape) }, () => this.below(limit)), dtype: "u32" };
  }

  /** Returns a leaf that is a tensor of `shape` as it lies, or permuted, cut out of a larger one, or every second or third element of it. */
  sight(shape: Shape): Sight {
    const axis = this.below(Math.max(1, shape.length));
    const only = (value: number, others: Shape): number[] => others.map((n, d) => (d === axis ? value : n));
    const zeros = shape.map(() => 0);
    const kind = shape.length === 0 ? 0 : this.below(5);
    if (kind === 1) {
      const order = this.shuffle([...shape.keys()]);
      return { leaf: shape.map((_, d) => shape[order.indexOf(d)] as number), view: (leaf) => t.permute(leaf, order) };
    }
    const n = shape[axis] as number;
    if (kind === 2) {
      const [before, behind] = [this.below(3), this.below(3)];
      return { leaf: only(n + before + behind, shape), view: (leaf) => t.slice(leaf, only(before, zeros), shape) };
    }
    if (kind === 3 && n > 0) {
      const stride = 2 + this.below(2);
      const view = (leaf: Tensor): Tensor => t.reshape(t.unfold(leaf, axis, 1, { stride }), shape);
      return { leaf: only((n - 1) * stride + 1, shape), view };
    }
    return { leaf: shape, view: (leaf) => leaf };
  }

  /** Returns a leaf that broadcasts to `shape`: some dims are 1, some leading ones are not there. */
  spread(shape: Shape): Sight {
    const narrow = shape.map((n) => (this.chance(0.25) ? 1 : n));
    const sight = this.sight(this.chance(0.3) ? narrow.slice(this.below(narrow.length + 1)) : narrow);
    return { ...sight, view: (leaf) => t.broadcast(sight.view(leaf), shape) };
  }
}
