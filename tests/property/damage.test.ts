import { expect, it } from "vitest";
import { tortureDamage } from "../torture/damage.ts";

it("takes no damaged store for a whole one", async () => {
  const start = performance.now();
  const { problems, ...tried } = await tortureDamage(Number(process.env.POINTS ?? 2000), 1);
  console.log(tried, performance.now() - start);
  expect(problems).toEqual([]);
});
