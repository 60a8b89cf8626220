/** A figure: a value under a name that says which of several definitions it is, or the reason why there is none. */
export type Figure = {
  readonly metric: string;
  /** Which definition, or of what; empty where there is but one. */
  readonly variant: string;
} & ({ readonly value: number } | { readonly undefined: string });

/** A number, or in words why there is none. */
export type Value = number | string;

/** Returns a figure. */
export function figure(metric: string, variant: string, value: Value): Figure {
  if (typeof value === "string") return { metric, variant, undefined: value };
  return Number.isFinite(value) ? { metric, variant, value } : { metric, variant, undefined: "it is not finite" };
}

/** Returns the value of a figure, or undefined. */
export function figureValue(figure: Figure): number | undefined {
  return "value" in figure ? figure.value : undefined;
}

/** Returns the mean of values, or the first reason among them, or `none` where there are none. */
export function average(values: readonly Value[], none: string): Value {
  const reason = values.find((value) => typeof value === "string");
  if (reason !== undefined) return reason;
  return values.length === 0 ? none : (values as readonly number[]).reduce((sum, value) => sum + value, 0) / values.length;
}
