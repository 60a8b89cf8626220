/** From the kernels of a plan to what a device dispatches. */
import type {
  Access,
  Body,
  Conditional,
  Gather,
  Instruction,
  Kernel,
  MapKernel,
  OptimizerKernel,
  ReduceKernel,
  ScatterKernel,
} from "../../program/plan.ts";
import { sizeOf } from "../../program/shape.ts";
import { type Dispatch, dispatch, type Target } from "./dispatch.ts";
import {
  emitLoad,
  emitLoadQuad,
  emitPoint,
  emitStore,
  emitStoreComponent,
  emitStoreQuad,
  emitValues,
  liesInQuads,
  type Point,
  type Wide,
} from "./emit.ts";
import { lowerMatmul } from "./product.ts";
import { fillTemplate } from "./template.ts";

const WIDTH = 64;
const UPDATE_WIDTH = 256;
/** Elements that an invocation updates where the CPU starts one after another: half the time of one each (SwiftShader, 235 k parameters). */
const UPDATES_IN_SOFTWARE = 32;
/** Bytes of workgroup memory that every adapter has. */
const WORKGROUP_BYTES = 16384;

/** Returns the dispatch of a kernel, or undefined when it has no points. */
export function lower(kernel: Kernel, target: Target): Dispatch | undefined {
  switch (kernel.family) {
    case "map":
      return lowerMap(kernel, target);
    case "reduce":
      return lowerReduce(kernel, target);
    case "matmul":
      return lowerMatmul(kernel, target);
    case "scatter":
      return lowerScatter(kernel, target);
    case "optimizer":
      return lowerOptimizer(kernel, target);
  }
}

function lowerMap(kernel: MapKernel, target: Target): Dispatch | undefined {
  const count = sizeOf(kernel.dims);
  const { text, point } = emitPoint("index", kernel.dims, "i");
  const body = [emitCondition(kernel), text, emitValues(kernel, point), emitOutputs(kernel, point)].join("\n");
  const code = fillTemplate("map", { point: body });
  return dispatch(target, { label: kernel.label, entryPoint: "main", code, constants: { count }, groups: Math.ceil(count / WIDTH) });
}

function lowerScatter(kernel: ScatterKernel, target: Target): Dispatch | undefined {
  if (kernel.mode === "add") return lowerReduce(sumOfRows(kernel), target);
  const { label, dims, target: table, value } = kernel;
  const { gather } = table;
  const count = sizeOf(dims);
  const { text, point } = emitPoint("index", dims, "i");
  const index = gather === undefined ? "0u" : emitLoad(gather.index, point);
  const code = fillTemplate("scatter", {
    row: `${text}\nreturn ${index};`,
    put: [emitCondition(kernel), text, emitValues(kernel, point), emitStore(table, point, `v${value}`, "to")].join("\n"),
  });
  const constants = { count, height: gather?.size ?? 1 };
  return dispatch(target, { label, entryPoint: "main", code, constants, groups: Math.ceil(count / WIDTH) });
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

function lowerReduce(kernel: ReduceKernel, target: Target): Dispatch | undefined {
  const { label, dims, kept, outputs, instructions } = kernel;
  const outer = sizeOf(dims.slice(0, kept));
  const inner = sizeOf(dims.slice(kept));
  if (inner === 0) return lowerMap(emptyFold(kernel), target);

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
  const [entryPoint, groups] = together ? ["by_group", outer] : ["by_thread", Math.ceil(outer / WIDTH)];
  return dispatch(target, { label, entryPoint, code, constants: { outer, inner, width: together ? width : WIDTH }, groups });
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

function lowerOptimizer(kernel: OptimizerKernel, target: Target): Dispatch | undefined {
  const { label, name, count, tensors, scalars, flags } = kernel;
  // The last quad may be cut short, so the count does not matter. Quads gain nothing on a CPU, whose lanes load word by word.
  const inQuads = !target.software && Object.values(tensors).every((access) => liesInQuads(access, [4], 0));
  const wide = new Set(inQuads ? Object.values(tensors).map(({ arena }) => arena) : []);
  const bodies: Record<string, string> = {};
  for (const [scalar, access] of Object.entries(scalars)) bodies[scalar] = `return ${emitLoad(access, [], wide)};`;
  for (const [tensor, access] of Object.entries(tensors)) {
    bodies[`load_${tensor}`] = `return ${inQuads ? emitLoadQuad(access, ["i * 4u"]) : emitLoad(access, ["i"])};`;
    if (tensor === "grads") continue;
    const store = inQuads ? emitStoreQuads(access, count) : emitStore(access, ["i"], "value");
    bodies[`store_${tensor}`] = `${emitCondition(kernel, wide)}${store}`;
  }
  const choices = name === "sgd" ? { heavy: Number("momentum" in tensors), nesterov: Number(flags.nesterov === true) } : {};
  const code = fillTemplate(name, bodies).replace("alias Real = f32", `alias Real = ${inQuads ? "vec4<f32>" : "f32"}`);
  const items = Math.ceil(count / (inQuads ? 4 : 1));
  const each = target.software ? UPDATES_IN_SOFTWARE : 1;
  const constants = { count: items, each, ...choices };
  return dispatch(target, { label, entryPoint: "main", code, constants, groups: Math.ceil(items / (UPDATE_WIDTH * each)), wide });
}

/** Returns statements that store quad `i` of a tensor; of the last one only what belongs to it. */
function emitStoreQuads(access: Access, count: number): string {
  const values = "xyzw".split("").map((component) => `value.${component}`);
  const whole = emitStoreQuad(access, ["i * 4u"], values);
  if (count % 4 === 0) return whole;
  const rest = values.slice(0, count % 4).map((value, c) => emitStoreComponent(access, ["i * 4u"], c, value));
  return `if (i < ${Math.floor(count / 4)}u) { ${whole} } else { ${rest.join(" ")} }`;
}

/** Returns the statement that leaves a function where the kernel must not run. */
function emitCondition({ unless }: Conditional, wide?: Wide): string {
  return unless === undefined ? "" : `if (${emitLoad(unless, [], wide)} != 0u) {\nreturn;\n}\n`;
}

function emitOutputs(kernel: Body & Pick<MapKernel, "outputs">, point: Point): string {
  return kernel.outputs.map(({ value, access }) => emitStore(access, point, `v${value}`)).join("\n");
}
