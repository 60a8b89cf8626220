/** What a page learns while its browser is killed, and Node beside it to know where it must end. */
import * as palimpsest from "palimpsest";
import { drawGlyphs } from "../../src/cli/data.ts";
import { experiment } from "../../src/cli/experiment.ts";
import { defaults } from "../../src/cli/options.ts";
import { learnOptions } from "../../src/cli/settings.ts";
import { setUp } from "../../src/cli/setup.ts";
import { learnAll } from "./job.mjs";

/** A lesson: a learner by itself, or a run as `palimpsest learn` does it. */
export interface Lesson {
  readonly kind: "learner" | "run";
  readonly durability: "strict" | "relaxed";
}

/** Hears of the step that is gone on from, and of each that is acknowledged. */
export type Tell = (what: "open" | "step", step: number) => void;

/** Steps of a lesson: those that wait for the device take milliseconds each. */
const steps = { strict: 300, relaxed: 1200 } as const;

/** Learns until it is done, going on from the store where it holds something; returns where it ends, as text. */
export async function learnLesson({ kind, durability }: Lesson, store: palimpsest.Store, tell: Tell): Promise<string> {
  if (kind === "learner") return learnAll(palimpsest, { store, durability, steps: steps[durability], tell });
  // Five tasks of 60 rows are 150 steps.
  const settings = { ...defaults(learnOptions), hidden: [16], memory: 40, limit: 60, batch: 2, epochs: steps[durability] / 150 };
  const runtime = await palimpsest.openRuntime({ backend: "wasm" });
  for await (const event of experiment(runtime, setUp(settings, drawGlyphs(400)), { store, durability })) {
    if (event.type === "start") tell("open", event.step);
    if (event.type === "step") tell("step", event.step);
    if (event.type !== "end") continue;
    runtime.close();
    const { summary, ...record } = event.outcome.record;
    return JSON.stringify({ ...record, hash: event.outcome.stateHash });
  }
  throw new Error("the run was stopped");
}
