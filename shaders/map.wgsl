// Elementwise kernels: at each point of the dims, load, compute, store. A point's loads all come before its stores.
//
// Holes (the executor writes their bodies): point.
// Order: one invocation a point, points in row-major order; more than 65,535 groups fold into y.

@group(0) @binding(0) var<storage, read_write> state: array<u32>;
@group(0) @binding(1) var<storage, read_write> rows: array<u32>;
@group(0) @binding(2) var<storage, read_write> io: array<u32>;
@group(0) @binding(3) var<storage, read_write> work: array<u32>;

// Points.
override count: u32;

fn point(index: u32) {}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (index < count) {
    point(index);
  }
}
