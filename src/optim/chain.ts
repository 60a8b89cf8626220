/** Parts put together. */
import { fail } from "../errors.ts";
import { checkGroups } from "./groups.ts";
import type { Optimizer, Transform } from "./optimizer.ts";

/** Returns an optimizer with transforms before it: gradients pass them in the order given, results on their way back. @throws E_CONFIG */
export function chain(...parts: readonly [...Transform[], Optimizer]): Optimizer {
  const last = parts.at(-1) as Optimizer | undefined;
  const before = parts.slice(0, -1) as readonly Transform[];
  const odd = before.find((part) => part.kind !== "transform");
  if (last?.kind !== "rule" || odd !== undefined)
    fail(
      "E_CONFIG",
      `optim.chain: parts in no order; expected transforms and then one optimizer, got ${parts.map(({ name }) => name).join(", ") || "none"}`,
    );
  const transforms = [...before, ...last.transforms];
  checkGroups(transforms, last);
  return { ...last, transforms };
}
