/** Every strategy by one list of checks: alone, in pairs, and on the other backend. */
import { Learner, openRuntime, type Runtime, type Strategy, stores } from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findGpu } from "../env.ts";
import { batchAt, learn, options, shelf } from "./shelf.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

describe.each(shelf)("%s", (_, make) => {
  it("learns, is saved, opened and continued bit for bit", async () => {
    const store = stores.memory();
    const whole = await Learner.create(runtime, options(make()));
    const losses = await learn(whole, 0, 14);
    expect(losses.every(Number.isFinite)).toBe(true);
    const first = await Learner.create(runtime, { ...options(make()), store });
    await learn(first, 0, 7);
    await first.save();
    await first.close();
    const second = await Learner.open(runtime, store);
    const rest = await learn(second, 7, 14);
    expect(rest).toEqual(losses.slice(7));
    expect(await second.stateHash()).toBe(await whole.stateHash());
    const { x } = batchAt(0);
    expect(await second.predict(x)).toEqual(await whole.predict(x));
    await whole.close();
    await second.close();
  });
});

/** One of each name. */
const named = shelf.filter(([, make], i) => shelf.findIndex(([, other]) => other().name === make().name) === i);
const everything = process.env.TORTURE === "full";

/** Returns a learner with two strategies; undefined where they clash, which they must say. */
async function together(make: readonly (() => Strategy)[], more = {}): Promise<Learner | undefined> {
  try {
    return await Learner.create(runtime, { ...options(...make.map((one) => one())), ...more });
  } catch (error) {
    expect(error).toMatchObject({
      code: "E_CONFIG",
      message: expect.stringMatching(/both decide the loss|in place of the model|two are called|both have a group/),
    });
    return undefined;
  }
}

// A quarter of all pairs; where everything is to be tried, each.
describe.each(named.slice(0, -1))("%s beside another", (name, make) => {
  const own = named.findIndex(([other]) => other === name);
  const others = named.slice(own + 1).filter((_, k) => everything || own + 1 === named.length - 1 || (own + k) % 4 === 0);
  it.each(others)("learns, is saved, opened and continued bit for bit: %s", async (_, other) => {
    const store = stores.memory();
    const whole = await together([make, other]);
    if (whole === undefined) return;
    const losses = await learn(whole, 0, 9);
    expect(losses.every(Number.isFinite)).toBe(true);
    const first = (await together([make, other], { store })) as Learner;
    await learn(first, 0, 5);
    await first.save();
    await first.close();
    const second = await Learner.open(runtime, store);
    expect(await learn(second, 5, 9)).toEqual(losses.slice(5));
    expect(await second.stateHash()).toBe(await whole.stateHash());
    await whole.close();
    await second.close();
  });
});

const gpu = await findGpu();
describe.skipIf(gpu === undefined)("on WebGPU", () => {
  let other: Runtime;
  beforeAll(async () => {
    other = await openRuntime({ backend: "webgpu", gpu: gpu as GPU });
  });
  afterAll(() => other.close());
  it.each(named)("%s learns as on Wasm", async (_, make) => {
    const [here, there] = await Promise.all(
      [runtime, other].map((on) => Learner.create(on, options(make()))) as [Promise<Learner>, Promise<Learner>],
    );
    const [expected, losses] = [await learn(here, 0, 6), await learn(there, 0, 6)];
    for (const [i, loss] of losses.entries())
      expect(Math.abs(loss - (expected[i] as number))).toBeLessThan(1e-3 * Math.max(1, Math.abs(expected[i] as number)));
    const { x } = batchAt(9);
    const [a, b] = [await here.predict(x), await there.predict(x)];
    for (const [i, p] of a.probabilities.entries()) expect(Math.abs(p - (b.probabilities[i] as number))).toBeLessThan(1e-3);
    await here.close();
    await there.close();
  });
});
