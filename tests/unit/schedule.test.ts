import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { asSchedule, placeSchedule, rateAt, ratesAt, type ScheduleKernels, scheduleBytes } from "../../src/optim/rate.ts";
import * as schedules from "../../src/optim/schedules.ts";
import { constant, cosine, infinite, rewarm, type Schedule } from "../../src/optim/schedules.ts";
import { type Compiled, compileAssembly } from "./assembly.ts";
import { published } from "./rates.ts";

let wasm: Compiled<ScheduleKernels>;
beforeAll(async () => {
  wasm = await compileAssembly<ScheduleKernels>('export * from "./schedule";');
});

const ADDRESS = 1024;

function evaluate(schedule: Schedule, times: readonly number[]): number[] {
  placeSchedule(wasm.memory.buffer, ADDRESS, schedule);
  return times.map((t) => rateAt(wasm.exports, ADDRESS, t));
}

/** Expects the rates at some times, by time, to a tolerance relative to them, or to 1e-5 where they are smaller. */
function expectRates(schedule: Schedule, expected: Readonly<Record<number, number>>, relative = 1e-7): void {
  const actual = evaluate(schedule, Object.keys(expected).map(Number));
  for (const [i, [t, rate]] of Object.entries(expected).entries()) {
    expect(Math.abs((actual[i] as number) - rate), `t = ${t}: ${actual[i]} against ${rate}`).toBeLessThanOrEqual(
      relative * Math.max(rate, 1e-5),
    );
  }
}

const stages = [
  { start: 0, length: 100, peak: 3e-4 },
  { start: 100, length: 80, peak: 3e-4 },
  { start: 180, length: 60, peak: 1.5e-4 },
];
const common = { peak: 3e-4, constant: 1.65e-4, final: 3e-5, warmup: 10, cooldown: 600, constantSteps: 250, anneal: 140 };

describe("published schedules", () => {
  it.each(published)("%s", (_source, schedule, times, rates) => {
    const actual = evaluate(schedule, times);
    for (const [i, rate] of rates.entries()) {
      const error = Math.abs((actual[i] as number) - rate);
      expect(error, `t = ${times[i]}: ${actual[i]} against ${rate}`).toBeLessThanOrEqual(1e-7 * rate + 1e-12);
    }
  });
});

describe("edges", () => {
  it("takes a number for a constant rate", () => {
    expect(evaluate(asSchedule(0.25), [0, 1, 1e12])).toEqual([0.25, 0.25, 0.25]);
    expect(asSchedule(0.25)).toEqual(constant({ rate: 0.25 }));
  });

  it("never gives rate 0 in a default warm-up", () => {
    expectRates(cosine({ peak: 1, warmup: 4, total: 8 }), [0.25, 0.5, 0.75, 1, 1], 1e-15);
    expectRates(infinite({ peak: 1, constant: 0.5, warmup: 2, cooldown: 2 }), [0.5, 1, 1, 0.75, 0.5, 0.5], 1e-15);
    expectRates(rewarm({ stages: [{ start: 0, length: 4, peak: 1 }], warmupFraction: 0.5 }), [0.5, 1, 1, 0.55, 0.1], 1e-15);
  });

  it("skips phases of no length", () => {
    expectRates(cosine({ peak: 1, total: 2 }), { 0: 1, 1: 0.5, 2: 0, 9: 0 });
    expectRates(cosine({ peak: 1, warmup: 4, total: 4, final: 0.1 }), { 3: 1, 4: 1, 400: 1 });
    expectRates(infinite({ peak: 1, constant: 0.5, style: "inverseSqrt" }), { 0: 0.5, 1e9: 0.5 });
    expectRates(infinite({ peak: 1, constant: 0.5, final: 0.25, anneal: 2 }), { 0: 0.5, 1: Math.SQRT1_2 / 2, 2: 0.25, 3: 0.25 });
    expectRates(infinite({ peak: 1, constant: 0.5, final: 0, constantSteps: 1, anneal: 0 }), { 0: 0.5, 1: 0 });
  });

  it("is flat where peak and final agree", () => {
    expectRates(cosine({ peak: 1e-3, final: 1e-3, total: 100 }), { 0: 1e-3, 37: 1e-3, 100: 1e-3 }, 0);
    expectRates(infinite({ ...common, constant: 3e-4, final: 3e-4 }), { 9: 3e-4, 333: 3e-4, 900: 3e-4 }, 1e-15);
  });

  it("stays at the peak where the warm-up is not a whole number of updates", () => {
    const schedule = rewarm({ stages: [{ start: 0, length: 150, peak: 1 }], warmupOffset: 1 });
    expectRates(schedule, { 0: 2 / 3, 1: 1, 2: 0.1 + 0.45 * (1 + Math.cos((Math.PI * 0.5) / 148.5)) }, 1e-14);
  });

  it("cuts a stage short where the next one starts, and holds its final rate before that", () => {
    const late = rewarm({
      stages: [
        { start: 0, length: 10, peak: 1 },
        { start: 20, length: 10, peak: 2 },
      ],
      warmupFraction: 0,
    });
    expectRates(late, { 0: 1, 10: 0.1, 19: 0.1, 20: 2, 30: 0.2, 1000: 0.2 });
    const early = rewarm({
      stages: [
        { start: 0, length: 10, peak: 1 },
        { start: 5, length: 10, peak: 2 },
      ],
      warmupFraction: 0,
    });
    expectRates(early, { 4: 0.1 + 0.9 * 0.5 * (1 + Math.cos(0.4 * Math.PI)), 5: 2 });
  });
});

describe("any schedule", () => {
  const rate = fc.double({ min: 1e-6, max: 1, noNaN: true });
  const length = fc.integer({ min: 0, max: 500 });

  it("follows the formula of the cosine to 1e-15 of its peak", () => {
    fc.assert(
      fc.property(
        rate,
        fc.double({ min: 0, max: 1, noNaN: true }),
        length,
        fc.integer({ min: 1, max: 500 }),
        fc.nat(1200),
        (peak, ratio, warmup, rest, t) => {
          const final = peak * ratio;
          const total = warmup + rest;
          const u = Math.min((t - warmup) / rest, 1);
          const expected = t < warmup ? (peak * (t + 1)) / warmup : final + 0.5 * (peak - final) * (1 + Math.cos(Math.PI * u));
          const [actual] = evaluate(cosine({ peak, final, warmup, total }), [t]) as [number];
          expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-15 * peak);
        },
      ),
    );
  });

  it("never rises after warm-up and stays between final and peak", () => {
    fc.assert(
      fc.property(
        rate,
        length,
        length,
        length,
        length,
        fc.constantFrom("cosine" as const, "inverseSqrt" as const),
        (peak, warmup, cooldown, constantSteps, anneal, style) => {
          const schedule = infinite({ peak, constant: peak / 2, final: peak / 64, warmup, cooldown, constantSteps, anneal, style });
          const end = warmup + cooldown + constantSteps + anneal;
          const times = Array.from({ length: 40 }, (_, i) => Math.floor(warmup + ((end - warmup) * i) / 38));
          const values = evaluate(schedule, times);
          values.forEach((value, i) => {
            expect(value).toBeLessThanOrEqual((values[i - 1] ?? peak) * (1 + 1e-15));
          });
          expect(evaluate(schedule, [end, end + 1e6])).toEqual([peak / 64, peak / 64]);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("gives many rates at once, as one by one", () => {
    const out = 4096;
    for (const schedule of [constant(0.1), cosine({ peak: 1, total: 90, warmup: 9 }), rewarm({ stages }), infinite(common)]) {
      expect(scheduleBytes(schedule)).toBe(8 * schedule.parameters.length);
      const single = evaluate(
        schedule,
        Array.from({ length: 100 }, (_, i) => 7 + i),
      );
      ratesAt(wasm.exports, ADDRESS, 7, 100, out);
      expect([...new Float64Array(wasm.memory.buffer, out, 100)]).toEqual(single);
    }
  });
});

describe("refusals", () => {
  const tasked = { peak: 1, constantRatio: 0.5, finalRatio: 0.1, tasks: [10] };
  const refused: [message: RegExp, make: () => Schedule, hint?: RegExp][] = [
    [/schedules\.cosine: unknown option "peek"/, () => cosine({ peek: 1, total: 2 } as never), /"peak"/],
    [/"peak" is out of range; expected a finite number ≥ 0 ≤ 1000000, got NaN/, () => cosine({ peak: Number.NaN, total: 2 })],
    [/"final" is out of range/, () => cosine({ peak: 1, final: 2, total: 2 })],
    [/"warmup" is out of range/, () => cosine({ peak: 1, warmup: 3, total: 2 })],
    [/"warmupOffset" has no such choice; expected one of 0, 1, neox, got 2/, () => cosine({ peak: 1, total: 2, warmupOffset: 2 as never })],
    [/schedules\.constant: option "rate" is out of range/, () => constant(-1)],
    [/"stages" is not a list of stages/, () => rewarm({ stages: [] })],
    [/stages\[0\]: option "start" is out of range/, () => rewarm({ stages: [{ start: 3, length: 1, peak: 1 }] })],
    [/stages\[1\]: option "start" is out of range/, () => rewarm({ stages: [stages[0], { start: 0, length: 5, peak: 1 }] as never })],
    [/"from" has no such choice/, () => rewarm({ stages, from: "finale" as never }), /"final"/],
    [/"constant" is out of range/, () => infinite({ ...common, constant: 4e-4 })],
    [/"final" is out of range; expected a finite number > 0/, () => infinite({ ...common, final: 0 })],
    [/"constantSteps" has no effect/, () => infinite({ peak: 1, constant: 1, constantSteps: 5 })],
    [/"timescale" is out of range/, () => infinite({ ...common, timescale: 0 })],
    [/"warmupOffset" has no such choice; expected one of 0, 1, got "neox"/, () => infinite({ ...common, warmupOffset: "neox" as never })],
    [/"init" has no effect; expected "warmup" beside it/, () => cosine({ peak: 1, total: 5, init: 0.5 })],
    [/"init" is out of range; expected a finite number ≥ 0 ≤ 1, got 2/, () => cosine({ peak: 1, total: 5, warmup: 2, init: 2 })],
    [/"total" is out of range; expected a whole number ≥ 1/, () => schedules.linear({ peak: 1, total: 0 })],
    [/"final" is out of range/, () => schedules.rex({ peak: 1, final: 2, total: 5 })],
    [
      /"replayShare" is out of range; expected a finite number ≥ 0 ≤ 1, got 5/,
      () => rewarm({ stages: [{ ...stages[0], replayShare: 5 } as never] }),
    ],
    [/"constantSteps" is out of range/, () => infinite({ ...common, constantSteps: "marked" as never })],
    [/"final" is out of range; expected a finite number > 0/, () => schedules.cooldown({ peak: 1, total: 9, shape: "exponential" })],
    [/"start" has no effect; expected "total" or "start"/, () => schedules.cooldown({ peak: 1, total: 9, start: 3 })],
    [/"fraction" has no effect/, () => schedules.cooldown({ peak: 1, start: 3, length: 3, fraction: 0.1 })],
    [/"fraction" is out of range; expected a finite number ≥ 0 ≤ 1, got 20/, () => schedules.cooldown({ peak: 1, total: 9, fraction: 20 })],
    [/"length" is out of range; expected a whole number ≥ 0 .*, got nothing/, () => schedules.cooldown({ peak: 1, start: "mark" })],
    [/"start" is out of range; .* got "mork"/, () => schedules.cooldown({ peak: 1, start: "mork" as never, length: 5 })],
    [
      /"warmup" is out of range; expected a whole number ≥ 0 ≤ 5, got 6/,
      () => schedules.cooldown({ peak: 1, total: 10, length: 5, warmup: 6 }),
    ],
    [/"initDivisor" is out of range/, () => schedules.cooldown({ peak: 1, total: 9, initDivisor: 0 })],
    [/"constantEnd" is out of range/, () => schedules.infiniteTasks({ ...tasked, constantEnd: 0.1 })],
    [/"finalRatio" is out of range/, () => schedules.infiniteTasks({ ...tasked, finalRatio: 0 })],
    [/"tasks" is not a list/, () => schedules.infiniteTasks({ ...tasked, tasks: [] })],
    [/"period" is out of range/, () => schedules.sgdr({ peak: 1, period: 0 })],
    [/"growth" is out of range; expected a whole number ≥ 1/, () => schedules.sgdr({ peak: 1, period: 5, growth: 1.5 })],
    [/"low" is out of range/, () => schedules.cyclic({ low: 2, peak: 1 })],
    [/"gamma" has no effect; expected mode "expRange"/, () => schedules.cyclic({ low: 0, peak: 1, gamma: 0.9 })],
    [/"total" is too small; expected more updates than 4, got 4/, () => schedules.oneCycle({ peak: 1, total: 4, fraction: 0.25 })],
    [/"fraction" is out of range; .* < 1, got 1/, () => schedules.oneCycle({ peak: 1, total: 40, fraction: 1 })],
    [/"threePhase" is not of optax/, () => schedules.oneCycle({ peak: 1, total: 40, threePhase: true, ends: "optax" })],
    [/"recovery" has no such choice/, () => schedules.meta({ peak: 1, taskSteps: 50, recovery: "continued" })],
    [
      /the tasks are too short; expected more than 10 updates/,
      () => schedules.meta({ peak: 1, taskSteps: 10, style: "rsqrt", warmupFraction: 0.9 }),
    ],
    [/"warmupFraction" is out of range/, () => schedules.meta({ peak: 1, taskSteps: 10, style: "rsqrt", warmupFraction: 0 })],
    [/"cooldownFraction" has no effect/, () => schedules.meta({ peak: 1, taskSteps: 10, cooldownFraction: 0.2 })],
    [/"alpha" is out of range/, () => schedules.sigmoid({ steepness: 1, alpha: 0 })],
    [/"values" is not a list of multipliers/, () => schedules.table({ values: [] })],
    [/"values\[1\]" is out of range; .* got -1/, () => schedules.table({ values: [1, -1] })],
    [/"factor" is out of range/, () => schedules.scale(1, -1)],
    [/"max" is out of range; expected a finite number ≥ 2, got 1/, () => schedules.clamp(1, { min: 2, max: 1 })],
    [/sequence: these are no parts/, () => schedules.sequence([])],
    [
      /part 1: option "until" is out of range; .* ≥ 6/,
      () => schedules.sequence([{ until: 5, schedule: 1 }, { until: 5, schedule: 1 }, { schedule: 1 }]),
    ],
    [/"until" has no effect on the last part/, () => schedules.sequence([{ until: 5, schedule: 1 }])],
    [/"until" is not a name/, () => schedules.sequence([{ until: "a b", schedule: 1 }, { schedule: 1 }])],
    [/part 0: this is no schedule; .* got nothing/, () => schedules.sequence([{} as never])],
    [/"event" is not a name/, () => schedules.restartOn("__proto__", 1)],
    [/"rest" is missing/, () => schedules.perGroup({ head: 1 })],
    [/a schedule per group is no part of another/, () => schedules.scale(schedules.perGroup({ rest: 1 }), 2)],
    [
      /batchScale: option "batch" is out of range/,
      () => schedules.scale(1, schedules.batchScale({ batch: 0, reference: 1, rule: "sqrt" })),
    ],
    [/"noise" has no effect/, () => schedules.scale(1, schedules.batchScale({ batch: 1, reference: 1, rule: "sqrt", noise: 1 }))],
    [/"curvature" is out of range/, () => schedules.scale(1, schedules.batchScale({ batch: 1, reference: 1, rule: "saturating" }))],
  ];

  it.each(refused)("%s", (message, make, hint) => {
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: "E_CONFIG", hint: expect.stringMatching(hint ?? /./) }));
  });
});
