// Scatter: at each point of the dims, put a value into the row that an index tensor names. Rows past the end are dropped, which
// is how padding writes nothing; the rows of one run are distinct, so the order of the writes does not matter.
//
// Holes (the executor writes their bodies): row, put.
// Order: one invocation a point, points in row-major order; more than 65,535 groups fold into y.

@group(0) @binding(0) var<storage, read_write> state: array<u32>;
@group(0) @binding(1) var<storage, read_write> rows: array<u32>;
@group(0) @binding(2) var<storage, read_write> io: array<u32>;
@group(0) @binding(3) var<storage, read_write> work: array<u32>;

// Points, and rows there are to write to.
override count: u32;
override height: u32;

// The row that a point goes to.
fn row(index: u32) -> u32 {
  return 0u;
}

// Computes the value of a point and stores it in row `to`.
fn put(index: u32, to: u32) {}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (index < count) {
    let to = row(index);
    if (to < height) {
      put(index, to);
    }
  }
}
