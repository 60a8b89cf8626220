/**
 * What a replay memory knows about its rows, as one block: a header of 256 bytes, then its sections. Slots 0 … stored - 1 are taken, always
 * without a gap. Little-endian; lengths in elements.
 *
 *   0 magic · 4 version · 8 policy · 12 capacity M · 16 stored · 20 flags · 24 length d of an embedding · 28 groupings J
 *   32 `store` stream, 48 `draw` stream: key (2 words), words read (u64)
 *   64 population: rows that the stored ones stand for (u64) · 72 clock: rows numbered so far (u64) · 80 largest score so far (f64)
 *   88, 96 what algorithm L or chunks remember (f64, u64) · 104 duplicates refused · 112 rows forgotten (u64) · 120, 128 options (f64)
 *   136 groups that have room, in each grouping · 152 groups seen [4] · 168 clusters k · 172 rows that share the room of those
 *   forgotten · 176 addresses of the sections
 *
 * By slot: number of its row, low word: its age and its generation [M] · identity (u64) [M], with a table of slots · score (f32) [M], and
 * weakness (f32) [M], the same section unless measured on embeddings · embedding (f32) [M, d]. By grouping: see `group.ts`. Then sums of embeddings by group (f64) [G, d], centroids (f32) [k, d], and the tree
 * of `priority.ts`. Tables of slots are those of `table.ts`.
 */
import { philox } from "./random";

export const NONE: u32 = 0xffffffff;
export const MAGIC: u32 = 0x4d504c50;
export const VERSION: u32 = 2;

export const POLICY: usize = 8;
export const CAPACITY: usize = 12;
export const STORED: usize = 16;
export const FLAGS: usize = 20;
export const DIMS: usize = 24;
export const GROUPINGS: usize = 28;
export const STORE: usize = 32;
export const DRAW: usize = 48;
export const POPULATION: usize = 64;
export const CLOCK: usize = 72;
export const TOP: usize = 80;
export const WEIGHT: usize = 88;
export const NEXT: usize = 96;
export const DUPLICATES: usize = 104;
export const FORGOTTEN: usize = 112;
export const OPTION: usize = 120;
export const OPTION2: usize = 128;
export const ROOM: usize = 136;
export const GROUPS: usize = 152;
export const CLUSTERS: usize = 168;
export const LEFT: usize = 172;
/** Where the header ends that a saved block has too. */
export const SAVED: usize = 176;
export const NUMBERS: usize = 176;
export const IDS: usize = 180;
export const ID_TABLE: usize = 184;
export const SCORES: usize = 188;
export const EMBEDDINGS: usize = 192;
export const GROUPING: usize = 196;
export const SUMS: usize = 212;
export const CENTROIDS: usize = 216;
export const TREE: usize = 220;
export const ALPHA: usize = 224;
export const WEAKNESS: usize = 232;
export const HEADER: usize = 256;
/** Bytes of a group's record. */
export const RECORD: usize = 32;

export const HAS_IDS: u32 = 1;
export const HAS_SCORES: u32 = 2;
/** What stands for a row without an identity. */
export const NO_ID: u64 = u64.MAX_VALUE;

export function at(array: usize, i: u32): usize {
  return array + ((<usize>i) << 2);
}

export function at8(array: usize, i: u32): usize {
  return array + ((<usize>i) << 3);
}

/** Address of a section. */
export function section(state: usize, field: usize): usize {
  return load<u32>(state + field);
}

export function stored(state: usize): u32 {
  return load<u32>(state, STORED);
}

export function capacity(state: usize): u32 {
  return load<u32>(state, CAPACITY);
}

/** Score of a slot. */
export function scoreOf(state: usize, slot: u32): f32 {
  return load<f32>(at(section(state, SCORES), slot));
}

/**
 * What lets a slot's row give way first where a policy goes by that: its rank or likeness, measured on embeddings, or, where there are none, its
 * score.
 */
export function weaknessOf(state: usize, slot: u32): f32 {
  return load<f32>(at(section(state, WEAKNESS), slot));
}

/** Address of a slot's embedding. */
export function embedding(state: usize, slot: u32): usize {
  return section(state, EMBEDDINGS) + ((<usize>slot * load<u32>(state, DIMS)) << 2);
}

/** Rows numbered since a slot's own, from 1 for the newest; wraps after 2^32. */
export function age(state: usize, slot: u32): u32 {
  return <u32>load<u64>(state, CLOCK) - load<u32>(at(section(state, NUMBERS), slot));
}

/** Words of a table of slots for so many rows. */
export function tableLength(rows: u32): u32 {
  return rows + rows / 3 + 8;
}

/** Bytes of a grouping's sections. */
export function groupingBytes(rows: u32, groups: u32): usize {
  return (RECORD + 8) * <usize>groups + 8 * <usize>rows + 4 * <usize>tableLength(rows);
}

/** Address of a group's record. */
export function record(state: usize, j: u32, group: u32): usize {
  return section(state, GROUPING + (j << 2)) + RECORD * <usize>group;
}

/** The table that finds a group by its key. */
export function numbersByKey(state: usize, j: u32): usize {
  return record(state, j, room(state));
}

/** Group by slot. */
export function groupsBySlot(state: usize, j: u32): usize {
  return numbersByKey(state, j) + 8 * <usize>room(state);
}

/** Place by slot. */
export function placesBySlot(state: usize, j: u32): usize {
  return at(groupsBySlot(state, j), capacity(state));
}

/** The table that finds a member by group and place. */
export function lists(state: usize, j: u32): usize {
  return at(placesBySlot(state, j), capacity(state));
}

/** Groups that have room in a grouping. */
export function room(state: usize): u32 {
  return load<u32>(state, ROOM);
}

/** Next word of a stream. */
export function next(stream: usize): u64 {
  const position = load<u64>(stream, 8);
  store<u64>(stream, position + 1, 8);
  const block = position >> 2;
  return philox(<u32>block, <u32>(block >> 32), 0, 0, load<u32>(stream), load<u32>(stream, 4), <u32>position & 3);
}

/** An integer uniform on [0, n), by rejection: one word a try up to n = 2^32, two (low, high) beyond. */
export function below(stream: usize, n: u64): u64 {
  const wide = n > 0x100000000;
  const last: u64 = wide ? u64.MAX_VALUE - ((0 - n) % n) : 0xffffffff - (0x100000000 % n);
  let word: u64;
  do {
    word = next(stream);
    if (wide) word |= next(stream) << 32;
  } while (word > last);
  return word % n;
}

/** A number uniform on [0, 1), a multiple of 2^-53, from two words: 27 high bits of the first, 26 of the second. */
export function unit(stream: usize): f64 {
  const high = next(stream) >> 5;
  return <f64>((high << 26) | (next(stream) >> 6)) * (1 / 9007199254740992.0);
}
