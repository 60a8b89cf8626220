/** Which parameters are matrices, and which scale and shift what a layer normalised. */
import { describe, fail } from "../errors.ts";
import { matrixOf, patternsOf } from "../optim/places.ts";
import { type Shape, sizeOf } from "../program/shape.ts";

/** A weight as a matrix, whose columns are its last dim. */
export interface Matrix {
  readonly path: string;
  readonly rows: number;
  readonly columns: number;
}

/** Parameters of a model by what they are for. */
export interface Sorted {
  readonly matrices: readonly Matrix[];
  /** Scale and, where there is one, offset of layers that normalise. */
  readonly norms: readonly { readonly scale: string; readonly offset: string | undefined; readonly features: number }[];
  /** Biases of matrices, and other vectors. */
  readonly biases: readonly string[];
}

/** Returns a check of regular expressions, and what sorts parameters by shape and name without those that one of them matches. @throws E_CONFIG */
export function sortedBy(where: string, except: readonly string[]): (shapes: ReadonlyMap<string, Shape>) => Sorted {
  if (!Array.isArray(except))
    fail("E_CONFIG", `${where}: option "except" is no list; expected regular expressions such as ["bias$"], got ${describe(except)}`);
  const patterns = patternsOf(where, "except", except);
  return (shapes) => {
    const list = [...shapes].filter(([path]) => !patterns.some((pattern) => pattern.test(path)));
    const matrices = list.flatMap(([path, shape]) => {
      if (shape.length < 2) return [];
      const [rows, columns] = matrixOf(shape);
      return [{ path, rows, columns }];
    });
    const vectors = list.filter(([, shape]) => shape.length < 2);
    // A linear layer's weight has two dims: a vector of that name scales.
    const norms = vectors.flatMap(([path, shape]) => {
      if (!/(^|\.)weight$/.test(path)) return [];
      const offset = path.replace(/weight$/, "bias");
      return [{ scale: path, offset: shapes.has(offset) ? offset : undefined, features: sizeOf(shape) }];
    });
    const taken = new Set(norms.flatMap(({ scale, offset }) => [scale, offset]));
    return { matrices, norms, biases: vectors.flatMap(([path]) => (taken.has(path) ? [] : [path])) };
  };
}
