/** Streams give the same bits in every engine. */
import { streams } from "palimpsest";
import { describe, expect, it } from "vitest";

const train = streams.glyphs({ count: 240, classes: 4, size: 12, seed: 7 });
const test = streams.glyphs({ count: 40, classes: 4, size: 12, seed: 7, name: "test" });
const scenario = streams.splitClasses({ train, test }, { tasks: 4 });

/** FNV-1a of the bytes of what some batches hold. */
async function digest(batches: Iterable<streams.Batch> | AsyncIterable<streams.Batch>): Promise<string> {
  let hash = 0x811c9dc5;
  for await (const { x, y } of batches) {
    for (const values of [x, Float64Array.from(y)]) {
      for (const byte of new Uint8Array(values.buffer, values.byteOffset, values.byteLength)) hash = Math.imul(hash ^ byte, 0x01000193);
    }
  }
  return (hash >>> 0).toString(16);
}
const rows = (set: streams.Dataset) => streams.batches(set, { batchSize: 16, shuffle: false });
const floats = streams.arrays(
  Float32Array.from(train.x, (byte) => byte / 255),
  train.y,
  { shape: [12, 12] },
);
const corrupted = (set: streams.Dataset, kind: streams.Corruption) => rows(streams.corrupted(set, { kind, severity: 0.37, seed: 3 }));

describe("streams have these very bits", () => {
  it.each([
    ["online", () => streams.online(scenario, { batchSize: 10, passes: 2, seed: 1 }), "6ebfa4e9"],
    ["blurry, linear", () => streams.blurry(scenario, { batchSize: 10, width: 33, seed: 1 }), "871a55c3"],
    ["blurry, sigmoid", () => streams.blurry(scenario, { batchSize: 10, width: 33, blend: "sigmoid", seed: 1 }), "d754f82f"],
    [
      "recurring",
      () => streams.online(streams.recurring({ train, test }, { tasks: 9, skew: 2.5, seed: 1 }), { batchSize: 10 }),
      "cab4b1c6",
    ],
    [
      "environments",
      () => {
        const lengths = { exponent: 1.3, min: 2, max: 40 };
        return streams.online(streams.environments(scenario, { visits: 50, exponent: 0.7, lengths, seed: 1 }), { batchSize: 10 });
      },
      "575231ff",
    ],
    ["long-tailed", () => rows(streams.longTailed(train, { ratio: 0.13, seed: 1 })), "603e860f"],
    ["noisy labels", () => rows(streams.noisyLabels(train, { rate: 0.4, seed: 1 })), "ab98675e"],
    ["slowly changing", () => streams.slowlyChanging({ rows: 500, every: 50, batchSize: 10, seed: 1 }), "ec71f59c"],
    ["slowly flipping", () => streams.slowlyChanging({ rows: 500, every: 5, batchSize: 10, change: "flip", seed: 1 }), "aa06a43c"],
    ["noise", () => corrupted(train, "noise"), "da1c78a4"],
    ["noise on floats", () => corrupted(floats, "noise"), "fb411c21"],
    ["blur", () => corrupted(train, "blur"), "f098fe25"],
    ["blur of floats", () => corrupted(floats, "blur"), "1c5efedb"],
    ["contrast", () => corrupted(floats, "contrast"), "94738fe8"],
    ["brightness", () => corrupted(floats, "brightness"), "d0f77a09"],
    ["occlusion", () => corrupted(floats, "occlusion"), "1debee79"],
    ["pixelate", () => corrupted(floats, "pixelate"), "1d86c663"],
    [
      "drift",
      () => {
        const severity = streams.course({ kind: "wave", start: 20, length: 77, peak: 0.6 });
        return streams.drifting(rows(floats), { shape: [12, 12], kind: "noise", severity, seed: 5 });
      },
      "bfa93215",
    ],
  ])("%s", async (_, make, expected) => {
    expect(await digest(make())).toBe(expected);
  });
});
