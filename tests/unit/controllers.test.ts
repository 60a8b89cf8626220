import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as controllers from "../../src/optim/controllers.ts";
import * as planners from "../../src/optim/planners.ts";
import { RandomStream } from "../../src/random.ts";
import {
  autolrsForecast,
  autolrsStages,
  fedhyperGlobal,
  homeostaticLr,
  hypergradientSgd,
  optimalBaseline,
  snrLearningRateReconstructed,
} from "./published.ts";

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, relative = 1e-7): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i] as number, expected[i] as number];
    expect(Math.abs(a - e), `[${i}]: ${a} against ${e}`).toBeLessThanOrEqual(Math.max(relative * Math.abs(e), 1e-12));
  }
}

/** Returns the rates after each observation. */
function follow<State extends { readonly rate: number }, Seen>(
  { start, next }: controllers.Controller<State, Seen>,
  observations: readonly Seen[],
): number[] {
  let state = start();
  return observations.map((seen) => {
    const after = next(state, seen);
    expect(after.rate).toBe(after.state.rate);
    state = after.state;
    return after.rate;
  });
}

/** How each vector lies to the one before it; the first to none. */
function alignments(vectors: readonly number[][]): controllers.Alignment[] {
  return vectors.map((vector, i) => controllers.alignment(vector, vectors[i - 1] ?? vector.map(() => 0)));
}

describe("hypergradients", () => {
  it("give the published rates", () => {
    const { lr, beta, grads, rates } = hypergradientSgd;
    expectClose(follow(controllers.hypergradient({ rate: lr, beta }), alignments(grads)), rates);
  });

  it("in multiplicative form follow the cosine, whatever the gradients' size, and never go below 0", () => {
    const grads = [
      [3, 4],
      [30, 40],
      [-4e6, 3e6],
      [4, -3],
    ];
    const rates = follow(controllers.hypergradient({ rate: 0.5, beta: 0.1, form: "multiplicative" }), alignments(grads));
    expectClose(rates, [0.5, 0.55, 0.55, 0.495]);
    expect(follow(controllers.hypergradient({ rate: 0.5, beta: 1 }), [{ product: -9 }, { product: -1 }])).toEqual([0, 0]);
  });
});

describe("FedHyper", () => {
  const seen = alignments(fedhyperGlobal.updates);

  it("gives the published global rates", () => {
    const rates = follow(controllers.fedHyper({ form: "G" }), seen);
    expectClose(rates, fedhyperGlobal.alpha);
    expect([Math.min(...rates) >= 0.2, Math.max(...rates) <= 5]).toEqual([true, true]);
  });

  it("adds 0.9 of the aggregate as momentum, within narrower bounds", () => {
    const { start, next } = controllers.fedHyper({ form: "GM" });
    const { state } = next(start(), { product: -3 });
    expect(state).toEqual({ aggregate: -0.2, rate: 0.8, momentum: 0.9 * -0.2 });
    expect(next(state, { product: 1.2 }).state).toEqual({ aggregate: 1, rate: 2, momentum: 0.9 });
  });

  it("sets the clients' rate within its bounds, the aggregate free", () => {
    const rates = follow(controllers.fedHyper({ form: "SL", rate: 0.01 }), [
      { product: 1 },
      { product: -4 },
      { product: 3.5 },
      { product: 99 },
    ]);
    expectClose(rates, [0.02, 0.001, 0.015, 0.1]);
  });

  it("uses cosines and relative products where asked to, 0 where a norm is 0", () => {
    const two = alignments([
      [3, 4],
      [6, 8],
      [0, 0],
      [1, 1],
    ]);
    expectClose(follow(controllers.fedHyper({ form: "G", normalization: "cosine" }), two), [1, 2, 2, 2]);
    expectClose(follow(controllers.fedHyper({ form: "G", normalization: "relative" }), two), [1, 3, 3, 3]);
  });

  it("multiplies a client's rate by at most 1.1, within [0.1, 10], anew each round", () => {
    const client = controllers.fedHyperClient({ rate: 0.5, clients: 10 });
    const batches = [
      { global: 9, local: 9, first: true },
      { global: 2, local: 0.03 },
      { global: 1e6, local: 0 },
      { global: 0, local: -0.5 },
      { global: 0, local: -5 },
      { global: 0, local: 0, first: true },
    ];
    expectClose(follow(client, batches), [0.5, 0.525, 0.5775, 0.28875, 0.05, 0.5]);
  });
});

describe("signal to noise", () => {
  const { meanGrad, traceCov, batch, L, eta } = snrLearningRateReconstructed;
  const meanSquare = meanGrad.reduce((sum, g) => sum + g * g, 0);

  it("gives the reconstructed rate", () => {
    const raw = controllers.signalToNoise({ rate: 1 / L, unbiased: false });
    expectClose(follow(raw, [{ meanSquare, variance: traceCov, count: batch }]), [eta]);
    expectClose([controllers.optimalBaseline(optimalBaseline.rewards, optimalBaseline.scoreNormSq)], [optimalBaseline.bStar]);
    expect(controllers.optimalBaseline([1, 0], [0, 0])).toBe(0.5);
  });

  it("is least of the expected loss of a noisy quadratic", () => {
    const [square, variance, count] = [0.3, 2, 5];
    const { rate } = controllers.signalToNoise({ rate: 0.25 }).next(controllers.signalToNoise({ rate: 0.25 }).start(), {
      meanSquare: square + variance / count,
      variance,
      count,
    });
    const loss = (eta: number) => -eta * square + (4 / 2) * eta * eta * (square + variance / count);
    expect(loss(rate)).toBeLessThan(Math.min(loss(1.001 * rate), loss(0.999 * rate)));
  });

  it("takes noise out of the signal, forgets at its decay, and keeps its rate where there is neither", () => {
    const { start, next } = controllers.signalToNoise({ rate: 1, decay: 0.5 });
    const noisy = next(start(), { meanSquare: 0.1, variance: 1, count: 2 });
    expect(noisy.rate).toBe(0);
    const clear = next(noisy.state, { meanSquare: 1, variance: 0, count: 2 });
    expect(clear.state).toMatchObject({ signal: 0.5, noise: 0.5 });
    expectClose([clear.rate], [0.5 / 0.75]);
    expect(next(start(), { meanSquare: 0, variance: 0, count: 2 }).rate).toBe(1);
  });
});

describe("homeostasis", () => {
  it("gives the published rates", () => {
    const { lrInit, lrStep, events } = homeostaticLr;
    const { start, next } = controllers.homeostatic({ rate: lrInit, step: lrStep });
    let state = start();
    for (const { guess, label, accKeep, accChange, candidateLr, lr } of events) {
      expectClose([controllers.candidateRate(state, guess >= 5 ? 1 : -1, lrStep)], [candidateLr]);
      ({ state } = next(state, { effect: label >= 5 ? 1 : -1, keep: accKeep, change: accChange }));
      expectClose([state.rate], [lr]);
    }
  });

  it("never goes below 0", () => {
    const rates = follow(controllers.homeostatic({ rate: 1, step: 0.75 }), [
      { effect: -1, keep: 0, change: 1 },
      { effect: -1, keep: 0, change: 1 },
    ]);
    expect(rates).toEqual([0.25, 1e-8]);
  });
});

describe("plateau", () => {
  it("cuts after patience, waits the cooldown, and ends at its least rate", () => {
    const control = controllers.plateau({ rate: 1, factor: 0.5, patience: 1, cooldown: 2, minRate: 0.3 });
    const metrics = [5, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4];
    // Two bad ones cut; the two after a cut are not counted.
    expect(
      follow(
        control,
        metrics.map((metric) => ({ metric })),
      ),
    ).toEqual([1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3]);
  });

  it("counts what is better by less than the threshold, or not finite, as no improvement", () => {
    const state = (options: Partial<controllers.PlateauOptions>, metrics: number[]) => {
      const control = controllers.plateau({ rate: 1, threshold: 0.1, patience: 9, ...options });
      return metrics.reduce((now, metric) => control.next(now, { metric }).state, control.start());
    };
    expect(state({}, [10, 9.5, 8.9])).toMatchObject({ best: 8.9, bad: 0 });
    expect(state({}, [10, 9.5])).toMatchObject({ best: 10, bad: 1 });
    expect(state({ thresholdMode: "absolute" }, [10, 9.95])).toMatchObject({ best: 10, bad: 1 });
    expect(state({ thresholdMode: "absolute" }, [10, 9.8])).toMatchObject({ best: 9.8 });
    expect(state({ mode: "max" }, [10, 10.5, 11.5])).toMatchObject({ best: 11.5 });
    expect(state({ mode: "max" }, [10, 10.5])).toMatchObject({ best: 10, bad: 1 });
    expect(state({}, [Number.NaN, Number.POSITIVE_INFINITY])).toMatchObject({ best: null, bad: 2 });
  });

  it("makes no cut smaller than eps", () => {
    const control = controllers.plateau({ rate: 1e-8, patience: 0 });
    expect(follow(control, [{ metric: 1 }, { metric: 1 }, { metric: 1 }])).toEqual([1e-8, 1e-8, 1e-8]);
  });
});

describe("the recorder of norms", () => {
  it("holds the means of equal stretches of any run in its room", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 9 }), fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 200 }), (bins, norms) => {
        const recorder = controllers.normRecorder({ bins });
        const record = norms.reduce((now, norm) => recorder.next(now, norm), recorder.start());
        const { width } = record;
        const expected = [];
        for (let i = 0; i < norms.length; i += width) {
          const part = norms.slice(i, i + width);
          expected.push(part.reduce((sum, norm) => sum + norm, 0) / part.length);
        }
        expectClose(recorder.norms(record), expected, 1e-12);
        expect(record.bins.length).toBeLessThanOrEqual(bins);
        expect(width === 1 || norms.length > (bins * width) / 2).toBe(true);
      }),
    );
  });

  it("leaves out what is not finite, and feeds the refined schedule", async () => {
    const recorder = controllers.normRecorder();
    let record = recorder.start();
    for (let t = 0; t < 5000; t++) record = recorder.next(record, t % 100 === 7 ? Number.NaN : 2);
    const norms = recorder.norms(record);
    expect(new Set(norms)).toEqual(new Set([2]));
    const table = await planners.refine({ norms, steps: 5000 });
    expect(table.length).toBe(5000);
    expect(table[0]).toBe(1);
    expect(Math.abs((table[2500] as number) - 0.5)).toBeLessThan(2e-3);
  });
});

describe("AutoLRS", () => {
  /** A loss that falls fastest at rate 0.1 and diverges from 1 on; each batch's number shifts it a little. */
  const lossAt = (rate: number, step: number) => {
    if (rate >= 1) return step > 3 ? Number.NaN : 9;
    const speed = 0.02 / (1 + 4 * Math.log10(rate / 0.1) ** 2);
    return 0.5 + 2 * Math.exp(-speed * step) + 1e-3 * Math.sin(7 * step);
  };

  it("goes through the published stages", async () => {
    const { start, next } = await controllers.autoLrs({ minRate: 1e-3, maxRate: 1e-1, trials: 2 });
    let state = start();
    const stages: unknown[] = [];
    let stage = -1;
    while (stages.length < autolrsStages.length) {
      if (state.stage !== stage) {
        ({ stage } = state);
        expect(state).toMatchObject({ action: "save", phase: "trial" });
        stages.push({ tauPrime: state.trialSteps, tau: state.steps, validationStage: state.validation });
      }
      ({ state } = next(state, { loss: 1 }));
    }
    expect(stages).toEqual(autolrsStages);
  });

  it("tries each stage's rates from the same model, far from each other, and trains with the best", async () => {
    const { start, next } = await controllers.autoLrs({ minRate: 1e-4, maxRate: 10, trials: 10 });
    let state = start();
    let updates = 0;
    const tried: number[] = [];
    while (state.phase === "trial") {
      if (state.action !== "none") {
        expect(state.action).toBe(tried.length === 0 ? "save" : "restore");
        tried.push(state.rate);
        updates = 0;
      }
      expect(state.measure).toBe(false);
      ({ state } = next(state, { loss: lossAt(state.rate, updates++) }));
    }
    expect(state.action).toBe("restore");
    expect(tried.length).toBe(10);
    const sorted = [...tried].sort((a, b) => a - b).map(Math.log10);
    const gaps = sorted.slice(1).map((value, i) => value - (sorted[i] as number));
    // Ten points by greedy maximin leave no gap wider than a quarter of the five decades, none narrower than a twentieth.
    expect(Math.max(...gaps)).toBeLessThan(1.3);
    expect(Math.min(...gaps)).toBeGreaterThan(0.25);
    const best = tried.reduce((a, b) => (Math.abs(Math.log10(a / 0.1)) < Math.abs(Math.log10(b / 0.1)) ? a : b));
    expect(state.rate).toBe(best);
    expect(state.forecasts.filter((loss) => loss === 1e6).length).toBe(tried.filter((rate) => rate >= 1).length);
  });

  it("forecasts as published", async () => {
    const { losses, predIndex, predicted } = autolrsForecast;
    const control = await controllers.autoLrs({ minRate: 0.1, maxRate: 1, trialSteps: losses.length, steps: predIndex });
    const state = losses.reduce((now, loss) => control.next(now, { loss }).state, control.start());
    expectClose(state.forecasts, [predicted], 1e-3);
  });

  it("measures sixteen validation losses a trial once stages are long enough; one that does not fall counts as it ends", async () => {
    const control = await controllers.autoLrs({ minRate: 0.1, maxRate: 1, trials: 2, trialSteps: 100, steps: 10, maxSteps: 10 });
    let state = control.start();
    while (!state.validation) ({ state } = control.next(state, { loss: 2 }));
    for (const value of [3, 1]) {
      let [measured, updates] = [0, 0];
      const before = state.forecasts.length;
      while (state.phase === "trial" && state.forecasts.length === before) {
        if (state.measure) measured++;
        else updates++;
        ({ state } = control.next(state, { loss: state.measure ? value : 7 }));
      }
      expect([measured, updates]).toEqual([16, 100]);
    }
    expectClose(state.forecasts, [3, 1], 1e-9);
  });
});

describe("every controller", async () => {
  const random = new RandomStream(7, "observations");
  const some = <T>(make: () => T) => Array.from({ length: 400 }, make);
  const number = () => random.uniform() - 0.3;
  const products = some(() => ({ product: number(), norm: random.uniform(), previousNorm: random.uniform() }));
  // biome-ignore lint/suspicious/noExplicitAny: one list for controllers of all observations
  const cases: [string, controllers.Controller<any, any>, readonly unknown[]][] = [
    ["hypergradient", controllers.hypergradient({ rate: 0.1, beta: 0.01, form: "multiplicative" }), products],
    ["FedHyper-GM", controllers.fedHyper({ form: "GM", normalization: "relative" }), products],
    ["FedHyper-SL", controllers.fedHyper({ form: "SL", rate: 0.01 }), products],
    ["FedHyper-CL", controllers.fedHyperClient({ rate: 0.1, clients: 3 }), some(() => ({ global: number(), local: number() }))],
    ["signal to noise", controllers.signalToNoise({ rate: 1 }), some(() => ({ meanSquare: random.uniform(), variance: 2, count: 9 }))],
    ["plateau", controllers.plateau({ rate: 1, patience: 2 }), some(() => ({ metric: number() }))],
    ["homeostasis", controllers.homeostatic({ rate: 1 }), some(() => ({ effect: 1, keep: number(), change: number() }))],
    [
      "AutoLRS",
      await controllers.autoLrs({ minRate: 0.01, maxRate: 1, trials: 3, trialSteps: 16, steps: 20, maxSteps: 40 }),
      some(() => ({ loss: number() })),
    ],
  ];

  it.each(cases)("resumes from JSON bit for bit at every step: %s", (_, control, observations) => {
    const states = [control.start()];
    for (const seen of observations) states.push(control.next(states.at(-1), seen).state);
    for (const [i, seen] of observations.entries()) {
      const text = JSON.stringify(states[i]);
      expect(control.next(control.resume(JSON.parse(text)), seen).state).toEqual(states[i + 1]);
      expect(JSON.stringify(states[i])).toBe(text);
    }
    expect(JSON.parse(JSON.stringify(states))).toEqual(states);
    expect(JSON.parse(JSON.stringify(control.options))).toEqual(control.options);
  });
});

describe("a saved state", () => {
  const saved = { rate: 1, best: null, bad: 0, cooling: 0 };

  it("is taken where it is of the controller's own kind", () => {
    const { resume } = controllers.plateau({ rate: 1 });
    expect(resume(saved)).toBe(saved);
    expect(resume({ ...saved, best: 0.5 })).toMatchObject({ best: 0.5 });
  });

  it.each([
    [{ rate: 1 }, "best"],
    [{ ...saved, aggregate: 0 }, "aggregate"],
    [{ ...saved, rate: "1" }, "rate"],
    [{ ...saved, best: "1" }, "best"],
    [{ ...saved, bad: null }, "bad"],
    [null, "rate"],
  ])("is refused where it is another's: %j", (other, field) => {
    expect(() => controllers.plateau({ rate: 1 }).resume(other)).toThrow(
      expect.objectContaining({ code: "E_MISMATCH", message: expect.stringContaining(`got another "${field}"`) }),
    );
  });

  it("of the recorder of norms is one of its own", () => {
    const recorder = controllers.normRecorder();
    expect(recorder.resume(JSON.parse(JSON.stringify(recorder.next(recorder.start(), 2))))).toMatchObject({ bins: [2] });
    expect(() => recorder.resume(saved)).toThrow(/controllers\.normRecorder: the saved state is not one of this kind/);
  });
});

describe("refusals", () => {
  const refused: [message: RegExp, make: () => unknown][] = [
    [
      /hypergradient: option "rate" is out of range; expected a finite number > 0, got 0/,
      () => controllers.hypergradient({ rate: 0, beta: 1 }),
    ],
    [/option "beta" is out of range; expected a finite number ≥ 0/, () => controllers.hypergradient({ rate: 1, beta: -1 })],
    [/fedHyper: option "form" has no such choice/, () => controllers.fedHyper({ form: "CL" as never })],
    [/option "rate" has no effect/, () => controllers.fedHyper({ form: "G", rate: 1 })],
    [/option "clients" is out of range/, () => controllers.fedHyperClient({ rate: 1, clients: 0 })],
    [/option "decay" is out of range; expected a finite number ≥ 0 < 1, got 1/, () => controllers.signalToNoise({ rate: 1, decay: 1 })],
    [/plateau: unknown option "pacience"/, () => controllers.plateau({ rate: 1, pacience: 3 } as never)],
    [/option "minRate" is out of range; expected a finite number ≥ 0 ≤ 1, got 2/, () => controllers.plateau({ rate: 1, minRate: 2 })],
    [/option "bins" is out of range/, () => controllers.normRecorder({ bins: 1 })],
  ];

  it.each(refused)("%s", (message, make) => {
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  });

  it("of AutoLRS", async () => {
    await expect(controllers.autoLrs({ minRate: 1, maxRate: 1 })).rejects.toThrow(
      /"maxRate" is out of range; expected a finite number > 1, got 1/,
    );
    await expect(controllers.autoLrs({ minRate: 1, maxRate: 2, maxSteps: 9 })).rejects.toThrow(/"maxSteps" is out of range/);
  });

  it("of observations that are no numbers", () => {
    const hyper = controllers.hypergradient({ rate: 1, beta: 1 });
    expect(() => hyper.next(hyper.start(), { product: Number.NaN })).toThrow(expect.objectContaining({ code: "E_DATA" }));
    const noise = controllers.signalToNoise({ rate: 1 });
    expect(() => noise.next(noise.start(), { meanSquare: 1, variance: -1, count: 2 })).toThrow(
      /"variance" cannot be used; expected a finite number ≥ 0/,
    );
    expect(() => controllers.alignment([1], [1, 2])).toThrow(/differ in length/);
    expect(() => controllers.optimalBaseline([], [])).toThrow(/disagree/);
  });
});
