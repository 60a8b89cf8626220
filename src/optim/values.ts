import { checkNumber, describe, fail, type NumberRange } from "../errors.ts";

/**
 * Returns a list of numbers, each within `range`, as f64.
 * @throws E_CONFIG naming the first that is not
 */
export function checkValues(where: string, option: string, values: unknown, range: NumberRange, least = 1): Float64Array {
  const list = values as ArrayLike<number> | undefined;
  if (!(Array.isArray(values) || (ArrayBuffer.isView(values) && !(values instanceof DataView))) || (list?.length ?? 0) < least) {
    fail("E_CONFIG", `${where}: option "${option}" is no list of numbers; expected at least ${least}, got ${describe(values)}`, {
      hint: `Give "${option}" an array or a typed array.`,
      context: { option },
    });
  }
  const numbers = list as ArrayLike<number>;
  for (let i = 0; i < numbers.length; i++) checkNumber(where, `${option}[${i}]`, numbers[i], range);
  return Float64Array.from(numbers);
}
