/**
 * Splitting: a kernel becomes kernels over parts of one of its dims, one for each thread. No element depends on how: maps and products give
 * every element alone, reductions are cut along what they keep, and the order inside a sum stays what it was.
 */
import type { Access, Body, Instruction, Kernel, MatmulKernel, Operand, OptimizerKernel, ReduceKernel } from "../../program/plan.ts";
import { sizeOf } from "../../program/shape.ts";
import { searched } from "./search.ts";

/** Operations worth the meeting of threads after them, about 5 µs of work. */
const WORTH = 20_000;
/** Elements that lie in one cache line, which two threads should not both write. */
const LINE = 16;

/** Returns the parts of a kernel for `parts` threads, or undefined where one thread is as fast. */
export function split(kernel: Kernel, parts: number): Kernel[] | undefined {
  switch (kernel.family) {
    case "optimizer": {
      // A square root and a division an element.
      if (kernel.count * 20 < WORTH) return undefined;
      return cuts(kernel.count, parts, LINE).map(([start, end]) => optimizerPart(kernel, start, end));
    }
    case "matmul":
      return splitMatmul(kernel, parts);
    case "map":
    case "reduce": {
      if (kernel.family === "reduce" && searched(kernel) !== undefined) return splitSearch(kernel, parts);
      const kept = kernel.family === "reduce" ? kernel.kept : kernel.dims.length;
      if (sizeOf(kernel.dims) * (1 + kernel.instructions.length) < 2 * WORTH) return undefined;
      // The first dim that gives each thread enough lies farthest apart; fewer than 16 of a kept dim could change how a reduction runs.
      const d = kernel.dims.findIndex((size, dim) => dim < kept && size >= LINE * parts);
      if (d < 0) return undefined;
      const grain = d === kernel.dims.length - 1 ? LINE : 1;
      return cuts(kernel.dims[d] as number, parts, grain).map(([start, end]) => {
        const dims = kernel.dims.with(d, end - start);
        const outputs = kernel.outputs.map((output) => ({ ...output, access: shifted(output.access, d, start) }));
        return { ...kernel, ...bodyPart(kernel, d, start), dims, outputs } as Kernel;
      });
    }
    default:
      return undefined;
  }
}

/** Each part of a search has a byte of the answer, which must lie where nothing else does: it is 0 where all its bytes are. */
function splitSearch(kernel: ReduceKernel, parts: number): Kernel[] | undefined {
  const [n] = kernel.dims as [number];
  const [output] = kernel.outputs as [ReduceKernel["outputs"][number]];
  if (n < WORTH || output.access.arena !== "io") return undefined;
  return cuts(n, Math.min(parts, 4), LINE).map(([start, end], part): ReduceKernel => {
    const access: Access = { ...output.access, storage: "u8", offset: 4 * output.access.offset + part };
    return { ...kernel, ...bodyPart(kernel, 0, start), dims: [end - start], outputs: [{ ...output, access }] };
  });
}

/**
 * Products are cut into columns where there are many, so that no thread packs another's; else into rows. A dim that an operand walks in parts
 * is cut between the slowest of them.
 */
function splitMatmul(kernel: MatmulKernel, parts: number): Kernel[] | undefined {
  const { a, b, dims } = kernel;
  const [batch, m, n] = dims;
  if (batch * m * n * kernel.k < 4 * WORTH) return undefined;
  const d = batch >= 2 * parts && isWhole(a, 0) && isWhole(b, 0) ? 0 : n >= 2 * LINE * parts || n >= m ? 2 : 1;
  const least = d === 0 ? 1 : grainOf(d === 2 ? b : a, d);
  return cuts(dims[d], parts, d === 0 ? 1 : least * Math.ceil(LINE / least)).map(([start, end], part) => {
    const { sums, ...rest } = kernel;
    const outputs = kernel.outputs.map((output) => ({ ...output, access: shifted(output.access, d, start) }));
    return {
      ...rest,
      ...bodyPart(kernel, d, start),
      dims: dims.with(d, end - start) as [number, number, number],
      a: d === 2 ? a : operandPart(a, d, start, end),
      b: d === 1 ? b : operandPart(b, d, start, end),
      // Rows share their column sums.
      ...(sums && (d !== 1 || part === 0) && { sums: shifted(sums, d, start) }),
      outputs,
    };
  });
}

const isWhole = ({ parts }: Operand, d: number): boolean => (parts?.[d]?.length ?? 1) === 1;

/** Elements of a dim that one step of its slowest part covers. */
function grainOf({ parts }: Operand, d: number): number {
  return sizeOf((parts?.[d] ?? []).slice(1));
}

/** Returns an operand from `start` to `end` of dim `d`. */
function operandPart(operand: Operand, d: number, start: number, end: number): Operand {
  const { parts } = operand;
  if (parts === undefined) return shifted(operand, d, start);
  const grain = grainOf(operand, d);
  const slowest = parts.slice(0, d).flat().length;
  const [, ...faster] = parts[d] as readonly number[];
  const cut = parts.with(d, [(end - start) / grain, ...faster]) as [readonly number[], readonly number[], readonly number[]];
  return { ...shifted(operand, slowest, start / grain), parts: cut };
}

function optimizerPart(kernel: OptimizerKernel, start: number, end: number): OptimizerKernel {
  const tensors = Object.fromEntries(Object.entries(kernel.tensors).map(([name, access]) => [name, shifted(access, 0, start)]));
  return { ...kernel, count: end - start, tensors };
}

function bodyPart(body: Body, d: number, start: number): Body {
  const instruction = (i: Instruction): Instruction =>
    i.op === "iota" || i.op === "random" ? { ...i, offset: i.offset + start * (i.strides[d] as number) } : i;
  return { accesses: body.accesses.map((access) => shifted(access, d, start)), instructions: body.instructions.map(instruction) };
}

/** Returns the walk that begins `start` further along dim `d`. */
function shifted(access: Access, d: number, start: number): Access {
  const move = <T extends { offset: number; strides: readonly number[] }>(walk: T): T => ({
    ...walk,
    offset: walk.offset + start * (walk.strides[d] as number),
  });
  return {
    ...move(access),
    ...(access.gather && { gather: { ...access.gather, index: shifted(access.gather.index, d, start) } }),
    ...(access.bounds && { bounds: access.bounds.map(move) }),
  };
}

/** Returns the bounds of at most `parts` parts of `size`, as equal as multiples of `grain` can be. */
function cuts(size: number, parts: number, grain: number): [start: number, end: number][] {
  const grains = Math.ceil(size / grain);
  const at = (part: number): number => Math.min(size, Math.ceil((grains * part) / parts) * grain);
  return Array.from({ length: parts }, (_, part): [number, number] => [at(part), at(part + 1)]).filter(([start, end]) => start < end);
}
