import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The server of `npm run demo`, running. */
export interface Site {
  readonly url: string;
  close(): Promise<void>;
}

/** Returns the demo's server, started on a free port. */
export async function serve(): Promise<Site> {
  const script = fileURLToPath(new URL("../../.config/serve.mjs", import.meta.url));
  const child = spawn(process.execPath, [script, "--port", "0"], { stdio: ["ignore", "pipe", "inherit"] });
  const [url] = await once(createInterface({ input: child.stdout }), "line");
  return {
    url,
    async close() {
      const exit = once(child, "exit");
      child.kill();
      await exit;
    },
  };
}
