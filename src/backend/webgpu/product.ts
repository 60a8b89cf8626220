/** Matrix products: which shader does a product in what tiles, and the unrolled text of a tile. */
import type { Access, ArenaName, Instruction, MatmulKernel, Operand } from "../../program/plan.ts";
import { type Dispatch, dispatch, type Target } from "./dispatch.ts";
import { emitLoad, emitLoadQuad, emitPoint, emitStore, emitStoreQuad, emitValues, liesInQuads, type Wide } from "./emit.ts";
import { fillTemplate } from "./template.ts";

/** How many points, in rows and quads of columns, an invocation owns. */
interface Tile {
  readonly height: number;
  readonly quads: number;
}

/** Steps of depth that a direct product unrolls. */
const STEP = 4;
/** Groups that keep a large GPU busy: an H100 or H200 has 132 multiprocessors. */
const MANY_GROUPS = 128;
/** Invocations that hide the latency of memory on such a GPU. */
const MANY_INVOCATIONS = 2 ** 16;

/** Returns the dispatch of a product, or undefined when it has no points. */
export function lowerMatmul(kernel: MatmulKernel, target: Target): Dispatch | undefined {
  const { label, dims, k: depth, a, b } = kernel;
  const [batches, m, n] = dims;
  if (dims.includes(0)) return undefined;
  const side = target.software ? undefined : sideOf(kernel);
  const text = new ProductText(kernel, side ?? STEP);
  const common = { batches, m, n, depth, aDeep: Number(isDeep(a, 2)), bDeep: Number(isDeep(b, 1)) };
  if (side !== undefined) {
    const tile = { height: 8, quads: 2 };
    const code = fillTemplate("matmul", { ...text.bodies(tile), accumulate: text.accumulate(tile) });
    const constants = { ...common, side, width: side ** 2, quads: 4 * side ** 2 };
    return dispatch(target, { label, entryPoint: "main", code, constants, groups: groupsOf(kernel, 8 * side, 8 * side), wide: text.wide });
  }
  // A tile unrolls its loads, and those of an operand in parts are long.
  const large = target.software && a.parts === undefined && b.parts === undefined;
  const tile = { height: m < 4 ? m : large && m >= 8 ? 8 : 4, quads: large && n > 4 ? 2 : 1 };
  const tiles = groupsOf(kernel, tile.height, 4 * tile.quads);
  const slices = target.software ? 1 : slicesOf(tiles, depth);
  const code = fillTemplate("direct", {
    ...text.bodies(tile),
    multiply: text.multiply(tile),
    ...(slices > 1 && { add: text.add(tile), join: "join_slices(tile, lane, first, stride);" }),
  });
  // On a CPU a group is what a core takes at a time: small ones keep all cores busy.
  const width = target.software ? (tiles < 512 ? 4 : 16) : 128;
  const constants = { ...common, height: tile.height, breadth: 4 * tile.quads, width, slices };
  return dispatch(target, { label, entryPoint: "main", code, constants, groups: Math.ceil((tiles * slices) / width), wide: text.wide });
}

function groupsOf({ dims: [batches, m, n] }: MatmulKernel, height: number, breadth: number): number {
  return batches * Math.ceil(m / height) * Math.ceil(n / breadth);
}

/** Returns how large a group tiles a product, or undefined where its points are too few for that. */
function sideOf(kernel: MatmulKernel): number | undefined {
  return [16, 8].find((side) => groupsOf(kernel, 8 * side, 8 * side) >= MANY_GROUPS);
}

/** Returns how many invocations share a tile: as many as keep the GPU busy with two steps or more each. */
function slicesOf(tiles: number, depth: number): number {
  let slices = 1;
  while (slices < 16 && 2 * slices * tiles <= MANY_INVOCATIONS && 4 * slices * STEP <= depth) slices *= 2;
  return slices;
}

/** Writes the bodies of a product's holes. */
class ProductText {
  /** Arenas whose every access here that stores, and one at least, is in quads. */
  readonly wide: Wide;
  readonly #kernel: MatmulKernel;
  /** Depth is walked to the next multiple of this. */
  readonly #step: number;

  constructor(kernel: MatmulKernel, step: number) {
    this.#kernel = kernel;
    this.#step = step;
    this.wide = wideArenas(kernel);
  }

  /** Returns what both shaders have. */
  bodies(tile: Tile): Record<string, string> {
    const { k, dims, a, b, outputs, instructions } = this.#kernel;
    const [batches, m, n] = dims;
    const at = (size: number, name: string): string => (size === 1 ? "0u" : name);
    const batch = at(batches, "batch");
    const point = [batch, at(m, "i"), at(n, "j")];
    const values = emitValues(this.#kernel, point, "product", this.wide);
    return {
      ...this.#operand("a", a, [batch, at(m, "i"), at(k, "k")], [batches, m, k], isDeep(a, 2) ? 2 : 1),
      ...this.#operand("b", b, [batch, at(k, "k"), at(n, "j")], [batches, k, n], isDeep(b, 1) ? 1 : 2),
      Tile: this.#members(tile)
        .map((name) => `${name}: vec4<f32>,`)
        .join("\n"),
      Finished: outputs.map(({ value }, o) => `f${o}: ${(instructions[value] as Instruction).dtype},`).join("\n"),
      finish: `${values}\nreturn Finished(${outputs.map(({ value }) => `v${value}`).join(", ")});`,
      store_quad: this.#storeQuad(point),
      store_tile: this.#storeTile(tile, point),
    };
  }

  /** Returns the body that adds the outer product of a column of a and a row of b to a tile. */
  accumulate(tile: Tile): string {
    const sums = range(this.#sums(tile)).map((q) => `(*tile).s${q} += b${q};`);
    const lines = outer(
      tile,
      (r) => `a${r >> 2}.${"xyzw"[r & 3]}`,
      (q) => `b${q}`,
    );
    return [...lines, ...(sums.length > 0 ? ["if (first) {", ...sums, "}"] : [])].join("\n");
  }

  /** Returns the body that adds the product over one step of depth to a tile. */
  multiply(tile: Tile): string {
    const { k: depth, a, b, dims } = this.#kernel;
    const [, , n] = dims;
    const steps = range(Math.min(STEP, depth));
    const rows = range(tile.height);
    const quads = range(tile.quads);
    const [aDeep, bDeep] = [isDeep(a, 2), isDeep(b, 1)];
    // Past the last column there is nothing to load.
    const column = (j: number): string => (j < n ? `quad_of_b(batch, k, j + ${j}u)` : "vec4<f32>()");
    const loads = [
      ...(aDeep
        ? rows.map((r) => `let a${r} = quad_of_a(batch, i + ${r}u, k);`)
        : steps.flatMap((s) =>
            range(Math.ceil(tile.height / 4)).map((p) => `let a${s}_${p} = quad_of_a(batch, i + ${4 * p}u, k + ${s}u);`),
          )),
      ...quads.flatMap((q) =>
        bDeep
          ? `let b${q} = transpose(mat4x4<f32>(${range(4).map((c) => column(4 * q + c))}));`
          : steps.map((s) => `let b${q}_${s} = quad_of_b(batch, k + ${s}u, j + ${4 * q}u);`),
      ),
    ];
    const ofA = (r: number, s: number): string => (aDeep ? `a${r}[${s}]` : `a${s}_${r >> 2}[${r & 3}]`);
    const ofB = (q: number, s: number): string => (bDeep ? `b${q}[${s}]` : `b${q}_${s}`);
    const products = steps.flatMap((s) => [
      ...outer(
        tile,
        (r) => ofA(r, s),
        (q) => ofB(q, s),
      ),
      ...range(this.#sums(tile)).map((q) => `(*tile).s${q} += ${ofB(q, s)};`),
    ]);
    return [...loads, ...products].join("\n");
  }

  /** Returns the body that adds one tile to another. */
  add(tile: Tile): string {
    return this.#members(tile)
      .map((name) => `(*tile).${name} += other.${name};`)
      .join("\n");
  }

  /** What lies past the end along m or n is never stored, but what lies past that of depth would be added. */
  #operand(name: "a" | "b", access: Operand, point: string[], dims: readonly number[], axis: number): Record<string, string> {
    const checked = this.#kernel.k % this.#step !== 0;
    const within = (value: string, zero: string): string => (checked ? `select(${zero}, ${value}, k < depth)` : value);
    const asQuads = this.wide.has(access.arena) && operandInQuads(access, dims, axis);
    // A row or column of several dims is taken apart into them.
    const taken = point.map((place, d) =>
      access.parts === undefined ? { text: "", point: [place] } : emitPoint(place, access.parts[d] as readonly number[], `${place}_`),
    );
    const load = emitLoad(
      access,
      taken.flatMap((part) => part.point),
      this.wide,
    );
    return {
      [name]: [...taken.map(({ text }) => text), `return ${within(load, "0f")};`].join("\n"),
      ...(asQuads && { [`quad_of_${name}`]: `return ${within(emitLoadQuad(access, point), "vec4<f32>()")};` }),
    };
  }

  #storeQuad(point: string[]): string {
    const { outputs, dims } = this.#kernel;
    const columns = range(Math.min(4, dims[2]));
    return [
      ...columns.map((c) => `let e${c} = finish(batch, i, j + ${c}u, products[${c}]);`),
      ...outputs.map(({ access }, o) =>
        this.#storeColumns(
          access,
          point,
          columns.map((c) => `e${c}.f${o}`),
        ),
      ),
    ].join("\n");
  }

  /** Returns statements that store values of the columns from j on; all of them where there is a whole quad. */
  #storeColumns(access: Access, [batch, i]: string[], values: readonly string[]): string {
    const n = this.#kernel.dims[2];
    if (this.wide.has(access.arena)) return emitStoreQuad(access, [batch as string, i as string, "j"], values);
    const lines = values.map((value, c) => {
      const store = emitStore(access, [batch as string, i as string, n === 1 ? "0u" : `(j + ${c}u)`], value);
      return c === 0 || n % 4 === 0 || n < 4 ? store : `if (j + ${c}u < n) { ${store} }`;
    });
    return lines.join("\n");
  }

  #storeTile(tile: Tile, point: string[]): string {
    const { sums, dims } = this.#kernel;
    const columns = range(Math.min(4, dims[2]));
    const quads = this.#members(tile).slice(0, tile.height * tile.quads);
    const sumsOf = (q: number): string[] => {
      const values = columns.map((c) => `sums[${c}]`);
      return [
        `{ let sums = tile.s${q};`,
        `let j = left + ${q}u * step;`,
        `if (j < n) { ${this.#storeColumns(sums as Access, [point[0] as string, "0u"], values)} } }`,
      ];
    };
    return [
      `var quads = array<vec4<f32>, ${quads.length}>(${quads.map((name) => `tile.${name}`).join(", ")});`,
      `for (var r = 0u; r < ${tile.height}u; r++) {`,
      "let i = top + r / 4u * step + r % 4u;",
      `for (var q = 0u; q < ${tile.quads}u; q++) {`,
      "let j = left + q * step;",
      `if (i < m && j < n) { store_quad(batch, i, j, quads[r * ${tile.quads}u + q]); } } }`,
      ...(sums === undefined ? [] : ["if (top == 0u) {", ...range(tile.quads).flatMap(sumsOf), "}"]),
    ].join("\n");
  }

  /** Returns the quads of a tile: products by rows, then sums of columns. */
  #members(tile: Tile): string[] {
    const products = range(tile.height).flatMap((r) => range(tile.quads).map((q) => `c${r}_${q}`));
    return [...products, ...range(this.#sums(tile)).map((q) => `s${q}`)];
  }

  #sums(tile: Tile): number {
    return this.#kernel.sums === undefined ? 0 : tile.quads;
  }
}

/** Whether an operand lies along the depth, which is its last dim or the one before. */
function isDeep({ strides, parts }: Operand, axis: 1 | 2): boolean {
  return strides.at(axis === 2 ? -1 : -1 - (parts?.[2].length ?? 1)) === 1;
}

function operandInQuads(operand: Operand, dims: readonly number[], axis: number): boolean {
  return operand.parts === undefined && liesInQuads(operand, dims, axis);
}

function wideArenas({ dims, k, a, b, outputs, sums }: MatmulKernel): Wide {
  const [batches, m, n] = dims;
  const wide = new Set<ArenaName>();
  if (operandInQuads(a, [batches, m, k], isDeep(a, 2) ? 2 : 1)) wide.add(a.arena);
  if (operandInQuads(b, [batches, k, n], isDeep(b, 1) ? 1 : 2)) wide.add(b.arena);
  const stored = [...outputs.map(({ access }) => access), ...(sums === undefined ? [] : [sums])];
  for (const access of stored) if (liesInQuads(access, dims, 2)) wide.add(access.arena);
  for (const access of stored) if (!liesInQuads(access, dims, 2)) wide.delete(access.arena);
  return wide;
}

/** Returns statements that add the outer product of a column and a row to a tile. */
function outer({ height, quads }: Tile, a: (r: number) => string, b: (q: number) => string): string[] {
  return range(height).flatMap((r) => range(quads).map((q) => `(*tile).c${r}_${q} += ${a(r)} * ${b(q)};`));
}

function range(count: number): number[] {
  return [...Array(count).keys()];
}
