import { ProgramIo } from "../backend/io.ts";
import type { Machine } from "../backend/machine.ts";
import type { Runtime } from "../backend/runtime.ts";
import { joined } from "../bytes.ts";
import { type ScalarReader, scalarReader } from "../optim/parts.ts";
import type { ArenaName } from "../program/plan.ts";
import { sizeOf } from "../program/shape.ts";
import type { Signal } from "../strategy/host.ts";
import type { HostContext } from "../strategy/strategy.ts";
import type { Wasm } from "../wasm/instance.ts";
import type { CheckedBatch } from "./batch.ts";
import { bytesOf, normalise, rowBytesOf } from "./bytes.ts";
import type { Config } from "./config.ts";
import type { SkippedStep } from "./events.ts";
import { freshState } from "./fresh.ts";
import type { Hooked } from "./hooked.ts";
import type { PlacedGroup, StrategyCost } from "./hookplan.ts";
import type { Inference, Program } from "./inference.ts";
import { layOutState } from "./layout.ts";
import { placeGroups, stepPlan } from "./programs.ts";
import type { StateLayout } from "./ranges.ts";
import { Rates } from "./rates.ts";
import type { Outputs, PlacedDraw, Remembered } from "./remember.ts";
import { metricsOf } from "./settings.ts";
import type { Counters, SavedState, StateBytes } from "./state.ts";

/** What a step reports: the loss, and its parts where there are several. */
export interface StepOutputs {
  readonly loss: number;
  readonly learningRate: number;
  readonly terms: Readonly<Record<string, number>>;
  /** Settings that were changed, and what the optimizer tells. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Why nothing was changed, where nothing was. */
  readonly skipped?: SkippedStep;
  /** What detectors of strategies told. */
  readonly signals?: readonly Signal[];
}

/** What a learner takes, known before its first step. */
export interface LearnerPlan {
  readonly backend: "wasm" | "webgpu";
  /** Numbers that are trained. */
  readonly parameters: number;
  /** Rows that a step computes: those that arrive and those that are drawn. */
  readonly rows: number;
  /** Kernels of a step; dispatches on WebGPU. */
  readonly kernels: number;
  /**
   * Bytes of each arena, which never grow: `state` (parameters, optimizer, layer states), `rows` (memory and one batch), `io` and `work` (what a
   * step reads, answers and computes on its way).
   */
  readonly bytes: Readonly<Record<ArenaName, number>>;
  /** Bytes beside the arenas that keep rows of a file; 0 where all rows lie in `rows`. */
  readonly resident: number;
  /** What strategies with hooks beyond drawing and storing rows add, theirs and of those they use. */
  readonly strategies: readonly StrategyCost[];
}

/** The machinery of one learner: its arenas, programs, replay index and schedule. It trusts its arguments. */
export class Engine {
  readonly config: Config;
  readonly counters: Counters;
  /** Numbers changed while training. */
  readonly settings: Record<string, number>;
  readonly memory: Remembered | undefined;
  readonly rates: Rates;
  /** Strategies at work; undefined where they do no more than draw and store rows. */
  hooked: Hooked | undefined;
  readonly #runtime: Runtime;
  readonly #wasm: Wasm;
  #machine: Machine | undefined;
  #layout: StateLayout | undefined;
  #scalars: ScalarReader | undefined;
  #groups: readonly PlacedGroup[] = [];
  #step: Program | undefined;
  /** Keeps rows after a step that measured them. */
  #keep: Program | undefined;
  /** What answers for rows, beside the steps, once it was asked. */
  inference: Inference | undefined;

  private constructor(
    runtime: Runtime,
    config: Config,
    wasm: Wasm,
    memory: Remembered | undefined,
    counters: Counters,
    saved: SavedState | undefined,
  ) {
    this.#runtime = runtime;
    this.config = config;
    this.counters = counters;
    this.settings = { ...saved?.settings };
    this.#wasm = wasm;
    this.memory = memory;
    this.rates = new Rates(wasm, config.schedule, saved?.rates);
  }

  /** Returns an engine, ready where the batch size is known. */
  static async open(runtime: Runtime, config: Config, saved?: SavedState): Promise<Engine> {
    const counters = { ...(saved?.counters ?? { step: 0, samples: 0, boundaries: 0, batchSize: config.batchSize ?? 0 }) };
    const wasm = await runtime.wasm();
    const memory = config.memory?.open(wasm, config.seed, saved);
    let engine: Engine | undefined;
    try {
      const initial = saved?.state ?? { state: freshState(config), rows: new Map() };
      engine = new Engine(runtime, config, wasm, memory, counters, saved);
      if (config.hooks !== undefined) engine.hooked = new (await import("./hooked.ts")).Hooked(engine, saved?.hooks);
      await engine.#build(Math.max(1, counters.batchSize), initial);
      return engine;
    } catch (error) {
      memory?.close();
      engine?.rates.close();
      throw error;
    }
  }

  /** Makes the arenas and the step program for batches of up to `staging` rows, with a state; where that fails, all stays as it was. */
  async #build(staging: number, initial: StateBytes): Promise<void> {
    const layout = layOutState(this.config, staging);
    const plan = stepPlan(this.config, layout);
    const machine = await this.#runtime.open({ state: layout.stateBytes, rows: layout.rowsBytes }, this.#wasm, plan);
    try {
      machine.write("state", 0, initial.state);
      const put = (byteOffset: number, bytes: Uint8Array | undefined): void => {
        if (bytes !== undefined && bytes.length > 0) machine.write("rows", byteOffset, bytes);
      };
      for (const { name, byteOffset, rowBytes } of layout.columns) {
        let from = 0;
        for (const [first, rows] of this.#storedRanges()) {
          put(byteOffset + first * rowBytes, initial.rows.get(name)?.subarray(from, from + rows * rowBytes));
          from += rows * rowBytes;
        }
      }
      for (const { name, placement, byteLength } of layout.carried.values())
        put(placement.byteOffset, initial.rows.get(name)?.subarray(0, byteLength));
      const step = await this.load(plan, machine);
      const { memory } = this.config;
      const keep = memory?.measured ? await this.load(memory.keepPlan(layout), machine) : undefined;
      await this.inference?.settled();
      this.#machine?.close();
      this.#machine = machine;
      this.#layout = layout;
      this.#scalars = scalarReader(this.config.optimizer, layout.tensors);
      this.#groups = placeGroups(this.config, staging).groups;
      this.inference?.reset();
      this.hooked?.reset();
      [this.#step, this.#keep] = [step, keep];
    } catch (error) {
      machine.close();
      throw error;
    }
  }

  /** Returns a program of this engine, ready to run. */
  async load(plan: Parameters<Machine["compile"]>[0], machine: Machine = this.machine): Promise<Program> {
    return { executable: await machine.compile(plan), io: new ProgramIo(plan, this.config.seed) };
  }

  get machine(): Machine {
    return this.#machine as Machine;
  }

  get layout(): StateLayout {
    return this.#layout as StateLayout;
  }

  /** What the learner takes. */
  plan(): LearnerPlan {
    const { layout, machine } = this;
    const { plan } = (this.#step as Program).executable;
    const { rows } = placeGroups(this.config, layout.staging);
    const bytes = { ...plan.bytes, state: layout.stateBytes, rows: layout.rowsBytes };
    const kernels = plan.kernels.length + (this.#keep?.executable.plan.kernels.length ?? 0);
    const resident = this.memory?.pages?.bytes ?? 0;
    const strategies = this.config.hooks?.costs(layout) ?? [];
    return { backend: machine.backend, parameters: sizeOf(layout.flat.shape), rows, kernels, bytes, resident, strategies };
  }

  /** The learning rate of the next step. */
  get learningRate(): number {
    return this.settings.learningRate ?? this.rates.at(this.counters.step);
  }

  /** What programs read of the optimizer and of strategies: at the next step, or for answers before it. */
  scalars(behind: 0 | 1 = 0): Record<string, number> {
    const { step } = this.counters;
    const rateOf = (group?: string): number => this.settings.learningRate ?? this.rates.at(step, group);
    const scalars = (this.#scalars as ScalarReader)(step + 1, rateOf, this.settings, behind);
    return this.hooked === undefined ? scalars : { ...scalars, ...this.hooked.scalars() };
  }

  /** Makes room for batches of up to `rows`; the state stays. */
  async #resize(rows: number): Promise<void> {
    await this.#build(Math.max(1, rows), await this.stateBytes());
    this.counters.batchSize = rows;
  }

  /** Runs one step on a sound batch. One whose numbers are not finite changes nothing. */
  async step(batch: CheckedBatch): Promise<StepOutputs> {
    const { batchSize } = this.counters;
    if (batch.count > batchSize) await this.#resize(batch.count);
    const { executable, io } = this.#step as Program;
    const { step } = this.counters;
    const { learningRate } = this;
    io.setScalars(this.scalars());
    io.setStep(step);
    const context = { step, memory: this.memory?.replay, labels: batch.labels };
    const pages = this.memory?.pages;
    const undo = async (): Promise<void> => {
      await this.hooked?.undo();
      context.memory?.rollBack();
      if (batchSize < this.counters.batchSize) await this.#resize(batchSize);
    };
    let drawn: PlacedDraw[];
    let outputs: Outputs;
    let kept: ArrayLike<number> | undefined;
    try {
      // Once the step is done, nothing may fail for want of memory.
      if (this.#keep !== undefined) this.memory?.prepare(batch, io.u32("slots").length);
      context.memory?.mark();
      this.#stage(batch);
      this.hooked?.begin(batch);
      drawn = await this.#chooseRows(io, batch, context);
      await pages?.stage(this, io.u32("slots"), drawn);
      if (this.#keep === undefined) kept = this.#place(io, batch, context);
      pages?.readAhead(this);
      this.machine.write(executable, 0, io.bytes);
      outputs = io.outputs(await this.machine.run(executable));
    } catch (error) {
      await undo().catch(() => {});
      throw error;
    }
    const numberOf = (name: string): number => outputs[name]?.[0] ?? 0;
    const terms: Record<string, number> = {};
    for (const name of Object.keys(outputs)) if (name.startsWith("loss/")) terms[name.slice("loss/".length)] = numberOf(name);
    const result = { loss: numberOf("loss"), learningRate, terms, metrics: metricsOf(this.settings, outputs) };
    if (numberOf("broken") !== 0) {
      const { explain } = await import("./skipped.ts");
      const skipped = await explain(this, batch, result.loss, numberOf("broken/state") !== 0);
      await undo();
      return { ...result, skipped };
    }
    this.counters.step += 1;
    this.memory?.learn(drawn, outputs, this.counters.step);
    if (this.#keep !== undefined) {
      kept = this.#place(this.#keep.io, batch, context, outputs);
      this.machine.write(this.#keep.executable, 0, this.#keep.io.bytes);
      await this.machine.run(this.#keep.executable);
    }
    if (kept !== undefined) await pages?.keep(batch, kept);
    this.counters.samples += batch.count;
    const signals = await this.hooked?.done(batch, outputs);
    return signals === undefined || signals.length === 0 ? result : { ...result, signals };
  }

  /** Writes which rows the step reads, with what weight; returns those that were drawn. */
  async #chooseRows(io: ProgramIo, batch: CheckedBatch, context: HostContext): Promise<PlacedDraw[]> {
    const { capacity } = this.layout;
    // A place without a row reads one that there is: the first that arrived.
    const slots = io.u32("slots").fill(capacity);
    const weight = io.f32("weight").fill(0);
    for (let i = 0; i < batch.count; i++) {
      slots[i] = capacity + i;
      weight[i] = batch.weight === undefined ? 1 : (batch.weight[i] as number);
    }
    const placed: PlacedDraw[] = [];
    for (const strategy of this.config.strategies) {
      const { draw } = strategy;
      if (draw === undefined) continue;
      const drawn = await draw.select(this.hooked?.contextOf(strategy, context) ?? context);
      for (const { name, size } of draw.groups) {
        const rows = drawn[name];
        if (rows === undefined) continue;
        const first = this.#groups.find((group) => group.name === name)?.first as number;
        const count = Math.min(size, rows.slots.length);
        for (let i = 0; i < count; i++) {
          slots[first + i] = rows.slots[i] as number;
          weight[first + i] = rows.weights?.[i] ?? 1;
        }
        placed.push({ ...rows, first, count });
      }
    }
    if (this.hooked === undefined) normalise(weight);
    else this.hooked.fill(io, this.#groups, placed, batch);
    return placed;
  }

  /** Writes which rows are kept, and returns where. */
  #place(io: ProgramIo, batch: CheckedBatch, context: HostContext, measured?: Outputs): ArrayLike<number> | undefined {
    if (this.memory === undefined) return;
    const storing = this.config.strategies.find((strategy) => strategy.store !== undefined);
    const slots = storing?.store?.(context) ?? this.memory.offer(batch, this.counters.samples, measured);
    this.memory.place(io, batch.count, slots);
    return slots;
  }

  /** Puts the batch behind the stored rows, where the step finds it. */
  #stage(batch: CheckedBatch): void {
    const { x, y, capacity } = this.layout;
    this.machine.write("rows", x.byteOffset + capacity * x.rowBytes, rowBytesOf(batch.x, x));
    this.machine.write("rows", y.byteOffset + capacity * y.rowBytes, bytesOf(batch.targets));
  }

  /** Lets rows of the stream begin afresh. */
  resetCarry(rows: Iterable<number>): void {
    const ranges = [...this.layout.carried.values()].map(({ placement, byteLength }) => ({
      first: placement.byteOffset,
      zeros: new Uint8Array(byteLength / this.layout.staging),
    }));
    for (const row of rows) for (const { first, zeros } of ranges) this.machine.write("rows", first + row * zeros.length, zeros);
  }

  /** Returns a copy of the arenas: `state` whole, of each column the stored rows, and what the rows of the stream carry. */
  async stateBytes(): Promise<StateBytes> {
    const { stateBytes, columns } = this.layout;
    const state = await this.machine.read("state", 0, stateBytes);
    const rows = new Map<string, Uint8Array>();
    for (const { name, byteOffset, rowBytes } of columns) {
      const parts = [];
      for (const [first, count] of this.#storedRanges())
        if (count > 0) parts.push(await this.machine.read("rows", byteOffset + first * rowBytes, count * rowBytes));
      rows.set(name, joined(parts));
    }
    for (const { name, placement, byteLength } of this.layout.carried.values())
      rows.set(name, await this.machine.read("rows", placement.byteOffset, byteLength));
    return { state, rows };
  }

  /** First slot and number of the stored rows of each store that lie in the arena. */
  #storedRanges(): (readonly [number, number])[] {
    const stores = (this.memory?.replay.stores ?? []).slice(0, this.config.memory?.inArena.length);
    return stores.map(({ first, slots }) => [first, slots.stored] as const);
  }

  close(): void {
    this.machine.close();
    this.memory?.close();
    this.rates.close();
  }
}
