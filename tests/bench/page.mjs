/** The page of the benchmarks: the one that opens it calls `bench` by name. */
import { portable } from "./portable.mjs";

Object.assign(globalThis, { bench: (/** @type {string} */ name) => portable[name]?.() });
