import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Machine } from "../../src/backend/machine.ts";
import { openWebGpuMachine } from "../../src/backend/webgpu/index.ts";
import { openTestHost } from "../env.ts";
import { checkScene, type Scene } from "./scene.ts";
import { mapScenes, matmulScenes, opScenes, optimizerScenes, reduceScenes, scatterScenes, wideScenes } from "./scenes.ts";
import { windowScenes } from "./windows.ts";

const host = await openTestHost();

describe.skipIf(host === undefined)("kernels on WebGPU", () => {
  let machine: Machine;
  beforeAll(async () => {
    if (host !== undefined) machine = await openWebGpuMachine(host, { state: 1 << 20, rows: 1 << 20 });
  });
  afterAll(() => {
    machine.close();
    host?.close();
  });

  const families: Record<string, Scene[]> = {
    operations: opScenes(4096),
    map: mapScenes(60),
    reduce: reduceScenes(),
    matmul: matmulScenes(),
    windows: windowScenes(30),
    scatter: scatterScenes(15),
    optimizers: optimizerScenes(),
    "more groups than one dimension has": wideScenes(),
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
