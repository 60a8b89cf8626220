/** Schedules against slow models of their definitions, in host mathematics, and what holds for every schedule there is. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { groupAddress, type Marks, placeSchedule, rateAt, type ScheduleKernels } from "../../src/optim/rate.ts";
import { scheduleFrom, scheduleKinds } from "../../src/optim/revive.ts";
import * as schedules from "../../src/optim/schedules.ts";
import { type Compiled, compileAssembly } from "./assembly.ts";

type Schedule = schedules.Schedule;

let wasm: Compiled<ScheduleKernels>;
beforeAll(async () => {
  wasm = await compileAssembly<ScheduleKernels>('export * from "./schedule";');
});

const ADDRESS = 1024;

function evaluate(schedule: Schedule, times: readonly number[], marks: Marks = {}, group?: string): number[] {
  placeSchedule(wasm.memory.buffer, ADDRESS, schedule, marks);
  return times.map((t) => rateAt(wasm.exports, groupAddress(ADDRESS, schedule, group), t));
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, t) => t);

/** Expects the rates of a model at every t, to a tolerance relative to the largest of them. */
function expectModel(schedule: Schedule, count: number, model: (t: number) => number, marks: Marks = {}): void {
  const expected = upTo(count).map(model);
  const most = Math.max(...expected);
  evaluate(schedule, upTo(count), marks).forEach((rate, t) => {
    expect(Math.abs(rate - (expected[t] as number)), `t = ${t}: ${rate} against ${expected[t]}`).toBeLessThanOrEqual(1e-13 * most);
  });
}

/** ½(1 + cos πa/b). */
const psi = (a: number, b: number): number => 0.5 * (1 + Math.cos((Math.PI * a) / b));

describe("a model of", () => {
  it("Hugging Face's cosine of several turns, and optax's with a power", () => {
    const half = (u: number) => 0.5 * (1 + Math.cos(2 * Math.PI * 1.25 * u));
    expectModel(schedules.cosine({ peak: 2, final: 0.5, warmup: 5, total: 50, cycles: 1.25, warmupOffset: 0 }), 60, (t) =>
      t < 5 ? (2 * t) / 5 : 0.5 + 1.5 * half(Math.min((t - 5) / 45, 1)),
    );
    expectModel(schedules.cosine({ peak: 2, final: 0.5, init: 0.25, warmup: 5, total: 50, exponent: 1.7, warmupOffset: 0 }), 60, (t) =>
      t < 5 ? 0.25 + (1.75 * t) / 5 : 2 * (0.75 * psi(Math.min((t - 5) / 45, 1), 1) ** 1.7 + 0.25),
    );
  });

  it("the cooldowns", () => {
    const shapes = {
      linear: (p: number) => 0.1 + 0.9 * (1 - p),
      sqrt: (p: number) => 0.1 + 0.9 * (1 - Math.sqrt(p)),
      cosine: (p: number) => 0.1 + 0.9 * psi(p, 1),
      mirrorCosine: (p: number) => 2 * (0.1 + 0.9 * (1 - p)) - (0.1 + 0.9 * psi(p, 1)),
      square: (p: number) => 0.1 + 0.9 * (1 - p * p),
      exponential: (p: number) => 0.1 ** p,
    };
    for (const [shape, multiplier] of Object.entries(shapes) as [keyof typeof shapes, (p: number) => number][]) {
      const common = { peak: 3, final: 0.3, warmup: 10, shape } as const;
      const model = (start: number, length: number) => (t: number) =>
        t < 10 ? (3 * (t + 1)) / 10 : 3 * (t < start ? 1 : multiplier(Math.min((t - start) / length, 1)));
      expectModel(schedules.cooldown({ ...common, total: 99, fraction: 0.25 }), 120, model(75, 24));
      expectModel(schedules.cooldown({ ...common, total: 99 }), 120, model(90, 9));
      expectModel(schedules.cooldown({ ...common, start: 40, length: 24 }), 120, model(40, 24));
      const marked = schedules.cooldown({ ...common, start: "mark", length: 24 });
      expectModel(marked, 120, model(Number.POSITIVE_INFINITY, 24));
      expectModel(marked, 120, model(57, 24), { cooldown: 57 });
      // One that is told while it warms up begins when that is over.
      expectModel(marked, 120, model(10, 24), { cooldown: 3 });
    }
  });

  it("an infinite schedule, by phases, by tasks, and annealed when it is told", () => {
    const h = (x: number) => 1 / Math.sqrt(1 + 10 * x) - 1;
    const down = {
      cosine: (u: number) => 0.5 + 1.5 * psi(u, 1),
      inverseSqrt: (u: number) => 2 + (-1.5 / h(1)) * h(u),
      linear: (u: number) => 2 - 1.5 * u,
    };
    for (const [style, way] of Object.entries(down) as [keyof typeof down, (u: number) => number][]) {
      const first = (t: number, warmup: number, cooldown: number) =>
        t < warmup ? (2 * t) / warmup : t < warmup + cooldown ? way((t - warmup) / cooldown) : 0.5;
      const anneal = (s: number, length: number) => (s < 0 ? undefined : 0.5 * 0.2 ** Math.min(s / length, 1));
      const common = { peak: 2, style, warmupOffset: 0 } as const;
      const told = schedules.infinite({ ...common, constant: 0.5, final: 0.1, warmup: 8, cooldown: 20, constantSteps: "mark", anneal: 30 });
      expectModel(told, 120, (t) => first(t, 8, 20));
      expectModel(told, 120, (t) => anneal(t - 50, 30) ?? first(t, 8, 20), { anneal: 50 });
      expectModel(told, 120, (t) => anneal(t - 28, 30) ?? first(t, 8, 20), { anneal: 12 });
      // Ends of phases, rounded down: 5, 16, 86 of 107; 80 of 101; none of 1.
      const byTask = schedules.infiniteTasks({ ...common, constantRatio: 0.25, finalRatio: 0.05, tasks: [107, 101, 1] });
      expectModel(byTask, 240, (t) => {
        if (t < 107) return anneal(t - 85, 22) ?? first(t, 5, 11);
        return t < 208 ? (anneal(t - 187, 21) ?? 0.5) : (anneal(t - 208, 1) as number);
      });
    }
  });

  it("cycles, up in as many updates as one likes and down in others", () => {
    for (const mode of ["triangular", "triangular2", "expRange"] as const) {
      const schedule = schedules.cyclic({ low: 1, peak: 5, up: 7, down: 12, mode, ...(mode === "expRange" && { gamma: 0.98 }) });
      expectModel(schedule, 100, (t) => {
        const [cycle, x, ratio] = [Math.floor(1 + t / 19), t / 19 - Math.floor(t / 19), 7 / 19];
        const share = x <= ratio ? x / ratio : (x - 1) / (ratio - 1);
        return 1 + 4 * share * { triangular: 1, triangular2: 2 ** -(cycle - 1), expRange: 0.98 ** t }[mode];
      });
    }
  });

  it("one cycle as in torch, in two phases and in three, and as in optax", () => {
    const [init, final] = [1 / 25, 1 / 25e4];
    const linear = (from: number, to: number, p: number) => from + (to - from) * p;
    const cosine = (from: number, to: number, p: number) => to + ((from - to) / 2) * (1 + Math.cos(Math.PI * p));
    for (const [anneal, way] of [["linear", linear] as const, ["cosine", cosine] as const]) {
      const along = (ends: readonly number[], values: readonly number[]) => (t: number) => {
        const next = ends.findIndex((end) => t <= end);
        if (next < 0) return values.at(-1) as number;
        const from = next === 0 ? 0 : (ends[next - 1] as number);
        return way(values[next] as number, values[next + 1] as number, (t - from) / ((ends[next] as number) - from));
      };
      const common = { peak: 1, total: 75, anneal } as const;
      expectModel(schedules.oneCycle({ ...common, fraction: 0.31 }), 90, along([0.31 * 75 - 1, 74], [init, 1, final]));
      const three = schedules.oneCycle({ ...common, fraction: 0.31, threePhase: true });
      expectModel(three, 90, along([0.31 * 75 - 1, 2 * 0.31 * 75 - 2, 74], [init, 1, init, final]));
      expectModel(schedules.oneCycle({ ...common, ends: "optax" }), 90, along([22, 75], [init, 1, final]));
    }
  });

  it("every meta schedule", () => {
    const [S, W, C, l, least] = [37, 4, 6, 2, 0.02];
    const rsqrt = (x: number) => Math.sqrt(x);
    const base = (factor: number) => least + factor * (l - least);
    const autoregressive = (k: number) => (k === 0 ? l : base(psi(k * (S - W) + 1, (k + 1) * (S - W))));
    const fall = (n: number, top: number) => (n < W ? (top * (n + 1)) / W : least + psi(n - W + 1, S - W) * (top - least));
    const root = (n: number, warm: number, decay: (n: number) => number) =>
      n < W ? (warm * (n + 1)) / W : n >= S - C ? (decay(n) * (C - (n - (S - C)) - 1)) / C : decay(n);
    const models = {
      cosine: {
        none: (_k: number, n: number) => fall(n, l),
        autoregressive: (k: number, n: number) => fall(n, autoregressive(k)),
        dynamic: (k: number, n: number) => {
          if (n < W) return (autoregressive(k) * (n + 1)) / W;
          const rise = Math.ceil(0.1 * S * (k + 1));
          return least + psi(k * S + n - rise + 1, S * (k + 1) - rise) * (l - least);
        },
      },
      rsqrt: {
        none: (_k: number, n: number) => root(n, l, (m) => base(rsqrt(W / m))),
        autoregressive: (k: number, n: number) => rootUnder(n, k === 0 ? l : base(rsqrt(((k + 1) * W) / (k * S + W)))),
        continued: (k: number, n: number) => rootUnder(n, k === 0 ? l : base(rsqrt(W / (k * (S - C) - (k - 1) * W)))),
        recovered: (k: number, n: number) =>
          root(n, k === 0 ? l : base(rsqrt(W / (2 * k * (S - C - W)))), (m) => base(rsqrt(W / (m + k * (S - C - W))))),
      },
    };
    function rootUnder(n: number, top: number): number {
      return root(n, top, (m) => least + rsqrt(W / m) * (top - least));
    }
    for (const [style, recoveries] of Object.entries(models) as ["cosine" | "rsqrt", Record<string, (k: number, n: number) => number>][]) {
      for (const [recovery, model] of Object.entries(recoveries)) {
        const made = schedules.meta({
          ...{ peak: l, taskSteps: S, finalRatio: 0.01, style, recovery: recovery as "none" },
          ...(style === "rsqrt" && { cooldownFraction: 0.15 }),
        });
        expectModel(made, 5 * S, (t) => model(Math.floor(t / S), t % S));
      }
    }
  });

  it("a sigmoid, and a table spread over another horizon", () => {
    const sigmoid = schedules.sigmoid({ rate: 3, steepness: 0.2, delay: 20, alpha: 0.5, floor: 0.01 });
    expectModel(sigmoid, 100, (t) => 3 * (1 / (0.5 + Math.exp(0.2 * (t - 20))) + 0.01));
    expect(evaluate(sigmoid, [1e7])).toEqual([0.03]);
    const values = [0.5, 1, 0.25, 0];
    expect(evaluate(schedules.table({ values, rate: 2 }), [0, 1, 2, 3, 4, 99])).toEqual([1, 2, 0.5, 0, 0, 0]);
    expectModel(schedules.table({ values, total: 10 }), 15, (t) => {
      const [at, i] = [Math.min(t * 0.4, 3), Math.floor(Math.min(t * 0.4, 3))];
      return (values[i] as number) * (1 - (at - i)) + (values[i + 1] ?? 0) * (at - i);
    });
  });

  it("restarts, over many cycles to the update", () => {
    for (const [period, growth] of [
      [10, 1],
      [1, 2],
      [3, 3],
    ] as const) {
      const [starts, lengths]: [number[], number[]] = [[], []];
      for (let start = 0, length = period as number; start < 1000; start += length, length *= growth) {
        starts.push(start);
        lengths.push(length);
      }
      expectModel(schedules.sgdr({ peak: 1, final: 0.1, period, growth }), 1000, (t) => {
        const cycle = starts.findLastIndex((start) => start <= t);
        return 0.1 + 0.9 * psi(t - (starts[cycle] as number), lengths[cycle] as number);
      });
    }
  });
});

describe("composition", () => {
  const line = schedules.linear({ peak: 1, total: 10 });

  it("puts schedules one after the other, each with a time of its own", () => {
    const parts = [{ until: 4, schedule: line }, { until: 7, schedule: 3 }, { schedule: line }];
    expect(evaluate(schedules.sequence(parts), [0, 3, 4, 6, 7, 9, 17, 18])).toEqual([1, 0.7, 3, 3, 1, 0.8, 0, 0]);
  });

  it("scales and clamps", () => {
    const times = [0, 2, 5, 9, 10];
    expect(evaluate(schedules.scale(line, 4), times)).toEqual(evaluate(line, times).map((rate) => 4 * rate));
    expect(evaluate(schedules.clamp(line, { min: 0.25, max: 0.75 }), times)).toEqual([0.75, 0.75, 0.5, 0.25, 0.25]);
    expect(evaluate(schedules.clamp(line, { max: 0.75 }), times)).toEqual([0.75, 0.75, 0.5, evaluate(line, [9])[0], 0]);
  });

  it("gives each group its own, and all others the rest", () => {
    const inner = schedules.cooldown({ peak: 2, start: "mark", length: 2 });
    const all = schedules.perGroup({ head: schedules.scale(inner, 2), rest: inner, body: line });
    const marks = { cooldown: 3 };
    expect(evaluate(all, [2, 3, 4, 5], marks)).toEqual([2, 2, 1, 0]);
    expect(evaluate(all, [2, 3, 4, 5], marks, "head")).toEqual([4, 4, 2, 0]);
    expect(evaluate(all, [2, 5], marks, "body")).toEqual([0.8, 0.5]);
    expect(evaluate(all, [2, 3, 4, 5], marks, "toString")).toEqual([2, 2, 1, 0]);
  });

  it("restarts when something happens, and waits for it in a sequence", () => {
    const restarting = schedules.restartOn("boundary", line);
    expect(evaluate(restarting, [0, 4])).toEqual([1, 0.6]);
    expect(evaluate(restarting, [4, 9], { boundary: 4 })).toEqual([1, 0.5]);
    const waiting = schedules.sequence([{ until: "drift", schedule: 2 }, { until: 6, schedule: 3 }, { schedule: line }]);
    expect(evaluate(waiting, [0, 5, 1e6])).toEqual([2, 2, 2]);
    expect(evaluate(waiting, [3, 4, 5, 6, 11], { drift: 4 })).toEqual([2, 3, 3, 1, 0.5]);
    // A part that ends late leaves no time to the next one.
    expect(evaluate(waiting, [8, 9, 14], { drift: 9 })).toEqual([2, 1, 0.5]);
  });

  it("counts marks in the time of their frame, and forgets those of a frame that is over", () => {
    const cooling = schedules.restartOn("boundary", schedules.cooldown({ peak: 1, warmup: 2, start: "mark", length: 4, warmupOffset: 0 }));
    expect(cooling.marks).toEqual({ boundary: [expect.any(Number)], cooldown: [expect.any(Number)] });
    expect(evaluate(cooling, [10, 11, 12, 20], { boundary: 10 })).toEqual([0, 0.5, 1, 1]);
    expect(evaluate(cooling, [10, 12, 15, 16, 19], { boundary: 10, cooldown: 15 })).toEqual([0, 1, 1, 0.75, 0]);
    expect(evaluate(cooling, [10, 12, 15, 16, 19], { boundary: 10, cooldown: 7 })).toEqual([0, 1, 1, 1, 1]);
    const later = schedules.sequence([{ until: 10, schedule: 5 }, { schedule: cooling }]);
    expect(evaluate(later, [9, 10, 11, 30], {})).toEqual([5, 0, 0.5, 1]);
    expect(evaluate(later, [9, 10, 11, 30], { boundary: 3, cooldown: 4 })).toEqual([5, 0, 0.5, 1]);
    expect(evaluate(later, [9, 20, 21, 30, 32], { boundary: 20, cooldown: 28 })).toEqual([5, 0, 0.5, 0.5, 0]);
  });

  it("has one mark for all that wait for it", () => {
    const twice = schedules.sequence([{ until: "go", schedule: 1 }, { schedule: schedules.restartOn("go", line) }]);
    expect(twice.marks.go).toHaveLength(2);
    expect(evaluate(twice, [4, 5, 7], { go: 5 })).toEqual([1, 1, 0.8]);
  });
});

describe("beside the rates", () => {
  it("tells each stage's share of old data", () => {
    const staged = schedules.rewarm({
      stages: [
        { start: 0, length: 10, peak: 1 },
        { start: 10, length: 10, peak: 1, replayShare: 0.05 },
        { start: 25, length: 10, peak: 1, replayShare: 0.25 },
      ],
    });
    const shares = [0, 0, 0.05, 0.05, 0.25, 0.25];
    for (const schedule of [staged, schedules.clamp(schedules.scale(staged, 0.5), { max: 0.3 })]) {
      expect([0, 9, 10, 24, 25, 1e9].map((t) => schedules.replayShareAt(schedule, t))).toEqual(shares);
    }
    expect(schedules.replayShareAt(schedules.constant(1), 5)).toBe(0);
  });

  it("scales with the batch, up to where the curvature of the loss sets the rate", () => {
    // Granziol et al. 2020: largest stable rates of SGD with λ₁ = 10 and Pσ² = 30000, evaluated independently.
    const rows = [
      [8, 0.0125, 0.000353553391, 0.0163299316],
      [64, 0.1, 0.001, 0.0461880215],
      [512, 0.8, 0.00282842712, 0.126108374],
      [4096, 6.4, 0.008, 0.186351228],
      [32768, 51.2, 0.022627417, 0.198185557],
    ] as const;
    for (const [batch, linear, root, most] of rows) {
      const given = { batch, reference: 64 };
      expect((0.1 * schedules.batchScale({ ...given, rule: "linear" })) / linear).toBeCloseTo(1, 7);
      expect((0.001 * schedules.batchScale({ ...given, rule: "sqrt" })) / root).toBeCloseTo(1, 7);
      const saturating = schedules.batchScale({ ...given, rule: "saturating", curvature: 10, noise: 30_000 });
      expect((0.0461880215 * saturating) / most).toBeCloseTo(1, 7);
    }
  });
});

describe("any schedule that is accepted", () => {
  const rate = fc.oneof(
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.double({ min: 0, max: Number.MAX_VALUE, noNaN: true }),
    fc.constant(5e-324),
  );
  const share = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 1, 0.5));
  const steps = fc.oneof(fc.integer({ min: 0, max: 60 }), fc.constantFrom(0, 1, 2 ** 31, 2 ** 53));
  const positive = fc.oneof(fc.double({ min: 0, max: 20, noNaN: true }), fc.constantFrom(1e-300, 1, 2));
  const pick = <T>(...values: T[]) => fc.constantFrom(...values);
  const offset = pick<number | string>(0, 1, "neox");
  const partial = (model: Record<string, fc.Arbitrary<unknown>>, requiredKeys: string[]) =>
    fc.record(model, { requiredKeys }) as fc.Arbitrary<Record<string, unknown>>;
  const line = { peak: rate, final: rate, init: rate, warmup: steps, total: steps, warmupOffset: offset };
  const stage = partial({ start: steps, length: steps, peak: rate, replayShare: share }, ["start", "length", "peak"]);
  const style = pick("cosine", "inverseSqrt", "linear");
  const leaves: Record<string, fc.Arbitrary<unknown>> = {
    constant: fc.record({ rate }),
    cosine: partial({ ...line, cycles: positive, exponent: positive }, ["peak", "total"]),
    linear: partial(line, ["peak", "total"]),
    rex: partial({ peak: rate, final: rate, total: steps }, ["peak", "total"]),
    rewarm: partial(
      {
        stages: fc.array(stage, { minLength: 1, maxLength: 3 }).map((all) => all.map((one, i) => (i === 0 ? { ...one, start: 0 } : one))),
        ...{ warmupFraction: share, finalRatio: share, from: pick("zero", "final"), warmupOffset: offset },
      },
      ["stages"],
    ),
    infinite: partial(
      {
        ...{ peak: rate, constant: rate, final: rate, warmup: steps, cooldown: steps, constantSteps: fc.oneof(steps, fc.constant("mark")) },
        ...{ anneal: steps, style, timescale: fc.oneof(positive, pick(1e-320, 1e12)), warmupOffset: pick(0, 1) },
      },
      ["peak", "constant"],
    ),
    infiniteTasks: partial(
      {
        ...{ peak: rate, constantRatio: share, finalRatio: share, tasks: fc.array(steps, { minLength: 1, maxLength: 3 }) },
        ...{ warmupEnd: share, cooldownEnd: share, constantEnd: share, style, timescale: positive, warmupOffset: pick(0, 1) },
      },
      ["peak", "constantRatio", "finalRatio", "tasks"],
    ),
    cooldown: fc
      .tuple(
        partial(
          {
            ...{ peak: rate, final: rate, warmup: steps, initDivisor: fc.double({ min: 1, noNaN: true }), warmupOffset: pick(0, 1) },
            shape: pick("linear", "sqrt", "cosine", "mirrorCosine", "square", "exponential"),
          },
          ["peak"],
        ),
        // Most pairs of options say when it begins in a way that is allowed: any subset of the four seldom would.
        fc.oneof(
          fc.record({ total: steps, fraction: share }),
          fc.record({ start: fc.oneof(steps, fc.constant("mark")), length: steps }),
          partial({ total: steps, fraction: share, start: fc.oneof(steps, fc.constant("mark")), length: steps }, []),
        ),
      )
      .map(([line, when]) => ({ ...line, ...when })),
    sgdr: partial({ peak: rate, final: rate, period: steps, growth: steps }, ["peak", "period"]),
    cyclic: partial({ low: rate, peak: rate, up: steps, down: steps, mode: pick("triangular", "triangular2", "expRange"), gamma: share }, [
      "low",
      "peak",
    ]),
    oneCycle: partial(
      {
        ...{ peak: rate, total: steps, fraction: share, initDivisor: fc.double({ min: 1, noNaN: true }) },
        ...{ finalDivisor: fc.double({ min: 1, noNaN: true }), anneal: pick("cosine", "linear"), threePhase: fc.boolean() },
        ends: pick("torch", "optax"),
      },
      ["peak", "total"],
    ),
    meta: partial(
      {
        ...{ peak: rate, taskSteps: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(1e9)), style: pick("cosine", "rsqrt") },
        ...{ recovery: pick("none", "autoregressive", "dynamic", "continued", "recovered"), warmupFraction: share },
        ...{ cooldownFraction: share, finalRatio: share },
      },
      ["peak", "taskSteps"],
    ),
    sigmoid: partial({ rate, steepness: rate, delay: fc.double({ min: -1e9, max: 1e9, noNaN: true }), alpha: rate, floor: rate }, [
      "steepness",
    ]),
    table: partial({ rate, values: fc.array(rate, { minLength: 1, maxLength: 6 }), total: steps }, ["values"]),
  };
  const any = fc.letrec((tie) => {
    const schedule = fc.oneof({ maxDepth: 3 }, tie("leaf"), tie("composed"));
    return {
      leaf: fc.oneof(...Object.entries(leaves).map(([kind, options]) => fc.record({ kind: fc.constant(kind), options }))),
      composed: fc.oneof(
        fc.record({ kind: pick("scale"), options: fc.record({ schedule, factor: rate }) }),
        fc.record({ kind: pick("clamp"), options: fc.record({ schedule, min: rate, max: rate }) }),
        fc.record({ kind: pick("restartOn"), options: fc.record({ event: pick("boundary", "cooldown", "drift"), schedule }) }),
        fc
          .tuple(fc.array(fc.record({ until: fc.oneof(steps, pick("drift", "boundary")), schedule }), { maxLength: 2 }), schedule)
          .map(([parts, last]) => ({ kind: "sequence", options: { parts: [...parts, { schedule: last }] } })),
      ),
      any: schedule,
    };
  }).any as fc.Arbitrary<schedules.ScheduleConfig>;
  const refusedKinds = new Map<string, number>();

  /** Returns the schedule, or undefined where its options are refused as they should be. */
  function made(config: schedules.ScheduleConfig): Schedule | undefined {
    try {
      return scheduleFrom(config);
    } catch (error) {
      expect(error).toMatchObject({ code: "E_CONFIG", message: expect.stringMatching(/expected .+, got /) });
      refusedKinds.set(config.kind, (refusedKinds.get(config.kind) ?? 0) + 1);
      return undefined;
    }
  }

  it("has a rate, finite and not negative, at every time, and is made again from its options after JSON", () => {
    const times = [0, 1, 2, 3, 7, 30, 59, 60, 61, 119, 120, 2 ** 31 - 1, 2 ** 31, 2 ** 53, 1e300];
    const accepted = new Map<string, number>();
    fc.assert(
      fc.property(
        any,
        fc.record({ boundary: steps, cooldown: steps, drift: steps, anneal: steps }, { requiredKeys: [] }),
        (config, marks) => {
          const schedule = made(config);
          if (schedule === undefined) return;
          accepted.set(config.kind, (accepted.get(config.kind) ?? 0) + 1);
          for (const [i, value] of evaluate(schedule, times, marks as Marks).entries()) {
            expect(Number.isFinite(value) && value >= 0, `${JSON.stringify(schedule.options)} at ${times[i]}: ${value}`).toBe(true);
          }
          const { kind, options } = JSON.parse(JSON.stringify(schedule)) as Schedule;
          expect(scheduleFrom({ kind, options })).toEqual(schedule);
        },
      ),
      { numRuns: 6000 },
    );
    // Neither half of the property is empty.
    for (const kind of scheduleKinds) if (kind !== "perGroup") expect([kind, accepted.get(kind) ?? 0]).not.toEqual([kind, 0]);
    expect(refusedKinds.size).toBeGreaterThan(10);
  });

  it("stays between the rates it is made of", () => {
    const bounded = fc.oneof(
      ...["cosine", "linear", "rex", "infinite", "cooldown", "sgdr", "cyclic", "oneCycle"].map((kind) =>
        fc.record({ kind: fc.constant(kind), options: leaves[kind] as fc.Arbitrary<unknown> }),
      ),
    );
    fc.assert(
      fc.property(bounded, fc.array(steps, { minLength: 1, maxLength: 8 }), (config, times) => {
        const schedule = made(config as schedules.ScheduleConfig);
        if (schedule === undefined) return;
        const { peak, final = 0, low = final } = schedule.options as { peak: number; final?: number; low?: number };
        const least = schedule.kind === "sgdr" || schedule.kind === "cyclic" || schedule.kind === "rex" ? low : 0;
        for (const value of evaluate(schedule, times)) {
          expect(value).toBeLessThanOrEqual(peak);
          expect(value).toBeGreaterThanOrEqual(least);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
