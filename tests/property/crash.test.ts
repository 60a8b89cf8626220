import { expect, it } from "vitest";
import { tortureCrashes } from "../torture/crash.ts";

it("holds what was promised after a crash at any change", async () => {
  const start = performance.now();
  const { problems, ...tried } = await tortureCrashes(Number(process.env.POINTS ?? 2000), 2, 1);
  console.log(tried, performance.now() - start);
  expect(problems).toEqual([]);
});
