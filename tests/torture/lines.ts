/** A log whose records are lines, and whose snapshots hold those before them. */
import type { LogReader } from "../../src/store/log.ts";

/** The part of a snapshot that holds lines. */
export const PART = "lines";

/** Returns all lines of a log, oldest first. */
export async function linesOf(log: LogReader): Promise<string[]> {
  const text = new TextDecoder().decode((await log.parts()).get(PART));
  const lines = text === "" ? [] : text.split("\n");
  for await (const record of log.records()) lines.push(new TextDecoder().decode(record));
  return lines;
}
