/** How a memory's rows come to lie in a file of the learner's store. */
import { joined } from "../bytes.ts";
import { crc32c } from "../crc.ts";
import { fail } from "../errors.ts";
import { ColumnFile } from "../store/column.ts";
import { type Config, changed } from "./config.ts";
import type { Durable } from "./durable.ts";
import { layOutState } from "./layout.ts";
import { pagedPlan } from "./needs.ts";
import { Pages } from "./pages.ts";
import type { SavedState } from "./state.ts";

/**
 * Returns the options with the memory's rows in the file that a state speaks of, or in a new one, to which those are written that it has itself.
 * @throws E_CONFIG without a memory; E_CORRUPT where the file is not that of the state; what the store throws
 */
export async function openPages(config: Config, durable: Durable, state?: SavedState): Promise<{ config: Config; state?: SavedState }> {
  const { memory, residentBytes = 0 } = config;
  if (memory === undefined)
    fail("E_CONFIG", 'Learner: option "residentBytes" is of no use; expected option "memory", got nothing', {
      hint: "Add memory: memory.reservoir({ capacity: 1_000_000 }).",
    });
  const { x, y } = layOutState(config, 1);
  const { files, epoch } = durable;
  const rowBytes = x.rowBytes + y.rowBytes;
  const file =
    state?.pages === undefined
      ? await ColumnFile.create(files, epoch, rowBytes)
      : await ColumnFile.open(files, epoch, state.pages.file, rowBytes);
  const own = state === undefined || state.pages !== undefined ? state : await moved(state, file, x.rowBytes);
  const capacity = memory.capacities.reduce((sum, rows) => sum + rows, 0);
  const pages = new Pages(file, await file.size(), x.rowBytes, capacity, residentBytes, state?.pages?.pairs);
  durable.pages = pages;
  const staged = config.strategies.flatMap(({ draw }) => draw?.groups ?? []).reduce((sum, { size }) => sum + size, 0);
  return { config: changed(config, { memory: pagedPlan(memory, pages, staged) }), ...(own && { state: own }) };
}

/** Returns a state whose rows are written to a new file. */
async function moved(state: SavedState, file: ColumnFile, xBytes: number): Promise<SavedState> {
  const { x, y, ...carried } = Object.fromEntries(state.state.rows);
  const yBytes = file.rowBytes - xBytes;
  const pairs = new Uint32Array((2 * (y?.length ?? 0)) / yBytes);
  for (let place = 0; 2 * place < pairs.length; place++) {
    const [from, to] = [place, place + 1];
    const row = joined([x?.subarray(from * xBytes, to * xBytes) as Uint8Array, y?.subarray(from * yBytes, to * yBytes) as Uint8Array]);
    await file.write(place, row);
    pairs.set([place, crc32c(row)], 2 * place);
  }
  const { state: arenas, ...more } = state;
  return {
    ...more,
    state: { ...arenas, rows: new Map(Object.entries(carried)) },
    pages: { file: file.file, rowBytes: file.rowBytes, pairs },
  };
}
