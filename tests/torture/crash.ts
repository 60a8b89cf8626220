import { RandomStream } from "../../src/random.ts";
import { openLog, readLog } from "../../src/store/open.ts";
import { Device, off } from "./device.ts";
import { withQuickDigests } from "./digest.ts";
import { countOf, newTruth, perform, recordOf, type Truth } from "./scenario.ts";

/** What a run of {@link tortureCrashes} tried, and what it found wrong. */
export interface Tortured {
  /** Moments at which a scenario was cut off. */
  points: number;
  /** States of the device that were opened after it. */
  images: number;
  /** Whether the power also failed while they were opened. */
  again: number;
  readonly problems: string[];
}

/**
 * Cuts scenarios off at every change they make to the device, one after another, until there were `points` of them; each time opens what is
 * left in `images` cases, every third time after a kill and else after a loss of power, and holds it to what was promised.
 */
export function tortureCrashes(points: number, images: number, seed: number): Promise<Tortured> {
  return withQuickDigests(() => torture(points, images, seed));
}

async function torture(points: number, images: number, seed: number): Promise<Tortured> {
  const result: Tortured = { points: 0, images: 0, again: 0, problems: [] };
  for (let scenario = seed; result.points < points && result.problems.length < 20; scenario++) {
    const whole = new Device(new RandomStream(scenario, "device"));
    await perform(scenario, whole, newTruth());
    for (let at = 1; at <= whole.changes && result.points < points; at++) {
      const device = new Device(new RandomStream(scenario, `device ${at}`));
      const truth = newTruth();
      device.fault = off(device, at);
      await perform(scenario, device, truth).catch(() => undefined);
      device.fault = () => undefined;
      result.points++;
      for (let image = 0; image < images; image++) {
        const random = new RandomStream(scenario, `image ${at} ${image}`);
        const crash = result.images % 3 === 0 ? "kill" : "power";
        const left = device.after(crash, random);
        result.images++;
        await hold(left, truth, crash, random, result).catch((error: unknown) => {
          result.problems.push(`scenario ${scenario}, change ${at}, ${crash} ${image}: ${(error as Error).message}`);
        });
      }
    }
  }
  return result;
}

/** Opens what a crash left, perhaps crashing again while at it, and goes on. */
async function hold(left: Device, truth: Truth, crash: "kill" | "power", random: RandomStream, result: Tortured): Promise<void> {
  let device = left;
  const reader = await readLog(device.open());
  const read = await countOf(reader, truth, truth.committed, truth.attempted);
  await reader.close();
  if (random.below(4) === 0) {
    result.again++;
    const at = device.changes + 1 + random.below(6);
    device.fault = off(device, at);
    await openLog(device.open())
      .then((log) => log.close())
      .catch(() => undefined);
    device.fault = () => undefined;
    device = device.after(crash, random);
  }
  const log = await openLog(device.open());
  const least = Math.max(read, crash === "kill" ? truth.recorded : truth.committed);
  const count = await countOf(log, truth, least, truth.attempted);
  await log.append(recordOf(count));
  const kept = device.after("power", random);
  await log.close();
  const again = await readLog(kept.open());
  await countOf(again, truth, count + 1, count + 1);
}
