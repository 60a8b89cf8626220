/** What the host calls. Kernels run from {@link run}; the rest decides: replay, schedules, checksums. */
export { crc32c, crcTables } from "./crc";
export { memoryDraw, memoryDrawScratch } from "./draw";
export { memoryLoad, memoryMerge, memorySave, memorySaved } from "./image";
export { matmulScratch } from "./matmul";
export {
  memoryAdmit,
  memoryBytes,
  memoryCount,
  memoryFind,
  memoryGenerations,
  memoryInit,
  memoryOffer,
  memoryOfferScratch,
  memoryRemove,
  memoryUpdate,
  memoryVictim,
} from "./memory";
export { buildTree as memoryTree, treeBytes as memoryTreeBytes } from "./priority";
export { memoryRead, rowsFollow, rowsGather, rowsNarrow, rowsScale, rowsWiden } from "./rows";
export { run } from "./run";
export { rate, rates } from "./schedule";

/** Returns the first byte of memory that the module does not use itself. */
export function heapBase(): usize {
  return __heap_base;
}
