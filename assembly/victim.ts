/** Which stored row gives way: by group, by score and by chance. Random words come from the `store` stream. */
import { at, below, DIMS, groupsBySlot, NONE, OPTION, POLICY, STORE, scoreOf, stored, unit, weaknessOf } from "./block";
import { countOf, groupCount, member } from "./group";

export const RESERVOIR: u32 = 0;
export const RING: u32 = 1;
export const QUOTA: u32 = 2;
export const CLASS_BALANCED: u32 = 3;
export const BALANCED_RESERVOIR: u32 = 4;
export const GREEDY: u32 = 5;
export const LOSS_AWARE: u32 = 6;
export const GRADIENT_DIVERSE: u32 = 7;
export const HERDING: u32 = 8;
export const CLOSEST: u32 = 9;
export const CLUSTERED: u32 = 10;
export const SIMILARITY: u32 = 11;

/** Whether rows have a weakness beside their scores: one that is measured on their embeddings. */
export function hasWeakness(state: usize): bool {
  return load<u32>(state, POLICY) >= GRADIENT_DIVERSE && load<u32>(state, DIMS) > 0;
}

/** The slot to give up when there is to be room for no more than `size` rows. */
export function victim(state: usize, size: u32): u32 {
  const policy = load<u32>(state, POLICY);
  if (policy == RING) return member(state, 0, overfull(state, size), 0);
  if (policy == QUOTA) return anyOf(state, overfull(state, size));
  if (policy >= CLASS_BALANCED && policy <= GREEDY) return largestMember(state);
  if (policy == LOSS_AWARE) return lossVictim(state);
  if (policy == GRADIENT_DIVERSE) return likeVictim(state);
  if (policy == HERDING || policy == CLOSEST) return worst(state, overfull(state, size));
  if (policy == CLUSTERED) return worst(state, largest(state));
  if (policy == SIMILARITY) return worst(state, NONE);
  return <u32>below(state + STORE, stored(state));
}

/** Rows that a group may hold where rows go to groups by limits. */
export function limit(state: usize, group: u32, size: u32): u32 {
  const groups = groupCount(state, 0);
  return size / groups + u32(group < size % groups);
}

/** The group most above its limit, the first of several. */
export function overfull(state: usize, size: u32): u32 {
  let most: i32 = i32.MIN_VALUE;
  let found: u32 = 0;
  for (let group: u32 = 0; group < groupCount(state, 0); group++) {
    const over = <i32>countOf(state, 0, group) - <i32>limit(state, group, size);
    if (over <= most) continue;
    most = over;
    found = group;
  }
  return found;
}

/** The slot of the greatest weakness in a group, or of all where `group` is NONE; the lowest of several. */
export function worst(state: usize, group: u32): u32 {
  const count = group == NONE ? stored(state) : countOf(state, 0, group);
  let found: u32 = NONE;
  for (let i: u32 = 0; i < count; i++) {
    const slot = group == NONE ? i : member(state, 0, group, i);
    const above = found == NONE || weaknessOf(state, slot) > weaknessOf(state, found);
    if (above || (slot < found && weaknessOf(state, slot) == weaknessOf(state, found))) found = slot;
  }
  return found;
}

/** The first of the largest groups. */
export function largest(state: usize): u32 {
  let found: u32 = 0;
  for (let group: u32 = 1; group < groupCount(state, 0); group++) {
    if (countOf(state, 0, group) > countOf(state, 0, found)) found = group;
  }
  return found;
}

/** Any row of a group. */
export function anyOf(state: usize, group: u32): u32 {
  return member(state, 0, group, <u32>below(state + STORE, countOf(state, 0, group)));
}

/** Any row of any largest group, all equally likely, by one draw. */
export function largestMember(state: usize): u32 {
  let group = largest(state);
  const most = countOf(state, 0, group);
  let ties: u32 = 0;
  for (let g = group; g < groupCount(state, 0); g++) ties += u32(countOf(state, 0, g) == most);
  let r = <u32>below(state + STORE, <u64>ties * most);
  for (; countOf(state, 0, group) != most || r >= most; group++) if (countOf(state, 0, group) == most) r -= most;
  return member(state, 0, group, r);
}

/**
 * A row by loss: with probability (1 - b)·(L - l)/Σ(L - l) + b·m/Σm of its loss l, L the largest, and its group's size m; b is the option. Where
 * all losses are the same, (L - l) is 1.
 */
export function lossVictim(state: usize): u32 {
  const share = load<f64>(state, OPTION);
  let most = scoreOf(state, 0);
  for (let slot: u32 = 1; slot < stored(state); slot++) most = max(most, scoreOf(state, slot));
  let losses: f64 = 0;
  for (let slot: u32 = 0; slot < stored(state); slot++) losses += <f64>most - scoreOf(state, slot);
  let sizes: f64 = 0;
  for (let group: u32 = 0; share > 0 && group < groupCount(state, 0); group++) {
    const m = <f64>countOf(state, 0, group);
    sizes += m * m;
  }
  let left = unit(state + STORE);
  let found: u32 = 0;
  for (let slot: u32 = 0; slot < stored(state); slot++) {
    const low = losses > 0 ? (<f64>most - scoreOf(state, slot)) / losses : 1 / <f64>stored(state);
    const size = share > 0 ? <f64>countOf(state, 0, load<u32>(at(groupsBySlot(state, 0), slot))) / sizes : 0;
    const chance = (1 - share) * low + share * size;
    if (chance > 0) found = slot;
    left -= chance;
    if (left < 0) break;
  }
  return found;
}

/** A row by how like others it is: with probability in proportion to (c - least)/(most - least + 0.01) of its weakness c; any where all are alike. */
export function likeVictim(state: usize): u32 {
  let least = weaknessOf(state, 0);
  let most = least;
  let sum: f64 = 0;
  for (let slot: u32 = 0; slot < stored(state); slot++) {
    least = min(least, weaknessOf(state, slot));
    most = max(most, weaknessOf(state, slot));
  }
  if (least == most) return <u32>below(state + STORE, stored(state));
  for (let slot: u32 = 0; slot < stored(state); slot++) sum += <f64>weaknessOf(state, slot) - least;
  let left = unit(state + STORE) * sum;
  let found: u32 = 0;
  for (let slot: u32 = 0; slot < stored(state); slot++) {
    const weight = <f64>weaknessOf(state, slot) - least;
    if (weight > 0) found = slot;
    left -= weight;
    if (left < 0) break;
  }
  return found;
}
