/** What lasts, in the counts of an ordinary run. */
import { expect, it } from "vitest";
import { findGpu } from "../env.ts";
import { soakSessions, soakSteps } from "../torture/soak.ts";

it("learns on and on in the memory that it began with", async () => {
  expect(await soakSteps(4000, 1)).toMatchObject({ done: 4000, problems: [] });
});

it("leaves nothing behind when it comes and goes", async () => {
  expect(await soakSessions(80)).toMatchObject({ done: 80, problems: [] });
});

it("leaves no buffer on a GPU when it comes and goes", async () => {
  const gpu = await findGpu();
  if (gpu !== undefined) expect(await soakSessions(48, gpu)).toMatchObject({ done: 48, problems: [] });
});
