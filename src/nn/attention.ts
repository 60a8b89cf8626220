import { checkKeys, checkNumber, fail } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { less, matmul, mul, permute, reshape, select, transpose } from "../program/tensor.ts";
import { type BuiltLayer, childPath, type Layer, refuseInput } from "./layer.ts";
import { linear } from "./linear.ts";
import { softmax } from "./losses.ts";
import { rotate } from "./rope.ts";

/** Options of {@link attention}. */
export interface AttentionOptions {
  /** Heads, which share the features equally. */
  readonly heads: number;
  /** Heads of keys and values, each read by heads / keyValueHeads neighbouring heads. Default: heads. */
  readonly keyValueHeads?: number;
  /** Whether a step of time sees no later one. Default false. */
  readonly causal?: boolean;
  /** Rotary positions: the base of their wavelengths, 10000 for `true`. Default false. */
  readonly rope?: boolean | number;
  /** Whether the four products add a bias. Default true. */
  readonly bias?: boolean;
}

const MASKED = -1e30;

/**
 * Returns self-attention over [time, features]: softmax(query·keyᵀ / √size)·value in each head, joined by a last product. Its layers are
 * `query`, `key`, `value` and `output`, all linear.
 * @throws E_CONFIG
 * @see Vaswani et al. 2017, arXiv 1706.03762; Ainslie et al. 2023, arXiv 2305.13245, for shared keys and values
 */
export function attention(options: AttentionOptions): Layer {
  const where = "nn.attention";
  checkKeys(where, options, ["heads", "keyValueHeads", "causal", "rope", "bias"]);
  const heads = checkNumber(where, "heads", options.heads, { min: 1, integer: true });
  const keyValueHeads = checkNumber(where, "keyValueHeads", options.keyValueHeads ?? heads, { min: 1, max: heads, integer: true });
  if (heads % keyValueHeads !== 0) {
    fail("E_CONFIG", `${where}: option "keyValueHeads" does not divide the heads; expected a divisor of ${heads}, got ${keyValueHeads}`);
  }
  const { causal = false, rope = false, bias = true } = options;
  const theta = typeof rope === "number" ? checkNumber(where, "rope", rope, { min: 1, open: "min" }) : rope ? 10_000 : undefined;
  return {
    config: { kind: "attention", heads, keyValueHeads, causal, rope, bias },
    build(input, path) {
      const [time, features] = input as [number, number];
      if (input.length !== 2) refuseInput(path, "attention takes sequences", "[time, features]", input);
      const size = features / heads;
      const multiple = theta === undefined ? heads : 2 * heads;
      if (features % multiple !== 0) {
        refuseInput(path, `attention cannot part the features among ${heads} heads`, `[time, a multiple of ${multiple}]`, input);
      }
      const layer = (units: number, name: string): BuiltLayer => linear(units, { bias }).build(input, childPath(path, name));
      return {
        output: input,
        params: {},
        children: {
          query: layer(features, "query"),
          key: layer(keyValueHeads * size, "key"),
          value: layer(keyValueHeads * size, "value"),
          output: layer(features, "output"),
        },
        apply(x, { graph }, child) {
          const batch = x.shape[0] as number;
          const flat = reshape(x, [batch * time, features]);
          const parted = (value: Tensor, count: number): Tensor => reshape(value, [batch, time, count, size]);
          const turned = (part: Tensor): Tensor => (theta === undefined ? part : rotate(part, theta));
          // Heads that share keys stand below each other as the rows of one product.
          const grouped = (part: Tensor): Tensor => {
            const [, , count] = part.shape as [number, number, number];
            const order = [0, 2, 1, 3, 4].slice(0, part.shape.length);
            return reshape(permute(part, order), [batch * keyValueHeads, (count / keyValueHeads) * time, size]);
          };
          const query = grouped(turned(parted(mul(child("query", flat), 1 / Math.sqrt(size)), heads)));
          const key = grouped(turned(parted(child("key", flat), keyValueHeads)));
          const scores = reshape(matmul(query, transpose(key)), [batch * heads, time, time]);
          const later = less(reshape(graph.iota(time), [time, 1]), graph.iota(time));
          const seen = softmax(causal ? select(later, MASKED, scores) : scores);
          const mixed = matmul(
            reshape(seen, [batch * keyValueHeads, (heads / keyValueHeads) * time, time]),
            grouped(parted(child("value", flat), keyValueHeads)),
          );
          const joined = permute(reshape(mixed, [batch, heads, time, size]), [0, 2, 1, 3]);
          return reshape(child("output", reshape(joined, [batch * time, features])), x.shape);
        },
      };
    },
  };
}
