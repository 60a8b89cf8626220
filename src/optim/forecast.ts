/** The loss of a run to come, from its first steps. */
import { checkKeys, checkNumber } from "../errors.ts";
import { openPlanner, type Planner } from "../wasm/planner.ts";
import { checkValues } from "./values.ts";

/** Options of {@link forecast}. */
export interface ForecastOptions {
  /** Losses at x = 0 … n − 1; at least 4. */
  readonly losses: ArrayLike<number>;
  /** The x asked for. */
  readonly at: number;
  /** Whether the losses are of a validation set: one outlier may leave, not 3 % ten times. Default false. */
  readonly validation?: boolean;
}

/** A curve a·e^{bx} + c through early losses. */
export interface Forecast {
  readonly a: number;
  /** Below 0. */
  readonly b: number;
  readonly c: number;
  /** Its value at the x asked for. */
  readonly loss: number;
}

/**
 * Returns where the losses of a short run are heading.
 * @throws E_CONFIG
 * @see Jin et al. 2021, arXiv 2105.10762
 */
export async function forecast(options: ForecastOptions): Promise<Forecast> {
  const where = "planners.forecast";
  checkKeys(where, options, ["losses", "at", "validation"]);
  const losses = checkValues(where, "losses", options.losses, {}, 4);
  const at = checkNumber(where, "at", options.at, { min: 0 });
  return forecastWith(await openPlanner(), losses, at, options.validation ?? false);
}

/** Returns {@link forecast} of finite losses, at once. */
export function forecastWith(planner: Planner, losses: ArrayLike<number>, at: number, validation: boolean): Forecast {
  const n = losses.length;
  const [source, scratch, out] = planner.lay(losses, 3 * n, 4) as [number, number, number];
  planner.exports.forecast(source, n, at, Number(validation), scratch, out);
  const [a, b, c, loss] = planner.read(out, 4) as unknown as [number, number, number, number];
  return { a, b, c, loss };
}
