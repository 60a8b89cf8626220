/** The models that benchmarks train. */
import { cnn } from "./cnn.mjs";
import { gpt } from "./gpt.mjs";
import { gru } from "./gru.mjs";
import { mlp } from "./mlp.mjs";

/** At the rows of a step that are measured, or of the one that stands for several. */
export const workloads = { mlp: () => mlp(32), cnn: () => cnn(32), gru: () => gru(32), gpt: () => gpt(8) };
