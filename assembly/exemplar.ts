/**
 * Rows chosen by their embeddings f32 [d]: exemplars near a group's mean, likeness, and clusters. Sums are f64, in order of index.
 *
 * Herding (Welling 2009; Rebuffi et al. 2017, iCaRL): with mean μ of all rows seen of a group, pick after pick the row whose choice brings the
 * mean of the picks closest to μ. Closest-to-mean: by distance to μ. Ties: stored rows before new ones, in the order of their list, then of the
 * call.
 */
import {
  at,
  at8,
  below,
  CENTROIDS,
  CLOCK,
  CLUSTERS,
  capacity,
  DIMS,
  embedding,
  NO_ID,
  NONE,
  OPTION,
  POLICY,
  record,
  STORE,
  SUMS,
  section,
  stored,
} from "./block";
import { countOf, groupCount, groupOf, member, SEEN } from "./group";
import { addTo, countDuplicate, idOf, isStored, number, settle, setWeakness } from "./settle";
import { CLOSEST, limit, overfull, worst } from "./victim";

/** What marks a candidate that is a new row rather than a slot. */
const NEW: u32 = 0x80000000;
/** The slot of a row that waits for its group's turn. */
const WAITS: u32 = NONE - 1;

/**
 * Offers rows to a memory that ranks them within their groups, see `memoryOffer`: of rows that share an identity the first. A group keeps the
 * first of the ranked, up to its limit; what lies behind stays as long as nobody needs the room. A row's weakness is its rank, from 0.
 * Scratch: f64 [d], candidates u32 [stored + n], numbers u32 [n].
 */
export function rank(state: usize, n: u32, keys: usize, ids: usize, scores: usize, embeddings: usize, scratch: usize, slots: usize): void {
  const dims = load<u32>(state, DIMS);
  const candidates = scratch + 8 * <usize>dims;
  const numbers = at(candidates, stored(state) + n);
  for (let i: u32 = 0; i < n; i++) {
    const known = isStored(state, ids, i) || waits(ids, i, slots);
    store<u32>(at(slots, i), known ? NONE : WAITS);
    store<u32>(at(numbers, i), <u32>load<u64>(state, CLOCK));
    if (known) {
      countDuplicate(state);
      continue;
    }
    number(state, n, keys, i);
    addTo(state, groupOf(state, 0, load<u32>(at(keys, i))), own(embeddings, dims, i));
  }
  for (let i: u32 = 0; i < n; i++) {
    if (load<u32>(at(slots, i)) != WAITS) continue;
    rankGroup(state, groupOf(state, 0, load<u32>(at(keys, i))), n, keys, ids, scores, embeddings, scratch, candidates, numbers, slots);
  }
}

/** Whether the identity of the i-th row is that of one before it that waits. */
function waits(ids: usize, i: u32, slots: usize): bool {
  const id = idOf(ids, i);
  for (let k: u32 = 0; id != NO_ID && k < i; k++) if (load<u32>(at(slots, k)) == WAITS && idOf(ids, k) == id) return true;
  return false;
}

function own(embeddings: usize, dims: u32, i: u32): usize {
  return embeddings + ((<usize>i * dims) << 2);
}

function rankGroup(
  state: usize,
  group: u32,
  n: u32,
  keys: usize,
  ids: usize,
  scores: usize,
  embeddings: usize,
  scratch: usize,
  candidates: usize,
  numbers: usize,
  slots: usize,
): void {
  const dims = load<u32>(state, DIMS);
  const m = countOf(state, 0, group);
  let count = m;
  for (let r: u32 = 0; r < m; r++) store<u32>(at(candidates, r), member(state, 0, group, r));
  for (let i: u32 = 0; i < n; i++) {
    if (load<u32>(at(slots, i)) != WAITS || groupOf(state, 0, load<u32>(at(keys, i))) != group) continue;
    store<u32>(at(slots, i), NONE);
    store<u32>(at(candidates, count++), NEW | i);
  }
  const share = limit(state, group, capacity(state));
  const kept = min(count, share);
  memory.fill(scratch, 0, 8 * <usize>dims);
  for (let r: u32 = 0; r < kept; r++) pick(state, group, embeddings, scratch, candidates, r, count);
  for (let r: u32 = 0; r < count; r++) {
    const candidate = load<u32>(at(candidates, r));
    if ((candidate & NEW) == 0) setWeakness(state, candidate, <f32>r);
  }
  for (let r: u32 = 0; r < kept; r++) {
    const candidate = load<u32>(at(candidates, r));
    if ((candidate & NEW) == 0) continue;
    let slot = stored(state);
    if (slot == capacity(state)) slot = worst(state, countOf(state, 0, group) >= share ? group : overfull(state, slot));
    const i = candidate & ~NEW;
    settle(state, slot, i, n, load<u32>(at(numbers, i)), keys, ids, scores, <f32>r, own(embeddings, dims, i), slots);
  }
}

/** Brings the best of the candidates r … count - 1 to place r; the others keep their order. `sum` f64 [d] is that of the picks before. */
function pick(state: usize, group: u32, embeddings: usize, sum: usize, candidates: usize, r: u32, count: u32): void {
  const dims = load<u32>(state, DIMS);
  const total = at8(section(state, SUMS), group * dims);
  const seen = <f64>load<u64>(record(state, 0, group), SEEN);
  const byDistance = load<u32>(state, POLICY) == CLOSEST;
  let best = r;
  let least: f64 = Infinity;
  for (let c = r; c < count; c++) {
    const row = rowOf(state, embeddings, load<u32>(at(candidates, c)));
    let distance: f64 = 0;
    for (let k: u32 = 0; k < dims; k++) {
      const x = <f64>load<f32>(at(row, k));
      const away = (byDistance ? x : (load<f64>(at8(sum, k)) + x) / (r + 1)) - load<f64>(at8(total, k)) / seen;
      distance += away * away;
    }
    if (!(distance < least)) continue;
    least = distance;
    best = c;
  }
  const chosen = load<u32>(at(candidates, best));
  for (let c = best; c > r; c--) store<u32>(at(candidates, c), load<u32>(at(candidates, c - 1)));
  store<u32>(at(candidates, r), chosen);
  const row = rowOf(state, embeddings, chosen);
  for (let k: u32 = 0; k < dims; k++) store<f64>(at8(sum, k), load<f64>(at8(sum, k)) + load<f32>(at(row, k)));
}

function rowOf(state: usize, embeddings: usize, candidate: u32): usize {
  return (candidate & NEW) == 0 ? embedding(state, candidate) : own(embeddings, load<u32>(state, DIMS), candidate & ~NEW);
}

/** Cosine of two embeddings; 0 where one is 0. */
function cosine(a: usize, b: usize, dims: u32): f64 {
  let ab: f64 = 0;
  let aa: f64 = 0;
  let bb: f64 = 0;
  for (let k: u32 = 0; k < dims; k++) {
    const x = <f64>load<f32>(at(a, k));
    const y = <f64>load<f32>(at(b, k));
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

/** Largest cosine to stored rows, as many as the option says, each any of them; 0.1 where there is none. */
export function likeness(state: usize, row: usize): f32 {
  if (stored(state) == 0) return 0.1;
  let most: f64 = -1;
  for (let k = load<f64>(state, OPTION); k > 0; k--) {
    const slot = <u32>below(state + STORE, stored(state));
    most = max(most, cosine(row, embedding(state, slot), load<u32>(state, DIMS)));
  }
  return <f32>most;
}

/** Largest cosine to the rows of a group; -1 where there is none. */
export function crowding(state: usize, row: usize, group: u32): f32 {
  let most: f64 = -1;
  for (let r: u32 = 0; r < countOf(state, 0, group); r++) {
    most = max(most, cosine(row, embedding(state, member(state, 0, group, r)), load<u32>(state, DIMS)));
  }
  return <f32>most;
}

/**
 * The cluster of a row, of the k there are: sequential k-means (MacQueen 1967). The first k rows begin clusters; a later one moves the centroid it
 * is closest to by 1/(rows of it so far, this one included). Ties: the first cluster. Keys of grouping 0 are clusters.
 */
export function assign(state: usize, row: usize): u32 {
  const dims = load<u32>(state, DIMS);
  const begun = groupCount(state, 0);
  const bytes = (<usize>dims) << 2;
  if (begun < load<u32>(state, CLUSTERS)) {
    memory.copy(section(state, CENTROIDS) + bytes * begun, row, bytes);
    return begun;
  }
  let best: u32 = 0;
  let least: f64 = Infinity;
  for (let cluster: u32 = 0; cluster < begun; cluster++) {
    const centroid = section(state, CENTROIDS) + bytes * cluster;
    let distance: f64 = 0;
    for (let k: u32 = 0; k < dims; k++) {
      const away = <f64>load<f32>(at(row, k)) - load<f32>(at(centroid, k));
      distance += away * away;
    }
    if (!(distance < least)) continue;
    least = distance;
    best = cluster;
  }
  const centroid = section(state, CENTROIDS) + bytes * best;
  const rate: f64 = 1 / <f64>(load<u64>(record(state, 0, best), SEEN) + 1);
  for (let k: u32 = 0; k < dims; k++) {
    const mean = <f64>load<f32>(at(centroid, k));
    store<f32>(at(centroid, k), <f32>(mean + rate * (load<f32>(at(row, k)) - mean)));
  }
  return best;
}
