/** What is learned stays on the device: where a program can give up the network, the suite runs without, as this shows. */
import { expect, it } from "vitest";

interface Host {
  readonly permissions: { query(of: { name: string }): Promise<{ state: string }> };
}
const host = (globalThis as { Deno?: Host }).Deno;

it.skipIf(host === undefined)("has no network", async () => {
  expect((await host?.permissions.query({ name: "net" }))?.state).not.toBe("granted");
  await expect(fetch("http://127.0.0.1:8642/")).rejects.toMatchObject({ name: "NotCapable" });
});
