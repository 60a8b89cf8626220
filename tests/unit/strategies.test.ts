/** Strategies against a model of their own: softmax regression without a bias in f64, its gradients by hand. */
import { Learner, type LearnerOptions, memory, nn, openRuntime, optim, type Runtime, type Strategy, strategies } from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/random.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

const [D, C, ROWS, RATE] = [3, 4, 5, 0.1];

interface Row {
  readonly x: readonly number[];
  readonly y: number;
}

/** Four batches a task, two classes a task. */
function rowsAt(index: number): Row[] {
  const draw = new RandomStream(5, `rows ${index}`);
  const task = Math.floor(index / 4) % 2;
  return Array.from({ length: ROWS }, () => ({
    x: Array.from({ length: D }, () => Math.fround(2 * draw.uniform() - 1)),
    y: 2 * task + draw.below(2),
  }));
}

type Matrix = number[];
const zeros = (): Matrix => new Array<number>(D * C).fill(0);
const plus = (a: Matrix, b: Matrix, by = 1): Matrix => a.map((value, i) => value + by * (b[i] as number));
const dot = (a: Matrix, b: Matrix): number => a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
const logitsOf = (w: Matrix, { x }: Row): number[] =>
  Array.from({ length: C }, (_, c) => x.reduce((sum, value, d) => sum + value * (w[d * C + c] as number), 0));
const softmax = (z: readonly number[], allowed: (c: number) => boolean = () => true): number[] => {
  const parts = z.map((value, c) => (allowed(c) ? Math.exp(value) : 0));
  const total = parts.reduce((a, b) => a + b, 0);
  return parts.map((part) => part / total);
};
/** The gradient of a row whose logits have the gradient `g`. */
const outer = ({ x }: Row, g: readonly number[]): Matrix => x.flatMap((value) => g.map((part) => value * part));
const meanOf = (rows: readonly Row[], gradient: (row: Row, i: number) => Matrix): Matrix =>
  rows.reduce((sum, row, i) => plus(sum, gradient(row, i), 1 / rows.length), zeros());
/** Gradient of the cross-entropy of a row, some classes taking no part. */
const entropy = (w: Matrix, row: Row, allowed?: (c: number) => boolean): Matrix =>
  outer(
    row,
    softmax(logitsOf(w, row), allowed).map((p, c) => p - Number(c === row.y)),
  );

/** A step as a model sees it: the weights before it, what arrives, and what was drawn by group. */
interface Seen {
  readonly w: Matrix;
  readonly rows: readonly Row[];
  readonly drawn: Readonly<Record<string, readonly number[]>>;
  /** All rows that came before, in order. */
  readonly past: readonly Row[];
}

interface Model {
  gradient(seen: Seen): Matrix;
  after?(seen: Seen, w: Matrix): void;
  boundary?(w: Matrix): void;
  /** Weights that answer. */
  answers?(w: Matrix): Matrix;
}

const rowsOf = ({ drawn, past }: Seen, group: string): Row[] => (drawn[group] ?? []).map((slot) => past[slot] as Row);

const models: readonly (readonly [name: string, make: () => Strategy, model: () => Model])[] = [
  ["nothing", () => ({ name: "nothing" }), () => ({ gradient: ({ w, rows }) => meanOf(rows, (row) => entropy(w, row)) })],
  [
    "replay",
    () => strategies.replay({ batchSize: 3 }),
    () => ({ gradient: (seen) => meanOf([...seen.rows, ...rowsOf(seen, "replay")], (row) => entropy(seen.w, row)) }),
  ],
  [
    "replay, separate means",
    () => strategies.replay({ batchSize: 3, mean: "separate", weight: 0.7 }),
    () => ({
      gradient(seen) {
        const own = meanOf(seen.rows, (row) => entropy(seen.w, row));
        return plus(
          own,
          meanOf(rowsOf(seen, "replay"), (row) => entropy(seen.w, row)),
          0.7,
        );
      },
    }),
  ],
  [
    "erAce",
    () => strategies.erAce({ batchSize: 3 }),
    () => ({
      gradient(seen) {
        const { w, rows, past } = seen;
        const present = new Set(rows.map(({ y }) => y));
        const known = new Set(past.map(({ y }) => y));
        const own = meanOf(rows, (row) => entropy(w, row, (c) => present.has(c) || !known.has(c)));
        return plus(
          own,
          meanOf(rowsOf(seen, "erAce"), (row) => entropy(w, row)),
        );
      },
    }),
  ],
  [
    "der++",
    () => strategies.der({ batchSize: 3, alpha: 0.4, beta: 0.6 }),
    () => {
      const stored: number[][] = [];
      return {
        gradient(seen) {
          const { w, rows } = seen;
          const slots = seen.drawn["der/logits"] ?? [];
          const held = meanOf(rowsOf(seen, "der/logits"), (row, i) => {
            const then = stored[slots[i] as number] as number[];
            return outer(
              row,
              logitsOf(w, row).map((z, c) => (2 * (z - (then[c] as number))) / C),
            );
          });
          const own = plus(
            meanOf(rows, (row) => entropy(w, row)),
            held,
            0.4,
          );
          return plus(
            own,
            meanOf(rowsOf(seen, "der/labels"), (row) => entropy(w, row)),
            0.6,
          );
        },
        after: ({ w, rows }) => void stored.push(...rows.map((row) => logitsOf(w, row))),
      };
    },
  ],
  [
    "agem",
    () => strategies.agem({ batchSize: 4 }),
    () => ({
      gradient(seen) {
        const g = meanOf(seen.rows, (row) => entropy(seen.w, row));
        const r = meanOf(rowsOf(seen, "agem"), (row) => entropy(seen.w, row));
        return dot(g, r) < 0 ? plus(g, r, -dot(g, r) / dot(r, r)) : g;
      },
    }),
  ],
  [
    "l2 towards the first weights",
    () => strategies.l2({ lambda: 0.3, towards: "init" }),
    () => {
      let first: Matrix | undefined;
      return {
        gradient({ w, rows }) {
          first ??= w;
          return plus(
            meanOf(rows, (row) => entropy(w, row)),
            plus(w, first, -1),
            0.6,
          );
        },
      };
    },
  ],
  [
    "si",
    () => strategies.si({ c: 0.8, xi: 0.05 }),
    () => {
      let [path, importance, anchor] = [zeros(), zeros(), undefined as Matrix | undefined];
      let task = zeros();
      return {
        gradient({ w, rows }) {
          anchor ??= w;
          task = meanOf(rows, (row) => entropy(w, row));
          return plus(
            task,
            importance.map((value, i) => 2 * 0.8 * value * ((w[i] as number) - ((anchor as Matrix)[i] as number))),
          );
        },
        after({ w }, next) {
          path = path.map((value, i) => value - (task[i] as number) * ((next[i] as number) - (w[i] as number)));
        },
        boundary(w) {
          importance = importance.map((value, i) => {
            const moved = (w[i] as number) - ((anchor as Matrix)[i] as number);
            return value + Math.max(0, path[i] as number) / (moved * moved + 0.05);
          });
          [path, anchor] = [zeros(), w];
        },
      };
    },
  ],
  ...(["online", "separate"] as const).map(
    (form) =>
      [
        `ewc, gradients of steps, ${form}`,
        () => strategies.ewc({ fisher: "batched", lambda: 3, form, gamma: 0.9 }),
        () => {
          const parts: { f: Matrix; at: Matrix }[] = [];
          let fresh: Matrix[] = [];
          return {
            gradient({ w, rows }: Seen) {
              const g = meanOf(rows, (row) => entropy(w, row));
              fresh.push(g.map((value) => value * value));
              return parts.reduce(
                (sum, { f, at }) =>
                  plus(
                    sum,
                    f.map((value, i) => 3 * value * ((w[i] as number) - (at[i] as number))),
                  ),
                g,
              );
            },
            boundary(w: Matrix) {
              const mean = fresh.reduce((sum, f) => plus(sum, f, 1 / fresh.length), zeros());
              fresh = [];
              if (form === "separate") parts.push({ f: mean, at: w });
              else parts.splice(0, 1, { f: plus(mean, parts[0]?.f ?? zeros(), 0.9), at: w });
            },
          };
        },
      ] as const,
  ),
  ...(["empirical", "predicted", "true"] as const).map(
    (fisher) =>
      [
        `ewc, ${fisher}`,
        () => strategies.ewc({ fisher, rows: 1000, lambda: 3 }),
        () => {
          let importance = zeros();
          let at = zeros();
          const all: Row[] = [];
          return {
            gradient({ w, rows }: Seen) {
              all.push(...rows);
              return plus(
                meanOf(rows, (row) => entropy(w, row)),
                importance.map((value, i) => 3 * value * ((w[i] as number) - (at[i] as number))),
              );
            },
            boundary(w: Matrix) {
              const squares = meanOf(all, (row) => {
                const p = softmax(logitsOf(w, row));
                const of = (label: number): Matrix => entropy(w, { ...row, y: label }).map((value) => value * value);
                if (fisher === "empirical") return of(row.y);
                if (fisher === "predicted") return of(p.indexOf(Math.max(...p)));
                return p.reduce((sum, share, c) => plus(sum, of(c), share), zeros());
              });
              importance = plus(importance, squares);
              at = w;
            },
          };
        },
      ] as const,
  ),
  ...(["ignored", "denied"] as const).map(
    (unknown) =>
      [
        `lwf, ${unknown}`,
        () => strategies.lwf({ alpha: 1.5, temperature: 2, unknown }),
        () => {
          let [old, known] = [undefined as Matrix | undefined, new Set<number>()];
          const seen = new Set<number>();
          return {
            gradient({ w, rows }: Seen) {
              const teacher = old;
              const own = meanOf(rows, (row) => entropy(w, row));
              for (const { y } of rows) seen.add(y);
              if (teacher === undefined) return own;
              const open = unknown === "denied" ? seen : known;
              const scaled = (weights: Matrix, row: Row) => logitsOf(weights, row).map((z) => z / 2);
              const held = meanOf(rows, (row) => {
                const [p, q] = [softmax(scaled(w, row), (c) => open.has(c)), softmax(scaled(teacher, row), (c) => known.has(c))];
                return outer(
                  row,
                  p.map((value, c) => (value - (q[c] as number)) / 2),
                );
              });
              return plus(own, held, 1.5);
            },
            boundary(w: Matrix) {
              [old, known] = [w, new Set(seen)];
            },
          };
        },
      ] as const,
  ),
  [
    "ema",
    () => strategies.ema({ decay: 0.8 }),
    () => {
      let average: Matrix | undefined;
      return {
        gradient({ w, rows }) {
          average ??= w;
          return meanOf(rows, (row) => entropy(w, row));
        },
        after(_, w) {
          average = plus(
            (average as Matrix).map((value) => 0.8 * value),
            w,
            0.2,
          );
        },
        answers: () => average as Matrix,
      };
    },
  ],
];

const options = (strategy: Strategy): LearnerOptions => ({
  model: nn.sequential(nn.linear(C, { bias: false })),
  input: [D],
  optimizer: optim.sgd(),
  schedule: RATE,
  // Rows lie in the order in which they came.
  memory: memory.reservoir({ capacity: 1000 }),
  strategies: [strategy],
  seed: 2,
  batchSize: ROWS,
});

describe.each(models)("%s", (_, make, modelOf) => {
  it("does what its model does", async () => {
    const strategy = make();
    const drawn: Record<string, readonly number[]> = {};
    const watched: Strategy = {
      ...strategy,
      ...(strategy.draw && {
        draw: {
          ...strategy.draw,
          async select(context) {
            const rows = (await strategy.draw?.select(context)) ?? {};
            for (const [group, { slots }] of Object.entries(rows)) drawn[group] = Array.from(slots);
            return rows;
          },
        },
      }),
    };
    const learner = await Learner.create(runtime, options(watched));
    const weights = async (): Promise<Matrix> => [...(await learner.weights()).values()].flatMap(({ data }) => [...data]);
    const model = modelOf();
    const past: Row[] = [];
    for (let index = 0; index < 10; index++) {
      const rows = rowsAt(index);
      const w = await weights();
      await learner.observe({ x: Float32Array.from(rows.flatMap(({ x }) => x)), y: rows.map(({ y }) => y) });
      const seen = { w, rows, drawn, past: [...past] };
      const expected = plus(w, model.gradient(seen), -RATE);
      const found = await weights();
      for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected[i] as number, 5);
      model.after?.(seen, found);
      past.push(...rows);
      if (index % 4 === 3) {
        await learner.consolidate();
        model.boundary?.(await weights());
      }
    }
    const [row] = rowsAt(20) as [Row];
    const { probabilities } = await learner.predict(Float32Array.from(row.x));
    const answer = softmax(logitsOf(model.answers?.(await weights()) ?? (await weights()), row));
    for (const [c, p] of answer.entries()) expect(probabilities[c]).toBeCloseTo(p, 5);
    await learner.close();
  });
});

describe("mir", () => {
  it("tells by how much a step would raise the loss of each candidate, and leaves the weights", async () => {
    // Logistic regression with weights (1, 1) as the difference of two columns, each of which takes half a step.
    const rises: Float32Array[] = [];
    const strategy = strategies.mir({ batchSize: 1, candidates: 4, learningRate: 0.25 });
    const chosen: number[] = [];
    const watched: Strategy = {
      ...strategy,
      draw: {
        groups: strategy.draw?.groups ?? [],
        async select(context) {
          const rows = await strategy.draw?.select({
            ...context,
            memory: { stored: 4, draw: () => ({ slots: [0, 1, 2, 3] }) } as unknown as NonNullable<typeof context.memory>,
            async run(program, given) {
              const outputs = await (context.run as NonNullable<typeof context.run>)(program, given);
              rises.push(outputs.rise as Float32Array);
              return outputs;
            },
          });
          chosen.push(...Array.from(rows?.mir?.slots ?? []));
          return rows ?? {};
        },
      },
    };
    const learner = await Learner.create(runtime, {
      ...options(watched),
      model: nn.sequential(nn.linear(2, { bias: false })),
      input: [2],
      weights: new Map([["0.weight", Float32Array.of(0, 1, 0, 1)]]),
      batchSize: 4,
    });
    learner.set("learningRate", 0);
    await learner.observe({ x: Float32Array.of(1, 0, 0, 1, 1, 1, 1, 0), y: [1, 1, 1, 0] });
    const before = await learner.weights();
    await learner.observe({ x: Float32Array.of(1, 0), y: [0] });
    expect(await learner.weights()).toEqual(before);
    const rise = rises.at(-1) as Float32Array;
    for (const [i, value] of [0.112147, 0, 0.051265, -0.253382].entries()) expect(rise[i]).toBeCloseTo(value, 5);
    expect(chosen.at(-1)).toBe(0);
    await learner.close();
  });
});
