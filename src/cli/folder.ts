/** Sets that lie in a folder, as MNIST does. */
import { readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { fail } from "../errors.ts";
import { stores } from "../store/index.ts";
import { type Dataset, gunzip, type Idx, labelled, readIdx, select, type TrainTest } from "../stream/index.ts";
import { type NamedData, shuffled } from "./data.ts";

/** More than any classifier here could hold; a file with larger labels is of something else. */
const mostClasses = 65_536;

const kinds = { images: "idx3", labels: "idx1" } as const;

/**
 * Returns the set whose IDX files, named as those of MNIST, lie in a folder. Where only one part is there, a sixth of it becomes the test
 * part, the same rows each time.
 * @throws E_PATH where the folder or a file is missing; E_FORMAT, E_DATA where a file cannot be used
 */
export async function readFolder(folder: string): Promise<NamedData> {
  const names = await list(folder);
  const [train, test] = [await readPart(folder, names, "train"), await readPart(folder, names, "t10k")];
  const only = train ?? test;
  if (only === undefined) {
    const expected = ["train", "t10k"].map((part) => fileName(part, "images")).join(" or ");
    fail("E_PATH", `--data: no set lies in ${folder}; expected ${expected}, got ${some(names)}`, {
      hint: "Give the folder that holds the IDX files themselves.",
    });
  }
  const classes = 1 + Math.max(1, ...[train, test].map((part) => largest(part?.labels.data ?? [])));
  if (classes > mostClasses) {
    fail("E_DATA", `--data: the labels in ${folder} are no classes; expected numbers below ${mostClasses}, got ${classes - 1}`);
  }
  const setOf = ({ images, labels }: Part): Dataset => labelled(images, labels, { classes });
  const name = basename(resolve(folder));
  if (train !== undefined && test !== undefined) return { name, train: setOf(train), test: setOf(test) };
  return { name, ...divide(setOf(only)) };
}

interface Part {
  readonly images: Idx;
  readonly labels: Idx;
}

async function readPart(folder: string, names: readonly string[], part: string): Promise<Part | undefined> {
  const find = (kind: keyof typeof kinds): string | undefined => names.find((name) => pattern(part, kind).test(name));
  const [images, labels] = [find("images"), find("labels")];
  if (images === undefined && labels === undefined) return undefined;
  if (images === undefined || labels === undefined) {
    const missing = fileName(part, images === undefined ? "images" : "labels");
    fail("E_PATH", `--data: ${missing} is missing in ${folder}; expected it beside ${images ?? labels}, got ${some(names)}`, {
      hint: "Fetch the missing file.",
    });
  }
  return { images: await readFile(join(folder, images)), labels: await readFile(join(folder, labels)) };
}

function pattern(part: string, kind: keyof typeof kinds): RegExp {
  return new RegExp(`^${part}-${kind}[-.]${kinds[kind]}-ubyte(\\.gz)?$`);
}

function fileName(part: string, kind: keyof typeof kinds): string {
  return `${part}-${kind}-${kinds[kind]}-ubyte[.gz]`;
}

async function readFile(path: string): Promise<Idx> {
  const bytes = (await stores.file(path).read()) ?? new Uint8Array(0);
  return readIdx(await gunzip(bytes, path), path);
}

function largest(values: Iterable<number>): number {
  let most = 0;
  for (const value of values) most = Math.max(most, value);
  return most;
}

async function list(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    fail("E_PATH", `--data: the folder cannot be read; expected a folder of IDX files, got ${folder}`, { hint: "Check the path.", cause });
  }
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, 4).join(", ");
  return names.length === 0 ? "an empty folder" : names.length > 4 ? `${shown} and ${names.length - 4} more` : shown;
}

function divide(whole: Dataset): TrainTest {
  const order = shuffled(whole.count);
  const tests = Math.ceil(whole.count / 6);
  return {
    train: select(whole, order.subarray(tests).sort()),
    test: select(whole, order.subarray(0, tests).sort(), `${whole.name}, test part`),
  };
}
