import { schedules } from "palimpsest";
import { expect, it } from "vitest";
import { scheduleAt } from "../../src/testing.ts";
import { published } from "../unit/rates.ts";

/** FNV-1a over the words of 400 rates of every published schedule and of those with powers and exponentials. */
const SAME_IN_EVERY_ENGINE = 3706781421;

it("rates have the same bits in every engine", async () => {
  const others = [
    schedules.cosine({ peak: 1, total: 300, exponent: 1.7 }),
    schedules.cooldown({ peak: 1, final: 0.01, total: 300, fraction: 0.6, shape: "exponential" }),
    schedules.cyclic({ low: 0.1, peak: 1, up: 30, mode: "expRange", gamma: 0.99 }),
  ];
  let hash = 0x811c9dc5;
  for (const schedule of [...published.map(([, made]) => made), ...others]) {
    const rates = await scheduleAt(
      schedule,
      Array.from({ length: 400 }, (_, t) => t),
    );
    for (const word of new Uint32Array(rates.buffer)) hash = Math.imul(hash ^ word, 0x01000193) >>> 0;
  }
  expect(hash).toBe(SAME_IN_EVERY_ENGINE);
});
