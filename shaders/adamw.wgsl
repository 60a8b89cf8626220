// Adam, with L2 or decoupled weight decay, over a flat range of parameters, in place. At each of `count` elements, in this order of operations:
//   g = grad · gradScale + weightDecay · w
//   m = beta1 · m + oneMinusBeta1 · g
//   v = beta2 · v + oneMinusBeta2 · (g · g)
//   (means below 1e-30 are 0)
//   w = w · decay − rate · m / (√v · rootCorrection + eps)
// where, at step k, decay = 1 − learningRate · λ for a decoupled λ, rate = learningRate / (1 − beta1^k), rootCorrection = 1 / √(1 − beta2^k).
// Source: Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2; eps outside the corrected root.
//
// Holes (the executor writes the bodies of those whose tensor or scalar there is): all functions but main.
// Order: elements, or aligned quads of them where those of every tensor are (Real is then vec4<f32>); an invocation updates `each` of them, a
// group's width apart. More than 65,535 groups fold into y.

@group(0) @binding(0) var<storage, read_write> state: array<u32>;
@group(0) @binding(1) var<storage, read_write> rows: array<u32>;
@group(0) @binding(2) var<storage, read_write> io: array<u32>;
@group(0) @binding(3) var<storage, read_write> work: array<u32>;

alias Real = f32;

// Elements or quads, and how many an invocation updates.
override count: u32;
override each: u32;

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
fn weightDecay() -> f32 {
  return 0.0;
}
fn gradScale() -> f32 {
  return 1.0;
}
fn load_params(i: u32) -> Real {
  return Real();
}
fn store_params(i: u32, value: Real) {}
fn load_grads(i: u32) -> Real {
  return Real();
}
fn load_m(i: u32) -> Real {
  return Real();
}
fn store_m(i: u32, value: Real) {}
fn load_v(i: u32) -> Real {
  return Real();
}
fn store_v(i: u32, value: Real) {}

// A mean that decays for want of gradients ends at 0.
fn settle(x: Real) -> Real {
  return select(x, Real(), abs(x) < Real(1e-30));
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let kept = decay();
  let r = rate();
  let b1 = beta1();
  let c1 = oneMinusBeta1();
  let b2 = beta2();
  let c2 = oneMinusBeta2();
  let root = rootCorrection();
  let e = eps();
  let coupled = weightDecay();
  let scale = gradScale();
  let first = (group.y * groups.x + group.x) * 256u * each + lane;
  for (var turn = 0u; turn < each; turn++) {
    let i = first + turn * 256u;
    if (i >= count) {
      return;
    }
    let w = load_params(i);
    let g = load_grads(i) * scale + coupled * w;
    let m = settle(b1 * load_m(i) + c1 * g);
    let v = settle(b2 * load_v(i) + c2 * (g * g));
    store_m(i, m);
    store_v(i, v);
    store_params(i, w * kept - r * m / (sqrt(v) * root + e));
  }
}
