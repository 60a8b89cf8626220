/** The hooks of strategies at work in one engine: what they gather on the host, their programs, events and phases. */
import type { ProgramIo } from "../backend/io.ts";
import type { Executable, Machine } from "../backend/machine.ts";
import { fail } from "../errors.ts";
import type { Plan } from "../program/plan.ts";
import { sizeOf } from "../program/shape.ts";
import { RandomStream } from "../random.ts";
import type { HostServices, Numbers, RowFact, Seen, Signal } from "../strategy/host.ts";
import type { Cursor, Drawn, HostContext, ProgramInputs, ProgramOutputs, Strategy, Trigger } from "../strategy/strategy.ts";
import type { Linear } from "../wasm/linear.ts";
import { freshVector } from "./anew.ts";
import type { CheckedBatch } from "./batch.ts";
import { normalise } from "./bytes.ts";
import type { Config } from "./config.ts";
import type { HookPlan, PlacedGroup } from "./hookplan.ts";
import { placeRows } from "./programs.ts";
import type { StateLayout } from "./ranges.ts";
import type { Rates } from "./rates.ts";
import type { Outputs, PlacedDraw, Remembered } from "./remember.ts";
import type { Counters, Pending, SavedHooks } from "./state.ts";
import { editPlan, editsOn, factsOf, holdPlan, programPlan } from "./tracing.ts";

/** An engine, as far as it is asked. */
interface Host {
  readonly config: Config;
  readonly counters: Counters;
  readonly settings: Readonly<Record<string, number>>;
  readonly memory: Remembered | undefined;
  readonly rates: Rates;
  readonly layout: StateLayout;
  readonly machine: Machine;
  load(plan: Plan): Promise<Loaded>;
}

interface Loaded {
  readonly executable: Executable;
  readonly io: ProgramIo;
}

/** What strategies gather, run and are at, for one engine. */
export class Hooked {
  readonly #host: Host;
  readonly #numbers = new Map<string, Numbers>();
  /** Numbers of strategies that may change, and what they begin with. */
  readonly #hyper: readonly (readonly [name: string, initial: number])[];
  /** What folds read of rows. */
  readonly #reads: ReadonlySet<RowFact>;
  /** Groups of whose rows strategies decide the loss. */
  readonly #owned: ReadonlySet<string>;
  readonly #pending: Pending[];
  readonly #programs = new Map<string, Promise<Loaded>>();
  /** The batch of the step under way. */
  #batch: CheckedBatch | undefined;
  /** Whether programs moved the parameters since that step began. */
  #moved = false;

  /** @throws E_MISMATCH where what was saved is of other strategies */
  constructor(host: Host, saved: SavedHooks = { numbers: new Map(), pending: [] }) {
    this.#host = host;
    for (const { name, fold } of host.config.strategies)
      if (fold !== undefined) this.#numbers.set(name, numbersOf(name, fold.numbers(this.#facts), this.#facts.classes, saved));
    this.#hyper = host.config.strategies.flatMap(({ name, hyper = {} }) =>
      Object.entries(hyper).map(([key, value]) => [`${name}.${key}`, value] as const),
    );
    this.#reads = factsOf(host.config);
    this.#owned = new Set(host.config.strategies.flatMap(({ owns = [] }) => owns));
    this.#pending = [...saved.pending];
    for (const { strategy, phase } of this.#pending) this.#phaseOf(strategy, phase);
  }

  get #facts(): HookPlan<Config>["facts"] {
    return (this.#host.config.hooks as HookPlan<Config>).facts;
  }

  /** Whether there is work that began and is not at its end. */
  get busy(): boolean {
    return this.#pending.length > 0;
  }

  /** What strategies gathered on the host, by "strategy/name", and what they are at. */
  save(): SavedHooks {
    const all = [...this.#numbers].flatMap(([strategy, numbers]) =>
      Object.entries(numbers).map(([name, values]) => [`${strategy}/${name}`, values] as const),
    );
    return { numbers: new Map(all), pending: [...this.#pending] };
  }

  /** What strategies gathered on the host. */
  numbersOf(strategy: string): Numbers {
    return this.#numbers.get(strategy) ?? {};
  }

  /** Forgets programs, whose rows or ranges are elsewhere now. */
  reset(): void {
    this.#programs.clear();
  }

  /** What programs read of strategies' numbers that may change. */
  scalars(): Record<string, number> {
    const { settings } = this.#host;
    const values: Record<string, number> = {};
    for (const [name, initial] of this.#hyper) values[name] = settings[name] ?? initial;
    return values;
  }

  services(strategy: Strategy): HostServices {
    const { config, counters } = this.#host;
    return {
      facts: this.#facts,
      linear: (config.hooks as HookPlan<Config>).linear as Linear,
      random: (stream) => new RandomStream(config.seed, `strategy/${strategy.name}/${stream}/${counters.step}`),
    };
  }

  /** Begins a step: its rows are where programs find them. */
  begin(batch: CheckedBatch): void {
    this.#batch = batch;
  }

  /** Takes back what programs did to the parameters for a step that changes nothing. */
  async undo(): Promise<void> {
    this.#batch = undefined;
    if (this.#moved) await this.#hold(false);
  }

  async #hold(moved: boolean): Promise<void> {
    const { layout } = this.#host;
    await this.#execute(
      moved ? "hold" : "release",
      () => holdPlan(layout, moved),
      () => {},
    );
    this.#moved = moved;
  }

  /** Returns what drawing and storing rows may use. */
  contextOf(strategy: Strategy, plain: HostContext): HostContext {
    const run: HostContext["run"] = (program, given) => this.#run(strategy, program, given);
    const task = this.#batch?.task ?? 0;
    return { ...plain, task, host: { ...this.services(strategy), numbers: this.numbersOf(strategy.name) }, run };
  }

  /** Brings the weights of each block of rows to a sum of 1: those no strategy owns, and each group that one does. */
  fill(io: ProgramIo, groups: readonly PlacedGroup[], drawn: readonly PlacedDraw[], batch: CheckedBatch): void {
    const weight = io.f32("weight");
    const owned = this.#owned;
    const joint = groups.filter(({ name }) => !owned.has(name));
    const blockOf = (block: readonly PlacedGroup[]): void => {
      const own = new Float32Array(weight.length);
      for (const { first, size } of block) own.set(weight.subarray(first, first + size), first);
      if (!own.some((value) => value > 0)) return;
      normalise(own);
      for (const { first, size } of block) weight.set(own.subarray(first, first + size), first);
    };
    blockOf(joint);
    for (const group of groups) if (owned.has(group.name)) blockOf([group]);
    if (io.has("tasks")) this.#fillTasks(io, batch, drawn);
  }

  #fillTasks(io: ProgramIo, batch: CheckedBatch | undefined, drawn: readonly (Drawn & { first: number; count: number })[]): void {
    const tasks = io.u32("tasks").fill(batch?.task ?? 0);
    const stores = this.#host.memory?.replay.stores ?? [];
    for (const { first, count, slots } of drawn)
      for (let i = 0; i < count; i++) {
        const slot = slots[i] as number;
        const store = stores.find((one) => slot >= one.first && slot < one.first + one.slots.stored);
        tasks[first + i] = store === undefined ? 0 : (store.slots.values("task")[slot - store.first] as number);
      }
  }

  /** Takes in a step that was done; returns what folds told. */
  async done(batch: CheckedBatch, outputs: Outputs): Promise<readonly Signal[]> {
    this.#batch = undefined;
    this.#moved = false;
    const { config, counters } = this.#host;
    const signals: Signal[] = [];
    const { step } = counters;
    const { count, labels, task } = batch;
    const rows: Partial<Record<RowFact, Float32Array>> = {};
    for (const fact of this.#reads) {
      const values = outputs[`fold/${fact}`] as Float32Array;
      rows[fact] = values.subarray(0, (values.length / this.#host.layout.staging) * count);
    }
    const seen: Seen = { step, count, labels, task, rows };
    const drifts: Strategy[] = [];
    for (const strategy of config.strategies) {
      const told = strategy.fold?.push(this.numbersOf(strategy.name), seen, this.services(strategy)) ?? [];
      signals.push(...told);
      if (told.includes("drift")) drifts.push(strategy);
    }
    await this.#trigger((on) => typeof on === "object" && step % on.every === 0);
    if (drifts.length > 0) await this.#trigger((on) => on === "drift");
    for (const { raises = {} } of drifts) for (const name of raises.marks ?? []) this.#host.rates.mark(name, step);
    const share = drifts.reduce((most, { raises }) => Math.max(most, raises?.refresh ?? 0), 0);
    if (share > 0 && this.#host.memory !== undefined) {
      const { oldest, vacate } = await import("./vacate.ts");
      await vacate(this.#host, this.#host.memory, oldest(this.#host.memory, share));
    }
    if (drifts.some(({ raises }) => raises?.boundary === true)) await this.boundary();
    return signals;
  }

  /** Does what belongs to a boundary. */
  async boundary(): Promise<undefined> {
    const { counters, rates } = this.#host;
    counters.boundaries += 1;
    rates.mark("boundary", counters.step);
    await this.#trigger((on) => on === "boundary");
  }

  /** Does the edits of a moment, and begins its phases. */
  async #trigger(fits: (on: Trigger) => boolean): Promise<void> {
    const { config, layout } = this.#host;
    const due = (on: Trigger | undefined): boolean => on !== undefined && on !== "step" && fits(on);
    const edits = editsOn(config, ({ on }) => due(on));
    if (edits.length > 0) {
      const key = `edits ${edits.map(({ strategy, edit }) => `${strategy.name}.${strategy.edits?.indexOf(edit)}`)}`;
      await this.#execute(
        key,
        () => editPlan(config, layout, edits),
        () => {},
      );
    }
    for (const { name, phases = [] } of config.strategies)
      for (const [phase, { on }] of phases.entries()) if (due(on)) this.#pending.push({ strategy: name, phase, cursor: null });
  }

  /** Does a piece of the work that began first. */
  async advance(): Promise<undefined> {
    const [now] = this.#pending;
    if (now === undefined) return;
    const { config, counters, layout, memory, settings } = this.#host;
    const { strategy, phase } = this.#phaseOf(now.strategy, now.phase);
    const { step, boundaries } = counters;
    const next = await phase.next(
      {
        ...this.services(strategy),
        ...{ step, boundaries, tensors: layout.tensors },
        memory: memory?.replay,
        numbers: this.numbersOf(strategy.name),
        hyper: (name) => settings[`${strategy.name}.${name}`] ?? (strategy.hyper?.[name] as number),
        fresh: (stream) => freshVector(config, layout, `strategy/${strategy.name}/${stream}/${step}`),
        run: (program, given) => this.#run(strategy, program, given),
      },
      now.cursor ?? undefined,
    );
    if (next === undefined) this.#pending.shift();
    else this.#pending[0] = { ...now, cursor: next as Cursor };
  }

  #phaseOf(name: string, index: number) {
    const strategy = this.#host.config.strategies.find((one) => one.name === name);
    const phase = strategy?.phases?.[index];
    if (strategy === undefined || phase === undefined)
      return fail(
        "E_MISMATCH",
        `strategies: work of "${name}" was under way that there is no more; expected its phase ${index}, got none`,
        {
          hint: "Open it with the strategies it was saved with.",
        },
      );
    return { strategy, phase };
  }

  async #run(strategy: Strategy, name: string, given: ProgramInputs = {}): Promise<ProgramOutputs> {
    const { config, layout } = this.#host;
    const program = strategy.programs?.[name];
    if (program?.moves === true && this.#batch !== undefined && !this.#moved) await this.#hold(true);
    const { groups } = placeRows([
      ...(program?.arrival === true ? [{ name: "arrival", size: layout.staging }] : []),
      ...(program?.groups ?? []),
    ]);
    return this.#execute(
      `${strategy.name}.${name}`,
      () => programPlan(config, layout, strategy, name),
      (io) => {
        for (const [key, value] of Object.entries(given.numbers ?? {}))
          if (io.has(`given/${key}`)) io.f32(`given/${key}`).set(typeof value === "number" ? [value] : value);
        if (given.step !== undefined) io.setStep(given.step);
        if (groups.length > 0) this.#place(io, groups, given.rows ?? {});
      },
    );
  }

  /** Writes which rows a program reads; the weights of each group sum to 1. */
  #place(io: ProgramIo, groups: readonly PlacedGroup[], rows: NonNullable<ProgramInputs["rows"]>): void {
    const { capacity } = this.#host.layout;
    // A program that asks for none of its rows' values has no such inputs.
    const slots = io.has("slots") ? io.u32("slots").fill(capacity) : new Uint32Array(0);
    const weight = io.has("weight") ? io.f32("weight").fill(0) : new Float32Array(0);
    const drawn: PlacedDraw[] = [];
    for (const { name, first, size } of groups) {
      const own = new Float32Array(size);
      if (name === "arrival") {
        const batch = this.#batch;
        if (batch === undefined)
          fail("E_STATE", "strategies: no rows are arriving; expected a program run while rows are drawn, got another moment");
        for (let i = 0; i < batch.count; i++) {
          slots[first + i] = capacity + i;
          own[i] = batch.weight?.[i] ?? 1;
        }
      } else {
        const { slots: chosen, weights } = rows[name] ?? { slots: [], weights: undefined };
        const count = Math.min(size, chosen.length);
        for (let i = 0; i < count; i++) {
          slots[first + i] = chosen[i] as number;
          own[i] = weights?.[i] ?? 1;
        }
        drawn.push({ slots: chosen, first, count });
      }
      if (own.some((value) => value > 0)) normalise(own);
      if (weight.length > 0) weight.set(own, first);
    }
    if (io.has("tasks")) this.#fillTasks(io, this.#batch, drawn);
  }

  async #execute(key: string, planOf: () => Plan, prepare: (io: ProgramIo) => void): Promise<ProgramOutputs> {
    const { counters, machine } = this.#host;
    let loading = this.#programs.get(key);
    if (loading === undefined) {
      loading = this.#host.load(planOf());
      this.#programs.set(key, loading);
    }
    const { executable, io } = await loading;
    io.setStep(counters.step);
    io.setScalars(this.scalars());
    prepare(io);
    machine.write(executable, 0, io.bytes);
    return io.outputs(await machine.run(executable));
  }
}

/** Returns what a fold goes on from: what was saved, zeros behind it where classes were added. */
function numbersOf(
  strategy: string,
  spec: Readonly<Record<string, readonly (number | "classes")[]>>,
  classes: number,
  saved: SavedHooks,
): Numbers {
  return Object.fromEntries(
    Object.entries(spec).map(([name, dims]) => {
      const values = new Float64Array(sizeOf(dims.map((n) => (n === "classes" ? classes : n))));
      const before = saved.numbers.get(`${strategy}/${name}`);
      if (before !== undefined && (dims[0] === "classes" ? before.length > values.length : before.length !== values.length))
        fail(
          "E_MISMATCH",
          `strategies: what "${strategy}" keeps as "${name}" does not fit; expected ${values.length} numbers, got ${before.length}`,
        );
      values.set(before ?? []);
      return [name, values];
    }),
  );
}
