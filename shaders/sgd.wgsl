// SGD with momentum over a flat range of parameters, in place. At each of `count` elements, in this order of operations:
//   g = grad · gradScale + weightDecay · w
//   b = momentum · b + g                         (heavy)
//   d = nesterov: g + momentum · b, heavy: b, else g
//   w = w − learningRate · d
// Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", with L2 weight decay.
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
override heavy: bool;
override nesterov: bool;

fn learningRate() -> f32 {
  return 0.0;
}
fn momentum() -> f32 {
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
fn load_momentum(i: u32) -> Real {
  return Real();
}
fn store_momentum(i: u32, value: Real) {}

// A velocity that decays for want of gradients ends at 0.
fn settle(x: Real) -> Real {
  return select(x, Real(), abs(x) < Real(1e-30));
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let rate = learningRate();
  let keep = momentum();
  let decay = weightDecay();
  let scale = gradScale();
  let first = (group.y * groups.x + group.x) * 256u * each + lane;
  for (var turn = 0u; turn < each; turn++) {
    let i = first + turn * 256u;
    if (i >= count) {
      return;
    }
    let w = load_params(i);
    let g = load_grads(i) * scale + decay * w;
    var direction = g;
    if (heavy) {
      let b = settle(keep * load_momentum(i) + g);
      store_momentum(i, b);
      direction = b;
      if (nesterov) {
        direction = g + keep * b;
      }
    }
    store_params(i, w - rate * direction);
  }
}
