/** A head without a learner: arrays of 0 at first, and rows told to its fold. */
import { expect } from "vitest";
import { RandomStream } from "../../src/random.ts";
import type { HostServices, Numbers } from "../../src/strategy/host.ts";
import type { Strategy } from "../../src/strategy/strategy.ts";
import { plain } from "./plainlinear.ts";

/** A label, and features. */
export type Row = readonly [label: number, ...features: number[]];

export interface Headed {
  readonly numbers: Record<string, Float64Array>;
  readonly services: HostServices;
  push(rows: readonly Row[]): void;
  remove(rows: readonly Row[]): void;
  /** Scores of each row [classes]. */
  scores(...features: readonly number[][]): number[][];
  /** The same with room for more classes. */
  grown(classes: number): Headed;
}

export function headed(strategy: Strategy, features: number, classes: number, from?: Numbers): Headed {
  const { fold, head } = strategy;
  if (fold === undefined || head === undefined || !("scores" in head)) throw new Error(`${strategy.name} has no head`);
  const services: HostServices = {
    facts: { classes, features, parameters: 1, targets: "labels" },
    linear: plain,
    random: (name) => new RandomStream(1, name),
  };
  const spec = fold.numbers(services.facts);
  const numbers = Object.fromEntries(
    Object.entries(spec).map(([name, dims]) => {
      const values = new Float64Array(dims.reduce<number>((size, dim) => size * (dim === "classes" ? classes : dim), 1));
      values.set(from?.[name] ?? []);
      return [name, values];
    }),
  );
  const told = (rows: readonly Row[]) => ({
    step: 1,
    count: rows.length,
    task: 0,
    labels: Uint32Array.from(rows, ([label]) => label),
    rows: { features: Float32Array.from(rows.flatMap(([, ...own]) => own)) },
  });
  return {
    numbers,
    services,
    push: (rows) => void fold.push(numbers, told(rows), services),
    remove: (rows) => fold.remove?.(numbers, told(rows), services),
    scores(...asked) {
      const all = head.scores(numbers, Float32Array.from(asked.flat()), asked.length, services);
      expect(all).toHaveLength(asked.length * classes);
      return asked.map((_, i) => [...all.slice(i * classes, (i + 1) * classes)]);
    },
    grown: (more) => headed(strategy, features, more, numbers),
  };
}

/** Returns rows about a centre for each class, in turn by chance. */
export function drawn(count: number, features: number, classes: number, seed = 3): Row[] {
  const random = new RandomStream(seed, "rows");
  const signed = () => 2 * random.uniform() - 1;
  const centres = Array.from({ length: classes }, () => Array.from({ length: features }, signed));
  return Array.from({ length: count }, () => {
    const label = random.below(classes);
    return [label, ...(centres[label] ?? []).map((x) => Math.fround(x + signed() * 0.8))] as const;
  });
}

export function expectNear(actual: ArrayLike<number>, expected: ArrayLike<number>, bound: number): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i] as number, expected[i] as number];
    if (a !== e) expect(Math.abs(a - e), `[${i}]: ${a} against ${e}`).toBeLessThanOrEqual(bound);
  }
}

/** A head that learned rows at once. */
export function learned(strategy: Strategy, rows: readonly Row[], classes = 2): Headed {
  const head = headed(strategy, (rows[0]?.length ?? 1) - 1, classes);
  head.push(rows);
  return head;
}

/** Features of the rows of a class. */
export const select = (rows: readonly Row[], c: number) => rows.flatMap(([label, ...x]) => (label === c ? [x] : []));
export const mean = (rows: readonly number[][]) =>
  (rows[0] ?? []).map((_, i) => rows.reduce((sum, x) => sum + (x[i] ?? 0), 0) / rows.length);
/** Σ(x − mean)(x − mean)ᵀ, row by row. */
export const spread = (rows: readonly number[][], about = mean(rows)) =>
  about.flatMap((m, i) => about.map((n, j) => rows.reduce((sum, x) => sum + ((x[i] ?? 0) - m) * ((x[j] ?? 0) - n), 0)));
export const add = (a: readonly number[], b: readonly number[]) => a.map((x, i) => x + (b[i] ?? 0));
