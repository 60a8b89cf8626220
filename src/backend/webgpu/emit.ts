/** WGSL text for the parts of a kernel: where an element lies, what a body computes, what is stored. All numbers in it are literals. */
import { type Op, ops } from "../../program/ops.ts";
import type { Access, ArenaName, Body, DType, Instruction } from "../../program/plan.ts";
import { sizeOf } from "../../program/shape.ts";

/** WGSL of the coordinates of a point: one u32 expression for each dim. */
export type Point = readonly string[];

/** Arenas that a kernel has as quads of words, because all it stores there are whole aligned quads; the others it has as words. */
export type Wide = ReadonlySet<ArenaName>;

const NARROW: Wide = new Set();

/** Returns statements that split the row-major `index` over `dims`, and the coordinates they make, named `${prefix}0`, `${prefix}1`, …. */
export function emitPoint(index: string, dims: readonly number[], prefix: string): { text: string; point: Point } {
  const lines: string[] = [];
  const point: string[] = [];
  let below = sizeOf(dims);
  const total = below;
  for (const [d, dim] of dims.entries()) {
    const above = below;
    below = dim === 0 ? 0 : below / dim;
    if (dim <= 1) {
      point.push("0u");
      continue;
    }
    const quotient = below > 1 ? ` / ${below}u` : "";
    const remainder = above < total ? ` % ${dim}u` : "";
    lines.push(`let ${prefix}${d} = ${index}${quotient}${remainder};`);
    point.push(`${prefix}${d}`);
  }
  return { text: lines.join("\n"), point };
}

/** Returns statements that compute every value of a body at a point, as `v0`, `v1`, …. `product` is WGSL of the element of a product. */
export function emitValues(body: Body, point: Point, product = "", wide: Wide = NARROW): string {
  return body.instructions.map((instruction, i) => `let v${i} = ${emitInstruction(instruction, body, point, product, wide)};`).join("\n");
}

function emitInstruction(instruction: Instruction, body: Body, point: Point, product: string, wide: Wide): string {
  switch (instruction.op) {
    case "load":
      return emitLoad(body.accesses[instruction.access] as Access, point, wide);
    case "const":
      return emitConstant(instruction.value, instruction.dtype);
    case "iota":
      return emitAffine(instruction.offset, instruction.strides, point);
    case "random": {
      const word = (i: number): string => emitRead("io", `${instruction.words + i}u`, wide);
      const element = emitAffine(instruction.offset, instruction.strides, point);
      return `random_bits(${element}, vec2<u32>(${word(0)}, ${word(1)}), vec2<u32>(${word(2)}, ${word(3)}))`;
    }
    case "product":
      return product;
    case "apply": {
      const { wgsl } = ops[instruction.name] as Required<Op>;
      return wgsl(
        instruction.args.map((arg) => `v${arg}`),
        instruction.dtype,
      );
    }
  }
}

/** Returns WGSL of an element, an f32 or a u32. */
export function emitLoad(access: Access, point: Point, wide: Wide = NARROW): string {
  const at = emitAddress(access, point, wide);
  const word =
    access.storage === "u8" ? `byte_of(${emitRead(access.arena, `(${at}) >> 2u`, wide)}, ${at})` : emitRead(access.arena, at, wide);
  const element = access.storage === "f32" ? `bitcast<f32>(${word})` : word;
  if (access.bounds === undefined) return element;
  // What wraps below 0 is large, so one comparison bounds both sides; an address outside is clamped by WGSL and its element passed over.
  const inside = access.bounds.map((bound) => `(${emitAffine(bound.offset, bound.strides, point)}) < ${emitWord(bound.size)}`).join(" && ");
  return `select(${access.storage === "f32" ? "0f" : "0u"}, ${element}, ${inside})`;
}

/** Returns a statement that stores `value`, of the access's own dtype; `row` replaces the row number where the access is gathered. */
export function emitStore(access: Access, point: Point, value: string, row?: string): string {
  return `${access.arena}[${emitAddress(access, point, NARROW, row)}] = ${access.storage === "f32" ? `bitcast<u32>(${value})` : value};`;
}

/**
 * Returns whether any four elements from a multiple of 4 on along an axis are an aligned quad of words; `dims` are those that the access
 * walks.
 */
export function liesInQuads({ storage, offset, strides, gather, bounds }: Access, dims: readonly number[], axis: number): boolean {
  if (storage === "u8" || gather !== undefined || bounds !== undefined) return false;
  const aligned = strides.every((stride, d) => d === axis || dims[d] === 1 || stride % 4 === 0);
  return aligned && offset % 4 === 0 && strides[axis] === 1 && (dims[axis] as number) % 4 === 0;
}

/** Returns WGSL of the f32 quad from a point on, in a wide arena. */
export function emitLoadQuad(access: Access, point: Point): string {
  return `bitcast<vec4<f32>>(${emitQuad(access, point)})`;
}

/** Returns a statement that stores four values from a point on, in a wide arena. */
export function emitStoreQuad(access: Access, point: Point, values: readonly string[]): string {
  const words = values.map((value) => (access.storage === "f32" ? `bitcast<u32>(${value})` : value));
  return `${emitQuad(access, point)} = vec4<u32>(${words.join(", ")});`;
}

/** Returns a statement that stores one f32 of the quad from a point on, in a wide arena whose quad no other invocation has. */
export function emitStoreComponent(access: Access, point: Point, component: number, value: string): string {
  return `${emitQuad(access, point)}[${component}] = bitcast<u32>(${value});`;
}

function emitQuad(access: Access, point: Point): string {
  return `${access.arena}[(${emitAffine(access.offset, access.strides, point)}) >> 2u]`;
}

function emitRead(arena: ArenaName, at: string, wide: Wide): string {
  return wide.has(arena) ? `${arena}[(${at}) >> 2u][(${at}) & 3u]` : `${arena}[${at}]`;
}

function emitAddress(access: Access, point: Point, wide: Wide, row?: string): string {
  const { offset, strides, gather } = access;
  const near = emitAffine(offset, strides, point);
  if (gather === undefined) return near;
  const picked = row ?? `min(${emitLoad(gather.index, point, wide)}, ${gather.size - 1}u)`;
  return `${near} + ${picked} * ${emitWord(gather.stride)}`;
}

/** Arithmetic on u32 wraps, so a negative stride or offset is right as its remainder modulo 2^32. */
function emitAffine(offset: number, strides: readonly number[], point: Point): string {
  const terms = point.flatMap((coordinate, d) => {
    const stride = strides[d] as number;
    if (stride === 0 || coordinate === "0u") return [];
    return stride === 1 ? coordinate : `${coordinate} * ${emitWord(stride)}`;
  });
  if (offset !== 0 || terms.length === 0) terms.unshift(emitWord(offset));
  return terms.join(" + ");
}

/** Returns a literal; what no WGSL constant may be (NaN, ±∞, subnormals) goes through a call, which is never a constant expression. */
function emitConstant(value: number, dtype: DType): string {
  if (dtype === "u32") return emitWord(value);
  const rounded = Math.fround(value);
  if (Math.abs(rounded) >= 2 ** -126 && Number.isFinite(rounded)) return `${rounded}f`;
  return Object.is(rounded, 0) ? "0f" : `from_bits(0x${emitBits(rounded).toString(16)}u)`;
}

function emitWord(value: number): string {
  return `${value >>> 0}u`;
}

function emitBits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] as number;
}
