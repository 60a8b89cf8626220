/** The first step of a contender of `mlp.mjs`, named by the argument, in a new process. Prints how long it took, the import included. */
import { contenders, mlp } from "./mlp.mjs";

const BATCH = 32;
const make = contenders[/** @type {keyof typeof contenders} */ (process.argv[2])];
mlp(BATCH);
const began = performance.now();
const contender = await make(BATCH);
await contender?.turn(0);
const ms = performance.now() - began;
console.log(JSON.stringify({ name: contender?.name, kind: contender?.kind, ms }));
process.exit(0);
