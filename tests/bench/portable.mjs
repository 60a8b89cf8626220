/** The benchmarks that run in a page too. */
import * as gemm from "./gemm.mjs";
import * as replay from "./replay.mjs";
import { train } from "./train.mjs";
import * as webgpu from "./webgpu.mjs";
import { workloads } from "./workloads/index.mjs";
import { mlp } from "./workloads/mlp.mjs";

/** @typedef {(native?: import("./train.mjs").Native) => Promise<import("./contest.mjs").Row[]>} Benchmark returns a row a contender */

/** @type {Readonly<Record<string, Benchmark>>} */
export const portable = {
  async mlp(native) {
    const rows = [];
    for (const batch of [1, 8, 32, 128]) rows.push(...(await train(mlp(batch), { native, threads: batch === 128 })));
    return rows;
  },
  replay: replay.run,
  cnn: (native) => train(workloads.cnn(), { native }),
  gru: (native) => train(workloads.gru(), { native }),
  gpt: (native) => train(workloads.gpt(), { native, rules: { turns: 5 } }),
  gemm: gemm.run,
  webgpu: webgpu.run,
};
