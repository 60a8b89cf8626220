/** Strategies in pairs. */
import { Learner, openRuntime, type Runtime, stores } from "palimpsest";
import { afterAll, beforeAll, expect, it } from "vitest";
import { learn, pairs, together } from "./shelf.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

it.each(pairs(4))("%s beside %s learns, is saved, opened and continued bit for bit", async (_a, _b, make) => {
  const store = stores.memory();
  const whole = await together(runtime, make);
  if (whole === undefined) return;
  const losses = await learn(whole, 0, 9);
  expect(losses.every(Number.isFinite)).toBe(true);
  const first = (await together(runtime, make, { store })) as Learner;
  await learn(first, 0, 5);
  await first.save();
  await first.close();
  const second = await Learner.open(runtime, store);
  expect(await learn(second, 5, 9)).toEqual(losses.slice(5));
  expect(await second.stateHash()).toBe(await whole.stateHash());
  await whole.close();
  await second.close();
});
