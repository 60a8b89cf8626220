import { describe, expect, it } from "vitest";
import { factLog } from "../../src/metrics/log.ts";
import { eventFile, tensorboardEvents } from "../../src/metrics/tensorboard.ts";
import { workedLog } from "./metricslog.ts";

type Field = number | bigint | Uint8Array;

/** CRC-32C by its definition, one bit at a time, masked as TFRecord has it. */
function masked(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  const value = BigInt(~crc >>> 0);
  return Number((((value >> 15n) | (value << 17n)) + 0xa282ead8n) & 0xffffffffn);
}

/** Returns the records of a file, each of whose two checksums is right. */
function records(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const found: Uint8Array[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    expect(view.getUint32(at + 8, true)).toBe(masked(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(data.length).toBe(length);
    expect(view.getUint32(at + 12 + length, true)).toBe(masked(data));
    found.push(data);
    at += 16 + length;
  }
  return found;
}

/** Returns the fields of a protocol buffer, in order. */
function fields(bytes: Uint8Array): [field: number, value: Field][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: [number, Field][] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] as number;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const wire = key & 7;
    if (wire === 0) found.push([key >> 3, varint()]);
    else {
      expect([1, 2, 5]).toContain(wire);
      const length = wire === 1 ? 8 : wire === 5 ? 4 : Number(varint());
      found.push([
        key >> 3,
        wire === 1 ? view.getFloat64(at, true) : wire === 5 ? view.getFloat32(at, true) : bytes.subarray(at, at + length),
      ]);
      at += length;
    }
  }
  return found;
}

const text = (bytes: Field): string => new TextDecoder().decode(bytes as Uint8Array);

/** Returns what TensorBoard would show. */
function shown(file: Uint8Array): { time: number; step: number; values: Record<string, number> }[] {
  const [version, ...events] = records(file).map(fields);
  expect(version?.[1]?.[0]).toBe(3);
  expect(text(version?.[1]?.[1] as Field)).toBe("brain.Event:2");
  return events.map((event) => {
    const [time, step, summary] = [1, 2, 5].map((wanted) => event.find(([field]) => field === wanted)?.[1] as Field);
    const values = fields(summary as Uint8Array).map(([field, value]) => {
      expect(field).toBe(1);
      const [[tagField, tag], [valueField, simple]] = fields(value as Uint8Array) as [[number, Field], [number, Field]];
      expect([tagField, valueField]).toEqual([1, 2]);
      return [text(tag), simple as number] as const;
    });
    return { time: time as number, step: Number(step), values: Object.fromEntries(values) };
  });
}

describe("event files", () => {
  it("begin with the very bytes that TensorFlow writes", () => {
    // A file begun at time 0: 24 bytes of `Event { wall_time: 0, file_version: "brain.Event:2" }`.
    const file = eventFile([], 0);
    expect([...file.subarray(0, 8)]).toEqual([24, 0, 0, 0, 0, 0, 0, 0]);
    // The checksum of the length, as every TensorBoard file has it: a3 7f 4b 22.
    expect([...file.subarray(8, 12)]).toEqual([0xa3, 0x7f, 0x4b, 0x22]);
    expect([...file.subarray(12, 21)]).toEqual([9, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(new TextDecoder().decode(file.subarray(21, 36))).toBe("\u001a\u000dbrain.Event:2");
    expect(file.length).toBe(12 + 24 + 4);
  });

  it("hold scalars of large steps, tags in any script, and only what is finite", () => {
    const file = eventFile([{ step: 2 ** 40 + 5, time: 1.5e9, values: { "Verlust/größer": 0.25, none: Number.NaN, far: 1e30 } }], 1);
    expect(shown(file)).toEqual([{ step: 2 ** 40 + 5, time: 1.5e9, values: { "Verlust/größer": 0.25, far: Math.fround(1e30) } }]);
  });

  it("tell a log", () => {
    const events = shown(tensorboardEvents(workedLog(), { time: 1000 }));
    expect(events).toHaveLength(13 + 12);
    expect(events[0]).toMatchObject({ step: 0, time: 1000, values: { "accuracy/0 a": Math.fround(0.1), "loss/0 a": 0.5 } });
    const last = events.filter(({ step }) => step === 12);
    expect(last[0]?.time).toBeCloseTo(1000.024, 9);
    expect(last[0]?.values).toEqual({
      ...{ "train/loss": Math.fround(1 / 12), "train/learningRate": Math.fround(0.1) },
      ...{ "train/terms/task": Math.fround(1 / 12), "train/terms/replay": 0.5 },
    });
    expect(last[1]?.values["accuracy/2 c"]).toBe(1);
    const log = factLog();
    log.append({ kind: "memory", step: 1, classes: { cat: 3 }, tasks: { "0": 3 } });
    log.append({ kind: "step", step: 1, task: 0, loss: null, rate: 0.5 });
    const layer = { layer: "1", rows: 2, units: 4, dead: 1, dormant: 2, tau: 0.01, effectiveRank: 2, approximateRank: 2 };
    log.append({ kind: "plasticity", step: 2, layers: [{ ...layer, absoluteRank: null, stableRank: 1.5 }] });
    expect(shown(tensorboardEvents(log)).map(({ values }) => values)).toEqual([
      { "memory/class/cat": 3, "memory/task/0": 3 },
      { "train/learningRate": 0.5 },
      {
        ...{ "plasticity/1/dead": 0.25, "plasticity/1/dormant": 0.5, "plasticity/1/effectiveRank": 2 },
        ...{ "plasticity/1/approximateRank": 2, "plasticity/1/stableRank": 1.5 },
      },
    ]);
  });
});
