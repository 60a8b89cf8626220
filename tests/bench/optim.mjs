/** One update by every optimizer, over 1 M and 10 M parameters: time, bytes moved, kernels and slots, beside AdamW by hand and a plain copy. */
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { median, noiseOf } from "./contest.mjs";
import { openDawn } from "./dawn.mjs";
import { openHand } from "./hand.mjs";
import { LEARNING_RATE } from "./numbers.mjs";
import { bytesOf, familiesOf, planUpdate, shelf } from "./shelf.mjs";
import { titles } from "./targets.mjs";
import { gradients } from "./update.mjs";

/** @typedef {import("./contest.mjs").Row} Row */
/** @typedef {import("./shelf.mjs").Source} Source */
/** @typedef {import("palimpsest").Runtime} Runtime */

const MI = 2 ** 20;
/** An update over 1 Mi parameters is timed this often; over 10 Mi, and where turns come to three seconds, less. */
const TURNS = 15;

/** Returns the rows of every optimizer that the backends can run. @returns {Promise<Row[]>} */
export async function run() {
  const source = await bundle();
  const wasm = await source.openRuntime({ backend: "wasm" });
  const rows = [];
  for (const millions of [1, 10]) rows.push(...(await compare(source, wasm, millions, await openHand(millions * MI))));
  wasm.close();
  if (!("gpu" in (globalThis.navigator ?? {}))) await openDawn();
  const webgpu = await source.openRuntime({ backend: "webgpu" });
  // 10 Mi take a minute and more on an adapter that computes on the CPU.
  for (const millions of webgpu.info.adapter?.software ? [1] : [1, 10]) rows.push(...(await compare(source, webgpu, millions)));
  webgpu.close();
  return rows;
}

/** Returns the library with its inner names. @returns {Promise<Source>} */
export async function bundle() {
  const { outputFiles } = await esbuild.build({
    entryPoints: [fileURLToPath(new URL("source.ts", import.meta.url))],
    ...{ bundle: true, format: "esm", platform: "neutral", target: "es2022", external: ["node:*", "webgpu"], write: false },
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0]?.contents ?? []).toString("base64")}`);
}

/** Returns a row for each optimizer, with the loop and the copy between its turns. @param {Source} source @param {Runtime} runtime @param {number} millions @param {Awaited<ReturnType<typeof openHand>>} [hand] */
async function compare(source, runtime, millions, hand) {
  const count = millions * MI;
  const { backend, adapter } = runtime.info;
  const workload = titles.optim(millions, backend === "wasm" ? "Wasm" : `WebGPU (${adapter?.name})`);
  const rowOf = (/** @type {string} */ name, /** @type {number[]} */ turns, /** @type {Partial<Row>} */ more) => {
    const ms = median(turns);
    return /** @type {Row} */ ({
      workload,
      name,
      kind: "palimpsest",
      unit: "ns/parameter",
      value: (1e6 * ms) / count,
      ms,
      noise: noiseOf(turns),
      ...more,
    });
  };
  /** @type {number[]} */
  const updates = [];
  /** @type {number[]} */
  const copies = [];
  const rows = [];
  for (const [name, entry] of Object.entries(shelf)) {
    /** @type {number[]} */
    const beside = [];
    try {
      const { turns, cost } = await measure(source, runtime, entry, count, () => {
        if (hand === undefined) return;
        beside.push(timed(hand.update));
        copies.push(timed(hand.copy));
      });
      const ratio = (median(turns) / median(beside)).toPrecision(3);
      rows.push(rowOf(name, turns, { variant: name, cost: hand ? { ...cost, ratio } : cost }));
    } catch (error) {
      rows.push(/** @type {Row} */ ({ workload, name, kind: "palimpsest", variant: name, unit: "ns/parameter", skipped: `${error}` }));
    }
    updates.push(...beside);
  }
  if (!hand) return rows;
  return [
    ...rows,
    rowOf("AdamW by hand, AssemblyScript", updates, { kind: "beside", cost: { bytes: "28.0", kernels: "", slots: "2" } }),
    rowOf("plain copy", copies, { kind: "beside", cost: { bytes: "8.0", kernels: "", slots: "0" } }),
  ];
}

/** @param {() => void} work */
function timed(work) {
  const began = performance.now();
  work();
  return performance.now() - began;
}

/**
 * Returns the times of an optimizer's updates, and what is known of its plan.
 * @param {Source} source @param {Runtime} runtime @param {import("./shelf.mjs").Entry} entry @param {number} count @param {() => void} between
 */
async function measure(source, runtime, { make, slots: wanted, norms = false }, count, between) {
  const { ProgramIo, fillSlots, scalarReader } = source;
  const optimizer = make(source.optim);
  const { plan, layout, stateBytes, slots } = planUpdate(source, optimizer, count);
  const machine = await runtime.open({ state: stateBytes, rows: 0 }, await runtime.wasm(), plan);
  const state = new Uint8Array(stateBytes);
  new Float32Array(state.buffer, 0, count).set(gradients(count));
  fillSlots(state, layout);
  machine.write("state", 0, state);
  const program = await machine.compile(plan);
  const io = new ProgramIo(plan);
  io.f32("grads").set(gradients(count));
  const rest = 4 * count;
  machine.write(program, 0, io.bytes);
  /** @type {number[]} */
  const turns = [];
  const most = count > MI ? TURNS / 3 : TURNS;
  const scalarsAt = scalarReader(optimizer, layout.tensors);
  for (let turn = 0, spent = 0; turn <= most && spent < 3000; turn++) {
    between();
    io.setScalars(scalarsAt(turn + 1, () => LEARNING_RATE));
    io.setStep(turn);
    if (io.bytes.length > rest) machine.write(program, rest, io.bytes.subarray(rest));
    const began = performance.now();
    await machine.run(program);
    const first = new Float32Array((await machine.read("state", 0, 4)).slice().buffer)[0];
    const ms = performance.now() - began;
    spent += ms;
    if (!Number.isFinite(first)) throw new Error("the parameters are not finite");
    // The first update warms up, unless it is all there is time for.
    if (turn > 0 || ms > 3000) turns.push(ms);
  }
  machine.close();
  const meant = (/** @type {boolean} */ met, /** @type {number} */ figure) => (met ? "" : ` (meant: ${figure})`);
  const families = Object.entries(familiesOf(plan)).map(([family, n]) => `${n} ${family}`);
  const kernels = `${families.join(" + ")}${meant(norms || plan.kernels.length === 1, 1)}`;
  const kept = `${Number(slots.toFixed(3))}${meant(Math.round(slots) === wanted, wanted)}`;
  return { turns, cost: { bytes: (bytesOf(plan) / count).toFixed(1), kernels, slots: kept } };
}
