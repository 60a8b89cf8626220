/** What encoding needs of the memory that kernels run in. */
import type { ArenaName } from "../../program/plan.ts";

/** Where encoded blocks go, and where arenas lie. */
export interface Memory {
  /** Returns the address of an arena. */
  address(arena: ArenaName): number;
  /** Returns the address of a fresh block holding 32-bit words. */
  words(words: readonly number[]): number;
  /** Returns the address of a block holding 32-bit words that never change, made once for each name. */
  table(name: string, words: () => readonly number[]): number;
  /** Returns the address of 64 bytes holding an f32 (or u32) sixteen times. */
  splat(value: number, u32: boolean): number;
  /** Returns the address of `count` block-sized registers that kernels may share, since only one runs at a time. */
  registers(count: number): number;
}
