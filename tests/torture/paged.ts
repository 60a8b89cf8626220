/** Learners whose rows lie in a file are cut off at any change to the device, opened on what is left, and must go on as one that never stopped. */

import { PalimpsestError } from "../../src/errors.ts";
import { type Batch, Learner, type LearnerOptions, memory, nn, openRuntime, optim, type Runtime, stores, strategies } from "../../src/index.ts";
import { RandomStream } from "../../src/random.ts";
import type { Store } from "../../src/store/index.ts";
import { valueStore } from "../../src/store/value.ts";
import { type Crash, Device } from "./device.ts";
import { withQuickDigests } from "./digest.ts";

/** What was tried, and what came of it. */
export interface Paged {
  /** Moments at which a learner was cut off, and those of them when its store had a snapshot already. */
  points: number;
  opened: number;
  readonly problems: string[];
}

const ROWS = 3;
const INPUTS = 5;
const CHANGES = 18;

/** Returns the store that lies on a device. */
export function storeOn(device: Device): Store {
  return valueStore("device", async () => device.open());
}

function optionsOf(more: Partial<LearnerOptions>): LearnerOptions {
  return {
    ...{ model: nn.sequential(nn.linear(3), nn.relu(), nn.classifier({ capacity: 2 })), input: { shape: [INPUTS], dtype: "u8" } },
    ...{ optimizer: optim.sgd({ momentum: 0.9 }), schedule: 0.001, seed: 3, batchSize: ROWS },
    ...{ memory: memory.reservoir({ capacity: 7 }), strategies: [strategies.replay({ batchSize: 4 })], ...more },
  };
}

function batchAt(seed: number, index: number): Batch {
  const draw = new RandomStream(seed, `rows ${index}`);
  const x = Uint8Array.from({ length: ROWS * INPUTS }, () => draw.below(256));
  return { x, y: Array.from({ length: ROWS }, () => draw.below(2)), id: Array.from({ length: ROWS }, (_, row) => ROWS * index + row) };
}

async function change(learner: Learner, seed: number, index: number): Promise<void> {
  const kind = new RandomStream(seed, `change ${index}`).below(8);
  if (kind === 0) await learner.forget([ROWS * index + 1, ROWS * index - 1, ROWS * index - 5, 2].map(Math.abs));
  else if (kind === 1) await learner.save();
  else await learner.observe(batchAt(seed, index));
}

/** Cuts learners off at changes to the device, one in `every`, until there were `points` of them. */
export function torturePages(points: number, every: number, seed: number): Promise<Paged> {
  return withQuickDigests(async () => {
    const runtime = await openRuntime({ backend: "wasm" });
    const result: Paged = { points: 0, opened: 0, problems: [] };
    try {
      for (let scenario = seed; result.points < points && result.problems.length < 20; scenario++)
        await tortureOne(runtime, scenario, every, points, result);
    } finally {
      runtime.close();
    }
    return result;
  });
}

async function tortureOne(runtime: Runtime, scenario: number, every: number, points: number, result: Paged): Promise<void> {
  const random = new RandomStream(scenario, "paged");
  const device = new Device(new RandomStream(scenario, "device"));
  const durability = random.below(2) === 0 ? "strict" : "relaxed";
  const hashes = await hashesOf(runtime, scenario);
  const learner = await Learner.create(runtime, optionsOf({ store: storeOn(device), durability, residentBytes: 16 * random.below(8) }));
  const cases: [left: Device, crash: Crash, done: number][] = [];
  for (let index = 0; index < CHANGES; index++) {
    device.watch = (part) => {
      if (random.below(every) > 0) return;
      const crash = random.below(2) === 0 ? "kill" : "power";
      cases.push([device.after(crash, random, part), crash, index]);
    };
    await change(learner, scenario, index);
    device.watch = () => undefined;
  }
  if ((await learner.stateHash()) !== hashes.at(-1)) result.problems.push(`scenario ${scenario}: it learned something else`);
  for (const [left, crash, done] of cases) {
    if (result.points === points) break;
    result.points += 1;
    const what = `scenario ${scenario}, ${durability}, ${crash} in change ${done}`;
    try {
      const again = await Learner.open(runtime, storeOn(left));
    if ((await again.stateHash()) !== hashes.at(-1)) tell("what was committed is not what is opened");
    await again.close();
    await learner.close();
  } catch (error) {
    tell((error as Error).message);
  }
}
