/** From the kernels of a plan to what a device dispatches: WGSL text, override constants and a number of groups. */
import type {
  Access,
  Body,
  Conditional,
  Gather,
  Instruction,
  Kernel,
  MapKernel,
  MatmulKernel,
  OptimizerKernel,
  ReduceKernel,
  ScatterKernel,
} from "../../program/plan.ts";
import { emitLoad, emitPoint, emitStore, emitValues, type Point } from "./emit.ts";
import { fillTemplate } from "./template.ts";

/** One dispatch before its pipeline is made. */
export interface Dispatch {
  readonly label: string;
  readonly code: string;
  readonly entryPoint: string;
  readonly constants: Readonly<Record<string, number>>;
  readonly groups: readonly [x: number, y: number];
}

/** The least limit of WebGPU on groups in one dimension. */
const MOST_GROUPS = 65535;
const WIDTH = 64;
const TILE = 32;
/** Bytes of workgroup memory that every adapter has. */
const WORKGROUP_BYTES = 16384;

/** Returns the dispatch of a kernel, or undefined when it has no points. */
export function lower(kernel: Kernel): Dispatch | undefined {
  switch (kernel.family) {
    case "map":
      return lowerMap(kernel);
    case "reduce":
      return lowerReduce(kernel);
    case "matmul":
      return lowerMatmul(kernel);
    case "scatter":
      return lowerScatter(kernel);
    case "optimizer":
      return lowerOptimizer(kernel);
  }
}

function lowerMap(kernel: MapKernel): Dispatch | undefined {
  const count = product(kernel.dims);
  const { text, point } = emitPoint("index", kernel.dims, "i");
  const body = [emitCondition(kernel), text, emitValues(kernel, point), emitOutputs(kernel, point)].join("\n");
  return dispatch(kernel.label, "main", fillTemplate("map", { point: body }), { count }, Math.ceil(count / WIDTH));
}

function lowerScatter(kernel: ScatterKernel): Dispatch | undefined {
  if (kernel.mode === "add") return lowerReduce(sumOfRows(kernel));
  const { label, dims, target, value } = kernel;
  const { gather } = target;
  const count = product(dims);
  const { text, point } = emitPoint("index", dims, "i");
  const index = gather === undefined ? "0u" : emitLoad(gather.index, point);
  const code = fillTemplate("scatter", {
    row: `${text}\nreturn ${index};`,
    put: [emitCondition(kernel), text, emitValues(kernel, point), emitStore(target, point, `v${value}`, "to")].join("\n"),
  });
  return dispatch(label, "main", code, { count, height: gather?.size ?? 1 }, Math.ceil(count / WIDTH));
}

/** A sum over rows as a fold over all points per element of the target: no two lanes meet, so no atomics and a fixed order. */
function sumOfRows(kernel: ScatterKernel): ReduceKernel {
  const { label, dims, target, value } = kernel;
  const { index, stride, size } = target.gather as Gather;
  // Dims that choose a row are folded; the others, with the row, are kept.
  const folded = dims.flatMap((_, d) => (index.strides[d] !== 0 || target.strides[d] === 0 ? [d] : []));
  const kept = [...dims.keys()].filter((d) => !folded.includes(d));
  const along = (strides: readonly number[], row: number): number[] => [
    row,
    ...kept.map((d) => strides[d] as number),
    ...folded.map((d) => strides[d] as number),
  ];
  const access = (a: Access): Access => ({
    ...a,
    strides: along(a.strides, 0),
    ...(a.gather && { gather: { ...a.gather, index: access(a.gather.index) } }),
    ...(a.bounds && { bounds: a.bounds.map((bound) => ({ ...bound, strides: along(bound.strides, 0) })) }),
  });
  const instructions = kernel.instructions.map(
    (i): Instruction => (i.op === "iota" || i.op === "random" ? { ...i, strides: along(i.strides, 0) } : i),
  );
  const next = instructions.length;
  const zeros = [...kept, ...folded].map(() => 0);
  instructions.push(
    { op: "iota", offset: 0, strides: [1, ...zeros], dtype: "u32" },
    { op: "load", access: kernel.accesses.length, dtype: "u32" },
    { op: "apply", name: "equal", args: [next, next + 1], dtype: "u32" },
    { op: "const", value: 0, dtype: "f32" },
    { op: "apply", name: "select", args: [next + 2, value, next + 3], dtype: "f32" },
  );
  const { gather: _, ...place } = target;
  return {
    family: "reduce",
    label,
    dims: [size, ...kept.map((d) => dims[d] as number), ...folded.map((d) => dims[d] as number)],
    kept: 1 + kept.length,
    accesses: [...kernel.accesses.map(access), access(index)],
    instructions,
    outputs: [
      {
        value: next + 4,
        op: "sum",
        access: { ...place, strides: along(target.strides, stride).map((s, d) => (d <= kept.length ? s : 0)) },
      },
    ],
  };
}

function lowerReduce(kernel: ReduceKernel): Dispatch | undefined {
  const { label, dims, kept, outputs, instructions } = kernel;
  const outer = product(dims.slice(0, kept));
  const inner = product(dims.slice(kept));
  if (inner === 0) return lowerMap(emptyFold(kernel));

  const keptPoint = emitPoint("kept", dims.slice(0, kept), "i");
  const reducedPoint = emitPoint("reduced", dims.slice(kept), "j");
  const point = [...keptPoint.point, ...reducedPoint.point];
  const merged = outputs.map(({ op }, o) => (op === "sum" ? `a.f${o} + b.f${o}` : `max(a.f${o}, b.f${o})`));
  const code = fillTemplate("reduce", {
    Fold: outputs.map(({ value }, o) => `f${o}: ${(instructions[value] as Instruction).dtype},`).join("\n"),
    value: [
      keptPoint.text,
      reducedPoint.text,
      emitValues(kernel, point),
      `return Fold(${outputs.map(({ value }) => `v${value}`).join(", ")});`,
    ].join("\n"),
    merge: `return Fold(${merged.join(", ")});`,
    store: [keptPoint.text, ...outputs.map(({ access }, o) => emitStore(access, keptPoint.point, `fold.f${o}`))].join("\n"),
  });

  // A group of 256 pays once each lane still has several values to fold.
  const width = inner >= 1024 && 256 * 4 * outputs.length <= WORKGROUP_BYTES ? 256 : WIDTH;
  const together = inner >= WIDTH && WIDTH * 4 * outputs.length <= WORKGROUP_BYTES && (outer < 1024 || readsAlongReduced(kernel));
  const entry = together ? "by_group" : "by_thread";
  return dispatch(label, entry, code, { outer, inner, width: together ? width : WIDTH }, together ? outer : Math.ceil(outer / WIDTH));
}

/** The kernel that stores the fold of nothing. */
function emptyFold(kernel: ReduceKernel): MapKernel {
  const { label, dims, kept, outputs, instructions } = kernel;
  return {
    family: "map",
    label,
    dims: dims.slice(0, kept),
    accesses: [],
    instructions: outputs.map(({ op, value }) => {
      const { dtype } = instructions[value] as Instruction;
      return { op: "const", dtype, value: op === "max" && dtype === "f32" ? Number.NEGATIVE_INFINITY : 0 };
    }),
    outputs: outputs.map(({ access }, o) => ({ value: o, access })),
  };
}

/** Whether neighbouring lanes of a group read neighbouring elements. */
function readsAlongReduced(kernel: ReduceKernel): boolean {
  return kernel.accesses.some((access) => access.strides.at(-1) === 1);
}

function lowerMatmul(kernel: MatmulKernel): Dispatch | undefined {
  const { label, dims, k: depth, a, b, sums } = kernel;
  const [batches, m, n] = dims;
  const at = (size: number, name: string): string => (size === 1 ? "0u" : name);
  const point = [at(batches, "batch"), at(m, "i"), at(n, "j")];
  const code = fillTemplate("matmul", {
    a: `return ${emitLoad(a, [at(batches, "batch"), at(m, "i"), at(depth, "k")])};`,
    b: `return ${emitLoad(b, [at(batches, "batch"), at(depth, "k"), at(n, "j")])};`,
    store: [emitValues(kernel, point, "product"), emitOutputs(kernel, point)].join("\n"),
    ...(sums && { store_sum: emitStore(sums, [at(batches, "batch"), "0u", at(n, "j")], "sum") }),
  });
  const constants = {
    summed: Number(sums !== undefined),
    batches,
    m,
    n,
    depth,
    aDeep: Number(a.strides[2] === 1),
    bDeep: Number(b.strides[1] === 1),
  };
  return dispatch(label, "main", code, constants, batches * Math.ceil(m / TILE) * Math.ceil(n / TILE));
}

function lowerOptimizer(kernel: OptimizerKernel): Dispatch | undefined {
  const { label, name, count, tensors, scalars, flags } = kernel;
  const bodies: Record<string, string> = {};
  for (const [scalar, access] of Object.entries(scalars)) bodies[scalar] = `return ${emitLoad(access, [])};`;
  for (const [tensor, access] of Object.entries(tensors)) {
    bodies[`load_${tensor}`] = `return ${emitLoad(access, ["i"])};`;
    if (tensor !== "grads") bodies[`store_${tensor}`] = `${emitCondition(kernel)}${emitStore(access, ["i"], "value")}`;
  }
  const choices = name === "sgd" ? { heavy: Number("momentum" in tensors), nesterov: Number(flags.nesterov === true) } : {};
  return dispatch(label, "main", fillTemplate(name, bodies), { count, ...choices }, Math.ceil(count / WIDTH));
}

/** Returns the statement that leaves a function where the kernel must not run. */
function emitCondition({ unless }: Conditional): string {
  return unless === undefined ? "" : `if (${emitLoad(unless, [])} != 0u) {\nreturn;\n}\n`;
}

function emitOutputs(kernel: Body & Pick<MapKernel, "outputs">, point: Point): string {
  return kernel.outputs.map(({ value, access }) => emitStore(access, point, `v${value}`)).join("\n");
}

function dispatch(label: string, entryPoint: string, code: string, constants: Dispatch["constants"], groups: number): Dispatch | undefined {
  if (groups === 0) return undefined;
  const y = Math.ceil(groups / MOST_GROUPS);
  return { label, code, entryPoint, constants, groups: [Math.ceil(groups / y), y] };
}

function product(dims: readonly number[]): number {
  return dims.reduce((size, dim) => size * dim, 1);
}
