import { checkKeys, checkNumber } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { sizeOf } from "../program/shape.ts";
import { mul, reshape } from "../program/tensor.ts";
import { geluOf, siluOf } from "./activations.ts";
import { childPath, type Layer } from "./layer.ts";
import { linear } from "./linear.ts";
import { featuresOf } from "./norm.ts";

/** Options of {@link feedForward} and {@link swiglu}. */
export interface FeedForwardOptions {
  /** Whether the products add a bias. Default: true in feedForward, false in swiglu. */
  readonly bias?: boolean;
}

/** Returns down(gelu(up(x))) over the last dim, with `hidden` numbers between the layers `up` and `down`. @throws E_CONFIG */
export function feedForward(hidden: number, options: FeedForwardOptions = {}): Layer {
  return inner("feedForward", hidden, { bias: true, ...options }, ["up"], (of) => geluOf(of("up")));
}

/**
 * Returns down(silu(gate(x))·up(x)) over the last dim, with `hidden` numbers between; the linear layers are named so.
 * @throws E_CONFIG @see Shazeer 2020, arXiv 2002.05202
 */
export function swiglu(hidden: number, options: FeedForwardOptions = {}): Layer {
  return inner("swiglu", hidden, { bias: false, ...options }, ["gate", "up"], (of) => mul(siluOf(of("gate")), of("up")));
}

function inner(
  kind: "feedForward" | "swiglu",
  hidden: number,
  options: Required<FeedForwardOptions>,
  names: readonly string[],
  join: (of: (name: string) => Tensor) => Tensor,
): Layer {
  checkNumber(`nn.${kind}`, "hidden", hidden, { min: 1, integer: true });
  checkKeys(`nn.${kind}`, options, ["bias"]);
  return {
    config: { kind, hidden, ...options },
    build(input, path) {
      const features = featuresOf(input, path, kind);
      const wide = names.map((name) => [name, linear(hidden, options).build([features], childPath(path, name))] as const);
      return {
        output: input,
        params: {},
        children: { ...Object.fromEntries(wide), down: linear(features, options).build([hidden], childPath(path, "down")) },
        apply(x, _, child) {
          // Rows of one dim all the way, so that the products take the elementwise parts along.
          const flat = reshape(x, [sizeOf(x.shape) / features, features]);
          return reshape(
            child(
              "down",
              join((name) => child(name, flat)),
            ),
            x.shape,
          );
        },
      };
    },
  };
}
