/** Turns the kernels of a plan into the blocks that `assembly/run.ts` walks. */
import type {
  Access,
  Instruction,
  Kernel,
  MapKernel,
  MatmulKernel,
  OptimizerKernel,
  ReduceKernel,
  ScatterKernel,
} from "../../program/plan.ts";
import { collapse } from "../../program/squeeze.ts";
import { encodeBody } from "./body.ts";
import { denseFrame, foldFrame, mapFrame } from "./frame.ts";
import type { Memory } from "./memory.ts";

/** A kernel ready to run: its family in `assembly/run.ts` and the address of its block. */
export interface Entry {
  readonly family: number;
  readonly block: number;
}

const [MAP, REDUCE_ROWS, REDUCE_COLUMNS, MATMUL, SGD, ADAMW] = [0, 1, 2, 3, 4, 5] as const;

/** Scalars in the order in which `assembly/run.ts` reads their addresses. */
const scalarOrder = {
  sgd: ["learningRate", "momentum", "weightDecay", "gradScale"],
  adamw: ["decay", "rate", "beta1", "oneMinusBeta1", "beta2", "oneMinusBeta2", "rootCorrection", "eps", "gradScale"],
} as const;

/** Returns the entries of one kernel; products find their packing space at `scratch`. */
export function encode(kernel: Kernel, memory: Memory, scratch: number): Entry[] {
  const sums = kernel.family === "scatter" && kernel.mode === "add";
  if (hasNoPoints(kernel) && !sums) return [];
  switch (kernel.family) {
    case "map":
      return [encodeMap(kernel, memory)];
    case "scatter":
      return encodeScatter(kernel, memory);
    case "reduce":
      return [encodeReduce(kernel, memory)];
    case "matmul":
      return encodeMatmul(kernel, memory, scratch);
    default:
      return [encodeOptimizer(kernel, memory)];
  }
}

function hasNoPoints(kernel: Kernel): boolean {
  if (kernel.family === "optimizer") return kernel.count === 0;
  return kernel.dims.slice(0, kernel.family === "reduce" ? kernel.kept : kernel.dims.length).includes(0);
}

function encodeMap(kernel: MapKernel, memory: Memory): Entry {
  const frame = mapFrame(kernel);
  return { family: MAP, block: encodeBody({ ...kernel, frame, resultFrame: frame, results: kernel.outputs }, memory) };
}

function encodeScatter(kernel: ScatterKernel, memory: Memory): Entry[] {
  const { target, mode, dims } = kernel;
  if (mode === "put") return [encodeMap({ ...kernel, family: "map", outputs: [{ value: kernel.value, access: target }] }, memory)];
  const { stride, size } = target.gather as NonNullable<Access["gather"]>;
  const { gather: _, ...place } = target;
  const zero: MapKernel = {
    family: "map",
    label: kernel.label,
    dims: [stride * size],
    accesses: [],
    instructions: [{ op: "const", value: 0, dtype: "f32" }],
    outputs: [{ value: 0, access: { ...place, strides: [1] } }],
  };
  if (hasNoPoints(kernel)) return [encodeMap(zero, memory)];
  // The points in row-major order, so that sums are the same however rows repeat.
  const frame = denseFrame(dims);
  const results = [{ value: kernel.value, access: target, adds: true }];
  const block = encodeBody({ ...kernel, frame, resultFrame: frame, results }, memory);
  return [encodeMap(zero, memory), { family: MAP, block }];
}

function encodeReduce(kernel: ReduceKernel, memory: Memory): Entry {
  const { frame, results: resultFrame, rows, ...fold } = foldFrame(kernel);
  const results = kernel.outputs.map(({ value, access, op }) => ({ value, access, fold: op }));
  return { family: rows ? REDUCE_ROWS : REDUCE_COLUMNS, block: encodeBody({ ...kernel, frame, resultFrame, results, fold }, memory) };
}

/** Returns the form (0 plain, 1 b transposed, 2 a transposed) and leading dims of a product. */
export function formOf({ dims: [, m, n], k, a, b }: MatmulKernel): {
  form: number;
  m: number;
  n: number;
  k: number;
  lda: number;
  ldb: number;
} {
  const plain = (access: Access, columns: number): boolean => access.strides[2] === 1 || columns === 1;
  const stride = (access: Access, rows: boolean): number => access.strides[rows ? 1 : 2] as number;
  const [aPlain, bPlain] = [plain(a, k), plain(b, n)];
  return { form: aPlain ? (bPlain ? 0 : 1) : 2, m, n, k, lda: stride(a, aPlain), ldb: stride(b, bPlain) };
}

function encodeMatmul(kernel: MatmulKernel, memory: Memory, scratch: number): Entry[] {
  const { a, b } = kernel;
  const { form, m, n, k, lda, ldb } = formOf(kernel);
  const [first, ...others] = kernel.outputs as [MatmulKernel["outputs"][number], ...MatmulKernel["outputs"]];
  const address = (access: Access): number => memory.address(access.arena) + 4 * access.offset;
  const words = [
    form,
    kernel.dims[0],
    m,
    n,
    k,
    address(a),
    lda,
    a.strides[0] as number,
    address(b),
    ldb,
    b.strides[0] as number,
    address(first.access),
    first.access.strides[1] as number,
    first.access.strides[0] as number,
    scratch,
  ];
  const product: Entry = { family: MATMUL, block: memory.words(words) };
  const outputs = kernel.instructions[first.value]?.op === "product" ? others : kernel.outputs;
  const entries = kernel.sums === undefined ? [product] : [product, encodeSums(kernel, kernel.sums, memory)];
  if (outputs.length === 0) return entries;
  // The product waits where the first output will lie, and the epilogue reads it there.
  const instructions = kernel.instructions.map(
    (i): Instruction => (i.op === "product" ? { op: "load", access: kernel.accesses.length, dtype: "f32" } : i),
  );
  const accesses = [...kernel.accesses, first.access];
  const epilogue = collapse({ family: "map", label: kernel.label, dims: kernel.dims, accesses, instructions, outputs });
  return [...entries, encodeMap(epilogue as MapKernel, memory)];
}

/** The column sums of the right operand, as the reduction they are. */
function encodeSums({ label, dims: [batch, , n], k, b }: MatmulKernel, sums: Access, memory: Memory): Entry {
  const walk = (access: Access, last: number): Access => ({
    ...access,
    strides: [access.strides[0] as number, access.strides[2] as number, last],
  });
  return encodeReduce(
    {
      family: "reduce",
      label,
      dims: [batch, n, k],
      kept: 2,
      accesses: [walk(b, b.strides[1] as number)],
      instructions: [{ op: "load", access: 0, dtype: "f32" }],
      outputs: [{ value: 0, op: "sum", access: walk(sums, 0) }],
    },
    memory,
  );
}

function encodeOptimizer(kernel: OptimizerKernel, memory: Memory): Entry {
  const { tensors, scalars } = kernel;
  const address = (access: Access | undefined): number => (access === undefined ? 0 : memory.address(access.arena) + 4 * access.offset);
  const slots = kernel.name === "sgd" ? [address(tensors.momentum), 0] : [address(tensors.m), address(tensors.v)];
  const values = scalarOrder[kernel.name].map((name) =>
    scalars[name] === undefined ? memory.splat(name === "gradScale" ? 1 : 0, false) : address(scalars[name]),
  );
  const words = [
    kernel.count,
    address(tensors.params),
    address(tensors.grads),
    ...slots,
    kernel.flags.nesterov === true ? 1 : 0,
    ...values,
  ];
  return { family: kernel.name === "sgd" ? SGD : ADAMW, block: memory.words(words) };
}
