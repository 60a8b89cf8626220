/** What it takes to draw rows of a memory that lie in a file larger than what is kept of them. */
import { mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "./optim.mjs";
import { titles } from "./targets.mjs";

/** @typedef {import("./contest.mjs").Row} Row */

const ROWS = 10_000_000;
const X = 784;
const ROW = X + 4;
const DRAWN = 256;
const RESIDENT = 64 * 2 ** 20;
const TURNS = 400;
/** Rows that differ, and are written at once. */
const BLOCK = 8192;

const WARM = "folder, warm, median";

/** @param {string} variant @param {number} value @returns {Row} */
const row = (variant, value) => ({
  workload: titles.paged,
  name: `Palimpsest, ${variant}`,
  kind: "palimpsest",
  variant,
  unit: "ms",
  value,
});

/** Returns the time of draws out of 7.9 GB that were all written, of which 64 MiB are kept in memory. @returns {Promise<Row[]>} */
export async function paged() {
  const folder = await mkdtemp(join(tmpdir(), "palimpsest-paged-"));
  try {
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize < 2 * ROWS * ROW)
      return [{ workload: titles.paged, name: "Palimpsest", kind: "palimpsest", variant: WARM, unit: "ms", skipped: "no room for 7.9 GB" }];
    return await measure(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** @param {string} folder @returns {Promise<Row[]>} */
async function measure(folder) {
  const { stores, ColumnFile, Pages, Replay, crc32c, openWasm } = await bundle();
  const files = await /** @type {NonNullable<import("palimpsest").Store["open"]>} */ (stores.folder(join(folder, "store")).open)("write");
  const file = await ColumnFile.create(files, 0, ROW);
  const block = new Uint8Array(BLOCK * ROW);
  for (let i = 0, x = 1; i < block.length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    block[i] = x >>> 24;
  }
  const sums = Array.from({ length: BLOCK }, (_, i) => crc32c(block.subarray(i * ROW, (i + 1) * ROW)));
  const pairs = Uint32Array.from({ length: 2 * ROWS }, (_, i) =>
    i % 2 === 0 ? i / 2 : /** @type {number} */ (sums[((i - 1) / 2) % BLOCK]),
  );
  const replay = new Replay(
    await openWasm(),
    { policy: { policy: "reservoir" }, capacities: [ROWS], keys: [], ids: false, scores: false, dims: 0 },
    1,
  );
  for (let first = 0; first < ROWS; first += BLOCK) {
    const count = Math.min(BLOCK, ROWS - first);
    await files.write(file.file, first * ROW, block.subarray(0, count * ROW));
    replay.offer({ count, keys: {} });
  }
  await file.flush();
  // Warm is what the page cache has once all was read.
  for (let at = 0; at < ROWS * ROW; at += 2 ** 26) await files.read(file.file, at, 2 ** 26);
  const pages = new Pages(file, ROWS, X, ROWS, RESIDENT, pairs);
  pages.adopt(replay, pairs);
  const arena = new Uint8Array(DRAWN * ROW);
  const column = { name: "x", storage: /** @type {const} */ ("u8"), length: X, rowBytes: X, rows: DRAWN, staging: DRAWN, byteOffset: 0 };
  const stage = {
    machine: /** @type {any} */ ({
      write: (/** @type {string} */ _, /** @type {number} */ at, /** @type {Uint8Array} */ bytes) => arena.set(bytes, at),
    }),
    layout: { x: column, y: { ...column, rowBytes: 4, byteOffset: DRAWN * X } },
    memory: { replay },
  };
  const times = [];
  for (let turn = 0; turn < 2 * TURNS; turn++) {
    const start = performance.now();
    const { slots } = replay.draw(DRAWN);
    await pages.stage(stage, new Uint32Array(DRAWN), [{ first: 0, count: DRAWN, slots }]);
    times.push(performance.now() - start);
  }
  replay.close();
  await files.close();
  const sorted = times.slice(TURNS).sort((a, b) => a - b);
  return [
    row(WARM, /** @type {number} */ (sorted[TURNS / 2])),
    row("folder, warm, 9 of 10 within", /** @type {number} */ (sorted[Math.floor(0.9 * TURNS)])),
  ];
}
