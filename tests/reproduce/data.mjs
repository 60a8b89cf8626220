/** Real data and models for the reproductions, from the folder that DATA_DIR names. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readSafetensors, streams } from "palimpsest";

/** @param {...string} parts */
const fileOf = (...parts) => {
  const folder = process.env.DATA_DIR;
  if (folder === undefined) throw new Error("DATA_DIR is not set; expected the folder of the data sets");
  return join(folder, ...parts);
};

/** Returns the bytes of a file. @param {...string} parts */
export async function bytesOf(...parts) {
  return new Uint8Array(await readFile(fileOf(...parts)));
}

/** Returns a labelled IDX set. @param {string} folder @param {"train" | "t10k"} part */
export async function images(folder, part) {
  /** @param {string} name */
  const idx = async (name) => streams.readIdx(await streams.gunzip(await bytesOf(folder, name), name), name);
  return streams.labelled(await idx(`${part}-images-idx3-ubyte.gz`), await idx(`${part}-labels-idx1-ubyte.gz`), { classes: 10 });
}

/** Returns the tensors of a model file. @param {string} name */
export async function tensors(name) {
  return readSafetensors(await bytesOf("models", name), name).tensors;
}
