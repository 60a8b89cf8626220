import { crc32c } from "../../src/crc.ts";
import { PalimpsestError } from "../../src/errors.ts";
import { RandomStream } from "../../src/random.ts";
import { encodeFrames, kinds } from "../../src/store/frame.ts";
import { type Head, segmentsOf, slotBytes } from "../../src/store/head.ts";
import { openLog, readLog } from "../../src/store/open.ts";
import { Device } from "./device.ts";
import { withQuickDigests } from "./digest.ts";
import { newTruth, perform } from "./scenario.ts";

/** What became of forged stores. */
export interface Fuzzed {
  tried: number;
  /** Those that were refused. */
  refused: number;
  /** The longest that one took, in milliseconds. */
  slowest: number;
  readonly problems: string[];
}

/** Forges what stores say, all checksums made right again, `count` times, and opens them: each is refused in this package's words or read. */
export function tortureForgery(count: number, seed: number): Promise<Fuzzed> {
  return withQuickDigests(async () => {
    const result: Fuzzed = { tried: 0, refused: 0, slowest: 0, problems: [] };
    for (let scenario = seed; result.tried < count && result.problems.length < 20; scenario++) {
      const random = new RandomStream(scenario, "forgery");
      const whole = new Device(random);
      await perform(scenario, whole, newTruth());
      for (let i = 0; i < 100 && result.tried < count; i++) {
        result.tried++;
        const device = whole.after("kill", random);
        const what = forge(device, random);
        const start = performance.now();
        for (const how of [readLog, openLog]) {
          try {
            const log = await how(device.open());
            for (const { id } of log.generations) {
              await log.parts(id);
              for await (const record of log.records(id)) if (record.length > 1e6) throw new Error("a record of more bytes than there are");
            }
            await log.close();
          } catch (error) {
            if (how === readLog) result.refused++;
            if (!(error instanceof PalimpsestError)) result.problems.push(`scenario ${scenario}, ${what}: ${(error as Error).stack}`);
          }
        }
        result.slowest = Math.max(result.slowest, performance.now() - start);
      }
    }
    return result;
  });
}

/** Changes the text of the head, or a frame of a segment, and returns what it became. */
function forge(device: Device, random: RandomStream): string {
  const file = [...device.files.keys()].find((name) => name.startsWith("head.")) as string;
  const slots = [0, slotBytes].map((at) => {
    const bytes = device.read(file, at, slotBytes);
    return new TextDecoder().decode(bytes.subarray(16, 16 + new DataView(bytes.buffer).getUint32(8, true)));
  });
  const sequences = slots.map((slot) => (JSON.parse(slot) as Head).sequence);
  let text = slots[(sequences[0] as number) > (sequences[1] as number) ? 0 : 1] as string;
  let what = "";
  if (random.below(2) === 0) {
    text = changed(text, random);
    what = text;
  } else {
    const segments = segmentsOf(JSON.parse(text) as Head);
    if (segments.length === 0) return "nothing";
    const segment = segments[random.below(segments.length)] as string;
    const bytes = device.read(segment);
    const frames: [kind: number, payload: Uint8Array][] = [];
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < bytes.length; at += 12 + view.getUint32(at, true))
      frames.push([view.getUint32(at + 4, true), bytes.slice(at + 12, at + 12 + view.getUint32(at, true))]);
    const chosen = random.below(frames.length);
    const [kind, payload] = frames[chosen] as [number, Uint8Array];
    const fate = random.below(4);
    if (fate === 0) frames.splice(chosen, 1);
    else if (fate === 1) frames[chosen] = [random.below(5), payload];
    else if (kind === kinds.title) frames[chosen] = [kind, new TextEncoder().encode(changed(new TextDecoder().decode(payload), random))];
    else frames.splice(chosen, 0, frames[random.below(frames.length)] as [number, Uint8Array]);
    let extent = { file: segment, length: 0, crc: 0 };
    const parts = frames.map(([each, content]) => {
      const encoded = encodeFrames(extent, each, [content]);
      extent = encoded.extent;
      return encoded.bytes;
    });
    device.damage(segment, Uint8Array.from(parts.flatMap((part) => [...part])));
    const pattern = new RegExp(`"file":"${segment}","length":\\d+,"crc":\\d+`);
    text = text.replace(pattern, `"file":"${segment}","length":${extent.length},"crc":${extent.crc}`);
    what = `${segment}: ${frames.map(([each, content]) => `${each}(${content.length})`).join()}`;
  }
  const json = new TextEncoder().encode(text);
  const bytes = new Uint8Array(2 * slotBytes);
  for (const at of [0, slotBytes]) {
    const view = new DataView(bytes.buffer, at);
    [0x736c7070, 1, json.length].forEach((word, i) => void view.setUint32(4 * i, word, true));
    bytes.set(json, at + 16);
    view.setUint32(12, crc32c(json, crc32c(bytes.subarray(at, at + 12))), true);
  }
  device.damage(file, bytes);
  return what;
}

const values = [
  "-1",
  "0",
  "1e308",
  "9007199254740993",
  "0.5",
  "null",
  "true",
  '""',
  '"../../x"',
  '"1.99"',
  "[]",
  "{}",
  "[[[]]]",
  '"__proto__"',
  "4294967296",
];

function changed(text: string, random: RandomStream): string {
  const pick = (pattern: RegExp): RegExpMatchArray | undefined => {
    const found = [...text.matchAll(pattern)];
    return found[random.below(Math.max(1, found.length))];
  };
  const value = values[random.below(values.length)] as string;
  const [at, length, replacement] = ((): [number, number, string] => {
    const start = random.below(text.length);
    const found = [pick(/-?\d+/g), pick(/"[^"]*"/g), pick(/\{[^{}]*\}|\[[^[\]]*\]/g)][random.below(4)];
    if (found !== undefined) return [found.index as number, found[0].length, value];
    return [start, random.below(4), random.below(2) === 0 ? "" : String.fromCharCode(random.below(256))];
  })();
  return text.slice(0, at) + replacement + text.slice(at + length);
}
