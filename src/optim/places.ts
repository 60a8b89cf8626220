/** Where the tensors of a model lie in an optimizer's vectors, and how long these are. */
import { fail } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { type Shape, sizeOf } from "../program/shape.ts";
import { reshape, slice } from "../program/tensor.ts";

/** What an optimizer keeps: a number for each parameter, tensor, row or column of a tensor, or one in all. */
export interface SlotSpec {
  readonly name: string;
  readonly per: "parameter" | "tensor" | "row" | "column" | "all";
  /** What it holds at first: a number (default 0), or a copy of the parameters. */
  readonly initial?: number | "params";
  /** Whether it has a part of a tensor. Default: of each. */
  readonly holds?: (tensor: Pick<Placed, "path" | "shape">) => boolean;
}

/** A tensor, and where its elements lie among those of all. */
export interface Placed {
  readonly path: string;
  readonly shape: Shape;
  readonly offset: number;
  /** Which group of parameters it belongs to. */
  readonly group: number;
}

/** What a slot holds of one tensor. */
export interface SlotPlace {
  readonly path: string;
  readonly shape: Shape;
  readonly offset: number;
}

/** Returns the paths in the order in which parameters lie: those of one group are neighbours. @throws E_CONFIG for a pattern that matches none */
export function placeTensors(
  groups: readonly { readonly match: string }[],
  params: Iterable<readonly [path: string, { readonly shape: Shape }]>,
): Placed[] {
  const list = [...params];
  const patterns = groups.map(({ match }) => new RegExp(match));
  for (const pattern of patterns) {
    if (!list.some(([path]) => pattern.test(path)))
      fail(
        "E_CONFIG",
        `optim: no parameter matches /${pattern.source}/; expected a path such as "${list[0]?.[0]}", got ${list.length} others`,
      );
  }
  const keys = list.map(([path]) => patterns.map((pattern) => Number(pattern.test(path))).join(""));
  const kinds = [...new Set(keys)];
  let offset = 0;
  return kinds.flatMap((key, group) =>
    list.flatMap(([path, { shape }], i) => {
      if (keys[i] !== key) return [];
      const placed = { path, shape, offset, group };
      offset += sizeOf(shape);
      return [placed];
    }),
  );
}

/** Returns rows and columns of a tensor as a matrix, whose columns are its last dim; a vector is one column. */
export function matrixOf(shape: Shape): readonly [rows: number, columns: number] {
  const columns = shape.length < 2 ? 1 : (shape.at(-1) as number);
  return [sizeOf(shape) / columns, columns];
}

/** Returns what a slot holds of each tensor, no element where that is nothing; of all together, under an empty path. */
export function slotPlaces({ per, holds = () => true }: SlotSpec, tensors: readonly Placed[]): SlotPlace[] {
  if (per === "all") return [{ path: "", shape: [], offset: 0 }];
  let offset = 0;
  return tensors.map(({ path, shape }) => {
    const [rows, columns] = matrixOf(shape);
    const own = holds({ path, shape }) ? { parameter: shape, tensor: [], row: [rows, 1], column: [1, columns] }[per] : NOTHING;
    const place = { path, shape: own, offset };
    offset += sizeOf(own);
    return place;
  });
}

/** No rows; what is saved of a tensor may grow by columns, so there is one. */
const NOTHING: Shape = [0, 1];

/** Returns the elements of a vector from `offset` on, under a shape: where they lie, if they lie somewhere. */
export function partOf(vector: Tensor, { path, shape, offset }: SlotPlace, index: number, parts: number): Tensor {
  if (vector.shape.length === 0) return vector;
  if (vector.op === "state") {
    const { name, arena, storage, byteOffset } = vector.attributes as { name: string; arena: "state"; storage: "f32"; byteOffset: number };
    return vector.graph.state(`${name}/${path}`, shape, { arena, storage, byteOffset: byteOffset + 4 * offset });
  }
  if (vector.op === "pack" && vector.inputs.length === parts) return reshape(vector.inputs[index] as Tensor, shape);
  return reshape(slice(vector, [offset], [sizeOf(shape)]), shape);
}

/** Returns regular expressions made of text. @throws E_CONFIG */
export function patternsOf(where: string, option: string, sources: readonly string[]): RegExp[] {
  return sources.map((source) => {
    try {
      return new RegExp(source);
    } catch (cause) {
      return fail("E_CONFIG", `${where}: option "${option}" holds no regular expression; expected one such as "bias$", got "${source}"`, {
        cause,
      });
    }
  });
}
