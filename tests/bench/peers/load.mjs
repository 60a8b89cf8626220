/** Peers are installed by the benchmarks alone, so their types are not known to the checks. */
import manifest from "./package.json" with { type: "json" };

/** Returns a peer. A page has a map of imports. @param {string} name @returns {Promise<any>} */
export const load = (name) => import(name);

/** Returns the version of a peer. @param {keyof typeof manifest.devDependencies} name */
export const versionOf = (name) => manifest.devDependencies[name];
