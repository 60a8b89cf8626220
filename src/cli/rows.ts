/** The rows that a store keeps in a file, read against the checksums of its snapshot. */

import { crc32c } from "../crc.ts";
import { fail } from "../errors.ts";
import { pagesOf } from "../learner/snapshot.ts";
import { ColumnFile } from "../store/column.ts";
import type { Storage, StoredTensor } from "../store/index.ts";

/** Rows read at once. */
const AT_ONCE = 4096;

/** Reads every row that a snapshot speaks of. @throws E_CORRUPT naming the first that is not as it was written */
export async function verifyRows(files: Storage, tensors: ReadonlyMap<string, StoredTensor>): Promise<void> {
  const pages = pagesOf(tensors);
  if (pages === undefined) return;
  const column = await ColumnFile.open(files, 0, pages.file, pages.rowBytes);
  const { pairs } = pages;
  for (let at = 0; at < pairs.length; at += 2 * AT_ONCE) {
    const some = [...pairs.subarray(at, at + 2 * AT_ONCE)];
    const places = some.filter((_, i) => i % 2 === 0);
    const rows = await column.read(places);
    const wrong = rows.findIndex((row, i) => row.length !== pages.rowBytes || crc32c(row) !== some[2 * i + 1]);
    if (wrong < 0) continue;
    const offset = (places[wrong] as number) * pages.rowBytes;
    fail("E_CORRUPT", `${column.name}: the row at byte ${offset} is damaged; expected the checksum ${some[2 * wrong + 1]}, got another`, {
      hint: "Restore the store from a copy, or forget the row where drawing it tells its id.",
      context: { file: column.name, offset },
    });
  }
}
