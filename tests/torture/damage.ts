import { isError, PalimpsestError } from "../../src/errors.ts";
import { RandomStream } from "../../src/random.ts";
import { slotBytes } from "../../src/store/head.ts";
import { openLog, readLog } from "../../src/store/open.ts";
import { repairLog, type Survey, surveyLog } from "../../src/store/repair.ts";
import { Device } from "./device.ts";
import { withQuickDigests } from "./digest.ts";
import { countOf, newTruth, perform, type Truth } from "./scenario.ts";

/** What became of damaged stores. */
export interface Damaged {
  /** Stores that were damaged. */
  tried: number;
  /** Those that were refused; opened with a report, all of it or an earlier state; opened whole, for the damage was in bytes that say nothing. */
  refused: number;
  reported: number;
  harmless: number;
  /** Those with a damaged segment that were mended without loss, and those with some; the others hold nothing whole. */
  mended: number;
  lossy: number;
  /** What was taken for what it is not. */
  readonly problems: string[];
}

type Damage = readonly [what: string, harm: (device: Device) => void];

/** Damages stores in every way below until `count` of them were tried, and opens them to read and to write. */
export function tortureDamage(count: number, seed: number): Promise<Damaged> {
  return withQuickDigests(async () => {
    const result: Damaged = { tried: 0, refused: 0, reported: 0, harmless: 0, mended: 0, lossy: 0, problems: [] };
    for (let scenario = seed; result.tried < count && result.problems.length < 20; scenario++) {
      const random = new RandomStream(scenario, "damage");
      const whole = new Device(random);
      const truth = newTruth();
      const older: Device[] = [];
      whole.watch = () => void (random.below(20) === 0 && older.push(whole.after("kill", random)));
      await perform(scenario, whole, truth);
      whole.watch = () => undefined;
      for (const [what, harm] of damages(whole, older.at(-1) ?? whole, random, scenario === seed ? 1 : 16)) {
        if (result.tried++ >= count) break;
        const device = whole.after("kill", random);
        harm(device);
        await open(`scenario ${scenario}, ${what}`, device.after("kill", random), truth, result);
        await mend(device, truth, result).catch(
          ({ message }) => void result.problems.push(`scenario ${scenario}, ${what}, mended: ${message}`),
        );
      }
    }
    result.tried = Math.min(result.tried, count);
    return result;
  });
}

/** One in `stride` bytes of the head that say something, and in turns, some of the others. */
function* damages(whole: Device, older: Device, random: RandomStream, stride: number): Generator<Damage> {
  const files = [...whole.files.keys()];
  const head = files.find((file) => file.startsWith("head.")) as string;
  const change = (file: string, edit: (bytes: Uint8Array) => Uint8Array) => (device: Device) =>
    device.damage(file, edit(device.read(file)));
  const flip = (file: string, at: number): Damage => [
    `${file}: byte ${at}`,
    change(file, (bytes) => {
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
      return bytes;
    }),
  ];
  for (const slot of [0, slotBytes]) {
    const length = 16 + new DataView(whole.read(head, slot, 16).buffer).getUint32(8, true);
    for (let at = random.below(stride); at < length; at += stride) yield flip(head, slot + at);
  }
  for (const file of files) {
    const { length } = whole.read(file);
    const zero = (from: number, to: number): Damage => [
      `${file}: ${from} … ${to} are zeros`,
      change(file, (bytes) => bytes.fill(0, from, to)),
    ];
    for (let i = 0; i < 12; i++) yield flip(file, random.below(length));
    for (let i = 0; i < 4; i++) {
      const cut = random.below(length);
      yield [`${file}: cut at ${cut}`, change(file, (bytes) => bytes.slice(0, cut))];
      const from = 64 * random.below(Math.ceil(length / 64));
      yield zero(from, from + 64);
      const stale = older.read(file, from, 64);
      yield [`${file}: ${from} as it was`, change(file, (bytes) => bytes.map((byte, at) => stale[at - from] ?? byte))];
    }
    yield zero(0, length);
    yield [`${file}: gone`, (device) => void device.files.delete(file)];
    yield [
      `${file}: more behind it`,
      change(file, (bytes) => Uint8Array.from([...bytes, ...Array.from({ length: 90 }, () => random.below(256))])),
    ];
    yield [`${file}: twice`, change(file, (bytes) => Uint8Array.from([...bytes, ...bytes]))];
    const other = files[random.below(files.length)] as string;
    yield [
      `${file} and ${other}: swapped`,
      (device) => {
        const [a, b] = [device.read(file), device.read(other)];
        device.damage(file, b);
        device.damage(other, a);
      },
    ];
    yield [`${file}: as it was`, (device) => older.files.has(file) && device.damage(file, older.read(file))];
  }
  yield [
    "slots swapped",
    change(head, (bytes) => Uint8Array.from([...bytes.subarray(slotBytes, 2 * slotBytes), ...bytes.subarray(0, slotBytes)])),
  ];
  yield [
    "head renamed",
    (device) => {
      device.damage("head.999", device.read(head));
      device.files.delete(head);
    },
  ];
}

async function open(what: string, device: Device, truth: Truth, result: Damaged): Promise<void> {
  for (const how of [readLog, openLog]) {
    try {
      const log = await how(device.open());
      const count = await countOf(log, truth, 0, truth.attempted);
      if (how === readLog) {
        if (log.damage.length > 0) result.reported++;
        else result.harmless++;
      }
      // A state that is not the last one must be told.
      if (count !== truth.attempted && log.damage.length === 0)
        result.problems.push(`${what}: ${count} of ${truth.attempted}, and no word of it`);
      await log.close();
    } catch (error) {
      if (how === readLog) result.refused++;
      if (!(error instanceof PalimpsestError && error.code === "E_CORRUPT" && error.context.file !== undefined))
        result.problems.push(`${what}: ${(error as Error).message}`);
    }
  }
}

/** Where one of two slots is damaged, it may have been the later one. */
function isOfHead(line: string): boolean {
  return /slot|head/.test(line);
}

/** Makes a damaged store whole where it can be: then all of it is there, or what is not was told. */
async function mend(device: Device, truth: Truth, result: Damaged): Promise<void> {
  const corrupt = (error: unknown): undefined => {
    if (!isError(error, "E_CORRUPT")) throw error;
  };
  const refused = (await readLog(device.open()).catch(corrupt)) === undefined;
  const before = [...device.files.keys()].join();
  let told: Survey | undefined = await repairLog(device.open()).catch(corrupt);
  if (told === undefined) {
    if ([...device.files.keys()].join() !== before) throw new Error("a repair that was refused changed something");
    told = await repairLog(device.open(), { discard: true }).catch(corrupt);
    if (told === undefined) return;
    if (told.lost.length === 0) throw new Error("refused for want of nothing");
    result.lossy++;
  } else if (told.damage.some((line) => !isOfHead(line))) result.mended++;
  if (refused && told.damage.length === 0) throw new Error("refused to be opened, and called sound");
  const again = await surveyLog(device.open());
  if (again.damage.length > 0) throw new Error(`still ${again.damage}`);
  const log = await openLog(device.open());
  const count = await countOf(log, truth, 0, truth.attempted);
  await log.close();
  if (count !== truth.attempted && told.lost.length === 0 && !told.damage.some(isOfHead))
    throw new Error(`${count} of ${truth.attempted}, and no word of it`);
}
