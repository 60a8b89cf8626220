/**
 * Long sums of few points: one group would fold them while the rest of the GPU waits. Here many groups make parts, and a second kernel folds
 * those, both in a fixed order. Rewrites the plan, so what runs is what any backend could run.
 */
import type { Access, Instruction, Kernel, MapKernel, MatmulKernel, Plan, ReduceKernel } from "../../program/plan.ts";
import { denseStrides, sizeOf } from "../../program/shape.ts";
import { bufferBytes } from "./dispatch.ts";

/** Values that one group folds without others being needed. */
const LONG_FOLD = 2 ** 14;
const LONG_DEPTH = 2 ** 12;
/** Points of a product up to which its slices do not fill a GPU. */
const FEW_POINTS = 2 ** 14;
const MOST_PARTS = { reduce: 256, matmul: 32 } as const;

/** Kernels in the place of one, and the words of `work` that hold their parts. */
interface Split {
  readonly kernels: Kernel[];
  readonly words: number;
}

/** Returns the plan with its long sums split; the parts lie behind the plan's own temporaries. */
export function splitLongSums(plan: Plan): Plan {
  const start = bufferBytes(plan.bytes.work) / 4;
  let words = 0;
  const kernels = plan.kernels.flatMap((kernel) => {
    const split =
      kernel.family === "reduce" ? splitReduce(kernel, start) : kernel.family === "matmul" ? splitMatmul(kernel, start) : undefined;
    if (split === undefined) return kernel;
    words = Math.max(words, split.words);
    return split.kernels;
  });
  return words === 0 ? plan : { ...plan, kernels, bytes: { ...plan.bytes, work: 4 * (start + words) } };
}

function splitReduce(kernel: ReduceKernel, start: number): Split | undefined {
  const { label, dims, kept, outputs, instructions } = kernel;
  const keptDims = dims.slice(0, kept);
  const [outer, inner] = [sizeOf(keptDims), sizeOf(dims.slice(kept))];
  if (inner < LONG_FOLD || outer > MOST_PARTS.reduce / 4) return undefined;
  const length = dims[kept] as number;
  const parts = divisorOf(length, Math.min(MOST_PARTS.reduce, inner / 256), 1);
  if (parts === undefined) return undefined;
  const share = length / parts;
  const cut = (strides: readonly number[]): number[] => {
    const stride = strides[kept] as number;
    return [...strides.slice(0, kept), stride * share, stride, ...strides.slice(kept + 1)];
  };
  const access = (a: Access): Access => ({
    ...a,
    strides: cut(a.strides),
    ...(a.gather && { gather: { ...a.gather, index: access(a.gather.index) } }),
    ...(a.bounds && { bounds: a.bounds.map((bound) => ({ ...bound, strides: cut(bound.strides) })) }),
  });
  const partials = outputs.map(({ value }, o) => ({
    arena: "work" as const,
    storage: (instructions[value] as Instruction).dtype,
    offset: start + o * outer * parts,
    strides: denseStrides([...keptDims, parts]),
  }));
  const first: ReduceKernel = {
    ...kernel,
    dims: [...keptDims, parts, share, ...dims.slice(kept + 1)],
    kept: kept + 1,
    accesses: kernel.accesses.map(access),
    instructions: instructions.map((i) => (i.op === "iota" || i.op === "random" ? { ...i, strides: cut(i.strides) } : i)),
    outputs: partials.map((access, o) => ({
      ...(outputs[o] as ReduceKernel["outputs"][number]),
      access: { ...access, strides: [...access.strides, ...dims.slice(kept).map(() => 0)] },
    })),
  };
  const second: ReduceKernel = {
    family: "reduce",
    label,
    dims: [...keptDims, parts],
    kept,
    accesses: partials,
    instructions: partials.map(({ storage }, o) => ({ op: "load", access: o, dtype: storage })),
    outputs: outputs.map((output, o) => ({
      ...output,
      value: o,
      access: { ...output.access, strides: [...output.access.strides.slice(0, kept), 0] },
    })),
  };
  return { kernels: [first, second], words: outputs.length * outer * parts };
}

function splitMatmul(kernel: MatmulKernel, start: number): Split | undefined {
  const { label, dims, k: depth, a, b, sums } = kernel;
  const [batches, m, n] = dims;
  const plain = [a, b].every((operand) => operand.gather === undefined && operand.bounds === undefined && operand.parts === undefined);
  if (batches !== 1 || depth < LONG_DEPTH || m * n > FEW_POINTS || !plain) return undefined;
  // Shares of whole steps of depth, so that quads stay aligned.
  const parts = divisorOf(depth, Math.min(MOST_PARTS.matmul, depth / 256), 4);
  if (parts === undefined) return undefined;
  const share = depth / parts;
  const product = (offset: number, size: number, strides: number[]): Access => ({
    arena: "work",
    storage: "f32",
    offset,
    strides: [size, ...strides],
  });
  const sumsStart = start + Math.ceil((parts * m * n) / 4) * 4;
  const first: MatmulKernel = {
    family: "matmul",
    label,
    dims: [parts, m, n],
    k: share,
    a: { ...a, strides: [(a.strides[2] as number) * share, ...a.strides.slice(1)] },
    b: { ...b, strides: [(b.strides[1] as number) * share, ...b.strides.slice(1)] },
    ...(sums && { sums: product(sumsStart, n, [0, 1]) }),
    accesses: [],
    instructions: [{ op: "product", dtype: "f32" }],
    outputs: [{ value: 0, access: product(start, m * n, [n, 1]) }],
  };
  const total = sumOfParts(parts, (part) => ({ arena: "work", storage: "f32", offset: start + part * m * n, strides: [m * n, n, 1] }));
  const moved = new Map<number, number>();
  for (const [i, instruction] of kernel.instructions.entries()) {
    if (instruction.op === "product") {
      moved.set(i, 2 * parts - 2);
      continue;
    }
    moved.set(i, total.instructions.length);
    total.instructions.push(
      instruction.op === "load"
        ? { ...instruction, access: instruction.access + parts }
        : instruction.op === "apply"
          ? { ...instruction, args: instruction.args.map((arg) => moved.get(arg) as number) }
          : instruction,
    );
  }
  const second: MapKernel = {
    family: "map",
    label,
    dims,
    accesses: [...total.accesses, ...kernel.accesses],
    instructions: total.instructions,
    outputs: kernel.outputs.map((output) => ({ ...output, value: moved.get(output.value) as number })),
  };
  if (sums === undefined) return { kernels: [first, second], words: sumsStart - start };
  const columns = sumOfParts(parts, (part) => ({ arena: "work", storage: "f32", offset: sumsStart + part * n, strides: [1] }));
  const access = { ...sums, strides: [sums.strides[2] as number] };
  const third: MapKernel = { family: "map", label, dims: [n], ...columns, outputs: [{ value: 2 * parts - 2, access }] };
  return { kernels: [first, second, third], words: sumsStart - start + parts * n };
}

/** Returns a body whose value number 2·parts − 2 is the sum of all parts, added one after another. */
function sumOfParts(parts: number, access: (part: number) => Access): { accesses: Access[]; instructions: Instruction[] } {
  const numbers = [...Array(parts).keys()];
  return {
    accesses: numbers.map(access),
    instructions: [
      ...numbers.map((part): Instruction => ({ op: "load", access: part, dtype: "f32" })),
      ...numbers
        .slice(1)
        .map((part): Instruction => ({ op: "apply", name: "add", args: [part === 1 ? 0 : parts + part - 2, part], dtype: "f32" })),
    ],
  };
}

/** Returns the largest divisor of a length, from 4 up to `most`, that leaves shares of multiples of `step`. */
function divisorOf(length: number, most: number, step: number): number | undefined {
  for (let parts = Math.floor(most); parts >= 4; parts--) if (length % (parts * step) === 0) return parts;
  return undefined;
}
