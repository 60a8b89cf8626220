/**
 * Seeded products whose operands are walks of several dims: windows of images with strides, dilations, padding and either direction, as rows
 * or as columns, over channels last, first or apart; right operands whose depth is in pieces; batches of two dims. Whole numbers keep f32 exact.
 */
import type { Access, Bound, Operand } from "../../src/program/plan.ts";
import { denseStrides } from "../../src/program/shape.ts";
import { RandomStream } from "../../src/random.ts";
import { type Scene, SceneBuilder } from "./scene.ts";

interface Side {
  /** Places of the window, its elements, and what lies between elements that touch. */
  readonly count: number;
  readonly size: number;
  readonly stride: number;
  readonly dilation: number;
  readonly low: number;
  readonly length: number;
}

const product = (dims: readonly number[]): number => dims.reduce((size, dim) => size * dim, 1);

/** Returns `count` scenes; the first few are large enough for several blocks of rows and depth. */
export function windowScenes(count: number): Scene[] {
  return Array.from({ length: count }, (_, seed) => windowScene(seed));
}

function windowScene(seed: number): Scene {
  const scene = new SceneBuilder(new RandomStream(seed, "windows"));
  const whole = (size: number): number[] => Array.from({ length: size }, () => scene.random.below(9) - 4);
  const large = seed < 6;
  const side = (): Side => {
    const [places, size, stride, dilation] = [
      1 + scene.random.below(large ? 9 : 6),
      1 + scene.random.below(3),
      scene.pick([1, 1, 2]),
      scene.pick([1, 1, -1, 2]),
    ];
    const reach = stride * (places - 1) + Math.abs(dilation) * (size - 1) + 1;
    const low = scene.random.below(3);
    // Where the window runs backwards its last element comes first.
    const before = low + (dilation < 0 ? dilation * (size - 1) : 0);
    return { count: places, size, stride, dilation, low: before, length: Math.max(1, reach - low - scene.random.below(3)) };
  };
  const [high, wide] = [side(), side()];
  const images = 1 + scene.random.below(large ? 3 : 2);
  const channels = scene.pick(large ? [16, 32, 21] : [1, 2, 3, 4, 8]);
  const groups = scene.pick([[1], [1], [2], [2, 2]]);

  const order = scene.pick([
    ["b", "y", "x", "g", "c"],
    ["b", "y", "x", "g", "c"],
    ["g", "c", "b", "y", "x"],
    ["b", "g", "c", "y", "x"],
  ]);
  const apart = scene.pick([1, 1, 1, 2]);
  const lengths: Record<string, number> = { b: images, y: high.length, x: wide.length, g: product(groups), c: channels };
  const dense = denseStrides(order.map((name) => lengths[name] as number));
  const at = (name: string): number => (dense[order.indexOf(name)] as number) * apart;

  const batch = denseStrides(groups).map((stride) => stride * at("g"));
  const joined = order.at(-1) === "c" && wide.dilation === 1 && apart === 1 && at("x") === channels && scene.chance(0.7);
  const places = [images, high.count, wide.count];
  // Channels apart from each other come first among the elements of a window, too.
  const first = order.at(-1) !== "c";
  const elements = joined ? [high.size, wide.size * channels] : first ? [channels, high.size, wide.size] : [high.size, wide.size, channels];
  const element = (y: number, x: number, c: number): number[] => (joined ? [y, c] : first ? [c, y, x] : [y, x, c]);
  const turned = scene.chance(0.5);
  /** Strides over the parts of the operand from those over places and elements. */
  const spread = (batches: readonly number[], overPlaces: readonly number[], overElements: readonly number[]): number[] =>
    turned ? [...batches, ...overElements, ...overPlaces] : [...batches, ...overPlaces, ...overElements];
  const still = groups.map(() => 0);
  const scale = joined ? channels : 1;
  const bounds: Bound[] = [
    {
      offset: -high.low,
      strides: spread(still, [0, high.stride, 0], element(high.dilation, 0, 0)),
      size: high.length,
      step: at("y"),
    },
    {
      offset: -wide.low * scale,
      strides: spread(still, [0, 0, wide.stride * scale], joined ? [0, 1] : element(0, wide.dilation, 0)),
      size: wide.length * scale,
      step: at("x") / scale,
    },
  ];
  const strides = spread(
    batch,
    [at("b"), high.stride * at("y"), wide.stride * at("x")],
    element(high.dilation * at("y"), wide.dilation * at("x"), at("c")),
  );
  const arena = scene.pick(["state", "rows", "io"] as const);
  const start = scene.place(arena, "f32", whole(product(Object.values(lengths)) * apart));
  const offset = start - high.low * at("y") - wide.low * at("x");
  const [rows, columns] = turned ? [elements, places] : [places, elements];
  const a: Operand = { arena, storage: "f32", offset, strides, bounds, parts: [groups, rows, columns] };

  const [m, k, batches, n] = [product(rows), product(columns), product(groups), scene.pick(large ? [3, 17] : [1, 5, 16, 20])];
  const b = rightOperand(scene, batches, k, n, whole);
  const dims = [batches, m, n] as const;
  const result: Access = { arena: "io", storage: "f32", offset: scene.result("io", "f32", product(dims)), strides: [m * n, n, 1] };
  const sums: Access | undefined = scene.chance(0.5)
    ? { arena: "state", storage: "f32", offset: scene.result("state", "f32", batches * n), strides: [n, 0, 1] }
    : undefined;
  scene.add({
    family: "matmul",
    label: "windows",
    dims,
    k,
    a,
    b,
    ...(sums && { sums }),
    accesses: [],
    instructions: [{ op: "product", dtype: "f32" }],
    outputs: [{ value: 0, access: result }],
  });
  return scene.done(`windows ${seed}: ${batches}×[${rows.join("·")}, ${columns.join("·")}]·[${k}, ${n}] of ${order.join("")}`);
}

/** A right operand [batches, k, n], plain or in pieces along k with gaps between them. */
function rightOperand(scene: SceneBuilder, batches: number, k: number, n: number, whole: (size: number) => number[]): Operand {
  const piece = [2, 3, 5, 7].find((size) => k % size === 0);
  const transposed = scene.chance(0.5);
  const gap = scene.random.below(3);
  const arena = scene.pick(scene.takesInputs ? (["state", "io"] as const) : (["state", "rows"] as const));
  if (piece === undefined || scene.chance(0.3)) {
    const [row, column] = transposed ? [1, k + gap] : [n + gap, 1];
    const one = transposed ? n * column : k * row;
    return { arena, storage: "f32", offset: scene.place(arena, "f32", whole(batches * one)), strides: [one, row, column] };
  }
  // Pieces of `piece` rows, the slow part of k further apart than they are long.
  const [row, column] = transposed ? [1, piece + gap] : [n + gap, 1];
  const slow = (transposed ? n * column : piece * row) + gap;
  const one = (k / piece) * slow;
  const offset = scene.place(arena, "f32", whole(batches * one));
  return { arena, storage: "f32", offset, strides: [one, slow, row, column], parts: [[batches], [k / piece, piece], [n]] };
}
