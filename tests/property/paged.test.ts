/** The counts of an ordinary run. */
import { expect, it } from "vitest";
import { torturePages } from "../torture/paged.ts";

it("goes on from a crash at any change to its files as if there had been none", async () => {
  const { opened, ...rest } = await torturePages(150, 4, 1);
  expect(rest).toEqual({ points: 150, problems: [] });
  expect(opened).toBeGreaterThan(140);
});
