/**
 * The meaning of a plan, told slowly: every kernel point by point, values in f64 (u32 wraps), rounded to f32 where they are stored.
 * It shares nothing with the backends but the `reference` column of the op table.
 */
import { ops } from "../../src/program/ops.ts";
import type {
  Access,
  ArenaName,
  Body,
  DType,
  Gather,
  Instruction,
  Kernel,
  MatmulKernel,
  Operand,
  OptimizerKernel,
  Plan,
  ReduceKernel,
  ScatterKernel,
} from "../../src/program/plan.ts";
import { philox } from "../../src/random.ts";

/** The bytes of each arena. */
export type Arenas = Readonly<Record<ArenaName, ArrayBuffer>>;

type Memory = Readonly<Record<ArenaName, { readonly f32: Float32Array; readonly u32: Uint32Array; readonly u8: Uint8Array }>>;

type Point = readonly number[];

/** Runs a plan once, in place. */
export function interpret(plan: Plan, arenas: Arenas): void {
  const view = (name: ArenaName): Memory[ArenaName] => ({
    f32: new Float32Array(arenas[name]),
    u32: new Uint32Array(arenas[name]),
    u8: new Uint8Array(arenas[name]),
  });
  const memory: Memory = { state: view("state"), rows: view("rows"), io: view("io"), work: view("work") };
  for (const kernel of plan.kernels) interpretKernel(kernel, memory);
}

function interpretKernel(kernel: Kernel, memory: Memory): void {
  switch (kernel.family) {
    case "map":
      for (const point of points(kernel.dims)) {
        const values = evaluate(kernel, memory, point);
        for (const { value, access } of kernel.outputs) write(memory, access, point, values[value] as number);
      }
      return;
    case "scatter":
      if (kernel.mode === "add") {
        interpretSum(kernel, memory);
        return;
      }
      for (const point of points(kernel.dims)) {
        write(memory, kernel.target, point, evaluate(kernel, memory, point)[kernel.value] as number);
      }
      return;
    case "reduce":
      interpretReduce(kernel, memory);
      return;
    case "matmul":
      interpretMatmul(kernel, memory);
      return;
    case "optimizer":
      interpretOptimizer(kernel, memory);
      return;
  }
}

function interpretSum(kernel: ScatterKernel, memory: Memory): void {
  const { index, stride, size } = kernel.target.gather as Gather;
  const { gather: _, ...place } = kernel.target;
  const sums = new Float64Array(stride * size);
  for (const point of points(kernel.dims)) {
    const row = read(memory, index, point);
    const at = row * stride + walk({ ...kernel.target, offset: 0 }, point);
    if (row < size) sums[at] = (sums[at] as number) + (evaluate(kernel, memory, point)[kernel.value] as number);
  }
  for (const [i, sum] of sums.entries()) write(memory, { ...place, strides: [1] }, [i], sum);
}

function interpretReduce(kernel: ReduceKernel, memory: Memory): void {
  const { dims, kept, outputs, instructions } = kernel;
  const dtypes = outputs.map(({ value }) => (instructions[value] as Instruction).dtype);
  for (const head of points(dims.slice(0, kept))) {
    const folds = outputs.map(({ op }, o) => (op === "max" && dtypes[o] === "f32" ? Number.NEGATIVE_INFINITY : 0));
    for (const tail of points(dims.slice(kept))) {
      const values = evaluate(kernel, memory, head.concat(tail));
      outputs.forEach(({ op, value }, o) => {
        const [fold, next] = [folds[o] as number, values[value] as number];
        folds[o] = op === "max" ? Math.max(fold, next) : wrap(fold + next, dtypes[o] as DType);
      });
    }
    for (const [o, { access }] of outputs.entries()) write(memory, access, head, folds[o] as number);
  }
}

function interpretMatmul(kernel: MatmulKernel, memory: Memory): void {
  const { sums, b, k, dims } = kernel;
  if (sums !== undefined) {
    for (const [batch, j] of points([dims[0], dims[2]]) as Iterable<[number, number]>) {
      let sum = 0;
      for (let row = 0; row < k; row++) sum += readOperand(memory, b, [batch, row, j]);
      write(memory, sums, [batch, 0, j], sum);
    }
  }
  for (const point of points(kernel.dims)) {
    const [batch, i, j] = point as [number, number, number];
    let product = 0;
    for (let q = 0; q < k; q++) product += readOperand(memory, kernel.a, [batch, i, q]) * readOperand(memory, b, [batch, q, j]);
    const values = evaluate(kernel, memory, point, product);
    for (const { value, access } of kernel.outputs) write(memory, access, point, values[value] as number);
  }
}

/** Reads an element of an operand, each of its three coordinates taken apart into those of its parts. */
function readOperand(memory: Memory, operand: Operand, point: Point): number {
  const { parts } = operand;
  if (parts === undefined) return read(memory, operand, point);
  const digits = parts.map((dims, i) => {
    let rest = point[i] as number;
    const taken = [...dims].reverse().map((dim) => {
      const digit = rest % dim;
      rest = (rest - digit) / dim;
      return digit;
    });
    return taken.reverse();
  });
  return read(memory, operand, digits.flat());
}

function interpretOptimizer(kernel: OptimizerKernel, memory: Memory): void {
  const { tensors, scalars, flags } = kernel;
  const none: Readonly<Record<string, number>> = { gradScale: 1, decay: 1, weightDecay: 0 };
  const scalar = (name: string): number => (name in scalars ? read(memory, scalars[name] as Access, []) : (none[name] as number));
  const scale = scalar("gradScale");
  for (const point of points([kernel.count])) {
    const load = (name: string): number => read(memory, tensors[name] as Access, point);
    const store = (name: string, value: number): void => write(memory, tensors[name] as Access, point, value);
    const w = load("params");
    if (kernel.name === "sgd") {
      const g = load("grads") * scale + scalar("weightDecay") * w;
      let direction = g;
      if ("momentum" in tensors) {
        const momentum = scalar("momentum");
        const b = momentum * load("momentum") + g;
        store("momentum", b);
        direction = flags.nesterov === true ? g + momentum * b : b;
      }
      store("params", w - scalar("learningRate") * direction);
    } else {
      const g = load("grads") * scale + scalar("weightDecay") * w;
      const m = scalar("beta1") * load("m") + scalar("oneMinusBeta1") * g;
      const v = scalar("beta2") * load("v") + scalar("oneMinusBeta2") * (g * g);
      store("m", m);
      store("v", v);
      store("params", w * scalar("decay") - (scalar("rate") * m) / (Math.sqrt(v) * scalar("rootCorrection") + scalar("eps")));
    }
  }
}

function evaluate(body: Body, memory: Memory, point: Point, product = Number.NaN): number[] {
  const values: number[] = [];
  for (const instruction of body.instructions) {
    switch (instruction.op) {
      case "load":
        values.push(read(memory, body.accesses[instruction.access] as Access, point));
        break;
      case "const":
        values.push(instruction.dtype === "f32" ? Math.fround(instruction.value) : instruction.value >>> 0);
        break;
      case "iota":
        values.push(walk(instruction, point));
        break;
      case "random":
        values.push(randomBits(walk(instruction, point), memory.io.u32.subarray(instruction.words, instruction.words + 4)));
        break;
      case "product":
        values.push(product);
        break;
      case "apply": {
        const args = instruction.args.map((arg) => values[arg] as number);
        values.push((ops[instruction.name] as (typeof ops)[string]).reference(args, instruction.dtype));
      }
    }
  }
  return values;
}

/** Word `element` mod 4 of the block at counter (⌊element / 4⌋, 0, step); `words` hold key low, high, step low, high. */
function randomBits(element: number, words: Uint32Array): number {
  const [keyLow, keyHigh, stepLow, stepHigh] = words as unknown as [number, number, number, number];
  const block = new Uint32Array(4);
  philox(element >>> 2, 0, stepLow, stepHigh, [keyLow, keyHigh], block);
  return block[element & 3] as number;
}

function read(memory: Memory, access: Access, point: Point): number {
  const outside = access.bounds?.some((bound) => walk(bound, point) < 0 || walk(bound, point) >= bound.size);
  if (outside === true) return 0;
  const { gather } = access;
  const row = gather === undefined ? 0 : Math.min(read(memory, gather.index, point), gather.size - 1);
  const value = memory[access.arena][access.storage][walk(access, point) + row * (gather?.stride ?? 0)];
  if (value === undefined) throw new RangeError(`a load of ${access.arena} is outside the arena`);
  return value;
}

function write(memory: Memory, access: Access, point: Point, value: number): void {
  const { gather } = access;
  const row = gather === undefined ? 0 : read(memory, gather.index, point);
  if (gather !== undefined && row >= gather.size) return;
  const at = walk(access, point) + row * (gather?.stride ?? 0);
  const elements = memory[access.arena][access.storage];
  if (at < 0 || at >= elements.length) throw new RangeError(`a store to ${access.arena} is outside the arena`);
  elements[at] = value;
}

function walk({ offset, strides }: { readonly offset: number; readonly strides: readonly number[] }, point: Point): number {
  let at = offset;
  for (let d = 0; d < point.length; d++) at += (point[d] as number) * (strides[d] ?? 0);
  return at;
}

function wrap(value: number, dtype: DType): number {
  return dtype === "u32" ? value >>> 0 : value;
}

/** Every point of `dims` in row-major order. */
function* points(dims: readonly number[]): Generator<Point> {
  const point = dims.map(() => 0);
  let left = dims.reduce((product, dim) => product * dim, 1);
  for (; left > 0; left--) {
    yield point;
    for (let d = dims.length - 1; d >= 0; d--) {
      point[d] = (point[d] as number) + 1;
      if ((point[d] as number) < (dims[d] as number)) break;
      point[d] = 0;
    }
  }
}
