/** Which rectified units of a model can be made anew one by one: those that nothing but weights leads to and on from. */
import { childPath, type LayerConfig, type ParamSpec } from "../nn/layer.ts";
import { type Shape, sizeOf } from "../program/shape.ts";
import type { UnitLayer } from "../strategy/host.ts";

/** A layer within a chain of them. */
interface Link {
  readonly config: LayerConfig;
  readonly path: string;
}

/** Layers that leave each unit by itself. */
const APART = new Set(["dropout", "maxPool", "avgPool", "globalAvgPool", "flatten"]);

/**
 * Returns the layers of units of a model, in order: linear or convolution, relu, and, behind what leaves each unit by itself, the linear layer,
 * convolution or classifier that reads them. `rectified` are the paths of its rectified layers, in order.
 */
export function unitsOf(
  model: LayerConfig,
  params: ReadonlyMap<string, Pick<ParamSpec, "shape">>,
  rectified: readonly string[],
): UnitLayer[] {
  const shapeOf = (path: string): Shape | undefined => params.get(path)?.shape;
  const ties = new Set(tiesIn(model));
  return chainsIn(model, "").flatMap((chain) =>
    chain.flatMap(({ config, path }, i) => {
      const behind = chain.slice(i + 2).findIndex((link) => !APART.has(link.config.kind));
      const [relu, reader] = [chain[i + 1], behind < 0 ? undefined : chain[i + 2 + behind]];
      if (relu?.config.kind !== "relu" || reader === undefined) return [];
      const [weight, next] = [childPath(path, "weight"), childPath(reader.path, "weight")];
      const [own, nextShape] = [shapeOf(weight), shapeOf(next)];
      if (!isSum(config) || !isSum(reader.config) || (reader.config.groups ?? 1) !== 1) return [];
      if (own === undefined || nextShape === undefined || ties.has(weight) || ties.has(next)) return [];
      const [units, outputs] = [own.at(-1) as number, nextShape.at(-1) as number];
      const biasOf = (of: string): string | undefined => (params.has(childPath(of, "bias")) ? childPath(of, "bias") : undefined);
      const layer: UnitLayer = {
        units,
        rectified: rectified.indexOf(relu.path),
        weight,
        bias: biasOf(path),
        bound: boundOf(config, own),
        next,
        nextShape: [sizeOf(nextShape) / (units * outputs), units, outputs],
        nextBias: biasOf(reader.path),
      };
      return [layer];
    }),
  );
}

const isSum = ({ kind }: LayerConfig): boolean => kind === "linear" || kind === "conv2d" || kind === "classifier";

/** Returns the layers that follow one another, those within others apart. */
function chainsIn(config: LayerConfig, path: string): Link[][] {
  const links = linksOf(config, path);
  const inner = links.flatMap((link) => {
    if (link.config.kind !== "residual") return [];
    const { layer, shortcut } = link.config as LayerConfig & { readonly layer: LayerConfig; readonly shortcut?: LayerConfig };
    const around = shortcut === undefined ? [] : chainsIn(shortcut, childPath(link.path, "shortcut"));
    return [...around, ...chainsIn(layer, childPath(link.path, "inner"))];
  });
  return [links, ...inner];
}

function linksOf(config: LayerConfig, path: string): Link[] {
  if (config.kind !== "sequential") return [{ config, path }];
  return (config.layers as readonly LayerConfig[]).flatMap((layer, i) => linksOf(layer, childPath(path, `${i}`)));
}

/** Returns the paths of weights that more than one layer reads. */
function tiesIn(part: unknown): string[] {
  if (typeof part !== "object" || part === null) return [];
  const { kind, tie } = part as { readonly kind?: unknown; readonly tie?: unknown };
  const own = kind === "linear" && typeof tie === "string" ? [tie] : [];
  return [...own, ...Object.values(part).flatMap(tiesIn)];
}

/** Returns the bound of the uniform numbers of a weight's first variance; one that began with zeros takes the default's. */
function boundOf({ init }: LayerConfig, shape: Shape): number {
  const units = shape.at(-1) as number;
  const fanIn = sizeOf(shape) / units;
  if (init === "kaimingNormal") return Math.sqrt(6 / fanIn);
  const fanOut = sizeOf(shape) / (shape.at(-2) as number);
  return Math.sqrt(init === "xavierUniform" || init === "xavierNormal" ? 6 / (fanIn + fanOut) : 1 / fanIn);
}
