/** The counts of an ordinary run; each takes a count and a seed, so that more can be asked for. */
import { expect, it } from "vitest";
import { tortureCrashes } from "../torture/crash.ts";
import { tortureDamage } from "../torture/damage.ts";
import { tortureFaults } from "../torture/faults.ts";
import { tortureForgery } from "../torture/fuzz.ts";
import { tortureKills } from "../torture/kill.ts";

it("holds what was promised after a crash at any change", async () => {
  expect(await tortureCrashes(20_000, 1, 1)).toEqual({ points: 20_000, images: 20_000, again: expect.any(Number), problems: [] });
});

it("goes on after a call that failed, once or for ever", async () => {
  expect(await tortureFaults(1500, 1)).toEqual({ faults: 1500, problems: [] });
});

it("takes no damaged store for a whole one, and mends it by what is whole", async () => {
  const { refused, reported, harmless, mended, lossy, ...rest } = await tortureDamage(2000, 1);
  expect(rest).toEqual({ tried: 2000, problems: [] });
  expect(refused + reported + harmless).toBe(2000);
  expect(refused).toBeGreaterThan(500);
  expect(Math.min(mended, lossy)).toBeGreaterThan(50);
});

it("reads or refuses a forged store, and does no more", async () => {
  const { refused, ...rest } = await tortureForgery(5000, 1);
  expect(rest).toEqual({ tried: 5000, slowest: expect.any(Number), problems: [] });
  expect(refused).toBeGreaterThan(1000);
});

it("loses nothing that was acknowledged when the program is killed", async () => {
  const { problems, kills, records } = await tortureKills([process.execPath], 6, 1);
  expect([kills, problems]).toEqual([6, []]);
  expect(records).toBeGreaterThan(0);
});
