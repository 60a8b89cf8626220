/** The step of `mlp.mjs` on WebGPU, all on the adapter that Dawn finds, which is SwiftShader where there is no GPU. */
import { contest } from "./contest.mjs";
import { openDawn } from "./dawn.mjs";
import { contenders } from "./mlp.mjs";

/** Returns a row for each contender at each batch. */
export async function run() {
  await openDawn();
  const rows = [];
  for (const batch of [1, 32]) {
    const makers = [contenders.palimpsest, contenders.jax, contenders.tfjs].map((make) => () => make(batch, "webgpu"));
    rows.push(...(await contest(`MLP 784-256-128-10, Adam, batch ${batch}, WebGPU`, makers, { turns: 5 })));
  }
  return rows;
}
