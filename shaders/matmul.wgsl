// Batched matrix product: store(b, i, j, Σ_k a(b, i, k) · b(b, k, j)) for [batches, m, n] points and any depth ≥ 0; the epilogue is
// part of store. Operands lie in any of the three forms (NN, NT, TN), or gathered: a(…) and b(…) know where.
//
// Holes (the executor writes their bodies): a, b, store, store_sum.
// Order: a group of 8 × 8 invocations owns a tile of 32 × 32 points, tiles in row-major order within a batch; an invocation owns
// 4 × 4 points. Operands pass through tiles of 8 in depth, each read along its contiguous axis, out-of-range elements as 0. The sum over
// depth runs 0, 1, 2 … at each point, so results repeat bit for bit. More than 65,535 groups fold into y.
// Error: (depth + 1)·2^-24 · Σ|a·b|.

@group(0) @binding(0) var<storage, read_write> state: array<u32>;
@group(0) @binding(1) var<storage, read_write> rows: array<u32>;
@group(0) @binding(2) var<storage, read_write> io: array<u32>;
@group(0) @binding(3) var<storage, read_write> work: array<u32>;

// Whether the column sums of b are wanted: store_sum(b, j, Σ_k b(b, k, j)).
override summed: bool;
override batches: u32;
override m: u32;
override n: u32;
override depth: u32;
// Whether depth is the contiguous axis of each operand.
override aDeep: bool;
override bDeep: bool;

fn a(batch: u32, i: u32, k: u32) -> f32 {
  return 0.0;
}

fn b(batch: u32, k: u32, j: u32) -> f32 {
  return 0.0;
}

fn store(batch: u32, i: u32, j: u32, product: f32) {}

fn store_sum(batch: u32, j: u32, sum: f32) {}

// 8 × 32 elements each: [k][i / 4] and [k][j / 4].
var<workgroup> tileA: array<vec4<f32>, 64>;
var<workgroup> tileB: array<vec4<f32>, 64>;

fn checked_a(batch: u32, i: u32, k: u32) -> f32 {
  if (i < m && k < depth) {
    return a(batch, i, k);
  }
  return 0.0;
}

fn checked_b(batch: u32, k: u32, j: u32) -> f32 {
  if (k < depth && j < n) {
    return b(batch, k, j);
  }
  return 0.0;
}

fn column_of_a(batch: u32, i: u32, k: u32) -> vec4<f32> {
  return vec4<f32>(checked_a(batch, i, k), checked_a(batch, i + 1u, k), checked_a(batch, i + 2u, k), checked_a(batch, i + 3u, k));
}

fn row_of_b(batch: u32, k: u32, j: u32) -> vec4<f32> {
  return vec4<f32>(checked_b(batch, k, j), checked_b(batch, k, j + 1u), checked_b(batch, k, j + 2u), checked_b(batch, k, j + 3u));
}

fn store_row(batch: u32, i: u32, j: u32, products: vec4<f32>) {
  if (i >= m) {
    return;
  }
  for (var c = 0u; c < 4u && j + c < n; c++) {
    store(batch, i, j + c, products[c]);
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let across = (n + 31u) / 32u;
  let tiles = (m + 31u) / 32u * across;
  let place = group.y * groups.x + group.x;
  let batch = place / tiles;
  if (batch >= batches) {
    return;
  }
  let top = place % tiles / across * 32u;
  let left = place % tiles % across * 32u;
  let y = lane / 8u;
  let x = lane % 8u;
  var c0 = vec4<f32>();
  var c1 = vec4<f32>();
  var c2 = vec4<f32>();
  var c3 = vec4<f32>();
  var sums = vec4<f32>();
  for (var front = 0u; front < depth; front += 8u) {
    // Lanes next to each other read elements next to each other.
    let ka = select(y, x, aDeep);
    let ia = select(x, y, aDeep);
    tileA[ka * 8u + ia] = column_of_a(batch, top + ia * 4u, front + ka);
    let kb = select(y, x, bDeep);
    let jb = select(x, y, bDeep);
    tileB[kb * 8u + jb] = row_of_b(batch, front + kb, left + jb * 4u);
    workgroupBarrier();
    for (var k = 0u; k < 8u; k++) {
      let column = tileA[k * 8u + y];
      let row = tileB[k * 8u + x];
      c0 += column.x * row;
      c1 += column.y * row;
      c2 += column.z * row;
      c3 += column.w * row;
      if (summed) {
        sums += row;
      }
    }
    workgroupBarrier();
  }
  let i = top + y * 4u;
  let j = left + x * 4u;
  store_row(batch, i, j, c0);
  store_row(batch, i + 1u, j, c1);
  store_row(batch, i + 2u, j, c2);
  store_row(batch, i + 3u, j, c3);
  if (summed && i == 0u) {
    for (var c = 0u; c < 4u && j + c < n; c++) {
      store_sum(batch, j + c, sums[c]);
    }
  }
}
