/** The counts of an ordinary run. */
import { expect, it } from "vitest";
import { tortureFaultyPages, torturePages } from "../torture/paged.ts";

it("goes on from a crash at any change to its files as if there had been none", async () => {
  const { opened, ...rest } = await torturePages(60, 12, 1);
  expect(rest).toEqual({ points: 60, problems: [] });
  expect(opened).toBeGreaterThan(50);
});

it("goes on after a call that failed, once or for ever, with what it had", async () => {
  expect(await tortureFaultyPages(40, 12, 1)).toEqual({ faults: 40, problems: [] });
});
