/**
 * What it costs that all operands of a kernel lie in one read-write binding, rather than each in one of its own that is read-only where
 * it is only read. Plain WebGPU: a stream z = x + y, and a product whose every load goes to memory, where read-only caches tell most.
 */

import { median } from "./contest.mjs";

/** @typedef {"separate" | "arena"} Binding */

const TYPE = "array<vec4<f32>>";

/**
 * The declarations of operands x, y, z, and how an element of each is written in a kernel.
 * @param {Binding} binding @param {number} length of each, in vectors
 */
function operands(binding, length) {
  if (binding === "arena") {
    return {
      head: `@group(0) @binding(0) var<storage, read_write> arena: ${TYPE};`,
      x: (/** @type {string} */ i) => `arena[${i}]`,
      y: (/** @type {string} */ i) => `arena[${length}u + ${i}]`,
      z: (/** @type {string} */ i) => `arena[${2 * length}u + ${i}]`,
    };
  }
  return {
    head: ["read", "read", "read_write"]
      .map((access, i) => `@group(0) @binding(${i}) var<storage, ${access}> ${"xyz"[i]}: ${TYPE};`)
      .join("\n"),
    x: (/** @type {string} */ i) => `x[${i}]`,
    y: (/** @type {string} */ i) => `y[${i}]`,
    z: (/** @type {string} */ i) => `z[${i}]`,
  };
}

/** @param {Binding} binding @param {number} length */
function stream(binding, length) {
  const { head, x, y, z } = operands(binding, length);
  return `${head}
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * 256u;
  if (i < ${length}u) { ${z("i")} = ${x("i")} + ${y("i")}; }
}`;
}

/** 4 × 4 points an invocation, no workgroup memory. @param {Binding} binding @param {number} n a multiple of 32 */
function product(binding, n) {
  const { head, x, y, z } = operands(binding, (n * n) / 4);
  const rows = [0, 1, 2, 3];
  const row = (/** @type {number} */ r) => `(4u * id.y + ${r}u) * ${n / 4}u`;
  return `${head}
@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
${rows.map((r) => `  var sum${r} = vec4<f32>();`).join("\n")}
  for (var k = 0u; k < ${n / 4}u; k++) {
${rows.map((r) => `    let x${r} = ${x(`${row(r)} + k`)};\n    let y${r} = ${y(`(4u * k + ${r}u) * ${n / 4}u + id.x`)};`).join("\n")}
${rows.map((r) => `    sum${r} += x${r}.x * y0 + x${r}.y * y1 + x${r}.z * y2 + x${r}.w * y3;`).join("\n")}
  }
${rows.map((r) => `  ${z(`${row(r)} + id.x`)} = sum${r};`).join("\n")}
}`;
}

/**
 * Returns milliseconds of one dispatch of each kernel under each binding, on a device whose limits are the adapter's.
 * @param {GPUDevice} device @param {{ count: number, n: number }} sizes numbers of the stream, and the order of the matrices
 */
export async function measureBindings(device, { count, n }) {
  const found = [];
  for (const binding of /** @type {const} */ (["separate", "arena"])) {
    const groups = Math.ceil(count / 4 / 256);
    const wide = Math.min(groups, 65535);
    const streamGroups = /** @type {const} */ ([wide, Math.ceil(groups / wide)]);
    const side = /** @type {const} */ ([n / 32, n / 32]);
    found.push({ kernel: "stream", binding, ms: await time(device, binding, stream(binding, count / 4), 4 * count, streamGroups) });
    found.push({ kernel: "product", binding, ms: await time(device, binding, product(binding, n), 4 * n * n, side) });
  }
  return found;
}

/**
 * @param {GPUDevice} device @param {Binding} binding @param {string} code
 * @param {number} bytes of each operand @param {readonly [number, number]} groups
 */
async function time(device, binding, code, bytes, groups) {
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint: "main" } });
  const sizes = binding === "arena" ? [3 * bytes] : [bytes, bytes, bytes];
  const buffers = sizes.map((size) => device.createBuffer({ size, usage: GPUBufferUsage.STORAGE }));
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const bindings = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  const ms = await timeOf(device, (encoder, times) => {
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindings);
    for (let i = 0; i < times; i++) pass.dispatchWorkgroups(...groups);
    pass.end();
  });
  for (const buffer of buffers) buffer.destroy();
  return ms;
}

/**
 * Returns milliseconds of copying so many bytes from one buffer to another.
 * @param {GPUDevice} device @param {number} size
 */
export async function measureCopy(device, size) {
  const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const [from, to] = /** @type {[GPUBuffer, GPUBuffer]} */ ([0, 1].map(() => device.createBuffer({ size, usage })));
  const ms = await timeOf(device, (encoder, times) => {
    for (let i = 0; i < times; i++) encoder.copyBufferToBuffer(from, 0, to, 0, size);
  });
  for (const buffer of [from, to]) buffer.destroy();
  return ms;
}

/**
 * Returns milliseconds of a command by what twenty more take longer, since a submit costs something beside its commands.
 * @param {GPUDevice} device @param {(encoder: GPUCommandEncoder, times: number) => void} record
 */
async function timeOf(device, record) {
  const submit = async (/** @type {number} */ times) => {
    const encoder = device.createCommandEncoder();
    record(encoder, times);
    const began = performance.now();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return performance.now() - began;
  };
  await submit(2);
  const differences = [];
  for (let i = 0; i < 5; i++) {
    const few = await submit(5);
    differences.push(((await submit(25)) - few) / 20);
  }
  return median(differences);
}
