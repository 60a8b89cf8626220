import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { less, max, maximum, mul, oneHot, reshape, select, toF32 } from "../program/tensor.ts";
import { fillZeros } from "./init.ts";
import { type BuiltLayer, type Layer, type LayerConfig, type LayerContext, refuseInput } from "./layer.ts";
import { linear } from "./linear.ts";
import { MASKED } from "./losses.ts";

/** Options of {@link classifier}. */
export interface ClassifierOptions {
  /** Classes the head has room for; labels run from 0 to capacity − 1. */
  readonly capacity: number;
  /**
   * Which classes take no probability and learn nothing: `seen` masks those that no label has named so far, as the state `seen` [capacity]
   * remembers. Default `none`.
   */
  readonly mask?: "seen" | "none";
}

/** Returns the last layer of a classifier: logits [capacity] by a linear layer, −1e30 for a masked class. @throws E_CONFIG */
export function classifier(options: ClassifierOptions): Layer {
  checkKeys("nn.classifier", options, ["capacity", "mask"]);
  const capacity = checkNumber("nn.classifier", "capacity", options.capacity, { min: 2, integer: true });
  const masked = checkChoice("nn.classifier", "mask", options.mask ?? "none", ["seen", "none"]) === "seen";
  return {
    config: { kind: "classifier", capacity, ...(masked ? { mask: "seen" } : {}) },
    build(input, path) {
      if (input.length !== 1) {
        refuseInput(path, "classifier takes rows of one dim", "[features]", input, "Put nn.flatten() or a pooling layer before it.");
      }
      const head = linear(capacity).build(input, path);
      const apply: BuiltLayer["apply"] = (x, context, child) => {
        context.tap("features", x);
        return head.apply(x, context, child);
      };
      if (!masked) return { ...head, apply };
      return {
        ...head,
        state: { seen: { shape: [capacity], fill: fillZeros } },
        apply: (x, context, child) => select(less(0, seenWith(context, capacity)), apply(x, context, child), MASKED),
      };
    },
  };
}

/** Returns 1 for each class that has been seen, those of this step's rows among them. */
function seenWith({ labels, weight, state, update }: LayerContext, capacity: number): Tensor {
  const before = state("seen");
  if (labels === undefined) return before;
  const [rows] = labels.shape as [number];
  const named = toF32(oneHot(reshape(labels, [rows]), capacity));
  const present = weight === undefined ? named : mul(named, reshape(toF32(less(0, weight)), [rows, 1]));
  const now = maximum(before, max(present, 0));
  update("seen", now);
  return now;
}

/** Returns the capacity of the first classifier in a layer's config. */
export function capacityOf(config: unknown): number | undefined {
  if (typeof config !== "object" || config === null) return undefined;
  if ("kind" in config && config.kind === "classifier") return (config as unknown as ClassifierOptions).capacity;
  for (const part of Object.values(config)) {
    const capacity = capacityOf(part);
    if (capacity !== undefined) return capacity;
  }
  return undefined;
}

/** Returns a layer's config with every classifier in it of another capacity. */
export function withCapacity(config: LayerConfig, capacity: number): LayerConfig {
  const changed = (part: unknown): unknown => {
    if (typeof part !== "object" || part === null) return part;
    if (Array.isArray(part)) return part.map(changed);
    const same = Object.fromEntries(Object.entries(part).map(([key, value]) => [key, changed(value)]));
    return same.kind === "classifier" ? { ...same, capacity } : same;
  };
  return changed(config) as LayerConfig;
}
