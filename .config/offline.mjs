/**
 * Takes the network from the process that runs the tests, where the host lets a program give up a permission: what is learned stays on the
 * device, and the suite passes without. The runner itself talks to it by a pipe.
 */
const { permissions } = /** @type {{ permissions?: { revoke(of: { name: string }): Promise<{ state: string }> } }} */ (
  /** @type {any} */ (globalThis).Deno ?? {}
);
await permissions?.revoke({ name: "net" });
