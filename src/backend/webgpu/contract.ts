/** What the executor binds and sets, against which the build checks every shader. */

/** The bindings, overrides and structs of one shader. */
export interface ShaderContract {
  readonly bindings: readonly {
    readonly group: number;
    readonly binding: number;
    readonly name: string;
    readonly access: "read" | "read_write" | "uniform";
    readonly type: string;
  }[];
  readonly overrides: readonly string[];
  /** Numbers or names of overrides, the same for every entry point; empty where there is none. */
  readonly workgroupSize: readonly (number | string)[];
  /** Those reachable from a binding. */
  readonly structs: Readonly<
    Record<string, { readonly size: number; readonly members: readonly (readonly [name: string, type: string, offset: number])[] }>
  >;
}

/** The arenas in the order of their bindings; a dispatch gives each its length, and quads for words where it may. */
export const arenas = ["state", "rows", "io", "work"] as const;

const bindings: ShaderContract["bindings"] = arenas.map((name, binding) => ({
  group: 0,
  binding,
  name,
  access: "read_write",
  type: "array<u32>",
}));
const elementwise = { bindings, workgroupSize: [64], structs: {} };
const update = { bindings, workgroupSize: [256], structs: {} };
const library = { bindings: [], overrides: [], workgroupSize: [], structs: {} };

/** The contract of each file in `shaders/`, by name. */
export const contract: Readonly<Record<string, ShaderContract>> = {
  map: { ...elementwise, overrides: ["count"] },
  reduce: {
    bindings,
    overrides: ["outer", "inner", "width"],
    workgroupSize: ["width"],
    structs: {},
  },
  matmul: {
    bindings,
    overrides: ["batches", "m", "n", "depth", "side", "width", "quads", "aDeep", "bDeep"],
    workgroupSize: ["width"],
    structs: {},
  },
  direct: {
    bindings,
    overrides: ["batches", "m", "n", "depth", "height", "breadth", "width", "slices", "aDeep", "bDeep"],
    workgroupSize: ["width"],
    structs: {},
  },
  scatter: { ...elementwise, overrides: ["count", "height"] },
  sgd: { ...update, overrides: ["count", "each", "heavy", "nesterov"] },
  adamw: { ...update, overrides: ["count", "each"] },
  math: library,
  random: library,
};
