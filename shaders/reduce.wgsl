// Reductions: for each of `outer` kept points, the fold (sums and maxima side by side) of the body's values over `inner` ≥ 1 points.
//
// Holes (the executor writes their bodies): Fold, value, merge, store.
// Order, fixed, so results repeat bit for bit: by_thread folds 0, 1, 2 … in one invocation; by_group folds lane, lane + width … in
// each lane, then halves the lanes until one is left. Every fold starts from a value, never from a neutral element: −∞ is
// a number that WGSL may take not to exist. More than 65,535 groups fold into y.
// Error of a sum: (inner + 1)·2^-24 · Σ|value| by thread, (inner / width + log2 width + 1)·2^-24 · Σ|value| by group.

@group(0) @binding(0) var<storage, read_write> state: array<u32>;
@group(0) @binding(1) var<storage, read_write> rows: array<u32>;
@group(0) @binding(2) var<storage, read_write> io: array<u32>;
@group(0) @binding(3) var<storage, read_write> work: array<u32>;

// Kept points, reduced points, and invocations in a group: for by_group a power of 2, at most inner.
override outer: u32;
override inner: u32;
override width: u32;

// One accumulator for each output.
struct Fold {
  f0: f32,
}

// The values of the body at a kept and a reduced point.
fn value(kept: u32, reduced: u32) -> Fold {
  return Fold(0.0);
}

fn merge(a: Fold, b: Fold) -> Fold {
  return Fold(a.f0 + b.f0);
}

fn store(kept: u32, fold: Fold) {}

fn fold_every(kept: u32, first: u32, step: u32) -> Fold {
  var fold = value(kept, first);
  for (var reduced = first + step; reduced < inner; reduced += step) {
    fold = merge(fold, value(kept, reduced));
  }
  return fold;
}

@compute @workgroup_size(width)
fn by_thread(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let kept = (group.y * groups.x + group.x) * width + lane;
  if (kept < outer) {
    store(kept, fold_every(kept, 0u, 1u));
  }
}

var<workgroup> folds: array<Fold, width>;

@compute @workgroup_size(width)
fn by_group(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let kept = group.y * groups.x + group.x;
  if (kept >= outer) {
    return;
  }
  folds[lane] = fold_every(kept, lane, width);
  for (var half = width / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      folds[lane] = merge(folds[lane], folds[lane + half]);
    }
  }
  if (lane == 0u) {
    store(kept, folds[0]);
  }
}
