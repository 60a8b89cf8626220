import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Machine } from "../../src/backend/machine.ts";
import { openWasmMachine } from "../../src/backend/wasm/index.ts";
import { openWasm } from "../../src/wasm/instance.ts";
import { checkScene, type Scene } from "./scene.ts";
import { mapScenes, matmulScenes, opScenes, optimizerScenes, reduceScenes, scatterScenes } from "./scenes.ts";
import { windowScenes } from "./windows.ts";

describe("kernels on Wasm", () => {
  let machine: Machine;
  beforeAll(async () => {
    machine = openWasmMachine(await openWasm(), { state: 1 << 20, rows: 1 << 20 });
  });
  afterAll(() => machine.close());

  const families: Record<string, Scene[]> = {
    operations: opScenes(4096),
    map: mapScenes(200),
    reduce: reduceScenes(),
    // Lowering stores gathered operands, so only WebGPU takes them as they are.
    matmul: matmulScenes().filter(({ name }) => !name.includes("gathered")),
    windows: windowScenes(60),
    scatter: scatterScenes(30),
    optimizers: optimizerScenes(),
  };
  for (const [family, scenes] of Object.entries(families)) {
    describe(family, () => {
      for (const scene of scenes) {
        it(scene.name, async () => {
          expect(await checkScene(machine, scene)).toBeLessThanOrEqual(1);
        });
      }
    });
  }
});
