import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { renderSupport } from "../../.config/support.mjs";
import { judge, targets } from "../bench/targets.mjs";
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

  it("of rates and optimizers runs, and reaches what it speaks of", async () => {
    const code = /## Rates and optimizers[\s\S]*?```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
    const { nn, openRuntime } = await import("palimpsest");
    const body = code
      .replace(/import \{([^}]*)\} from "palimpsest";/, "const {$1} = palimpsest;")
      .replace("await learner.mark", "await learner.observe(stream[0]); await learner.mark");
    const AsyncFunction = (async () => undefined).constructor as new (
      ...text: string[]
    ) => (...given: unknown[]) => Promise<{ scheduleMarks: object; get(name: string): number }>;
    const model = nn.sequential(nn.flatten(), nn.classifier({ capacity: 2 }));
    const stream = [{ x: new Float32Array(2 * 784).fill(0.5), y: [0, 1] }];
    const program = new AsyncFunction("palimpsest", "runtime", "model", "stream", `${body}; return learner;`);
    const learner = await program(await import("palimpsest"), await openRuntime({ backend: "wasm" }), model, stream);
    expect(learner.scheduleMarks).toEqual({ cooldown: 1 });
    expect(learner.get("weightDecay")).toBe(0.05);
  });

  it("shows a support table of all operations there are", () => {
    const count = (family: string): number => Object.keys(table[family] ?? {}).length;
    const shown = /^\| operations \|.*\n(\|.*\n)*/m.exec(readme)?.[0].trim();
    expect(shown).toBe(renderSupport(Object.keys(table), (family) => `${count(family)}/${count(family)}`));
  });

  it("links to what exists", () => {
    for (const [, path] of readme.matchAll(/\]\(([a-z][^)]*)\)/g))
      expect(() => readFileSync(new URL(`../../${path}`, import.meta.url)), path).not.toThrow(/ENOENT/);
  });
});

describe("README's benchmarks", () => {
  const [, written = ""] = /<!-- bench -->([\s\S]*)<!-- \/bench -->/.exec(readme) ?? [];
  const [machine = "", , wanted = ""] = written.trim().split("\n\n");

  it("name the machine", () => {
    expect(machine).toMatch(/^\S.*, \d+ cores, Node \d+\.\d+\.\d+\.$/);
  });

  it("have every target that the benchmarks have, in their order, with a value and whether it is met", () => {
    const [, , ...lines] = wanted.split("\n");
    const cells = lines.map((line) => line.split("|").map((cell) => cell.trim()));
    expect(cells.map(([, workload, target]) => [workload, target])).toEqual(
      targets.map((target) => judge([], target)).map(({ workload, wanted }) => [workload, wanted]),
    );
    for (const [, , target = "", value, verdict] of cells) {
      const bound = Number(/[\d.]+/.exec(target)?.[0]);
      const met = target.startsWith("≥") ? Number(value) >= bound : Number(value) <= bound;
      expect(verdict, target).toBe(value === "" ? "not measured" : met ? "met" : "missed");
    }
  });
});
