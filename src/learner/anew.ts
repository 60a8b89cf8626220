/** Parameters as a learner might have begun with. */
import { sizeOf } from "../program/shape.ts";
import { RandomStream } from "../random.ts";
import type { Config } from "./config.ts";
import type { StateLayout } from "./ranges.ts";

/** Returns fresh parameters [n], as they lie in the vector of all, each drawn as its layer does, from a stream of its own under `name`. */
export function freshVector({ params, seed }: Config, { tensors }: StateLayout, name: string): Float32Array {
  const vector = new Float32Array(tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0));
  for (const { path, shape, offset } of tensors)
    params.get(path)?.fill(vector.subarray(offset, offset + sizeOf(shape)), new RandomStream(seed, `${name}/${path}`));
  return vector;
}
