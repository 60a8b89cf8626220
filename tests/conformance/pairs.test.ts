/** Strategies in pairs. */
import { Learner, openRuntime, type Runtime, type Strategy, stores } from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { learn, named, options } from "./shelf.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

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
