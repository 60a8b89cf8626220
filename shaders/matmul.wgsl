// Batched matrix product through workgroup memory: store_tile receives Σ_k a(b, i, k) · b(b, k, j) of [batches, m, n] points for any
// depth ≥ 0; the epilogue is finish. Operands lie in any of the three forms (NN, NT, TN) or are gathered: a(…) and b(…) know where.
//
// Holes (the executor writes their bodies): a, b, and the quads after them where those are one aligned load; Tile, accumulate, store_tile;
// Finished, finish, store_quad.
// Order: a group of side × side invocations owns a tile of 8·side × 8·side points, tiles in row-major order within a batch, and walks depth
// in steps of `side`; an invocation owns 8 × 8 points, four blocks of 4 × 4 that lie `side` blocks apart. Half of the invocations bring a's
// part of a step, half b's, a block of 4 × 4 each, while the step before is multiplied. The sum over depth runs 0, 1, 2 … at each point, so
// results repeat bit for bit. More than 65,535 groups fold into y.
// Banks: neighbours read neighbouring quads of b and the same of a. Blocks that neighbours bring along depth would all go to one bank but
// for the turn that `at` gives them.
// Error: (depth + 1)·2^-24 · Σ|a·b|.

@group(0) @binding(0) var<storage, read_write> state: array<u32>;
@group(0) @binding(1) var<storage, read_write> rows: array<u32>;
@group(0) @binding(2) var<storage, read_write> io: array<u32>;
@group(0) @binding(3) var<storage, read_write> work: array<u32>;

override batches: u32;
override m: u32;
override n: u32;
override depth: u32;
// 8 or 16, its square, and its square times 4.
override side: u32;
override width: u32;
override quads: u32;
// Whether depth is the contiguous axis of each operand.
override aDeep: bool;
override bDeep: bool;

fn a(batch: u32, i: u32, k: u32) -> f32 {
  return 0.0;
}
fn b(batch: u32, k: u32, j: u32) -> f32 {
  return 0.0;
}
// Four elements along the contiguous axis, from (i, k) and (k, j).
fn quad_of_a(batch: u32, i: u32, k: u32) -> vec4<f32> {
  if (aDeep) {
    return vec4<f32>(a(batch, i, k), a(batch, i, k + 1u), a(batch, i, k + 2u), a(batch, i, k + 3u));
  }
  return vec4<f32>(a(batch, i, k), a(batch, i + 1u, k), a(batch, i + 2u, k), a(batch, i + 3u, k));
}
fn quad_of_b(batch: u32, k: u32, j: u32) -> vec4<f32> {
  if (bDeep) {
    return vec4<f32>(b(batch, k, j), b(batch, k + 1u, j), b(batch, k + 2u, j), b(batch, k + 3u, j));
  }
  return vec4<f32>(b(batch, k, j), b(batch, k, j + 1u), b(batch, k, j + 2u), b(batch, k, j + 3u));
}

// The products of an invocation, and with them Σ_k of b's rows where those are wanted.
struct Tile {
  c0_0: vec4<f32>,
}

// tile += a ⊗ b for 8 rows and 8 columns; the sums only where `first`.
fn accumulate(tile: ptr<function, Tile>, a0: vec4<f32>, a1: vec4<f32>, b0: vec4<f32>, b1: vec4<f32>, first: bool) {}

// What is stored of a point.
struct Finished {
  f0: f32,
}
fn finish(batch: u32, i: u32, j: u32, product: f32) -> Finished {
  return Finished(product);
}
fn store_quad(batch: u32, i: u32, j: u32, products: vec4<f32>) {}
// Blocks of four rows and four columns lie `step` apart.
fn store_tile(batch: u32, top: u32, left: u32, step: u32, tile: Tile) {}

// A step's part of a, then that of b: [depth][quad].
var<workgroup> steps: array<vec4<f32>, quads>;

fn at(k: u32, quad: u32) -> u32 {
  return k * 2u * side + (quad ^ (k / 4u * (32u / side)));
}

// A block of 4 × 4 whose columns are steps of depth.
fn by_depth(four: mat4x4<f32>, deep: bool) -> mat4x4<f32> {
  if (deep) {
    return transpose(four);
  }
  return four;
}
fn block_of_a(batch: u32, i: u32, k: u32) -> mat4x4<f32> {
  let di = u32(aDeep);
  let dk = 1u - di;
  let q0 = quad_of_a(batch, i, k);
  let q1 = quad_of_a(batch, i + di, k + dk);
  let q2 = quad_of_a(batch, i + 2u * di, k + 2u * dk);
  let q3 = quad_of_a(batch, i + 3u * di, k + 3u * dk);
  return by_depth(mat4x4<f32>(q0, q1, q2, q3), aDeep);
}
fn block_of_b(batch: u32, k: u32, j: u32) -> mat4x4<f32> {
  let dj = u32(bDeep);
  let dk = 1u - dj;
  let q0 = quad_of_b(batch, k, j);
  let q1 = quad_of_b(batch, k + dk, j + dj);
  let q2 = quad_of_b(batch, k + 2u * dk, j + 2u * dj);
  let q3 = quad_of_b(batch, k + 3u * dk, j + 3u * dj);
  return by_depth(mat4x4<f32>(q0, q1, q2, q3), bDeep);
}

fn bring(ofB: bool, batch: u32, row: u32, k: u32) -> mat4x4<f32> {
  if (ofB) {
    return block_of_b(batch, k, row);
  }
  return block_of_a(batch, row, k);
}

@compute @workgroup_size(width)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let reach = 8u * side;
  let across = (n + reach - 1u) / reach;
  let tiles = (m + reach - 1u) / reach * across;
  let place = group.y * groups.x + group.x;
  let batch = place / tiles;
  if (batch >= batches) {
    return;
  }
  let top = place % tiles / across * reach;
  let left = place % tiles % across * reach;
  let y = lane / side;
  let x = lane % side;

  // Invocations next to each other bring blocks next to each other along the contiguous axis.
  let ofB = lane >= width / 2u;
  let own = lane % (width / 2u);
  let deep = select(aDeep, bDeep, ofB);
  let k4 = 4u * select(own / (2u * side), own % (side / 4u), deep);
  let quad = select(own % (2u * side), own / (side / 4u), deep);
  let half = quads / 2u;
  let shelf = select(0u, half, ofB);
  let row = select(top, left, ofB) + quad * 4u;

  var tile: Tile;
  var next = bring(ofB, batch, row, k4);
  for (var front = 0u; front < depth; front += side) {
    steps[shelf + at(k4, quad)] = next[0];
    steps[shelf + at(k4 + 1u, quad)] = next[1];
    steps[shelf + at(k4 + 2u, quad)] = next[2];
    steps[shelf + at(k4 + 3u, quad)] = next[3];
    workgroupBarrier();
    if (front + side < depth) {
      next = bring(ofB, batch, row, front + side + k4);
    }
    for (var k = 0u; k < side; k++) {
      let a0 = steps[at(k, y)];
      let a1 = steps[at(k, y + side)];
      let b0 = steps[half + at(k, x)];
      let b1 = steps[half + at(k, x + side)];
      accumulate(&tile, a0, a1, b0, b1, top + y == 0u);
    }
    workgroupBarrier();
  }
  store_tile(batch, top + y * 4u, left + x * 4u, 4u * side, tile);
}
