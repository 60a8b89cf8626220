// Batched matrix product straight from memory: as matmul.wgsl, for adapters that compute on the CPU, where workgroup memory is slow, and
// for products of too few points to fill a GPU with tiles.
//
// Holes (the executor writes their bodies): a, b, and the quads after them where those are one aligned load; Tile, add,
// multiply and store_tile; Finished, finish, store_quad; join.
// Order: an invocation owns a tile of points and walks depth in steps of 4; `slices` invocations of a group share a tile, every one taking
// its turn of the steps, and the first of them adds up what the others have. Tiles are in row-major order within a batch. The order of every
// sum is fixed, so results repeat bit for bit. More than 65,535 groups fold into y.
// Error: (depth + 1)·2^-24 · Σ|a·b|.

@group(0) @binding(0) var<storage, read_write> state: array<u32>;
@group(0) @binding(1) var<storage, read_write> rows: array<u32>;
@group(0) @binding(2) var<storage, read_write> io: array<u32>;
@group(0) @binding(3) var<storage, read_write> work: array<u32>;

override batches: u32;
override m: u32;
override n: u32;
override depth: u32;
// Points of a tile.
override height: u32;
override breadth: u32;
// Invocations in a group, and on a tile.
override width: u32;
override slices: u32;
// Whether depth is the contiguous axis of each operand. Where it is that of b, slices next to each other read elements next to each other,
// otherwise tiles do.
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

fn add(tile: ptr<function, Tile>, other: Tile) {}

// tile += a ⊗ b over the step of depth from k.
fn multiply(tile: ptr<function, Tile>, batch: u32, i: u32, j: u32, k: u32) {}

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

var<workgroup> partial: array<Tile, width>;

// Adds the tiles of all slices to that of the first; slices are `stride` lanes apart. Without a body where there is but one.
fn join(tile: ptr<function, Tile>, lane: u32, first: bool, stride: u32) {}

fn join_slices(tile: ptr<function, Tile>, lane: u32, first: bool, stride: u32) {
  partial[lane] = *tile;
  workgroupBarrier();
  if (first) {
    for (var slice = 1u; slice < slices; slice++) {
      add(tile, partial[lane + slice * stride]);
    }
  }
}

@compute @workgroup_size(width)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let across = (n + breadth - 1u) / breadth;
  let tiles = (m + height - 1u) / height * across;
  let owners = width / slices;
  let slice = select(lane / owners, lane % slices, bDeep);
  let owner = select(lane % owners, lane / slices, bDeep);
  let place = (group.y * groups.x + group.x) * owners + owner;
  // What is past the last tile computes of other numbers and stores nothing.
  let batch = place / tiles;
  let i = place % tiles / across * height;
  let j = place % tiles % across * breadth;

  var tile: Tile;
  for (var k = slice * 4u; k < depth; k += slices * 4u) {
    multiply(&tile, batch, i, j, k);
  }
  join(&tile, lane, slice == 0u, select(owners, 1u, bDeep));
  if (slice == 0u && batch < batches) {
    store_tile(batch, i, j, 4u, tile);
  }
}
