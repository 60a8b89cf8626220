/**
 * Event files as TensorBoard reads them: TFRecord frames around `Event` messages (tensorflow/core/util/event.proto, summary.proto), of which
 * only version and scalars are written.
 */
import { joined } from "../bytes.ts";
import { crc32c } from "../crc.ts";
import { checkKeys, checkNumber } from "../errors.ts";
import type { Fact } from "./facts.ts";
import type { FactLog } from "./log.ts";
import { timelineOf } from "./timeline.ts";

/** Scalars of one step. */
export interface Scalars {
  readonly step: number;
  /** In seconds since 1970. */
  readonly time: number;
  /** By tag. What is not finite is left out. */
  readonly values: Readonly<Record<string, number>>;
}

/** Options of {@link tensorboardEvents}. */
export interface TensorboardOptions {
  /** When the run began, in seconds since 1970. Default 0. */
  readonly time?: number;
}

/**
 * Returns a log as the bytes of an event file, to be named `events.out.tfevents.…`: losses, rates, accuracies, plasticity, memory. Time goes on
 * with each step that was timed.
 * @throws E_CONFIG
 */
export function tensorboardEvents(log: FactLog, options: TensorboardOptions = {}): Uint8Array {
  checkKeys("metrics.tensorboardEvents", options, ["time"]);
  let time = checkNumber("metrics.tensorboardEvents", "time", options.time ?? 0, { min: 0 });
  const start = time;
  const { tasks } = timelineOf(log);
  const header = log.of("run")[0]?.stream.tasks;
  const events: Scalars[] = [];
  for (const fact of log) {
    if (fact.kind === "step") time += (fact.ms ?? 0) / 1000;
    const values = scalarsOf(fact, header ?? tasks);
    if ("step" in fact && Object.keys(values).length > 0) events.push({ step: fact.step, time, values });
  }
  return eventFile(events, start);
}

/** Returns scalars as the bytes of an event file. @param time when it was begun, in seconds since 1970 */
export function eventFile(events: readonly Scalars[], time: number): Uint8Array {
  const version = joined([double(1, time), text(3, "brain.Event:2")]);
  return joined([version, ...events.map(messageOf)].map(frame));
}

function messageOf({ step, time, values }: Scalars): Uint8Array {
  const summary = Object.entries(values)
    .filter(([, value]) => Number.isFinite(value))
    .map(([tag, value]) => bytes(1, joined([text(1, tag), float(2, value)])));
  return joined([double(1, time), key(2, 0), varint(step), bytes(5, joined(summary))]);
}

/** Returns what a fact says in scalars, by tag. */
function scalarsOf(fact: Fact, tasks: readonly string[]): Record<string, number> {
  const values: Record<string, number> = {};
  const put = (tag: string, value: number | null | undefined): void => {
    if (typeof value === "number") values[tag] = value;
  };
  if (fact.kind === "step") {
    put("train/loss", fact.loss);
    put("train/learningRate", fact.rate);
    for (const [tag, value] of Object.entries(fact.terms ?? {})) put(`train/terms/${tag}`, value);
  } else if (fact.kind === "evaluation") {
    for (const { task, rows, correct, loss } of fact.tasks) {
      const name = `${task} ${tasks[task] ?? ""}`.trim();
      put(`${fact.probe === true ? "probe" : "accuracy"}/${name}`, correct / rows);
      put(`${fact.probe === true ? "probeLoss" : "loss"}/${name}`, loss);
    }
  } else if (fact.kind === "plasticity") {
    for (const { layer, units, dead, dormant, ...layers } of fact.layers) {
      put(`plasticity/${layer}/dead`, dead / units);
      put(`plasticity/${layer}/dormant`, dormant / units);
      for (const name of ["effectiveRank", "approximateRank", "absoluteRank", "stableRank", "weightMagnitude"] as const) {
        put(`plasticity/${layer}/${name}`, layers[name]);
      }
    }
  } else if (fact.kind === "memory") {
    for (const [name, rows] of Object.entries(fact.classes ?? {})) put(`memory/class/${name}`, rows);
    for (const [name, rows] of Object.entries(fact.tasks ?? {})) put(`memory/task/${name}`, rows);
  }
  return values;
}

/** Returns a TFRecord: length u64, its checksum, the bytes, theirs. */
function frame(data: Uint8Array): Uint8Array {
  const head = new DataView(new ArrayBuffer(12));
  head.setUint32(0, data.length, true);
  head.setUint32(8, masked(new Uint8Array(head.buffer, 0, 8)), true);
  const tail = new DataView(new ArrayBuffer(4));
  tail.setUint32(0, masked(data), true);
  return joined([new Uint8Array(head.buffer), data, new Uint8Array(tail.buffer)]);
}

/** Returns the checksum as records hold it: a checksum of bytes that hold checksums would be of little use unmasked. */
function masked(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function key(field: number, wire: 0 | 1 | 2 | 5): Uint8Array {
  return Uint8Array.of((field << 3) | wire);
}

function varint(value: number): Uint8Array {
  const digits: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) digits.push((rest % 128) | 128);
  return Uint8Array.from([...digits, rest]);
}

function double(field: number, value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value, true);
  return joined([key(field, 1), new Uint8Array(view.buffer)]);
}

function float(field: number, value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value, true);
  return joined([key(field, 5), new Uint8Array(view.buffer)]);
}

function bytes(field: number, data: Uint8Array): Uint8Array {
  return joined([key(field, 2), varint(data.length), data]);
}

function text(field: number, value: string): Uint8Array {
  return bytes(field, new TextEncoder().encode(value));
}
