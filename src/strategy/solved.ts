/** Solutions that are kept for as long as what they solve does not change. */
import type { HostServices, Numbers } from "./host.ts";

/**
 * Returns `solve`, which is asked anew only when a number that it reads has changed: heads solve once after an update, not once a prediction.
 * It holds a copy of the numbers, for they are also rolled back and loaded.
 */
export function solved<Solution>(
  solve: (numbers: Numbers, services: HostServices) => Solution,
): (numbers: Numbers, services: HostServices) => Solution {
  let last: { readonly of: Numbers; readonly solution: Solution } | undefined;
  return (numbers, services) => {
    if (last === undefined || !same(last.of, numbers)) {
      const of = Object.fromEntries(Object.entries(numbers).map(([name, values]) => [name, values.slice()]));
      last = { of, solution: solve(numbers, services) };
    }
    return last.solution;
  };
}

function same(a: Numbers, b: Numbers): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => {
      const [x, y] = [a[name] as Float64Array, b[name]];
      if (y === undefined || x.length !== y.length) return false;
      for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
      return true;
    })
  );
}
