import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { renderSupport } from "../../.config/support.mjs";
import { table } from "../conformance/table.ts";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const example = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";

/** Runs the example as it stands, its last line returned rather than printed. */
async function run(code: string): Promise<number> {
  const body = code
    .replace(/import \{([^}]*)\} from "palimpsest";/, "const {$1} = palimpsest;")
    .replace(/console\.log\(accuracy\);.*/, "return accuracy;");
  const AsyncFunction = (async () => undefined).constructor as new (name: string, text: string) => (module: unknown) => Promise<number>;
  return new AsyncFunction("palimpsest", body)(await import("palimpsest"));
}

describe("README's example", () => {
  it("is about 20 lines and reaches what it says", async () => {
    expect(example.trim().split("\n").length).toBeLessThanOrEqual(24);
    expect(await run(example)).toBeGreaterThan(0.85);
  });

  it("forgets without its strategy, as it says", async () => {
    expect(await run(example.replace(/strategies: \[.*\],/, ""))).toBeLessThan(0.25);
  });

  it("shows a support table of all operations there are", () => {
    const count = (family: string): number => Object.keys(table[family] ?? {}).length;
    expect(readme).toContain(renderSupport(Object.keys(table), (family) => `${count(family)}/${count(family)}`));
  });

  it("links to what exists", () => {
    for (const [, path] of readme.matchAll(/\]\(([a-z][^)]*)\)/g))
      expect(() => readFileSync(new URL(`../../${path}`, import.meta.url)), path).not.toThrow(/ENOENT/);
  });
});
