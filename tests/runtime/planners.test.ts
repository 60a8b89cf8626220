/** Plans and curricula come out of every engine with the same bits. */
import { controllers, planners, streams } from "palimpsest";
import { expect, it } from "vitest";

/** FNV-1a over the bytes of f64 numbers, as text. */
function digest(values: ArrayLike<number>): string {
  let hash = 0x811c9dc5;
  for (const byte of new Uint8Array(Float64Array.from(values).buffer)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16);
}

const rates = Array.from({ length: 300 }, (_, t) => (t < 200 ? 3e-3 : 3e-3 * (1 - (t - 199) / 101)));
const steps = Array.from({ length: 30 }, (_, i) => 10 * i + 9);

/** The digests of Node; a kernel or a draw that changes on purpose changes them. */
const PLANS = {
  losses: "6ca27c3b",
  annealing: "9a84f35d",
  power: "81e812e2",
  forecast: "7893e353",
  bound: "ad4052d6",
  extension: "35e61dcd",
  refined: "fa304b5b",
};
const DRAWS = { rates: "5d0ee057", rows: "ec340a7c", shares: "937c82e2" };

it("planners", async () => {
  const losses = await planners.predictLoss({ kind: "annealing", L0: 2, A: 0.5, alpha: 0.6, C: 0.4 }, rates);
  const seen = { rates, steps, losses: steps.map((step) => (losses[step] as number) * (step % 40 === 9 ? 1.01 : 1)) };
  const [annealing, power] = [await planners.fitLaw("annealing", [seen]), await planners.fitLaw("multiPower", [seen])];
  const numbers = (law: planners.LossLaw) => Object.values(law).filter((value) => typeof value === "number");
  const { a, b, c, loss } = await planners.forecast({ losses: losses.slice(0, 100), at: 1000 });
  const { t1, t2, t3 } = await planners.bound({ rates });
  expect({
    losses: digest(losses),
    annealing: digest(numbers(annealing)),
    power: digest(numbers(power)),
    forecast: digest([a, b, c, loss]),
    bound: digest([t1, t2, t3]),
    extension: digest(Object.values(await planners.extend({ steps: 200, to: 500 }))),
    refined: digest(await planners.refine({ norms: losses, steps: 77 })),
  }).toEqual(PLANS);
});

it("controllers and curricula", async () => {
  const control = await controllers.autoLrs({ minRate: 1e-4, maxRate: 1, trials: 4, trialSteps: 16, steps: 20, maxSteps: 40 });
  const found: number[] = [];
  let state = control.start();
  for (let step = 0; step < 400; step++) {
    ({ state } = control.next(state, { loss: 1 + state.rate / (1 + (step % 16)) }));
    found.push(state.rate);
  }
  const scores = Array.from({ length: 500 }, (_, row) => 1 / (1 + row));
  const shares = [1, 2, 30, 400].map((epoch) => streams.keepShare({ rule: "log" }, epoch));
  const chances = streams.chancesOf({ logs: [0, -0.3, -7, -44.5], position: 0 }, 0.1);
  expect({
    rates: digest(found),
    rows: digest(streams.weightedRows(scores, 500, { seed: 6 })),
    shares: digest([...shares, ...chances]),
  }).toEqual(DRAWS);
});
