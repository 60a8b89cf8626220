// Philox4x32-10: the bits of assembly/random.ts and src/random.ts. Integers only, hence equal on every adapter.
// Source: Salmon et al., SC'11, "Parallel random numbers: as easy as 1, 2, 3".

/// The block at `counter` under `key`.
fn philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
  var c = counter;
  var k = key;
  for (var round = 0u; round < 10u; round++) {
    let p0 = multiply_wide(0xd2511f53u, c.x);
    let p1 = multiply_wide(0xcd9e8d57u, c.z);
    c = vec4<u32>(p1.y ^ c.y ^ k.x, p1.x, p0.y ^ c.w ^ k.y, p0.x);
    k = k + vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}

/// The bits of element `element` of a random tensor at the step whose halves are `step`.
fn random_bits(element: u32, key: vec2<u32>, step: vec2<u32>) -> u32 {
  var words = philox(vec4<u32>(element >> 2u, 0u, step.x, step.y), key);
  return words[element & 3u];
}

/// The 64-bit product of two words, (low, high), by halves of 16 bits.
fn multiply_wide(a: u32, b: u32) -> vec2<u32> {
  let a0 = a & 0xffffu;
  let a1 = a >> 16u;
  let b0 = b & 0xffffu;
  let b1 = b >> 16u;
  let middle = a1 * b0 + ((a0 * b0) >> 16u);
  let carry = (middle & 0xffffu) + a0 * b1;
  return vec2<u32>(a * b, a1 * b1 + (middle >> 16u) + (carry >> 16u));
}
