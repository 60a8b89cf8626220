/**
 * A program that learns until it is done, goes on from its store where it finds one, and prints the hash of where it ends.
 *
 *   node|deno learning.mjs MODULE FOLDER STEPS strict|relaxed [RESIDENT_BYTES]
 */
import { learnAll } from "./job.mjs";

const [module, folder, steps, durability, resident] = /** @type {[string, string, string, "strict" | "relaxed", string?]} */ (
  process.argv.slice(2)
);
const palimpsest = /** @type {typeof import("palimpsest")} */ (await import(module));
const store = palimpsest.stores.folder(folder);
const hash = await learnAll(palimpsest, {
  ...{ store, durability, steps: Number(steps), ...(resident && { residentBytes: Number(resident) }) },
  tell: (what, step) => what === "open" && console.log(what, step),
});
console.log("hash", hash);
