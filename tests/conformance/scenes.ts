/**
 * Seeded scenes for each kernel family. All but those of single operations and optimizers hold small whole numbers, so that f32 is exact whatever
 * the order of the sums, and a wrong address cannot hide behind a tolerance.
 */
import { ops } from "../../src/program/ops.ts";
import type { Access, ArenaName, DType, Instruction, Output, ReduceOp } from "../../src/program/plan.ts";
import { RandomStream } from "../../src/random.ts";
import { type Bound, type Scene, SceneBuilder } from "./scene.ts";

/** Whole numbers up to this stay exact through one more sum of 255. */
const EXACT = 2 ** 16;
const DIMS = [1, 2, 3, 5, 7, 8, 13, 16];

interface Value {
  readonly dtype: DType;
  /** The largest magnitude it may have. */
  readonly limit: number;
}

interface Grown {
  readonly accesses: Access[];
  readonly instructions: Instruction[];
  readonly values: Value[];
}

const product = (dims: readonly number[]): number => dims.reduce((size, dim) => size * dim, 1);

function builder(name: string, seed: number): SceneBuilder {
  return new SceneBuilder(new RandomStream(seed, name));
}

function dimsOf(scene: SceneBuilder, rank: number, most: number): number[] {
  const dims: number[] = [];
  for (let d = 0; d < rank; d++) dims.push(scene.pick(DIMS.filter((dim) => dim * product(dims) <= most)));
  return dims;
}

function arenaFor(scene: SceneBuilder): ArenaName {
  return scene.pick(scene.takesInputs ? (["state", "rows", "io"] as const) : (["state", "rows"] as const));
}

/** An operand of its own over `dims`: permuted, padded, broadcast, gathered, in any arena and storage. */
function operand(scene: SceneBuilder, dims: readonly number[], dtype: DType): { access: Access; limit: number } {
  const storage = dtype === "f32" ? "f32" : scene.pick(["u32", "u8"] as const);
  const arena = arenaFor(scene);
  const picked = dims.length > 0 && scene.chance(0.3) ? scene.random.below(dims.length) : -1;
  const strides = dims.map(() => 0);
  let size = scene.pick([1, 1, 1, 2]);
  for (const d of scene.random.shuffle(dims.map((_, d) => d))) {
    if (d === picked || scene.chance(0.25)) continue;
    strides[d] = size;
    size *= dims[d] as number;
  }
  const height = picked < 0 ? 1 : 1 + scene.random.below(5);
  const limit = storage === "u8" ? 255 : 8;
  const draw = (): number => (storage === "f32" ? scene.random.below(17) - 8 : scene.random.below(limit + 1));
  const offset = scene.place(arena, storage, Array.from({ length: size * height }, draw));
  if (picked < 0) return { access: { arena, storage, offset, strides }, limit };
  const index = indexOver(scene, dims, picked, () => scene.pick([scene.random.below(height), scene.random.below(height + 3), 0xffffffff]));
  return { access: { arena, storage, offset, strides, gather: { index, stride: size, size: height } }, limit };
}

function indexOver(scene: SceneBuilder, dims: readonly number[], d: number, draw: (i: number) => number): Access {
  const arena = arenaFor(scene);
  const offset = scene.place(
    arena,
    "u32",
    Array.from({ length: dims[d] as number }, (_, i) => draw(i)),
  );
  return { arena, storage: "u32", offset, strides: dims.map((_, other) => (other === d ? 1 : 0)) };
}

/** A dense, permuted place for a value. */
function destination(scene: SceneBuilder, dims: readonly number[], dtype: DType, arena: ArenaName): Access {
  const strides = dims.map(() => 0);
  let size = 1;
  for (const d of scene.random.shuffle(dims.map((_, d) => d))) {
    strides[d] = size;
    size *= dims[d] as number;
  }
  return { arena, storage: dtype, offset: scene.result(arena, dtype, product(dims)), strides };
}

function grow(scene: SceneBuilder, dims: readonly number[], start: readonly Instruction[] = []): Grown {
  const accesses: Access[] = [];
  const instructions: Instruction[] = [...start];
  const values: Value[] = start.map(({ dtype }) => ({ dtype, limit: EXACT / 2 }));
  const push = (instruction: Instruction, limit: number): void => {
    instructions.push(instruction);
    values.push({ dtype: instruction.dtype, limit });
  };
  for (const dtype of ["f32", scene.pick(["f32", "u32"] as const), "u32"] as const) {
    const { access, limit } = operand(scene, dims, dtype);
    push({ op: "load", access: accesses.push(access) - 1, dtype }, limit);
  }
  push({ op: "const", value: scene.random.below(9) - 4, dtype: "f32" }, 4);
  const strides = dims.map(() => scene.random.below(4));
  if (scene.chance(0.3)) push({ op: "iota", offset: scene.random.below(4), strides, dtype: "u32" }, 2 ** 32);
  if (scene.takesInputs && scene.chance(0.3)) {
    const words = scene.place(
      "io",
      "u32",
      Uint32Array.from({ length: 4 }, () => scene.random.u32()),
    );
    push({ op: "random", words, offset: scene.random.below(5), strides, dtype: "u32" }, 2 ** 32);
  }
  for (let left = 2 + scene.random.below(6); left > 0; ) if (applyAny(scene, values, push)) left--;
  return { accesses, instructions, values };
}

const exactOps = [
  "add",
  "sub",
  "mul",
  "max",
  "min",
  "neg",
  "abs",
  "floor",
  "less",
  "equal",
  "select",
  "toF32",
  "toU32",
  "and",
  "xor",
  "shr",
];

/** Applies an operation to values that it keeps exact; false when the draw does not fit. */
function applyAny(scene: SceneBuilder, values: readonly Value[], push: (instruction: Instruction, limit: number) => void): boolean {
  const name = scene.pick(exactOps);
  const op = ops[name] as (typeof ops)[string];
  const args = Array.from({ length: op.arity }, () => scene.random.below(values.length));
  const drawn = args.map((arg) => values[arg] as Value);
  const dtype = op.dtype(drawn.map((value) => value.dtype));
  if (dtype === undefined) return false;
  const limits = drawn.map((value) => value.limit);
  const widest = Math.max(...limits);
  let limit = widest;
  if (dtype === "f32") {
    if (name === "add" || name === "sub") limit = limits.reduce((sum, each) => sum + each, 0);
    if (name === "mul") limit = product(limits);
    if (name === "select") limit = Math.max(...limits.slice(1));
    if (limit > EXACT) return false;
  } else {
    limit = name === "less" || name === "equal" ? 1 : name === "toU32" ? widest : 2 ** 32;
  }
  push({ op: "apply", name, args, dtype }, limit);
  return true;
}

/** Values to write out, the last ones first, each to an arena of its own. */
function outputsOf(scene: SceneBuilder, dims: readonly number[], grown: Grown, arenas: readonly ArenaName[]): Output[] {
  return arenas.map((arena, i) => {
    const value = grown.values.length - 1 - i;
    return { value, access: destination(scene, dims, (grown.values[value] as Value).dtype, arena) };
  });
}

/** Random elementwise kernels, some read from `work` by a second kernel. */
export function mapScenes(count: number): Scene[] {
  return Array.from({ length: count }, (_, seed) => {
    const scene = builder("map", seed);
    const dims = seed === 0 ? [] : seed === 1 ? [3, 0, 2] : dimsOf(scene, 1 + scene.random.below(4), 3000);
    const grown = grow(scene, dims);
    const arenas = scene.pick([["io"], ["state", "io"], ["work"], ["io", "io", "rows"]] as const);
    const outputs = outputsOf(scene, dims, grown, arenas);
    scene.add({ family: "map", label: "map", dims, ...grown, outputs });
    for (const { access } of outputs) if (access.arena === "work") scene.copyOut(access.offset, access.storage as DType, product(dims));
    return scene.done(`map ${seed} over [${dims}]`);
  });
}

const REDUCED: readonly (readonly [kept: readonly number[], reduced: readonly number[]])[] = [
  [[], [0]],
  [[3], [0, 2]],
  [[0], [3]],
  [[], []],
  [[5], [1]],
  [[], [63]],
  [[3], [64]],
  [
    [2, 2],
    [5, 13],
  ],
  [[], [255]],
  [[3], [16, 16]],
  [[2], [257]],
  [[1], [1023]],
  [[2], [1024]],
  [[3], [5, 5, 41]],
  [[1500], [3]],
  [[1100], [65]],
  [[10, 7], [9]],
  [
    [2, 3, 4],
    [2, 3],
  ],
];

/** Reductions of every size at which the order of folding changes, with one to three outputs. */
export function reduceScenes(): Scene[] {
  return REDUCED.map(([keptDims, reduced], seed) => {
    const scene = builder("reduce", seed);
    const dims = [...keptDims, ...reduced];
    const grown = grow(scene, dims);
    const count = 1 + (seed % 3);
    const exact = grown.values.flatMap(({ dtype, limit }, value) =>
      dtype === "u32" || limit * Math.max(1, product(reduced)) < 2 ** 24 ? [value] : [],
    );
    // A float first: the maximum of none is −∞ for floats only.
    const float = exact.findLast((value) => grown.values[value]?.dtype === "f32") as number;
    const folded = [float, ...exact.filter((value) => value !== float).reverse()].slice(0, count);
    const outputs = folded.map((value, o) => {
      const dtype = (grown.values[value] as Value).dtype;
      const access = destination(scene, keptDims, dtype, scene.pick(["state", "io"] as const));
      return {
        value,
        op: (o + seed) % 2 === 0 ? ("sum" as ReduceOp) : ("max" as ReduceOp),
        access: { ...access, strides: [...access.strides, ...reduced.map(() => 0)] },
      };
    });
    scene.add({ family: "reduce", label: "reduce", dims, kept: keptDims.length, ...grown, outputs });
    return scene.done(`reduce ${seed} of [${keptDims}] over [${reduced}]`);
  });
}

const PRODUCTS: readonly (readonly [batch: number, m: number, k: number, n: number])[] = [
  [1, 1, 1, 1],
  [1, 3, 0, 5],
  [1, 0, 4, 5],
  [2, 5, 4, 0],
  [1, 1, 300, 1],
  [1, 7, 5, 3],
  [3, 4, 17, 9],
  [1, 16, 16, 16],
  [1, 10, 100, 33],
  [1, 63, 64, 65],
  [2, 65, 63, 64],
  [1, 64, 65, 63],
  [1, 31, 257, 2],
  [1, 255, 3, 257],
  [1, 257, 20, 255],
  [1, 1, 65, 256],
  [1, 130, 1, 34],
];

const FORMS = ["NN", "NT", "TN", "TT"] as const;

/** Products in every form at odd sizes, with and without batch, gathered rows and epilogues. */
export function matmulScenes(): Scene[] {
  return PRODUCTS.flatMap((sizes) => FORMS.map((form, f) => matmulScene(sizes, form, f)));
}

function matmulScene([batch, m, k, n]: readonly [number, number, number, number], form: (typeof FORMS)[number], seed: number): Scene {
  const scene = builder(`matmul ${[batch, m, k, n]}`, seed);
  const whole = (count: number): number[] => Array.from({ length: count }, () => scene.random.below(9) - 4);
  const matrix = (height: number, width: number, transposed: boolean, gathered: boolean): Access => {
    const arena = arenaFor(scene);
    const pad = scene.random.below(3);
    const [row, column] = transposed ? [1, height + pad] : [width + pad, 1];
    const shared = batch > 1 && scene.chance(0.3);
    const one = transposed ? width * column : height * row;
    if (!gathered)
      return {
        arena,
        storage: "f32",
        offset: scene.place(arena, "f32", whole(shared ? one : batch * one)),
        strides: [shared ? 0 : one, row, column],
      };
    const stored = 7;
    const offset = scene.place(arena, "f32", whole(stored * row));
    const index = indexOver(scene, [batch, height, width], 1, () => scene.random.below(stored + 2));
    return { arena, storage: "f32", offset, strides: [0, 0, 1], gather: { index, stride: row, size: stored } };
  };
  const gathered = form[0] === "N" && scene.chance(0.3);
  const a = matrix(m, k, form[0] === "T", gathered);
  const b = matrix(k, n, form[1] === "T", false);
  const dims = [batch, m, n] as const;
  const start: Instruction = { op: "product", dtype: "f32" };
  const grown: Grown = scene.chance(0.5)
    ? grow(scene, dims, [start])
    : { accesses: [], instructions: [start], values: [{ dtype: "f32", limit: EXACT }] };
  const dense: Access = { arena: "io", storage: "f32", offset: scene.result("io", "f32", product(dims)), strides: [m * n, n, 1] };
  const last = grown.values.length - 1;
  const outputs = [{ value: 0, access: dense }];
  if (last > 0) outputs.push({ value: last, access: destination(scene, dims, (grown.values[last] as Value).dtype, "state") });
  scene.add({ family: "matmul", label: "matmul", dims, k, a, b, ...grown, outputs });
  return scene.done(`matmul ${form} ${batch}×[${m}, ${k}]·[${k}, ${n}]${gathered ? ", gathered" : ""}${last > 0 ? ", epilogue" : ""}`);
}

/** Values put into rows that an index names, some of them past the end. */
export function scatterScenes(count: number): Scene[] {
  return Array.from({ length: count }, (_, seed) => {
    const scene = builder("scatter", seed);
    const [height, width, put] = [1 + scene.random.below(20), scene.pick(DIMS), scene.pick(DIMS)];
    const dims = [put, width];
    const grown = grow(scene, dims);
    const value = grown.values.length - 1;
    const { dtype } = grown.values[value] as Value;
    const arena = scene.pick(["state", "rows"] as const);
    const rows = scene.random.shuffle(Array.from({ length: height }, (_, row) => row));
    const index = indexOver(scene, dims, 0, (i) => (scene.chance(0.8) ? (rows[i] ?? height) : scene.pick([height, 0xffffffff])));
    const offset = scene.result(arena, dtype, height * width);
    // What a row past the end would overwrite.
    scene.place(
      arena,
      "u32",
      Array.from({ length: width }, () => scene.random.u32()),
    );
    const target: Access = { arena, storage: dtype, offset, strides: [0, 1], gather: { index, stride: width, size: height } };
    scene.add({ family: "scatter", mode: "put", label: "scatter", dims, ...grown, value, target });
    return scene.done(`scatter ${seed}: ${put} into ${height} rows of ${width}`);
  });
}

/** Every operation of the table on its domain, in each dtype that it takes. */
export function opScenes(count: number): Scene[] {
  return Object.entries(ops).flatMap(([name, op]) => {
    const candidates: DType[][] = [
      op.domain.map(() => "f32"),
      op.domain.map(() => "u32"),
      ["u32", ...op.domain.slice(1).map((): DType => "f32")],
    ];
    const fitting = candidates.filter((dtypes) => dtypes.length === op.arity && op.dtype(dtypes) !== undefined);
    return [...new Map(fitting.map((dtypes) => [dtypes.join(), dtypes])).values()].map((dtypes, seed) => {
      const scene = builder(name, seed);
      const accesses = dtypes.map((dtype, i): Access => {
        const [low, high] = op.domain[i] as readonly [number, number];
        const whole = low < 0 ? 2 ** 32 : high + 1;
        const draw = (): number => (dtype === "u32" ? scene.random.below(whole) : low + (high - low) * scene.random.uniform());
        return { arena: "io", storage: dtype, offset: scene.place("io", dtype, Array.from({ length: count }, draw)), strides: [1] };
      });
      const dtype = op.dtype(dtypes) as DType;
      const instructions: Instruction[] = dtypes.map((each, access) => ({ op: "load", access, dtype: each }));
      instructions.push({ op: "apply", name, args: dtypes.map((_, i) => i), dtype });
      const outputs = [
        { value: op.arity, access: { arena: "io", storage: dtype, offset: scene.result("io", dtype, count), strides: [1] } as const },
      ];
      scene.add({ family: "map", label: name, dims: [count], accesses, instructions, outputs });
      return scene.done(`${name} of ${dtypes.join(", ")}`, op.bound);
    });
  });
}

const adamScalars = {
  rate: 0.01,
  beta1: 0.9,
  oneMinusBeta1: 0.1,
  beta2: 0.99,
  oneMinusBeta2: 0.01,
  rootCorrection: 1.5,
  eps: 1e-8,
};
const sgdScalars = { learningRate: 0.1, momentum: 0.9, weightDecay: 0.01 };

/** Three steps of each hand-written optimizer, with its options, at sizes around the groups. */
export function optimizerScenes(): Scene[] {
  // A few roundings of numbers up to 2.
  const bound: Bound = { relative: 5e-7, absolute: 5e-7 };
  const variants = [
    { name: "sgd", slots: [], nesterov: false, own: sgdScalars },
    { name: "sgd", slots: ["momentum"], nesterov: false, own: sgdScalars },
    { name: "sgd", slots: ["momentum"], nesterov: true, own: sgdScalars },
    { name: "adamw", slots: ["m", "v"], nesterov: false, own: { ...adamScalars, decay: 0.999 } },
    { name: "adamw", slots: ["m", "v"], nesterov: false, own: { ...adamScalars, weightDecay: 0.01 } },
  ] as const;
  return variants.flatMap(({ name, slots, nesterov, own }) =>
    [1, 63, 65, 1000].map((count, seed) => {
      const scene = builder(`${name} ${slots} ${nesterov}`, seed);
      const scaled = seed % 2 === 0;
      const real = (low: number): number[] => Array.from({ length: count }, () => low + (1 - low) * scene.random.uniform());
      const scalars: Record<string, Access> = {};
      for (const [key, value] of Object.entries({
        ...own,
        ...(scaled ? { gradScale: 0.25 } : {}),
      })) {
        scalars[key] = { arena: "io", storage: "f32", offset: scene.place("io", "f32", [value]), strides: [] };
      }
      const flat = (arena: ArenaName, values: number[]): Access => ({
        arena,
        storage: "f32",
        offset: scene.place(arena, "f32", values),
        strides: [1],
      });
      const tensors: Record<string, Access> = { grads: flat("io", real(-1)) };
      for (const slot of ["params", ...slots]) {
        const offset = scene.result("state", "f32", count);
        tensors[slot] = { arena: "state", storage: "f32", offset, strides: [1] };
        const start: Access = flat("rows", real(slot === "v" ? 0 : -1));
        const load: Instruction = { op: "load", access: 0, dtype: "f32" };
        const outputs = [{ value: 0, access: tensors[slot] }];
        scene.add({ family: "map", label: `start ${slot}`, dims: [count], accesses: [start], instructions: [load], outputs });
      }
      for (let step = 0; step < 3; step++)
        scene.add({ family: "optimizer", name, label: name, count, tensors, scalars, flags: { nesterov } });
      return scene.done(
        `${name}${nesterov ? ", nesterov" : ""}${slots.length === 1 ? ", momentum" : ""}${name === "adamw" && "weightDecay" in own ? ", L2" : ""}${scaled ? ", scaled" : ""}, ${count} elements`,
        bound,
      );
    }),
  );
}

/** Kernels of more groups than one dimension of a dispatch can have. */
export function wideScenes(): Scene[] {
  const points = 65535 * 64 + 77;
  const folds = 66_000;
  const iota = (strides: number[]): Instruction => ({ op: "iota", offset: 5, strides, dtype: "u32" });
  const to = (scene: SceneBuilder, dtype: DType, count: number, strides: number[]): Access => {
    return { arena: "io", storage: dtype, offset: scene.result("io", dtype, count), strides };
  };
  const map = builder("wide map", 0);
  const all = [{ value: 0, access: to(map, "u32", points, [1]) }];
  map.add({ family: "map", label: "wide", dims: [points], accesses: [], instructions: [iota([3])], outputs: all });

  const reduce = builder("wide reduce", 0);
  const row = reduce.place(
    "io",
    "u32",
    Array.from({ length: 64 }, () => reduce.random.u32()),
  );
  const accesses: Access[] = [{ arena: "io", storage: "u32", offset: row, strides: [0, 1] }];
  const values: Instruction[] = [
    { op: "load", access: 0, dtype: "u32" },
    iota([1, 0]),
    { op: "apply", name: "xor", args: [0, 1], dtype: "u32" },
  ];
  const sums = [{ value: 2, op: "sum", access: to(reduce, "u32", folds, [1, 0]) }] as const;
  reduce.add({ family: "reduce", label: "wide", dims: [folds, 64], kept: 1, accesses, instructions: values, outputs: sums });

  // Without depth, so that only the epilogue tells the tiles apart.
  const matmul = builder("wide matmul", 0);
  const operand: Access = { arena: "state", storage: "f32", offset: 0, strides: [0, 0, 0] };
  const outputs = [
    { value: 0, access: to(matmul, "f32", folds, [1, 1, 1]) },
    { value: 1, access: to(matmul, "u32", folds, [1, 1, 1]) },
  ];
  const instructions: Instruction[] = [{ op: "product", dtype: "f32" }, iota([7, 0, 0])];
  matmul.add({ family: "matmul", label: "wide", dims: [folds, 1, 1], k: 0, a: operand, b: operand, accesses: [], instructions, outputs });
  return [map.done(`map of ${points} points`), reduce.done(`reduce to ${folds}`), matmul.done(`matmul of ${folds} batches`)];
}
