import { openRuntime, type Runtime } from "../backend/runtime.ts";
import { Learner } from "../learner/learner.ts";
import { reservoir } from "../memory/policies.ts";
import * as nn from "../nn/index.ts";
import { sgd } from "../optim/sgd.ts";
import { catalogue } from "../strategy/catalogue.generated.ts";
import type { Facts, Strategy } from "../strategy/index.ts";
import { someOf, strategiesOf } from "./chosen.ts";
import { type Io, paint, writeJson } from "./io.ts";
import { baselineNames, presetNames, strategyNames } from "./names.ts";
import { camelCased, describeOptions, flag, type Options, parse } from "./options.ts";

interface ListSettings {
  readonly json: boolean;
  readonly help: boolean;
}

const options: Options<ListSettings> = { json: flag("write a line of JSON for each"), help: flag("tell this") };

/** The learner that costs are read from. */
const reference = { input: 64, hidden: 128, classes: 10, batch: 10, memory: 1000 } as const;

const usage = `Usage: palimpsest strategies [options]

Tells of each strategy what it takes, what it costs and where it comes from. Costs are those of a ${reference.input}-${reference.hidden}-${reference.classes} perceptron with defaults: rows that a step learns
beside ${reference.batch} new ones, forward and backward passes of that step in those of plain training, and bytes that are kept beside the rows of a memory,
relative to those of the parameters.

`;

const baselines: Readonly<Record<(typeof baselineNames)[number], string>> = {
  naive: "nothing is done against forgetting",
  joint: "all rows of all tasks at once, which no stream offers",
  cumulative: "with each task the rows of all so far, by one learner",
  scratch: "with each task the rows of all so far, by a new learner",
};

/** What is told of a strategy. */
export interface Listed {
  readonly name: string;
  readonly kind: "baseline" | "preset" | "strategy";
  readonly about: string;
  readonly needs: readonly string[];
  /** Absent for baselines. */
  readonly cost?: Cost;
  readonly source: string;
}

/** What a strategy costs. */
export interface Cost {
  readonly rows: number;
  readonly forward: number;
  readonly backward: number;
  /** Relative to the parameters. */
  readonly bytes: number;
}

/** Runs `palimpsest strategies`; resolves to the exit code. @throws what is wrong with the options */
export async function strategies(words: readonly string[], { out }: Io): Promise<number> {
  const { help, json } = parse("strategies", options, words);
  if (help) {
    out.write(usage + describeOptions(options));
    return 0;
  }
  const runtime = await openRuntime({ backend: "wasm" });
  try {
    for (const name of strategyNames) {
      const listed = await list(runtime, name);
      if (json) writeJson(out, listed);
      else {
        const { about, needs, cost, source } = listed;
        const told =
          cost &&
          `${cost.rows} rows, ${cost.forward.toFixed(1)} forward, ${cost.backward.toFixed(1)} backward, ${cost.bytes.toFixed(2)} × parameters`;
        const lines = [needs.length > 0 ? `takes ${needs.join(", ")}` : "", told ?? "", source].filter((line) => line !== "");
        out.write(`${paint(out, "bold", name.padEnd(24))} ${about}\n${lines.map((line) => `${" ".repeat(25)}${line}\n`).join("")}`);
      }
    }
    return 0;
  } finally {
    runtime.close();
  }
}

async function list(runtime: Runtime, name: string): Promise<Listed> {
  const baseline = baselineNames.find((one) => one === name);
  if (baseline !== undefined) return { name, kind: "baseline", about: baselines[baseline], needs: [], source: "" };
  const { about, source } = catalogue[camelCased(name)] ?? { about: "", source: "" };
  const kind = presetNames.some((one) => one === name) ? "preset" : "strategy";
  const classes = Array.from({ length: reference.classes / 2 }, (_, task) => [2 * task, 2 * task + 1]);
  const made = strategiesOf("strategies", [name], [], { batchSize: reference.batch, draw: "uniform", told: true, classes });
  return { name, kind, about, needs: needsOf(made, name), cost: await costOf(runtime, made), source };
}

function needsOf(made: readonly Strategy[], name: string): string[] {
  const told: readonly (readonly [what: string, is: (strategy: Strategy) => boolean | undefined])[] = [
    ["a memory", ({ needsMemory }) => needsMemory],
    ["boundaries", ({ needs }) => needs?.boundary],
    ["features of a classifier", ({ needs }) => needs?.features],
    ["rectified units", ({ needs }) => needs?.rectified],
    ["labels", ({ needs }) => needs?.labels],
    ["tasks", () => name === "task-mask"],
  ];
  return told.flatMap(([what, is]) => (someOf(made, is) ? [what] : []));
}

async function costOf(runtime: Runtime, made: readonly Strategy[]): Promise<Cost> {
  const { input, hidden, classes, batch, memory } = reference;
  const learner = await Learner.create(runtime, {
    model: nn.sequential(nn.linear(hidden), nn.relu(), nn.classifier({ capacity: classes })),
    input: [input],
    optimizer: sgd(),
    schedule: 0.1,
    strategies: made,
    ...(someOf(made, ({ needsMemory }) => needsMemory) && { memory: reservoir({ capacity: memory }) }),
    batchSize: batch,
  });
  const { rows, parameters, strategies: parts } = learner.plan();
  await learner.close();
  const facts: Facts = { classes, features: hidden, parameters, targets: "labels" };
  const onHost = made.reduce((sum, strategy) => sum + hostBytes(strategy, facts), 0);
  const total = (of: (part: (typeof parts)[number]) => number): number => parts.reduce((sum, part) => sum + of(part), 0);
  return {
    rows: rows - batch,
    forward: rows / batch + total(({ forward }) => forward),
    backward: rows / batch + total(({ backward }) => backward),
    bytes: (total(({ bytes }) => bytes) + onHost) / (4 * parameters),
  };
}

/** Returns the bytes of what a strategy gathers on the host, in f64. */
function hostBytes({ fold, uses = [] }: Strategy, facts: Facts): number {
  const sizes = Object.values(fold?.numbers(facts) ?? {}).map((dims) =>
    dims.reduce<number>((product, dim) => product * (dim === "classes" ? facts.classes : dim), 1),
  );
  return 8 * sizes.reduce((a, b) => a + b, 0) + uses.reduce((sum, part) => sum + hostBytes(part, facts), 0);
}
