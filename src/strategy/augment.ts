/** Other views of rows, as plain data: what strategies of several views make of their input while they train. */
import { type Augment, checkAugment } from "./views.ts";

export type { Augment } from "./views.ts";

/** Returns the view that is the row itself: it costs nothing. */
export function none(): Augment {
  return { augment: "none" };
}

/** Returns views with normal noise added to each number, of a standard deviation (default 0.1). @throws E_CONFIG */
export function noise(options: { readonly deviation?: number } = {}): Augment {
  return checkAugment("augment.noise", { deviation: 0.1, ...options, augment: "noise" });
}

/** Returns views of images [height, width, ...] moved by up to so many pixels each way (default 2), zeros behind them. @throws E_CONFIG */
export function shift(options: { readonly pixels?: number } = {}): Augment {
  return checkAugment("augment.shift", { pixels: 2, ...options, augment: "shift" });
}
