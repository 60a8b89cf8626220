import { checkChoice, checkKeys, checkNumber } from "../errors.ts";
import { klDivergence, MASKED } from "../nn/losses.ts";
import type { Tensor } from "../program/graph.ts";
import { add, detach, div, less, max, maximum, mul, pack, select } from "../program/tensor.ts";
import { anchor } from "./anchor.ts";
import { seen, seenNow } from "./seen.ts";
import type { Strategy } from "./strategy.ts";
import { checkTasks } from "./taskmask.ts";

/** Options of {@link lwf}. */
export interface LwfOptions {
  /** Weight of the distillation. Default 1. */
  readonly alpha?: number;
  /** Temperature of both distributions. Default 2. */
  readonly temperature?: number;
  /** The classes of each task, where rows are told theirs as in `taskMask`: each task that was known is distilled apart. Default: all together. */
  readonly classes?: readonly (readonly number[])[];
  /**
   * What the teacher says of classes that it did not know: nothing (`ignored`, default), so that old classes are held among themselves; or that they
   * are not the row's (`denied`), so that all classes seen so far take part. With `classes` they are ignored.
   */
  readonly unknown?: "ignored" | "denied";
}

/**
 * Returns learning without forgetting: on the rows that arrive, the model of the last boundary is a teacher of the classes it knew, by
 * KL(softmax(z_old/T) ‖ softmax(z/T)), without the factor T²; with `classes`, by the mean of those of the tasks it knew, each among its own classes
 * alone. Before the first boundary it costs a forward pass and teaches nothing.
 * @throws E_CONFIG
 * @see Li and Hoiem 2016, arXiv 1606.09282, "Learning without forgetting"
 */
export function lwf(options: LwfOptions = {}): Strategy {
  checkKeys("strategies.lwf", options, ["alpha", "temperature", "classes", "unknown"]);
  const alpha = checkNumber("strategies.lwf", "alpha", options.alpha ?? 1, { min: 0 });
  const temperature = checkNumber("strategies.lwf", "temperature", options.temperature ?? 2, { min: 0, open: "min" });
  const unknown = checkChoice("strategies.lwf", "unknown", options.unknown ?? "ignored", ["ignored", "denied"]);
  const tasks = options.classes && checkTasks("strategies.lwf", options.classes);
  return {
    name: "lwf",
    config: { alpha, temperature, ...(tasks && { classes: tasks }), ...(unknown === "denied" && { unknown }) },
    needs: { labels: true, boundary: true, passes: { forward: 1 } },
    uses: [anchor, seen],
    hyper: { alpha },
    keeps: () => ({ known: { shape: ["classes"] } }),
    edits: [{ on: "boundary", apply: ({ kept }) => ({ keeps: { known: kept("seen/classes") } }) }],
    terms(context) {
      const { graph, facts, logits, raw, kept, forward, mean, hyper } = context;
      const old = forward({ vector: kept("anchor/params") });
      const distance = (student: Tensor, teacher: Tensor, known: Tensor, open = known): Tensor => {
        const z = select(less(0, open), student, MASKED);
        const wanted = select(less(0, known), detach(teacher), MASKED);
        return mul(klDivergence(z, wanted, { temperature }), 1 / temperature ** 2);
      };
      const penalty = (value: Tensor) => [{ tag: "penalty", value: mul(hyper("alpha"), mean(value, "arrival")) } as const];
      if (tasks === undefined) {
        const known = kept("known");
        // Before the first boundary it knows nothing, and says nothing.
        const value = distance(logits, old.logits, known, unknown === "denied" ? seenNow(context) : known);
        return penalty(mul(max(known), value));
      }
      const each = tasks.map((members) => {
        const own = pack(Array.from({ length: facts.classes }, (_, c) => graph.constant(members.includes(c) ? 1 : 0, [1], "f32")));
        const known = mul(own, kept("known"));
        return { count: max(known), value: mul(max(known), distance(raw, old.raw, known)) };
      });
      const [count, value] = (["count", "value"] as const).map((key) => each.map((task) => task[key]).reduce((a, b) => add(a, b)));
      return penalty(div(value as Tensor, maximum(count as Tensor, 1)));
    },
  };
}
