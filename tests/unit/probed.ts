/** Small learners whose numbers can be followed by hand, and a look at what their strategies keep. */
import { Learner, type LearnerOptions, losses, openRuntime, optim, type Runtime, type Strategy } from "palimpsest";
import { afterAll, beforeAll } from "vitest";

/** Opens a runtime for the tests of a file. */
export function runtimeOf(): () => Runtime {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await openRuntime({ backend: "wasm" });
  });
  afterAll(() => runtime.close());
  return () => runtime;
}

/** A strategy that reads, after each step or boundary, what others keep. */
export function probe(on: "boundary" | "step", ...names: string[]): { strategy: Strategy; read: (name: string) => number[] } {
  let last: Readonly<Record<string, Float32Array | Uint32Array>> = {};
  const strategy: Strategy = {
    name: "probe",
    programs: { read: { build: ({ kept }) => ({ outputs: Object.fromEntries(names.map((name) => [name, kept(name)])) }) } },
    phases: [
      {
        on: on === "step" ? { every: 1 } : on,
        async next({ run }) {
          last = await run("read");
          return undefined;
        },
      },
    ],
  };
  return { strategy, read: (name) => Array.from(last[name] ?? []) };
}

/** Returns a learner of values by plain SGD with a rate of 1, unless options say otherwise; weights by path. */
export function small(
  runtime: Runtime,
  options: Partial<LearnerOptions> & Pick<LearnerOptions, "model" | "input">,
  weights: Readonly<Record<string, readonly number[]>> = {},
): Promise<Learner> {
  return Learner.create(runtime, {
    loss: losses.meanSquaredError(),
    optimizer: optim.sgd(),
    schedule: 1,
    seed: 5,
    weights: new Map(Object.entries(weights).map(([path, values]) => [path, Float32Array.from(values)])),
    ...options,
  });
}

/** Returns the numbers of a parameter. */
export async function numbersOf(learner: Learner, path: string): Promise<number[]> {
  return Array.from((await learner.weights()).get(path)?.data ?? []);
}
