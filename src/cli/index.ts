#!/usr/bin/env node
/** The `palimpsest` command in its process. */
import { readFile } from "node:fs/promises";
import process from "node:process";
import type { Output } from "./io.ts";
import { main } from "./main.ts";

const { argv, env, stderr, stdout } = process;

/** A pipe, a file, a dumb terminal and whoever sets NO_COLOR get plain lines. */
function outputOf(stream: NodeJS.WriteStream): Output {
  const rich = stream.isTTY && env.TERM !== "dumb" && (env.NO_COLOR ?? "") === "";
  return { write: (text) => void stream.write(text), columns: () => (rich ? stream.columns : undefined) };
}

const stop = new AbortController();
// The handlers go with the first signal, so that a second one ends the process at once.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
// A reader that went away, as `head` does, stops the run as Ctrl-C does.
for (const stream of [stdout, stderr]) stream.on("error", () => stop.abort());

const manifest = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
const code = await main(argv.slice(2), { out: outputOf(stdout), err: outputOf(stderr), stop: stop.signal, version: manifest.version });
await new Promise<void>((resolve) => stdout.write("", () => resolve()));
// Native handles, such as those of a GPU, would keep the process alive.
process.exit(code);
