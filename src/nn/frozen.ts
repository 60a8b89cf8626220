import type { BuiltLayer, Layer } from "./layer.ts";

/**
 * Returns a layer that acts as in prediction and learns nothing: no gradient is computed for its parameters, which with its running
 * statistics stay as they are under their own paths, and no optimizer keeps anything for them. Gradients pass through it to layers before.
 */
export function frozen(layer: Layer): Layer {
  return {
    config: { kind: "frozen", layer: layer.config },
    build: (input, path) => freeze(layer.build(input, path)),
  };
}

function freeze(built: BuiltLayer): BuiltLayer {
  return {
    ...built,
    params: {},
    state: { ...built.params, ...built.state },
    children: Object.fromEntries(Object.entries(built.children).map(([name, child]) => [name, freeze(child)])),
    apply: (x, context, child) => built.apply(x, { ...context, training: false, labels: undefined, param: context.state }, child),
  };
}
