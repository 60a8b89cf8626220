import { type ErrorCode, PalimpsestError } from "../../src/errors.ts";
import { RandomStream } from "../../src/random.ts";
import type { Log } from "../../src/store/log.ts";
import { openLog } from "../../src/store/open.ts";
import { Device } from "./device.ts";
import { withQuickDigests } from "./digest.ts";
import { blacken, countOf, newTruth, partsOf, recordOf } from "./scenario.ts";

/** What a run of {@link tortureFaults} tried, and what it found wrong. */
export interface Endured {
  /** Calls that failed, alone or as the first of all from there on. */
  faults: number;
  readonly problems: string[];
}

/** How platforms fail, and what that is in the words of this package. */
const failures: readonly (readonly [code: string, meaning: ErrorCode])[] = [
  ["ENOSPC", "E_QUOTA"],
  ["QuotaExceededError", "E_QUOTA"],
  ["EIO", "E_STORAGE_UNAVAILABLE"],
  ["EACCES", "E_STORAGE_UNAVAILABLE"],
];

/**
 * Has each call of a program fail, one after another, once and from there on, until there were `faults` of them. The program goes on; once
 * the device works again, so must the log, and hold all that was acknowledged.
 */
export function tortureFaults(faults: number, seed: number): Promise<Endured> {
  return withQuickDigests(async () => {
    const result: Endured = { faults: 0, problems: [] };
    for (let scenario = seed; result.faults < faults && result.problems.length < 20; scenario++) {
      const whole = new Device(new RandomStream(scenario, "device"));
      const note = (what: string) => (error: unknown) =>
        void result.problems.push(`scenario ${scenario}, ${what}: ${(error as Error).message}`);
      await endure(scenario, whole).catch(note("no call"));
      for (let at = 1; at <= whole.calls && result.faults < faults; at++) {
        const [code, meaning] = failures[at % failures.length] as (typeof failures)[number];
        const forever = (at + scenario) % 2 === 0;
        const device = new Device(new RandomStream(scenario, `device ${at}`));
        const error = Object.assign(new Error(`${code}: injected`), code.startsWith("E") ? { code } : { name: code });
        device.fault = () => (device.calls === at || (forever && device.calls > at) ? { error, halfway: true } : undefined);
        result.faults++;
        await endure(scenario, device, meaning).catch(note(`call ${at}, ${code} ${forever ? "for ever" : "once"}`));
      }
    }
    return result;
  });
}

/** Runs a program that tries again what fails, and holds its log to what it acknowledged. */
async function endure(seed: number, device: Device, meaning?: ErrorCode): Promise<void> {
  const random = new RandomStream(seed, "endure");
  const strict = random.below(2) === 0;
  const options = { durability: strict ? "strict" : "relaxed", groupBytes: 60 * random.below(12), groupMs: strict ? 0 : 60_000 } as const;
  const truth = newTruth();
  let next = 0;
  let log: Log | undefined;
  const attempt = async (run: (log: Log) => Promise<unknown>): Promise<void> => {
    try {
      log ??= await reopen();
      await run(log);
    } catch (error) {
      if (!(error instanceof PalimpsestError) || error.code !== meaning) throw error;
    }
  };
  /** What was refused may have been recorded all the same, which a program finds out when it opens its log again. */
  const reopen = async (): Promise<Log> => {
    const opened = await openLog(device.open(), options);
    try {
      truth.recorded = next = await countOf(opened, truth, next, truth.attempted);
      return opened;
    } catch (error) {
      await opened.close();
      throw error;
    }
  };
  const append = (): Promise<void> =>
    attempt(async (open) => {
      truth.attempted = Math.max(truth.attempted, next + 1);
      await open.append(recordOf(next));
      truth.recorded = ++next;
    });
  const close = (): Promise<void> =>
    attempt(async (open) => {
      log = undefined;
      await open.close();
    });
  for (let turn = 0; turn < 14; turn++) {
    const choice = random.below(12);
    if (choice < 7) await append();
    else if (choice < 8) await attempt((open) => open.commit());
    else if (choice < 10) await attempt((open) => open.snapshot(partsOf(next), [undefined, 0][random.below(2)]));
    else if (choice < 11) await attempt((open) => blacken(open, truth, random));
    else await close();
  }
  device.fault = () => undefined;
  await attempt((open) => open.commit());
  await append();
  await attempt((open) => open.commit());
  await check(device.after("power", random), next);
  await close();
  await check(device, next);

  async function check(left: Device, count: number): Promise<void> {
    const again = await openLog(left.open());
    await countOf(again, truth, count, count);
    await again.close();
  }
}
