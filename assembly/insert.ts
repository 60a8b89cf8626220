/**
 * Which stored row a new one replaces: the policies of a replay memory, by number. Random words come from the `store` stream. m and n are
 * the rows stored and seen of the row's own group, N the population, K the groups seen, M the capacity; the new row is in neither count.
 * Where rows were forgotten, or the memory grew, 0, 4 and 6 pair new rows with the d that are counted no more (random pairing, Gemulla et al.
 * 2008): a row takes some of the room of r rows with probability r/d, of the rest one less; then N is what it was, and the law goes on. In
 * 2 and 3 a row of a group with room but n > m is taken with probability m/n, what a row's chance was.
 *
 *  0 reservoir           Vitter 1985, algorithm R; by L (Li 1994) the row to take next is drawn ahead. Chunks: runs of rows kept or dropped whole
 *  1 ring                group's limit ⌊M/K⌋, one more for the first M mod K: the oldest of the group most above its limit, or of its own
 *  2 quota               the same limits; a reservoir in each group
 *  3 class-balanced      Chrysakis and Moens 2020, algorithm 1: any row of a largest class, or, full once, its own with probability m/(n + 1)
 *  4 balanced-reservoir  reservoir's acceptance, and also where m is below the median: any row of a largest class (Buzzega et al. 2020)
 *  5 greedy              Prabhu et al. 2020 (GDumb): below ⌊M/K⌋, any row of a largest class
 *  6 loss-aware          reservoir's acceptance; victim by (largest score - score), mixed with group size (Buzzega et al. 2020, LARS, LABRS)
 *  7 gradient-diverse    Aljundi et al. 2019 (GSS): for a likeness below 0, victim by likeness, with odds (its own + 1) : (the new + 1)
 * 10 clusters            the row most like its own in a largest group       · 11 similarity  the most alike, for one less so
 * 8 and 9, herding and closest-to-mean, rank rows by `exemplar.ts`; a row gives way in the group most above its limit, worst rank first.
 */
import {
  below,
  CLOCK,
  capacity,
  LEFT,
  NEXT,
  NONE,
  OPTION,
  OPTION2,
  POLICY,
  POPULATION,
  record,
  STORE,
  stored,
  unit,
  WEIGHT,
  weaknessOf,
} from "./block";
import { countOf, groupCount, MARK, member, SEEN } from "./group";
import { exp64, log64 } from "./math";
import {
  anyOf,
  BALANCED_RESERVOIR,
  CLASS_BALANCED,
  CLUSTERED,
  GRADIENT_DIVERSE,
  GREEDY,
  LOSS_AWARE,
  largest,
  largestMember,
  likeVictim,
  limit,
  lossVictim,
  overfull,
  QUOTA,
  RING,
  SIMILARITY,
  worst,
} from "./victim";

/** The row number at which algorithm L goes on as R. */
const NEVER: u64 = u64.MAX_VALUE;
/** What a chunk does that has no place of its own. */
const APPEND: u64 = 0xfffffffe;

/** The slot that a row takes, the number of rows stored for a new one, or NONE; `group` is that of grouping 0, if there is one. */
export function choose(state: usize, group: u32, weakness: f32): u32 {
  const free = stored(state) < capacity(state);
  switch (load<u32>(state, POLICY)) {
    case RING:
      return limited(state, group, true);
    case QUOTA:
      return limited(state, group, false);
    case CLASS_BALANCED:
      return balanced(state, group);
    case BALANCED_RESERVOIR: {
      const slot = reservoir(state);
      if (free || (slot == NONE && !belowMedian(state, group))) return slot;
      return largestMember(state);
    }
    case GREEDY:
      if (countOf(state, 0, group) >= capacity(state) / groupCount(state, 0)) return NONE;
      return free ? stored(state) : largestMember(state);
    case LOSS_AWARE: {
      const slot = reservoir(state);
      return free || slot == NONE ? slot : lossVictim(state);
    }
    case GRADIENT_DIVERSE:
      return free ? stored(state) : diverse(state, weakness);
    case CLUSTERED:
      return free ? stored(state) : clustered(state, group, weakness);
    case SIMILARITY: {
      if (free) return stored(state);
      const slot = worst(state, NONE);
      return weakness < weaknessOf(state, slot) ? slot : NONE;
    }
    default:
      return load<f64>(state, OPTION2) > 1 ? chunked(state) : load<f64>(state, OPTION) == 1 ? skipping(state) : reservoir(state);
  }
}

function reservoir(state: usize): u32 {
  const m = stored(state);
  const n = load<u64>(state, POPULATION);
  const space = capacity(state) - m;
  const left = load<u32>(state, LEFT);
  if (left > 0) {
    store<u32>(state, left - 1, LEFT);
    return below(state + STORE, left) < space ? m : NONE;
  }
  if (space > 0) return m;
  const r = below(state + STORE, n + 1);
  return r < m ? <u32>r : NONE;
}

function skipping(state: usize): u32 {
  const m = stored(state);
  if (m < capacity(state) || load<u64>(state, NEXT) == NEVER) return reservoir(state);
  const n = load<u64>(state, POPULATION);
  let weight = load<f64>(state, WEIGHT);
  let slot: u32 = NONE;
  let from = n;
  if (weight == 0) weight = 1;
  else if (n < load<u64>(state, NEXT)) return NONE;
  else {
    slot = <u32>below(state + STORE, m);
    from = n + 1;
  }
  weight *= exp64(log64(1 - unit(state + STORE)) / m);
  store<f64>(state, weight, WEIGHT);
  const skipped = min(floor(log64(1 - unit(state + STORE)) / logComplement(weight)), 9007199254740992.0);
  store<u64>(state, from + <u64>skipped, NEXT);
  // The first draw ahead may fall on this very row.
  return slot == NONE && n == load<u64>(state, NEXT) ? skipping(state) : slot;
}

/** ln(1 - x), exact also where x is small. */
function logComplement(x: f64): f64 {
  return x < 1e-4 ? -x * (1 + x * (0.5 + x * (1 / 3.0 + x * 0.25))) : log64(1 - x);
}

function chunked(state: usize): u32 {
  const m = stored(state);
  const length = min(<u64>load<f64>(state, OPTION2), <u64>capacity(state));
  const chunks = capacity(state) / <u32>length;
  const n = load<u64>(state, POPULATION);
  const offset = <u32>(load<u64>(state, CLOCK) % length);
  if (offset == 0) {
    const space = (capacity(state) - m) / <u32>length;
    const left = load<u32>(state, LEFT);
    let place: u64 = APPEND;
    if (left >= <u32>length) {
      store<u32>(state, left - <u32>length, LEFT);
      if (below(state + STORE, left / <u32>length) >= space) place = NONE;
    } else if (space == 0) {
      place = below(state + STORE, n / length + 1);
      if (place >= chunks) place = NONE;
    }
    store<u64>(state, place, NEXT);
  }
  const place = load<u64>(state, NEXT);
  if (place == NONE) return NONE;
  const slot = place == APPEND ? m : min(<u32>(place * length) + offset, m);
  return slot < capacity(state) ? slot : NONE;
}

function limited(state: usize, group: u32, oldest: bool): u32 {
  const m = countOf(state, 0, group);
  if (m < limit(state, group, capacity(state))) {
    if (!oldest && thins(state, group)) return NONE;
    if (stored(state) < capacity(state)) return stored(state);
    const other = overfull(state, capacity(state));
    return oldest ? member(state, 0, other, 0) : anyOf(state, other);
  }
  if (oldest && m > 0) return member(state, 0, group, 0);
  return within(state, group);
}

/** Whether a row of a group with room is passed over: where m rows stand for more, n, with probability 1 - m/n. */
function thins(state: usize, group: u32): bool {
  const m = countOf(state, 0, group);
  const n = load<u64>(record(state, 0, group), SEEN);
  return m > 0 && n > m && below(state + STORE, n) >= m;
}

/** A reservoir of a group's rows. */
function within(state: usize, group: u32): u32 {
  const m = countOf(state, 0, group);
  const r = m > 0 ? below(state + STORE, load<u64>(record(state, 0, group), SEEN) + 1) : 0;
  return r < m ? member(state, 0, group, <u32>r) : NONE;
}

function balanced(state: usize, group: u32): u32 {
  if (stored(state) < capacity(state)) return thins(state, group) ? NONE : stored(state);
  return load<u32>(record(state, 0, group), MARK) == 0 ? largestMember(state) : within(state, group);
}

/** Whether a group's count is below the median count of all groups: no more than half of them have as few. */
function belowMedian(state: usize, group: u32): bool {
  let few: u32 = 0;
  for (let g: u32 = 0; g < groupCount(state, 0); g++) few += u32(countOf(state, 0, g) <= countOf(state, 0, group));
  return few << 1 <= groupCount(state, 0);
}

/** A row most like others gives way to a new one that points away from those it was held against. */
function diverse(state: usize, weakness: f32): u32 {
  if (weakness >= 0) return NONE;
  const slot = likeVictim(state);
  const other = <f64>weaknessOf(state, slot) + 1;
  const odds = other + <f64>weakness + 1;
  return unit(state + STORE) * odds < other || odds == 0 ? slot : NONE;
}

/** A largest group gives up the row most like its own; the new row, where it is of that group, if it is the one. */
function clustered(state: usize, group: u32, weakness: f32): u32 {
  const other = largest(state);
  const own = countOf(state, 0, group) == countOf(state, 0, other);
  const slot = worst(state, own ? group : other);
  return own && weakness >= weaknessOf(state, slot) ? NONE : slot;
}
