/** Every strategy by one list of checks. */
import { Learner, openRuntime, type Runtime, stores } from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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
