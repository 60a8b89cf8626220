import { checkChoice, checkKeys } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { add, reshape } from "../program/tensor.ts";
import { type AttentionOptions, attention } from "./attention.ts";
import { dropout } from "./dropout.ts";
import { feedForward, swiglu } from "./feedforward.ts";
import { childPath, type Layer, refuseInput } from "./layer.ts";
import { layerNorm, rmsNorm } from "./norm.ts";

/** Options of {@link transformerBlock}: those of attention, and what surrounds it. */
export interface TransformerOptions extends AttentionOptions {
  /** Numbers between the layers of the feed-forward part. Default: 4·features, in a SwiGLU ⌊8·features / 3⌋. */
  readonly hidden?: number;
  /** `layer` (default) or `rms`. */
  readonly norm?: "layer" | "rms";
  /** `gelu` (default) or `swiglu`. */
  readonly feedForward?: "gelu" | "swiglu";
  /** Share of what both parts add to the stream that is dropped in training. Default 0. */
  readonly dropout?: number;
  /** Added to the variance in the norms. Default 1e-5. */
  readonly eps?: number;
}

/**
 * Returns a pre-norm transformer block over [time, features]: x + attention(norm(x)), then x + feedForward(norm(x)). Its layers are
 * `attentionNorm`, `attention`, `feedForwardNorm` and `feedForward`.
 * @throws E_CONFIG
 */
export function transformerBlock(options: TransformerOptions): Layer {
  const where = "nn.transformerBlock";
  const { hidden, norm = "layer", feedForward: form = "gelu", dropout: rate = 0, eps = 1e-5, ...heads } = options;
  checkKeys(where, heads, ["heads", "keyValueHeads", "causal", "rope", "bias"]);
  checkChoice(where, "norm", norm, ["layer", "rms"]);
  checkChoice(where, "feedForward", form, ["gelu", "swiglu"]);
  const attend = attention(heads);
  const drop = dropout(rate);
  const normalise = norm === "layer" ? layerNorm({ eps }) : rmsNorm({ eps });
  const { bias = true } = options;
  const config = { ...attend.config, kind: "transformerBlock", norm, feedForward: form, dropout: rate, eps };
  return {
    config: hidden === undefined ? config : { ...config, hidden },
    build(input, path) {
      const [time, features] = input as [number, number];
      if (input.length !== 2) refuseInput(path, "transformerBlock takes sequences", "[time, features]", input);
      const width = hidden ?? (form === "gelu" ? 4 * features : Math.floor((8 * features) / 3));
      const layers = {
        attentionNorm: normalise,
        attention: attend,
        attentionDropout: drop,
        feedForwardNorm: normalise,
        feedForward: form === "gelu" ? feedForward(width, { bias }) : swiglu(width, { bias }),
        feedForwardDropout: drop,
      };
      return {
        output: input,
        params: {},
        children: Object.fromEntries(Object.entries(layers).map(([name, layer]) => [name, layer.build(input, childPath(path, name))])),
        apply(x, _, child) {
          // Rows of one dim between the parts, so that the products take the sums along.
          const rows = [(x.shape[0] as number) * time, features];
          const attended = (value: Tensor): Tensor => reshape(child("attention", reshape(value, x.shape)), rows);
          const flat = reshape(x, rows);
          const middle = add(flat, child("attentionDropout", attended(child("attentionNorm", flat))));
          return reshape(add(middle, child("feedForwardDropout", child("feedForward", child("feedForwardNorm", middle)))), x.shape);
        },
      };
    },
  };
}
