/** Views of rows, traced. */
import { checkChoice, checkKeys, checkNumber, fail } from "../errors.ts";
import type { Tensor } from "../program/graph.ts";
import { showShape, sizeOf } from "../program/shape.ts";
import {
  add,
  and,
  cos,
  floor,
  gather,
  less,
  log,
  mul,
  pad,
  reshape,
  select,
  shiftRight,
  sqrt,
  sub,
  toF32,
  toU32,
} from "../program/tensor.ts";
import type { StepContext } from "./strategy.ts";

/** Another view of rows. */
export type Augment =
  | { readonly augment: "none" }
  | { readonly augment: "noise"; readonly deviation: number }
  | { readonly augment: "shift"; readonly pixels: number };

/** Returns a view's plain data, checked. @throws E_CONFIG */
export function checkAugment(where: string, value: Augment): Augment {
  const augment = checkChoice(where, "augment", (value as Augment | undefined)?.augment, ["none", "noise", "shift"]);
  const { deviation, pixels } = value as { readonly deviation?: number; readonly pixels?: number };
  checkKeys(where, value, ["augment", ...(augment === "noise" ? ["deviation"] : augment === "shift" ? ["pixels"] : [])]);
  if (augment === "noise") return { augment, deviation: checkNumber(where, "deviation", deviation, { min: 0 }) };
  if (augment === "shift") return { augment, pixels: checkNumber(where, "pixels", pixels, { min: 0, max: 1024, integer: true }) };
  return { augment };
}

/** Returns a view of rows x [rows, ...input], by random bits of a strategy's stream. @throws E_CONFIG where the rows are no images */
export function viewOf(x: Tensor, augment: Augment, random: StepContext["random"], stream: string): Tensor {
  if (augment.augment === "none") return x;
  return augment.augment === "noise"
    ? add(x, mul(augment.deviation, normal(random, stream, x.shape)))
    : shifted(x, augment.pixels, (part, shape) => uniform(random, `${stream}/${part}`, shape));
}

/** Returns uniform numbers on (0, 1): odd multiples of 2^-24. */
function uniform(random: StepContext["random"], stream: string, shape: readonly number[]): Tensor {
  return mul(add(toF32(shiftRight(random(stream, shape), 9)), 0.5), 2 ** -23);
}

/** Returns normal numbers of variance 1. @see Box and Muller 1958 */
export function normal(random: StepContext["random"], stream: string, shape: readonly number[]): Tensor {
  const angle = mul(2 * Math.PI, uniform(random, `${stream}/angle`, shape));
  return mul(sqrt(mul(-2, log(uniform(random, `${stream}/length`, shape)))), cos(angle));
}

function shifted(x: Tensor, pixels: number, uniform: (part: string, shape: readonly number[]) => Tensor): Tensor {
  const [rows, height, width, ...rest] = x.shape as [number, number, number];
  if (width === undefined)
    return fail("E_CONFIG", `augment.shift: rows are no images; expected [height, width, ...], got ${showShape(x.shape.slice(1))}`, {
      hint: "Give the learner's input as [height, width, channels], and put nn.flatten() first.",
    });
  const { graph } = x;
  const steps = (part: string): Tensor => toU32(floor(mul(2 * pixels + 1, uniform(part, [rows, 1, 1]))));
  // What leaves the image on the low side wraps to large numbers, which one comparison finds too.
  const down = sub(add(reshape(graph.iota(height), [1, height, 1]), steps("down")), pixels);
  const across = sub(add(reshape(graph.iota(width), [1, 1, width]), steps("across")), pixels);
  const row = reshape(graph.iota(rows), [rows, 1, 1]);
  const place = add(mul(add(mul(row, height), down), width), across);
  const count = rows * height * width;
  const channels = sizeOf(rest);
  // Behind the last pixel lies one of zeros.
  const table = pad(reshape(x, [count, channels]), [0, 0], [1, 0]);
  const inside = and(less(down, height), less(across, width));
  return reshape(gather(table, select(inside, place, count)), x.shape);
}
