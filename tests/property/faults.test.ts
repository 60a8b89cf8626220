import { expect, it } from "vitest";
import { tortureFaults } from "../torture/faults.ts";

it("goes on after a call that failed, once or for ever", async () => {
  const start = performance.now();
  const { problems, ...tried } = await tortureFaults(Number(process.env.POINTS ?? 1000), 1);
  console.log(tried, performance.now() - start);
  expect(problems).toEqual([]);
});
