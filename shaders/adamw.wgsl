// AdamW over a flat range of parameters, in place. At each of `count` elements, in this order of operations:
//   g = grad · gradScale
//   m = beta1 · m + oneMinusBeta1 · g
//   v = beta2 · v + oneMinusBeta2 · (g · g)
//   (means below 1e-30 are 0)
//   w = w · decay − rate · m / (√v · rootCorrection + eps)
// where, at step k, decay = 1 − learningRate · weightDecay, rate = learningRate / (1 − beta1^k), rootCorrection = 1 / √(1 − beta2^k).
// Source: Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2; eps outside the corrected root.
//
// Holes (the executor writes the bodies of those whose tensor or scalar there is): all functions but main.
// Order: one invocation an element; more than 65,535 groups fold into y.

@group(0) @binding(0) var<storage, read_write> state: array<u32>;
@group(0) @binding(1) var<storage, read_write> rows: array<u32>;
@group(0) @binding(2) var<storage, read_write> io: array<u32>;
@group(0) @binding(3) var<storage, read_write> work: array<u32>;

override count: u32;

fn decay() -> f32 {
  return 1.0;
}
fn rate() -> f32 {
  return 0.0;
}
fn beta1() -> f32 {
  return 0.0;
}
fn oneMinusBeta1() -> f32 {
  return 1.0;
}
fn beta2() -> f32 {
  return 0.0;
}
fn oneMinusBeta2() -> f32 {
  return 1.0;
}
fn rootCorrection() -> f32 {
  return 1.0;
}
fn eps() -> f32 {
  return 0.0;
}
fn gradScale() -> f32 {
  return 1.0;
}
fn load_params(i: u32) -> f32 {
  return 0.0;
}
fn store_params(i: u32, value: f32) {}
fn load_grads(i: u32) -> f32 {
  return 0.0;
}
fn load_m(i: u32) -> f32 {
  return 0.0;
}
fn store_m(i: u32, value: f32) {}
fn load_v(i: u32) -> f32 {
  return 0.0;
}
fn store_v(i: u32, value: f32) {}

// A mean that decays for want of gradients ends at 0.
fn settle(x: f32) -> f32 {
  return select(x, 0.0, abs(x) < 1e-30);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= count) {
    return;
  }
  let g = load_grads(i) * gradScale();
  let m = settle(beta1() * load_m(i) + oneMinusBeta1() * g);
  let v = settle(beta2() * load_v(i) + oneMinusBeta2() * (g * g));
  store_m(i, m);
  store_v(i, v);
  store_params(i, load_params(i) * decay() - rate() * m / (sqrt(v) * rootCorrection() + eps()));
}
