/** Training of the classifier alone, on features that are made on the host. */
import { fail } from "../errors.ts";
import { crossEntropy } from "../nn/losses.ts";
import type { Tensor } from "../program/graph.ts";
import { add, grad, less, matmul, mul, reshape, sub, sum, toU32 } from "../program/tensor.ts";
import type { HostServices } from "./host.ts";
import type { PhaseContext, ProgramContext, ProgramResult, StrategyProgram } from "./strategy.ts";

/**
 * Returns the program of one step of plain gradient descent of the classifier's weight and bias; no other parameter changes. It is given `features`
 * [rows, features], `labels` and `weights` [rows], the `rate`, and `tasks` [classes]: which task each class is of, from 1; classes of task 0 take no
 * part in the cross-entropy. `mapped` makes what it is computed from of the logits.
 */
export function classifierProgram(rows: number, mapped: (logits: Tensor, tasks: Tensor) => Tensor = (logits) => logits): StrategyProgram {
  return {
    numbers: { features: [rows, "features"], labels: [rows], weights: [rows], tasks: ["classes"], rate: [] },
    build({ facts, vector, parts, joined, given }: ProgramContext): ProgramResult {
      const own = parts(vector);
      const paths = (facts.classifier ?? []).filter((path) => own.has(path));
      const [weight, bias] = [2, 1].map((rank) => paths.find((path) => own.get(path)?.shape.length === rank));
      if (weight === undefined || bias === undefined || paths.length !== 2)
        return fail(
          "E_CONFIG",
          `strategies: the classifier cannot be trained alone; expected its weight and bias, got ${paths.join(", ")}`,
          {
            hint: "End the model with nn.classifier, not frozen.",
          },
        );
      const [w, b] = [own.get(weight), own.get(bias)] as [Tensor, Tensor];
      const tasks = given("tasks");
      const logits = mapped(add(matmul(given("features"), w), b), tasks);
      const losses = crossEntropy(logits, toU32(given("labels")), { mask: less(0, tasks) });
      const [dw, db] = grad(sum(mul(losses, reshape(given("weights"), [rows]))), [w, b]) as [Tensor, Tensor];
      const rate = given("rate");
      return {
        params: joined(
          new Map([
            [weight, sub(w, mul(rate, dw))],
            [bias, sub(b, mul(rate, db))],
          ]),
        ),
      };
    },
  };
}

/** Runs the program, named "align", on up to `size` rows, whose weights come to sum 1. */
export async function align(
  { run, facts }: Pick<PhaseContext, "run"> & Pick<HostServices, "facts">,
  rows: { readonly features: ArrayLike<number>; readonly labels: ArrayLike<number> },
  tasks: ArrayLike<number>,
  rate: number,
  size: number,
): Promise<void> {
  const count = rows.labels.length;
  const padded = (values: ArrayLike<number>, length: number): Float32Array => {
    const all = new Float32Array(length);
    all.set(values);
    return all;
  };
  await run("align", {
    numbers: {
      features: padded(rows.features, size * facts.features),
      labels: padded(rows.labels, size),
      weights: new Float32Array(size).fill(1 / count, 0, count),
      tasks,
      rate,
    },
  });
}
