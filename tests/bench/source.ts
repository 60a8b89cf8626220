/** Parts of the library that benchmarks and tests of single updates need beside its public names. */
export { ProgramIo } from "../../src/backend/io.ts";
export { openRuntime } from "../../src/backend/runtime.ts";
export { crc32c } from "../../src/crc.ts";
export { fillSlots } from "../../src/learner/fresh.ts";
export { layOutTrained } from "../../src/learner/layout.ts";
export { Pages } from "../../src/learner/pages.ts";
export { slotLeaves } from "../../src/learner/programs.ts";
export { Replay } from "../../src/memory/replay.ts";
export * as optim from "../../src/optim/index.ts";
export { scalarReader } from "../../src/optim/parts.ts";
export { recordRecipe } from "../../src/optim/recipe.ts";
export { hasKernel, recordKernel } from "../../src/optim/step.ts";
export { compileProgram } from "../../src/program/trace.ts";
export { Arena, leafOf } from "../../src/state/arena.ts";
export { ColumnFile } from "../../src/store/column.ts";
export { stores } from "../../src/store/index.ts";
export { openWasm } from "../../src/wasm/instance.ts";
