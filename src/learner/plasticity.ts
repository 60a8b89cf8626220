/** What the layers of a learner's model still can. */
import type { LayerPlasticity } from "../metrics/facts.ts";
import { layerPlasticity } from "../metrics/plasticity.ts";
import { openLinear } from "../wasm/linear.ts";
import type { CheckedBatch } from "./batch.ts";
import type { Engine } from "./engine.ts";
import { type Inferred, inferenceOf } from "./inference.ts";
import { unitsOf } from "./units.ts";
import { weightsOf } from "./weights.ts";

/** Rows of one task. */
export interface Measured {
  readonly x: CheckedBatch["x"];
  readonly task: number;
}

/** Returns the measures of each rectified layer over some rows, named after what leads to its units where that has a weight, else after itself. */
export async function plasticityOf(engine: Engine, measured: readonly Measured[]): Promise<LayerPlasticity[]> {
  const { config } = engine;
  const answers: Inferred[] = [];
  // One after another, so that their program is compiled once.
  for (const { x, task } of measured) answers.push(await inferenceOf(engine).answer(x, undefined, { by: "units", task }));
  const rows = answers.reduce((sum, { rowLoss }) => sum + rowLoss.length, 0);
  const [weights, linear] = [await weightsOf(engine), await openLinear()];
  const svd = (a: Float64Array, m: number, n: number): Float64Array => linear.svd(a, m, n).values;
  const paths = [...(answers[0]?.shown.keys() ?? [])];
  const known = new Map(unitsOf(config.model.config, config.params, paths).map((layer) => [layer.rectified, layer.weight]));
  return paths.map((path, i) => {
    const weight = known.get(i);
    const activations = Float32Array.from(answers.flatMap(({ shown }) => [...(shown.get(path) as Float32Array)]));
    const of = { activations, rows, units: activations.length / rows, svd };
    if (weight === undefined) return layerPlasticity({ ...of, layer: path });
    return layerPlasticity({ ...of, layer: weight.replace(/\.?weight$/, ""), weights: weights.get(weight)?.data as Float32Array });
  });
}
