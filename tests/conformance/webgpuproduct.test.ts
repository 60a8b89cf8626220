import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Machine } from "../../src/backend/machine.ts";
import { openWebGpuMachine } from "../../src/backend/webgpu/index.ts";
import type { Access, Instruction, MatmulKernel, OptimizerKernel, Plan, ReduceKernel } from "../../src/program/plan.ts";
import { RandomStream } from "../../src/random.ts";
import { openTestHost } from "../env.ts";
import { checkScene } from "./scene.ts";
import { matmulScenes, optimizerScenes } from "./scenes.ts";

const host = await openTestHost();
afterAll(() => host?.close());

const FORMS = ["NN", "NT", "TN", "TT"] as const;

/** One row, few rows, depth that is no multiple of a step, and as many points as fill tiles of 64 × 64 and of 128 × 128 on hardware. */
const SIZES: readonly (readonly [batch: number, m: number, k: number, n: number])[] = [
  [1, 1, 784, 256],
  [1, 3, 1, 8],
  [1, 20, 64, 36],
  [3, 8, 7, 12],
  [1, 70, 33, 40],
  [1, 64, 300, 4],
  [32, 68, 20, 72],
  [128, 72, 24, 68],
  [128, 9, 5, 70],
];

interface Case {
  readonly size: (typeof SIZES)[number];
  readonly form: (typeof FORMS)[number];
  /** Words before each tensor: with none of them every quad is aligned. */
  readonly lead: number;
  readonly draw: (random: RandomStream) => number;
}

/** The product, its sum with a bias below by 0, and the sums of b's columns; `a` lies in state, `b` and bias in rows. */
function productOf({ size: [batch, m, k, n], form, lead, draw }: Case) {
  const random = new RandomStream(1, `${form} ${batch} ${m} ${k} ${n}`);
  const numbers = (count: number): Float32Array => Float32Array.from({ length: lead + count }, () => draw(random));
  const [a, b, bias] = [numbers(batch * m * k), numbers(batch * k * n), numbers(n)];
  const access = (arena: Access["arena"], offset: number, strides: number[]): Access => ({ arena, storage: "f32", offset, strides });
  const biasAt = Math.ceil(b.length / 4) * 4;
  const flooredAt = Math.ceil(a.length / 4) * 4 + lead;
  const sumsAt = Math.ceil((lead + batch * m * n) / 4) * 4;
  const instructions: Instruction[] = [
    { op: "product", dtype: "f32" },
    { op: "load", access: 0, dtype: "f32" },
    { op: "apply", name: "add", args: [0, 1], dtype: "f32" },
    { op: "const", value: 0, dtype: "f32" },
    { op: "apply", name: "max", args: [2, 3], dtype: "f32" },
  ];
  const kernel: MatmulKernel = {
    family: "matmul",
    label: "product",
    dims: [batch, m, n],
    k,
    a: access("state", lead, form[0] === "N" ? [m * k, k, 1] : [m * k, 1, m]),
    b: access("rows", lead, form[1] === "N" ? [k * n, n, 1] : [k * n, 1, k]),
    sums: access("io", sumsAt, [n, 0, 1]),
    accesses: [access("rows", biasAt + lead, [0, 0, 1])],
    instructions,
    outputs: [
      { value: 0, access: access("io", lead, [m * n, n, 1]) },
      { value: 4, access: access("state", flooredAt, [m * n, n, 1]) },
    ],
  };
  const bytes = { state: 4 * (flooredAt + batch * m * n), rows: 4 * (biasAt + bias.length), io: 4 * (sumsAt + batch * n), work: 0 };
  const output = { name: "product", dtype: "f32", shape: [bytes.io / 4], byteOffset: 0 } as const;
  const plan: Plan = { kernels: [kernel], bytes, inputs: [], outputs: [output] };
  return { plan, a, b, bias, biasAt, flooredAt, sumsAt };
}

type Product = ReturnType<typeof productOf>;

async function run(machine: Machine, { plan, a, b, bias, biasAt, flooredAt }: Product) {
  machine.write("state", 0, new Uint8Array(a.buffer));
  machine.write("rows", 0, new Uint8Array(b.buffer));
  machine.write("rows", 4 * biasAt, new Uint8Array(bias.buffer));
  const io = await machine.run(await machine.compile(plan));
  const state = await machine.read("state", 4 * flooredAt, plan.bytes.state - 4 * flooredAt);
  return { io: new Float32Array(io.buffer), floored: new Float32Array(state.buffer) };
}

const open = (software: boolean): Promise<Machine> => {
  const real = host as NonNullable<typeof host>;
  return openWebGpuMachine({ ...real, info: { ...real.info, software } }, { state: 1 << 23, rows: 1 << 23 });
};

describe.skipIf(host === undefined).each([true, false])(
  "products on WebGPU, cut for an adapter that computes on the CPU: %s",
  (software) => {
    const cases = SIZES.flatMap((size, s) => FORMS.map((form, f) => ({ size, form, lead: (s + f) % 2 })));

    it.each(cases)("$form $size from word $lead", async (given) => {
      // Whole numbers, so that f32 is exact in any order.
      const product = productOf({ ...given, draw: (random) => random.below(9) - 4 });
      const { a, b, bias, sumsAt } = product;
      const machine = await open(software);
      const { io, floored } = await run(machine, product);
      machine.close();
      const { lead, form } = given;
      const [batch, m, k, n] = given.size;
      const wanted = new Float32Array(io.length);
      const wantedFloored = new Float32Array(floored.length);
      for (let g = 0; g < batch; g++) {
        for (let j = 0; j < n; j++) {
          const ofB = (q: number): number => b[lead + g * k * n + (form[1] === "N" ? q * n + j : j * k + q)] as number;
          for (let q = 0; q < k; q++) wanted[sumsAt + g * n + j] = (wanted[sumsAt + g * n + j] as number) + ofB(q);
          for (let i = 0; i < m; i++) {
            let sum = 0;
            for (let q = 0; q < k; q++) sum += (a[lead + g * m * k + (form[0] === "N" ? i * k + q : q * m + i)] as number) * ofB(q);
            wanted[lead + (g * m + i) * n + j] = sum;
            wantedFloored[(g * m + i) * n + j] = Math.max(0, sum + (bias[lead + j] as number));
          }
        }
      }
      expect(io.findIndex((value, at) => value !== wanted[at])).toBe(-1);
      expect(floored.findIndex((value, at) => value !== wantedFloored[at])).toBe(-1);
    });

    it("repeat bit for bit", async () => {
      const product = productOf({ size: [1, 20, 784, 36], form: "NT", lead: 0, draw: (random) => random.uniform() });
      const machine = await open(software);
      const [first, second] = [await run(machine, product), await run(machine, product)];
      machine.close();
      expect(second).toEqual(first);
    });
  },
);

describe.skipIf(host === undefined)("kernels on WebGPU, cut for hardware", () => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await open(false);
  });
  afterAll(() => machine.close());

  const scenes = [...matmulScenes().filter((_, i) => i % 3 === 0), ...optimizerScenes()];
  it.each(scenes)("$name", async (scene) => {
    expect(await checkScene(machine, scene)).toBeLessThanOrEqual(1);
  });

  it("sums in parts what is long", async () => {
    const count = 2 ** 16;
    const sum: ReduceKernel = {
      family: "reduce",
      label: "sum",
      dims: [count],
      kept: 0,
      accesses: [{ arena: "state", storage: "f32", offset: 0, strides: [1] }],
      instructions: [{ op: "load", access: 0, dtype: "f32" }],
      outputs: [{ value: 0, op: "sum", access: { arena: "io", storage: "f32", offset: 0, strides: [0] } }],
    };
    const outputs = [{ name: "sum", dtype: "f32", shape: [], byteOffset: 0 }] as const;
    const plan: Plan = { kernels: [sum], bytes: { state: 4 * count, rows: 0, io: 4, work: 0 }, inputs: [], outputs };
    machine.write("state", 0, new Uint8Array(Float32Array.from({ length: count }, (_, i) => i % 100).buffer));
    const total = new Float32Array((await machine.run(await machine.compile(plan))).buffer)[0];
    // 655 hundreds, then 0 … 35.
    expect(total).toBe(655 * 4950 + 630);
  });

  it.each([
    ["adamw", 1],
    ["adamw", 1002],
    ["sgd", 4],
    ["sgd", 1003],
  ] as const)("%s updates %i elements in quads as one by one, and nothing behind them", async (name, count) => {
    const { plan, state, grads } = updateOf(name, count);
    const found = [];
    for (const own of [machine, await open(true)]) {
      own.write("state", 0, new Uint8Array(state.buffer));
      own.write("rows", 0, new Uint8Array(grads.buffer));
      await own.run(await own.compile(plan));
      found.push(new Float32Array((await own.read("state", 0, state.byteLength)).buffer));
      if (own !== machine) own.close();
    }
    const [quads, single] = found as [Float32Array, Float32Array];
    const pitch = Math.ceil(count / 4) * 4;
    for (const [at, value] of quads.entries()) {
      const wanted = single[at] as number;
      if (at % pitch >= count) expect(value).toBe(state[at]);
      else expect(Math.abs(value - wanted)).toBeLessThanOrEqual(1e-6 * Math.abs(wanted));
    }
    expect(quads[0]).not.toBe(state[0]);
  });
});

/** An update whose tensors each start at a quad, in `state` one behind another; gradients lie in rows. */
function updateOf(name: "adamw" | "sgd", count: number) {
  const random = new RandomStream(2, name);
  const pitch = Math.ceil(count / 4) * 4;
  const slots = name === "sgd" ? ["momentum"] : ["m", "v"];
  const scalars =
    name === "sgd" ? ["learningRate", "momentum", "weightDecay"] : ["decay", "rate", "beta1", "oneMinusBeta1", "beta2", "oneMinusBeta2"];
  const access = (arena: Access["arena"], offset: number, stride = 1): Access => ({ arena, storage: "f32", offset, strides: [stride] });
  const tensors = Object.fromEntries(["params", ...slots].map((tensor, i) => [tensor, access("state", i * pitch)]));
  const kernel: OptimizerKernel = {
    family: "optimizer",
    name,
    label: name,
    count,
    tensors: { ...tensors, grads: access("rows", 0) },
    // Any numbers will do.
    scalars: Object.fromEntries(scalars.map((scalar, i) => [scalar, access("rows", pitch + i, 0)])),
    flags: {},
  };
  const state = Float32Array.from({ length: (1 + slots.length) * pitch }, () => random.uniform());
  const grads = Float32Array.from({ length: pitch + scalars.length }, () => random.uniform());
  const plan: Plan = {
    kernels: [kernel],
    bytes: { state: state.byteLength, rows: grads.byteLength, io: 0, work: 0 },
    inputs: [],
    outputs: [],
  };
  return { plan, state, grads };
}
