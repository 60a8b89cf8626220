/** What the tests of the command share: a small set on disk, and the command with its output caught. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { main } from "../../src/cli/main.ts";
import { glyphs } from "../../src/stream/index.ts";

/** Returns an IDX file of bytes. */
export function idx(shape: readonly number[], data: ArrayLike<number>): Uint8Array {
  const sizes = shape.flatMap((size) => [size >>> 24, (size >>> 16) & 255, (size >>> 8) & 255, size & 255]);
  return Uint8Array.from([0, 0, 8, shape.length, ...sizes, ...Array.from(data)]);
}

/** Makes a folder of glyphs of 8 × 8 in IDX files: `count` to learn, half as many to test; returns its path. */
export async function writeSet(folder: string, count: number, parts: readonly ("train" | "t10k")[] = ["train", "t10k"]): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const part of parts) {
    const { x, y, count: rows } = glyphs({ count: part === "train" ? count : count / 2, size: 8, name: part, noise: 0.02, elastic: 0.05 });
    await writeFile(join(folder, `${part}-images-idx3-ubyte.gz`), gzipSync(idx([rows, 8, 8], x)));
    await writeFile(join(folder, `${part}-labels-idx1-ubyte`), idx([rows], y));
  }
  return folder;
}

/** A line of NDJSON. */
export type Line = Readonly<Record<string, unknown>> & { readonly type: string };

/** What a command left behind. */
export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** `out`, read as NDJSON. */
  lines(): Line[];
}

/** Runs the command; it is told to stop once `until` holds for what it has written to `out` last. */
export async function run(words: readonly string[], columns?: number, until: (text: string) => boolean = () => false): Promise<Result> {
  const stop = new AbortController();
  const texts = { out: "", err: "" };
  const output = (name: "out" | "err") => ({
    write(text: string) {
      texts[name] += text;
      if (name === "out" && until(text)) stop.abort();
    },
    columns: () => columns,
  });
  const code = await main(words, { out: output("out"), err: output("err"), stop: stop.signal, version: "1.2.3" });
  const lines = (): Line[] =>
    texts.out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Line);
  return { code, ...texts, lines };
}

/** Returns the last line, without what the clock decides. */
export function summaryIn(result: Result): Line {
  const { stepsPerSecond, samplesPerSecond, ...summary } = result.lines().at(-1) as Line;
  return { ...summary, timed: Number(stepsPerSecond) > 0 && Number(samplesPerSecond) > 0 } as unknown as Line;
}

/** The options of a run that takes a blink. */
export const small: readonly string[] = ["--hidden", "16", "--dropout", "0.1", "--memory", "40", "--backend", "wasm", "--json"];
