/** Numbers that cannot be learned from, in the counts of an ordinary run. */
import { openRuntime } from "palimpsest";
import { expect, it } from "vitest";
import { findGpu } from "../env.ts";
import { tortureBroken } from "../torture/broken.ts";

it("changes nothing on Wasm for numbers that cannot stay finite", async () => {
  const runtime = await openRuntime({ backend: "wasm" });
  const { skipped, ...rest } = await tortureBroken(runtime, 420, 1);
  expect(rest).toEqual({ injected: 420, refused: 420 - skipped, problems: [] });
  expect(skipped).toBeGreaterThan(100);
});

it("changes nothing on a GPU for numbers that cannot stay finite", async () => {
  const gpu = await findGpu();
  if (gpu === undefined) return;
  const runtime = await openRuntime({ backend: "webgpu", gpu });
  const { skipped, ...rest } = await tortureBroken(runtime, 80, 2);
  expect(rest).toEqual({ injected: 80, refused: 80 - skipped, problems: [] });
  expect(skipped).toBeGreaterThan(15);
  runtime.close();
});
