/** Answers for rows, several at once and beside the steps. */
import type { ProgramIo } from "../backend/io.ts";
import type { Executable, Machine } from "../backend/machine.ts";
import type { Graph, Tensor } from "../program/graph.ts";
import type { Plan } from "../program/plan.ts";
import { sizeOf } from "../program/shape.ts";
import { maximum, mean } from "../program/tensor.ts";
import { compileProgram } from "../program/trace.ts";
import { leafOf } from "../state/arena.ts";
import type { CheckedBatch } from "./batch.ts";
import { decodeInto } from "./bytes.ts";
import { carriedRows } from "./carry.ts";
import type { Config, Recipe } from "./config.ts";
import type { Answerer } from "./hookplan.ts";
import { applyModel, lossOf, paramLeaves, scopeOf, slotLeaves } from "./programs.ts";
import type { StateLayout } from "./ranges.ts";

/** A program, and what it is given. */
export interface Program {
  readonly executable: Executable;
  readonly io: ProgramIo;
}

/** Answers of some rows. */
export interface Inferred {
  /** [rows × targets × classes]. */
  readonly answers: Float32Array;
  /** Loss of each row against the targets that were given. */
  readonly rowLoss: Float32Array;
  /** What the model shows of each row, where that is asked: "features" [rows × features], what its classifier reads; units by the path of their layer. */
  readonly shown: ReadonlyMap<string, Float32Array>;
}

/** Who answers, and for which task. */
export interface Asking {
  /** Whether rows go on from where the stream's rows stand, which they leave as they are. Default: they begin afresh. */
  readonly carried?: boolean;
  /** Default: the weights that are trained. */
  readonly by?: Answerer;
  readonly task?: number;
}

/** An engine, as far as it is asked. */
interface Asked {
  readonly config: Config;
  readonly counters: { readonly step: number };
  readonly layout: StateLayout;
  readonly machine: Machine;
  load(plan: Plan): Promise<Program>;
  scalars(behind?: 0 | 1): Record<string, number>;
}

/**
 * Returns the plan that answers for `rows` rows at once: answers [rows, ...output] and each row's loss against given targets [rows, targets].
 * Rows begin afresh, or, `carried`, where the stream's rows stand; weights are those that are trained, or, `averaged`, those that the optimizer
 * averages, or those that a strategy answers with.
 */
export function inferencePlan(config: Config, layout: StateLayout, rows: number, carried = false, by: Answerer = "model"): Plan {
  return compileProgram((graph) => {
    const x = graph.input("x", [rows, ...config.input.shape], "f32");
    const targets = graph.input("y", [rows, config.targets], config.loss.targets === "labels" ? "u32" : "f32");
    const own = by === "averaged" ? averagedLeaves(graph, config, layout) : undefined;
    const scope = scopeOf(
      graph,
      config,
      layout,
      own ?? (by === "head" ? config.hooks?.headLeaves(graph, layout) : undefined) ?? paramLeaves(graph, layout),
    );
    const from = carried ? { carried: (path: string) => carriedRows(graph, layout, path, rows) } : {};
    const tap = (name: string, value: Tensor): void =>
      void (name === "rectified" && graph.outputs.set(UNITS + graph.path, passedOn(value)));
    const outputs = applyModel(config, x, { ...scope, ...from, ...(by === "units" && { tap }) });
    if (by === "features" && outputs.features !== undefined) graph.outputs.set("features", outputs.features);
    graph.outputs.set("answers", config.loss.answer(outputs.logits));
    graph.outputs.set("rowLoss", lossOf(outputs.logits, targets, config));
  });
}

/** Before the path of a rectified layer in the name of its output. */
const UNITS = "units/";

/** Returns what rectified units pass on [rows × units], of a convolution in the mean of its places. A line of strategy/units, which would bring 161 bytes to the core. */
function passedOn(value: Tensor): Tensor {
  return mean(maximum(value, 0), [...value.shape.keys()].slice(1, -1));
}

function averagedLeaves(graph: Graph, config: Config, layout: StateLayout): Map<string, Tensor> {
  const { flat, tensors } = layout;
  const { averagedOf, partsOfVector } = config.recipe as Recipe;
  const averaged = averagedOf(config.optimizer, { params: leafOf(graph, flat), slots: slotLeaves(graph, layout), tensors });
  return new Map(Object.entries(partsOfVector(averaged as Tensor, tensors)));
}

/** Rows answered at once, smallest that fits first; fewer rows are padded. */
const ROWS = [1, 16, 128] as const;

/** Returns the programs that answer for an engine. */
export function inferenceOf(engine: Asked & { inference: Inference | undefined }): Inference {
  engine.inference ??= new Inference(engine);
  return engine.inference;
}

/** The programs that answer. */
export class Inference {
  readonly #engine: Asked;
  readonly #programs = new Map<string, Program>();
  readonly #running = new Set<Promise<Inferred>>();

  constructor(engine: Asked) {
    this.#engine = engine;
  }

  /** Forgets programs, whose ranges are elsewhere now. */
  reset(): void {
    this.#programs.clear();
  }

  /** Waits for the answers under way, which need the machine that they began on. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  /** Returns the answers for rows and each row's loss against `targets`. */
  answer(
    x: CheckedBatch["x"],
    targets?: CheckedBatch["targets"],
    { carried = false, by = "model", task = 0 }: Asking = {},
  ): Promise<Inferred> {
    // What is averaged begins with the first step.
    const who = by === "averaged" && this.#engine.counters.step === 0 ? "model" : by;
    const answers = this.#answer(x, targets, { carried, by: who, task });
    this.#running.add(answers);
    const done = (): void => void this.#running.delete(answers);
    answers.then(done, done);
    return answers;
  }

  async #answer(x: CheckedBatch["x"], given: CheckedBatch["targets"] | undefined, asking: Required<Asking>): Promise<Inferred> {
    const { config, layout, machine } = this.#engine;
    const { input, classes, targets } = config;
    const { carried, by, task } = asking;
    const size = sizeOf(input.shape);
    const rows = x.length / size;
    const answers = new Float32Array(rows * targets * classes);
    const rowLoss = new Float32Array(rows);
    const shown = new Map<string, Float32Array>();
    for (let first = 0; first < rows; ) {
      const left = rows - first;
      const room = carried ? layout.staging : (ROWS.find((n) => n >= left) ?? (ROWS.at(-1) as number));
      const count = Math.min(room, left);
      const { executable, io } = await this.#programOf(room, carried, by);
      io.setScalars(this.#engine.scalars(1));
      if (io.has("tasks")) io.u32("tasks").fill(task);
      decodeInto(io.f32("x"), x.subarray(first * size, (first + count) * size), input);
      const y = config.loss.targets === "labels" ? io.u32("y") : io.f32("y");
      y.fill(0);
      if (given !== undefined) y.set(given.subarray(first * targets, (first + count) * targets));
      machine.write(executable, 0, io.bytes);
      const out = io.outputs(await machine.run(executable));
      answers.set((out.answers as Float32Array).subarray(0, count * targets * classes), first * targets * classes);
      rowLoss.set((out.rowLoss as Float32Array).subarray(0, count), first);
      for (const [name, values] of Object.entries(out)) {
        if (name !== "features" && !name.startsWith(UNITS)) continue;
        const width = values.length / room;
        const key = name.replace(UNITS, "");
        if (!shown.has(key)) shown.set(key, new Float32Array(rows * width));
        shown.get(key)?.set((values as Float32Array).subarray(0, count * width), first * width);
      }
      first += count;
    }
    return { answers, rowLoss, shown };
  }

  async #programOf(rows: number, carried: boolean, by: Answerer): Promise<Program> {
    const key = `${rows} ${carried} ${by}`;
    let program = this.#programs.get(key);
    if (program === undefined) {
      program = await this.#engine.load(inferencePlan(this.#engine.config, this.#engine.layout, rows, carried, by));
      this.#programs.set(key, program);
    }
    return program;
  }
}
