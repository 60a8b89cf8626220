import { checkKeys, checkNumber } from "../errors.ts";
import { add, gather, slice, toU32 } from "../program/tensor.ts";
import { fillNormal } from "./init.ts";
import { type Layer, refuseInput } from "./layer.ts";

/** Options of {@link embedding}. */
export interface EmbeddingOptions {
  /** Standard deviation of the first weights, which are normal. Default 1. */
  readonly deviation?: number;
}

/**
 * Returns the layer that puts a row of weight [rows, features] in place of each whole number, u32 or f32: [...] becomes
 * [..., features]. As first layer of a learner it refuses numbers that are no row; elsewhere such a number reads the last row and trains none.
 * @throws E_CONFIG
 */
export function embedding(rows: number, features: number, options: EmbeddingOptions = {}): Layer {
  const where = "nn.embedding";
  checkNumber(where, "rows", rows, { min: 1, integer: true });
  checkNumber(where, "features", features, { min: 1, integer: true });
  checkKeys(where, options, ["deviation"]);
  const deviation = checkNumber(where, "deviation", options.deviation ?? 1, { min: 0 });
  return {
    config: { kind: "embedding", rows, features, deviation },
    build: (input) => ({
      output: [...input, features],
      below: rows,
      params: { weight: { shape: [rows, features], fill: fillNormal(deviation) } },
      children: {},
      apply: (x, context) => gather(context.param("weight"), toU32(x)),
    }),
  };
}

/** Options of {@link positional}. */
export interface PositionalOptions extends EmbeddingOptions {
  /** Steps of time that there are weights for. Default: those of the input. */
  readonly length?: number;
}

/** Returns the layer that adds to each step of [time, features] a row of its own: weight [length, features]. @throws E_CONFIG */
export function positional(options: PositionalOptions = {}): Layer {
  const where = "nn.positional";
  checkKeys(where, options, ["length", "deviation"]);
  const { length } = options;
  if (length !== undefined) checkNumber(where, "length", length, { min: 1, integer: true });
  const deviation = checkNumber(where, "deviation", options.deviation ?? 1, { min: 0 });
  return {
    config: { kind: "positional", ...(length === undefined ? {} : { length }), deviation },
    build(input, path) {
      const [time, features] = input as [number, number];
      if (input.length !== 2) refuseInput(path, "positional takes sequences", "[time, features]", input);
      const rows = length ?? time;
      if (time > rows) refuseInput(path, `positional has ${rows} positions`, `at most [${rows}, features]`, input);
      return {
        output: input,
        params: { weight: { shape: [rows, features], fill: fillNormal(deviation) } },
        children: {},
        apply: (x, context) => add(x, slice(context.param("weight"), [0, 0], [time, features])),
      };
    },
  };
}
