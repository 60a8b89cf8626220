import type { Config } from "../../src/learner/config.ts";

/** Returns the bytes of a batch of a journal where it is one that the learner can learn, and of any other change, what its JSON says. */
export function slowBatch(record: Uint8Array, config: Config): unknown {
  if (record[0] === 2) return slowChange(Buffer.from(record.slice(1)));
  const view = new DataView(record.slice().buffer);
  if (record[0] !== 1 || record.length < 16) return undefined;
  const [flags, count, task] = [view.getUint8(1), view.getUint32(4, true), view.getFloat64(8, true)];
  const labels = config.loss.targets === "labels";
  const row = config.input.shape.reduce((product, n) => product * n, 1);
  const wide = config.input.dtype === "u8" ? 1 : 4;
  let at = 16;
  const column = (length: number, size: number): number[] => {
    const get = { 1: "getUint8", 4: "getFloat32", 8: "getFloat64" }[size] as "getFloat32";
    const values = Array.from({ length: Math.min(length, record.length) }, (_, i) => view[get](at + size * i, true));
    at += length * size;
    return values;
  };
  const perRow = (flags & 1 ? 8 : 0) + 4 * config.targets + (flags & 2 ? 4 : 0) + row * wide;
  if (record.length !== 16 + count * perRow || count === 0 || flags > 3 || view.getUint16(2) !== 0) return undefined;
  const ids = column(flags & 1 ? count : 0, 8);
  const first = at;
  const targets = column(count * config.targets, 4).map((value, i) => (labels ? view.getUint32(first + 4 * i, true) : value));
  const weights = column(flags & 2 ? count : 0, 4);
  const x = column(count * row, wide);
  const sound =
    isWhole(task, 2 ** 32) &&
    ids.every((id) => isWhole(id, 2 ** 53)) &&
    targets.every((target) => (labels ? target < config.classes : Number.isFinite(target))) &&
    weights.every((weight) => Number.isFinite(weight) && weight >= 0) &&
    (weights.length === 0 || weights.some((weight) => weight > 0)) &&
    x.every((value) => Number.isFinite(value));
  return sound ? [...record] : undefined;
}

function slowChange(bytes: Buffer): unknown {
  const text = bytes.toString("utf8");
  if (!Buffer.from(text, "utf8").equals(bytes)) return undefined;
  let change: Record<string, unknown>;
  try {
    change = JSON.parse(text);
  } catch {
    return undefined;
  }
  const named = typeof change?.name === "string";
  const sound = {
    mark: named,
    set: named && ["number", "undefined"].includes(typeof change?.value),
    control: true,
    consolidate: true,
    resetCarry: Array.isArray(change?.rows),
  };
  return Object.hasOwn(sound, String(change?.kind)) && sound[change.kind as "mark"] ? change : undefined;
}

function isWhole(value: number, end: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < end;
}
