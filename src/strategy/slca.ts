import { checkChoice, checkKeys, checkNumber, describe, fail } from "../errors.ts";
import { MASKED } from "../nn/losses.ts";
import type { Tensor } from "../program/graph.ts";
import { add, div, equal, less, matmul, maximum, mul, reshape, select, sqrt, square, sum, toF32 } from "../program/tensor.ts";
import { align, classifierProgram } from "./alignment.ts";
import { featuresOfRows, featuresProgram, storedRows } from "./gathered.ts";
import { addGauss, type Covariance, clearGauss, gaussDraw, gaussSums } from "./gauss.ts";
import { presentIn } from "./seen.ts";
import type { Cursor, PhaseContext, StepContext, Strategy } from "./strategy.ts";
import { array, featuresOf } from "./sums.ts";

/** Options of {@link slca}. */
export interface SlcaOptions {
  /** Whether features of a class are taken to vary each by itself (`diagonal`, default), or together (`full`: features² numbers a class). */
  readonly covariance?: Covariance;
  /** How many times over the classifier is aligned with `samples` rows of each class. Default 5. */
  readonly epochs?: number;
  /** Rows drawn for each class in an epoch. Default 256. */
  readonly samples?: number;
  /** Rows of a step of the alignment. Default 256. */
  readonly batchSize?: number;
  /** Its learning rate at first, which falls to 0 in a line. Default 0.01. */
  readonly rate?: number;
  /** Logits are divided by this times the mean over tasks of their norms. Default 0.1. */
  readonly temperature?: number;
  /** Whether rows that arrive are held against the classes of their own task alone, those since the last boundary. Default true. */
  readonly local?: boolean;
}

/** Rows read, or steps made, between two moments at which the learner may be saved. */
const [PIECE, STEPS] = [256, 8];

/**
 * Returns the slow learner with classifier alignment. At a boundary the features of each class that arrived since the last one are measured on the rows
 * in memory and kept as a normal distribution N(μ, Σ + 1e-4·I), which needs no row thereafter; then the classifier alone is trained on features
 * drawn from those of all classes, by logits z/(temperature·mean norm), the means of a class of task t of T drawn in to μ·(0.9 + 0.1·t/T).
 * The other half is a body that learns slowly, which is the optimizer's: `optim.perGroup({ groups: [{ match: "^0", rateScale: 0.01 }] })`. The
 * alignment is plain descent with a rate that falls in a line, where the source has momentum and a cosine.
 * @throws E_CONFIG
 * @see Zhang et al. 2023, arXiv 2303.05118, "SLCA: slow learner with classifier alignment", sections 4.1 and 4.2; github.com/GengDavid/SLCA
 */
export function slca(options: SlcaOptions = {}): Strategy {
  const where = "strategies.slca";
  checkKeys(where, options, ["covariance", "epochs", "samples", "batchSize", "rate", "temperature", "local"]);
  const whole = { min: 1, max: 2 ** 20, integer: true };
  const covariance = checkChoice<Covariance>(where, "covariance", options.covariance ?? "diagonal", ["diagonal", "full"]);
  const epochs = checkNumber(where, "epochs", options.epochs ?? 5, whole);
  const samples = checkNumber(where, "samples", options.samples ?? 256, whole);
  const batchSize = checkNumber(where, "batchSize", options.batchSize ?? 256, whole);
  const rate = checkNumber(where, "rate", options.rate ?? 0.01, { min: 0 });
  const temperature = checkNumber(where, "temperature", options.temperature ?? 0.1, { min: 0, open: "min" });
  const local: unknown = options.local ?? true;
  if (typeof local !== "boolean")
    fail("E_CONFIG", `${where}: option "local" is no flag; expected true or false, got ${describe(local)}`, {
      hint: "Leave it out to hold rows against the classes of their own task alone.",
    });
  const draw = gaussDraw(covariance);
  return {
    name: "slca",
    config: { covariance, epochs, samples, batchSize, rate, temperature, local },
    needs: { labels: true, features: true, boundary: true, ...(covariance === "full" && { linear: true }) },
    needsMemory: true,
    fold: {
      numbers: (facts) => ({ ...gaussSums(where, facts, covariance), tasks: ["classes"], arrived: ["classes"] }),
      reads: [],
      push(numbers, { count, labels }) {
        const arrived = array(numbers, "arrived");
        for (let row = 0; row < count; row++) arrived[labels[row] as number] = 1;
        return undefined;
      },
    },
    ...(local === true && {
      owns: ["arrival"],
      keeps: () => ({ session: { shape: ["classes"] } }),
      gathers: (context) => ({ session: sessionOf(context) }),
      edits: [{ on: "boundary", apply: ({ kept }) => ({ keeps: { session: mul(kept("session"), 0) } }) }],
      terms(context) {
        const { logits, labels, lossOf, mean } = context;
        const own = lossOf(select(less(0, sessionOf(context)), logits, MASKED), labels);
        return [{ tag: "task", value: mean(own, "arrival") }];
      },
    }),
    programs: { features: featuresProgram, align: classifierProgram(batchSize, (logits, tasks) => normalised(logits, tasks, temperature)) },
    phases: [
      { on: "boundary", next: (context, cursor) => (cursor?.step === undefined ? measure(context, cursor) : train(context, cursor)) },
    ],
  };

  /** Takes some rows of the classes that arrived into their distributions. */
  async function measure(context: PhaseContext, cursor: Cursor | undefined): Promise<Cursor | undefined> {
    const { numbers, memory, boundaries, facts } = context;
    const arrived = array(numbers, "arrived");
    let slots = cursor?.slots as readonly number[] | undefined;
    if (slots === undefined) {
      const stored = storedRows(memory, (c) => arrived[c] === 1);
      const found = new Set(stored.map(({ label }) => label));
      clearGauss(numbers, (c) => found.has(c));
      slots = stored.map(({ slot }) => slot);
    }
    const rows = await featuresOfRows(context, slots.slice(0, PIECE));
    addGauss(numbers, rows, featuresOf(rows), facts.features, covariance);
    if (slots.length > PIECE) return { slots: slots.slice(PIECE) };
    const tasks = array(numbers, "tasks");
    for (const [c, n] of array(numbers, "counts").entries()) if (n > 0 && tasks[c] === 0) tasks[c] = boundaries;
    arrived.fill(0);
    return { step: 0 };
  }

  /** Makes some steps of the alignment. */
  async function train(context: PhaseContext, cursor: Cursor): Promise<Cursor | undefined> {
    const { numbers, boundaries } = context;
    const tasks = array(numbers, "tasks");
    const seen = [...tasks.keys()].filter((c) => (array(numbers, "counts")[c] as number) > 0);
    const steps = Math.ceil((epochs * samples * seen.length) / batchSize);
    const first = cursor.step as number;
    const end = Math.min(steps, first + STEPS);
    for (let step = first; step < end; step++) {
      const labels = Array.from({ length: batchSize }, (_, i) => seen[(step * batchSize + i) % seen.length] as number);
      const scaleOf = (c: number): number => 0.9 + (0.1 * (tasks[c] as number)) / boundaries;
      const features = draw(numbers, context, labels, scaleOf, context.random(`align/${step}`));
      await align(context, { features, labels }, tasks, rate * (1 - step / steps), batchSize);
    }
    return end < steps ? { step: end } : undefined;
  }
}

/** Returns a 1 [classes] for each class that arrived since the last boundary, this step's among them. */
function sessionOf(context: StepContext): Tensor {
  return maximum(context.kept("session"), presentIn(context, "arrival"));
}

/** Returns logits [rows, classes] over `temperature` times the mean over tasks, from 1, of the norm of each task's logits. */
function normalised(logits: Tensor, tasks: Tensor, temperature: number): Tensor {
  const [classes] = tasks.shape as [number];
  const seen = toF32(less(0, tasks));
  const same = mul(toF32(equal(reshape(tasks, [classes, 1]), reshape(tasks, [1, classes]))), seen);
  const share = mul(seen, div(1, maximum(sum(same, 0), 1)));
  const norms = sqrt(add(matmul(square(logits), same), 1e-14));
  const mean = div(sum(mul(norms, share), -1, { keepDims: true }), sum(share));
  return div(logits, mul(temperature, mean));
}
