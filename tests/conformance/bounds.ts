/**
 * How far f32 may end from the oracle: the error that each operation may make, carried through the graph to first order.
 *
 *   elementwise         what its row of the op table states
 *   sum, scatterAdd     n · 2^-24 · Σ|x| for n terms, in any order (Higham, Accuracy and stability of numerical algorithms, 4.2)
 *   matmul              k · 2^-24 · Σ|a||b|, the same with the roundings of its products
 *   everything else     0: it moves elements or picks one
 */
import type { Graph, Tensor } from "../../src/program/graph.ts";
import { ops } from "../../src/program/ops.ts";
import { sizeOf } from "../../src/program/shape.ts";
import { elementsOf, evaluate, type Leaves, type Moment, referenceOf } from "./oracle.ts";

/** Numbers, and how far from each of them a machine may be. */
export interface Within {
  readonly values: Float64Array;
  readonly errors: Float64Array;
}

/** Unit roundoff of f32. */
const ROUNDOFF = 2 ** -24;

/** Returns the elements of each output with their bounds; the numbers of the leaves are exact. */
export function outputsWithin(graph: Graph, leaves: Leaves, moment: Moment): Record<string, Within> {
  const values = evaluate(graph, leaves, moment);
  const errors = new Map<Tensor, Float64Array>();
  for (const [node, own] of values) {
    const inputs = node.inputs.map(
      (input): Within => ({ values: values.get(input) as Float64Array, errors: errors.get(input) as Float64Array }),
    );
    errors.set(node, ops[node.op] === undefined ? carry(node, inputs) : perturb(node, inputs, own));
  }
  return Object.fromEntries(
    [...graph.outputs].map(([name, node]) => [
      name,
      { values: values.get(node) as Float64Array, errors: errors.get(node) as Float64Array },
    ]),
  );
}

const sum = (parts: readonly Float64Array[]): Float64Array =>
  (parts[0] as Float64Array).map((_, i) => parts.reduce((s, part) => s + (part[i] as number), 0));
const magnitudes = (values: Float64Array): Float64Array => values.map(Math.abs);

/** Moves, sums and products mean to errors what they mean to numbers, signs apart. */
function carry(node: Tensor, inputs: readonly Within[]): Float64Array {
  const [a, b] = inputs as [Within, Within];
  if (a === undefined) return new Float64Array(sizeOf(node.shape));
  const rounded = (terms: number, of: Float64Array): Float64Array => of.map((total) => terms * ROUNDOFF * total);
  switch (node.op) {
    case "gather":
      return elementsOf(node, [a.errors, b.values]);
    case "scatterAdd": {
      const counts = elementsOf(node, [a.values.map(() => 1), b.values]);
      const totals = elementsOf(node, [magnitudes(a.values), b.values]);
      return sum([elementsOf(node, [a.errors, b.values]), totals.map((total, i) => ROUNDOFF * (counts[i] as number) * total)]);
    }
    case "matmul": {
      const [x, y] = [magnitudes(a.values), magnitudes(b.values)];
      const near = sum([y, b.errors]);
      const terms = (node.inputs[0] as Tensor).shape.at(-1) as number;
      return sum([elementsOf(node, [a.errors, near]), elementsOf(node, [x, b.errors]), rounded(terms, elementsOf(node, [x, y]))]);
    }
    case "reduce": {
      const carried = elementsOf(node, [a.errors]).map((error) => Math.max(0, error));
      if (node.attributes.op === "max" || node.dtype === "u32") return carried;
      return sum([
        carried,
        rounded(a.values.length / node.shape.reduce((size, n) => size * n, 1), elementsOf(node, [magnitudes(a.values)])),
      ]);
    }
    default:
      return elementsOf(
        node,
        inputs.map((input) => input.errors),
      );
  }
}

/** The operation's own bound, and how far its value moves when its arguments do. */
function perturb(node: Tensor, inputs: readonly Within[], own: Float64Array): Float64Array {
  const reference = referenceOf(node);
  const { relative, absolute } = (ops[node.op] as (typeof ops)[string]).bound;
  return own.map((value, i) => {
    const args = inputs.map((input) => input.values[i] as number);
    const errors = inputs.map((input) => input.errors[i] as number);
    let reach = 0;
    if (errors.some((error) => error > 0)) {
      // Equality may flip between the corners that the loop below visits.
      if (node.op === "equal")
        return Math.abs((args[0] as number) - (args[1] as number)) <= (errors[0] as number) + (errors[1] as number) ? 1 : 0;
      for (let corner = 0; corner < 2 ** args.length; corner++) {
        const moved = reference(args.map((arg, d) => arg + ((corner >> d) & 1 ? 1 : -1) * (errors[d] as number)));
        if (!Number.isNaN(moved)) reach = Math.max(reach, Math.abs(moved - value));
      }
    }
    return reach + (node.dtype === "u32" ? 0 : Math.max(absolute, relative * (Math.abs(value) + reach)));
  });
}
