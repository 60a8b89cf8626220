/** The counts of an ordinary run; `npm run torture -- --only browsers --full` has the whole ones. */
import { expect, it } from "vitest";
import { tortureBrowser } from "../torture/browse.ts";

it("ends in Chromium where a program ends that never was killed, whatever of it is killed, left, closed or loaded anew", async () => {
  const { kills, problems } = await tortureBrowser({ browser: "chromium", kills: 16, seed: 1 });
  expect(problems).toEqual([]);
  expect(Object.keys(kills).sort()).toEqual(["browser", "close", "crash", "reload", "renderer"]);
});

it("ends in Firefox where a program ends that never was killed", async () => {
  expect(await tortureBrowser({ browser: "firefox", kills: 4, seed: 1 })).toMatchObject({ kills: { browser: 4 }, problems: [] });
});
