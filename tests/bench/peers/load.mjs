/** Peers are installed by the benchmarks alone, so their types are not known to the checks. */
import { readFileSync } from "node:fs";

const { devDependencies } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));

/** Returns a peer. @param {string} name @returns {Promise<any>} */
export const load = (name) => import(name);

/** Returns the version of a peer. @param {string} name @returns {string} */
export const versionOf = (name) => devDependencies[name];
