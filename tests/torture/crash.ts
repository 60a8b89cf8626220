import { RandomStream } from "../../src/random.ts";
import { openLog, readLog } from "../../src/store/open.ts";
import { type Crash, Device } from "./device.ts";
import { withQuickDigests } from "./digest.ts";
import { countOf, newTruth, perform, recordOf, type Truth } from "./scenario.ts";

/** What a run of {@link tortureCrashes} tried, and what it found wrong. */
export interface Tortured {
  /** Moments at which a scenario was cut off. */
  points: number;
  /** States of the device that were opened after it. */
  images: number;
  /** Whether the next opening was cut off as well. */
  again: number;
  readonly problems: string[];
}

/**
 * Cuts scenarios off at every change they make to the device, one after another, until there were `points` of them; each time opens what is
 * left in `images` cases, every third time after a kill and else after a loss of power, and holds it to what was promised.
 */
export function tortureCrashes(points: number, images: number, seed: number): Promise<Tortured> {
  return withQuickDigests(async () => {
    const result: Tortured = { points: 0, images: 0, again: 0, problems: [] };
    for (let scenario = seed; result.points < points && result.problems.length < 20; scenario++) {
      const device = new Device(new RandomStream(scenario, "device"));
      const truth = newTruth();
      const cases: [what: string, left: Device, truth: Truth, crash: Crash, random: RandomStream][] = [];
      let change = 0;
      device.watch = (part) => {
        change++;
        if (result.points++ >= points) return;
        for (let image = 0; image < images; image++) {
          const random = new RandomStream(scenario, `image ${change} ${image}`);
          const crash = result.images++ % 3 === 0 ? "kill" : "power";
          cases.push([
            `scenario ${scenario}, change ${change}, ${crash} ${image}`,
            device.after(crash, random, part),
            { ...truth },
            crash,
            random,
          ]);
        }
      };
      const note = (what: string) => (error: unknown) => void result.problems.push(`${what}: ${(error as Error).message}`);
      await perform(scenario, device, truth).catch(note(`scenario ${scenario}`));
      for (const [what, left, promised, crash, random] of cases) await hold(left, promised, crash, random, result).catch(note(what));
    }
    result.points = Math.min(result.points, points);
    return result;
  });
}

/** Opens what a crash left, perhaps crashing again while at it, and goes on. */
async function hold(left: Device, truth: Truth, crash: Crash, random: RandomStream, result: Tortured): Promise<void> {
  let device = left;
  let least = crash === "kill" ? truth.recorded : truth.committed;
  if (random.below(2) === 0) {
    const reader = await readLog(device.open());
    least = Math.max(least, await countOf(reader, truth, truth.committed, truth.attempted));
    await reader.close();
  }
  if (random.below(4) === 0) {
    result.again++;
    const states: Device[] = [];
    device.watch = (part) => void states.push(device.after(crash, random, part));
    const log = await openLog(device.open(), { steal: true });
    await log.close();
    device.watch = () => undefined;
    device = states[random.below(states.length)] as Device;
  }
  const log = await openLog(device.open(), { steal: true });
  const count = await countOf(log, truth, least, truth.attempted);
  await log.append(recordOf(count));
  const kept = device.after("power", random);
  if (random.below(2) === 0) await log.close();
  const again = await readLog(kept.open());
  await countOf(again, truth, count + 1, count + 1);
}
