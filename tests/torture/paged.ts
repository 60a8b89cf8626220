/** Learners whose rows lie in a file are cut off at any change to the device, opened on what is left, and must go on as one that never stopped. */

import { PalimpsestError } from "../../src/errors.ts";
import {
  type Batch,
  Learner,
  type LearnerOptions,
  memory,
  nn,
  openRuntime,
  optim,
  type Runtime,
  stores,
  strategies,
} from "../../src/index.ts";
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
function storeOn(device: Device): Store {
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
      result.opened += 1;
      const hash = await again.stateHash();
      // A loss of power may take what was not committed.
      const least = crash === "power" && durability === "relaxed" ? 0 : done;
      const index = hashes.findIndex((each, i) => i >= least && each === hash);
      if (index < 0 || index > done + 1) result.problems.push(`${what}: it is at ${index}`);
      else {
        for (let next = index; next < CHANGES; next++) await change(again, scenario, next);
        if ((await again.stateHash()) !== hashes.at(-1)) result.problems.push(`${what}: from ${index} on it learned something else`);
      }
      await again.close();
    } catch (error) {
      result.problems.push(`${what}: ${(error as Error).message}`);
    }
  }
  await learner.close();
}

/** What a run of {@link tortureFaultyPages} tried, and what it found wrong. */
export interface PagedFaults {
  /** Calls that failed, once or from there on until a change failed. */
  faults: number;
  readonly problems: string[];
}

/** Has calls of a program fail, one in `every`; the program tries again what failed, with the same learner or with one that it opens. */
export function tortureFaultyPages(faults: number, every: number, seed: number): Promise<PagedFaults> {
  return withQuickDigests(async () => {
    const runtime = await openRuntime({ backend: "wasm" });
    const result: PagedFaults = { faults: 0, problems: [] };
    try {
      for (let scenario = seed; result.faults < faults && result.problems.length < 20; scenario++) {
        const random = new RandomStream(scenario, "faulty pages");
        const hashes = await hashesOf(runtime, scenario);
        const whole = new Device(new RandomStream(scenario, "device"));
        await endure(runtime, scenario, whole, hashes, random, () => {});
        for (let at = 1 + random.below(every); at <= whole.calls && result.faults < faults; at += 1 + random.below(2 * every - 1)) {
          const device = new Device(new RandomStream(scenario, `device ${at}`));
          const forever = random.below(2) === 0;
          const error = Object.assign(new Error("injected"), { code: ["ENOSPC", "EIO"][random.below(2)] });
          device.fault = () => (device.calls === at || (forever && device.calls > at) ? { error, halfway: true } : undefined);
          result.faults += 1;
          await endure(runtime, scenario, device, hashes, random, (problem) => {
            result.problems.push(`scenario ${scenario}, call ${at} ${forever ? "for ever" : "once"}: ${problem}`);
          });
        }
      }
    } finally {
      runtime.close();
    }
    return result;
  });
}

/** Returns the state after each change of a learner whose rows are in memory, and that nothing befalls. */
async function hashesOf(runtime: Runtime, scenario: number): Promise<string[]> {
  const plain = await Learner.create(runtime, optionsOf({ store: stores.memory() }));
  const hashes = [await plain.stateHash()];
  for (let index = 0; index < CHANGES; index++) {
    await change(plain, scenario, index);
    hashes.push(await plain.stateHash());
  }
  await plain.close();
  return hashes;
}

async function endure(
  runtime: Runtime,
  scenario: number,
  device: Device,
  hashes: readonly string[],
  random: RandomStream,
  tell: (problem: string) => void,
): Promise<void> {
  const durability = scenario % 2 === 0 ? "strict" : "relaxed";
  let learner: Learner | undefined;
  let index = 0;
  /** The device works again; where does the learner, or the one that is opened instead of it, stand? */
  const settle = async (error: unknown): Promise<void> => {
    device.fault = () => undefined;
    if (!(error instanceof PalimpsestError && ["E_QUOTA", "E_STORAGE_UNAVAILABLE"].includes(error.code))) throw error;
    if (learner === undefined) return;
    if (random.below(2) === 0) {
      await learner.close();
      learner = await Learner.open(runtime, storeOn(device));
    }
    const hash = await learner.stateHash();
    const next = [index, index + 1].find((each) => hashes[each] === hash);
    if (next === undefined) tell(`change ${index} leaves another state`);
    index = next ?? CHANGES;
  };
  /** What was refused may have been done all the same. */
  const create = async (): Promise<Learner> => {
    const store = storeOn(device);
    if ((await store.read()) !== undefined) return Learner.open(runtime, store);
    return Learner.create(runtime, optionsOf({ store, durability, residentBytes: 0 }));
  };
  try {
    while (learner === undefined) learner = await create().catch((error) => settle(error).then(() => undefined));
    while (index < CHANGES) {
      try {
        await change(learner, scenario, index);
        index += 1;
      } catch (error) {
        await settle(error);
      }
    }
    device.fault = () => undefined;
    await learner.commit();
    const again = await Learner.open(runtime, storeOn(device.after("power", random)));
    if ((await again.stateHash()) !== hashes.at(-1)) tell("what was committed is not what is opened");
    await again.close();
    await learner.close();
  } catch (error) {
    tell((error as Error).message);
  }
}
