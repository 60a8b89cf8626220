/** Turns the kernels of a plan into the blocks that `assembly/run.ts` walks. */
import type {
  Access,
  Instruction,
  Kernel,
  MapKernel,
  MatmulKernel,
  Operand,
  OptimizerKernel,
  ReduceKernel,
  ScatterKernel,
} from "../../program/plan.ts";
import { collapse } from "../../program/squeeze.ts";
import { encodeBody } from "./body.ts";
import { denseFrame, foldFrame, mapFrame } from "./frame.ts";
import type { Memory } from "./memory.ts";
import { searched } from "./search.ts";

/** A kernel ready to run: its family in `assembly/run.ts` and the address of its block. */
export interface Entry {
  readonly family: number;
  readonly block: number;
}

const [MAP, REDUCE_ROWS, REDUCE_COLUMNS, MATMUL, SGD, ADAMW, SCAN] = [0, 1, 2, 3, 4, 5, 6] as const;

/** Scalars in the order in which `assembly/run.ts` reads their addresses. */
const scalarOrder = {
  sgd: ["learningRate", "momentum", "weightDecay", "gradScale"],
  adamw: ["decay", "rate", "beta1", "oneMinusBeta1", "beta2", "oneMinusBeta2", "rootCorrection", "eps", "weightDecay", "gradScale"],
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
      return [encodeScan(kernel, memory) ?? encodeReduce(kernel, memory)];
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

/** A search is a pass over whole arrays, and no body is computed. */
function encodeScan(kernel: ReduceKernel, memory: Memory): Entry | undefined {
  const arrays = searched(kernel);
  if (arrays === undefined) return undefined;
  const { access } = kernel.outputs[0] as ReduceKernel["outputs"][number];
  const address = ({ arena, storage, offset }: Access): number => memory.address(arena) + (storage === "u8" ? offset : 4 * offset);
  const [n] = kernel.dims as [number];
  const words = arrays.flatMap((array) => [address(array), array.strides[0] === 0 ? 1 : n]);
  return { family: SCAN, block: memory.words([address(access), access.storage === "u8" ? 1 : 4, arrays.length, ...words]) };
}

function encodeReduce(kernel: ReduceKernel, memory: Memory): Entry {
  const { frame, results: resultFrame, rows, ...fold } = foldFrame(kernel);
  const results = kernel.outputs.map(({ value, access, op }) => ({ value, access, fold: op }));
  return { family: rows ? REDUCE_ROWS : REDUCE_COLUMNS, block: encodeBody({ ...kernel, frame, resultFrame, results, fold }, memory) };
}

/** Returns the form (bits: 1 b transposed, 2 a transposed, 4 an operand is a walk) and leading dims of a product. */
export function formOf({ dims: [, m, n], k, a, b }: MatmulKernel): {
  form: number;
  m: number;
  n: number;
  k: number;
  lda: number;
  ldb: number;
} {
  const columnOf = (access: Operand): number => access.strides.at(-1) as number;
  const rowOf = (access: Operand): number => access.strides.at(-1 - (access.parts?.[2].length ?? 1)) as number;
  const [aPlain, bPlain] = [columnOf(a) === 1 || k === 1, columnOf(b) === 1 || n === 1];
  const form = (bPlain ? 0 : 1) + (aPlain ? 0 : 2) + (isWalk(a) || isWalk(b) ? 4 : 0);
  return { form, m, n, k, lda: aPlain ? rowOf(a) : columnOf(a), ldb: bPlain ? rowOf(b) : columnOf(b) };
}

function encodeMatmul(kernel: MatmulKernel, memory: Memory, scratch: number): Entry[] {
  const { a, b, sums } = kernel;
  const { form, m, n, k, lda, ldb } = formOf(kernel);
  const [batch] = kernel.dims;
  const [first, ...others] = kernel.outputs as [MatmulKernel["outputs"][number], ...MatmulKernel["outputs"]];
  const [aWalk, bWalk] = [a, b].map((operand) => (isWalk(operand) ? memory.words(operandWalk(operand)) : 0));
  const address = (access: Access): number => memory.address(access.arena) + 4 * access.offset;
  const starts = (operand: Operand): number[] => startsOf(operand, batch).map((at) => address(operand) + 4 * at);
  const pairs = (left: readonly number[]): number => memory.words(starts(b).flatMap((start, i) => [left[i] as number, start]));
  const [perBatch, perRow] = first.access.strides as [number, number];
  const words = [
    form,
    batch,
    m,
    n,
    k,
    lda,
    ldb,
    address(first.access),
    perRow,
    perBatch,
    scratch,
    aWalk as number,
    bWalk as number,
    pairs(starts(a)),
  ];
  const entries: Entry[] = [{ family: MATMUL, block: memory.words(words) }];
  if (sums !== undefined) {
    // Column sums are a row of ones times b; a transposed column without a stride is one that serves all of k.
    const ones = pairs(new Array<number>(batch).fill(memory.splat(1, false)));
    const row = [
      (form & 1) + 2 + (bWalk === 0 ? 0 : 4),
      batch,
      1,
      n,
      k,
      0,
      ldb,
      address(sums),
      n,
      sums.strides[0] as number,
      scratch,
      0,
      bWalk as number,
      ones,
    ];
    entries.push({ family: MATMUL, block: memory.words(row) });
  }
  const outputs = kernel.instructions[first.value]?.op === "product" ? others : kernel.outputs;
  if (outputs.length === 0) return entries;
  // The product waits where the first output will lie, and the epilogue reads it there.
  const instructions = kernel.instructions.map(
    (i): Instruction => (i.op === "product" ? { op: "load", access: kernel.accesses.length, dtype: "f32" } : i),
  );
  const accesses = [...kernel.accesses, first.access];
  const epilogue = collapse({ family: "map", label: kernel.label, dims: kernel.dims, accesses, instructions, outputs });
  return [...entries, encodeMap(epilogue as MapKernel, memory)];
}

/** Returns whether an operand is more than a matrix in every batch. */
function isWalk({ parts, bounds, strides }: Operand): boolean {
  if (parts === undefined) return false;
  return bounds !== undefined || parts[1].length > 1 || parts[2].length > 1 || !strides.slice(-2).includes(1);
}

/** Returns how many elements behind its first an operand begins to walk in each batch. */
function startsOf({ strides, parts }: Operand, batch: number): number[] {
  const dims = parts?.[0] ?? [batch];
  const steps = (d: number): number[] => Array.from({ length: dims[d] as number }, (_, i) => i * (strides[d] as number));
  return dims.reduce((starts, _, d) => starts.flatMap((at) => steps(d).map((step) => at + step)), [0]);
}

/** Returns the words of a walk as `assembly/window.ts` reads them. */
function operandWalk({ strides, bounds = [], parts }: Operand): number[] {
  const [batch, ...matrix] = parts as NonNullable<Operand["parts"]>;
  const [rows, columns] = matrix;
  const along = (at: number): number[] => [4 * (strides[at] as number), ...bounds.map((bound) => bound.strides[at] as number)];
  const dims = matrix.flat().map((size, i) => [size, ...along(batch.length + i)]);
  const run = (last: number): number => (strides[batch.length + last] === 1 ? (matrix.flat()[last] as number) : 0);
  const rowsFast = run(rows.length - 1) > run(rows.length + columns.length - 1);
  return [
    Number(rowsFast),
    bounds.length,
    rows.length,
    columns.length,
    ...dims.flat(),
    ...bounds.flatMap((bound) => [bound.offset, bound.size]),
  ];
}

function encodeOptimizer(kernel: OptimizerKernel, memory: Memory): Entry {
  const { tensors, scalars } = kernel;
  const address = (access: Access | undefined): number => (access === undefined ? 0 : memory.address(access.arena) + 4 * access.offset);
  const slots = kernel.name === "sgd" ? [address(tensors.momentum), 0] : [address(tensors.m), address(tensors.v)];
  const values = scalarOrder[kernel.name].map((name) =>
    scalars[name] === undefined ? memory.splat(name === "gradScale" || name === "decay" ? 1 : 0, false) : address(scalars[name]),
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
