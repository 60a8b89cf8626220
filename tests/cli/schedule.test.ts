import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "./stage.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "palimpsest-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("palimpsest schedule", () => {
  it("tells the rate of every update", async () => {
    const { code, out, err } = await run(["schedule", "linear", "--peak", "1", "--total=4", "--warmup-offset", "0"]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toBe("0\t1\n1\t0.75\n2\t0.5\n3\t0.25\n");
  });

  it("tells them in JSON, of schedules in schedules too", async () => {
    const inner = JSON.stringify({ kind: "oneCycle", options: { peak: 1, total: 10 } });
    const { lines } = await run(["schedule", "scale", "--schedule", inner, "--factor", "0.5", "--steps", "3", "--json"]);
    const [line] = lines();
    expect(line).toMatchObject({ type: "schedule", kind: "scale", options: { factor: 0.5, schedule: { options: { initDivisor: 25 } } } });
    const rates = line?.rates as number[];
    expect(rates).toHaveLength(3);
    for (const [t, rate] of [0.02, 0.26, 0.5].entries()) expect(rates[t]).toBeCloseTo(rate, 12);
  });

  it("draws them", async () => {
    const file = join(folder, "rates.svg");
    const { code, out } = await run(["schedule", "rex", "--peak", "1e-3", "--total", "50", "--plot", file, "--title", "a < b"]);
    expect([code, out.includes(file)]).toEqual([0, true]);
    const svg = await readFile(file, "utf8");
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="600" height="260"/);
    expect(svg).toContain("<title>a &lt; b</title>");
  });

  it("tells its options and every schedule", async () => {
    const { out } = await run(["schedule", "--help"]);
    for (const word of ["--steps N", "--plot FILE.svg", "cosine", "restartOn"]) expect(out).toContain(word);
    expect((await run(["schedule", "rex", "--help"])).out).toBe(out);
    expect((await run(["schedule"])).out).toBe(out);
  });

  it.each<[string[], RegExp]>([
    [["cosin"], /option "NAME" has no such choice.*\n.*Did you mean "cosine"\?/],
    [["cosine", "--peek", "1"], /schedules\.cosine: unknown option "peek".*\n.*"peak"/],
    [["cosine", "--peak", "high", "--total", "5"], /option "peak" is out of range; expected a finite number ≥ 0 ≤ 1000000, got "high"/],
    [["cosine", "--peak"], /"--peak" is half an option; expected --name value, got no value/],
    [["cosine", "1"], /"1" is half an option/],
    [["constant", "--rate", "1", "--steps", "0"], /option "--steps" is out of range/],
    [["sequence"], /schedules\.sequence: these are no parts; expected .*, got nothing/],
    [["sequence", "--parts", "[null]"], /schedules\.sequence: part 0: this is no schedule; expected one, or a number, got nothing/],
    [["scale", "--factor", "2"], /schedules\.scale: this is no schedule/],
    [["clamp", "--schedule", '{"kind":"rex"}'], /schedules\.rex: option "peak" is out of range/],
    [["scale", "--schedule", '{"kind":"nil"}', "--factor", "2"], /no schedule called "nil"/],
  ])("refuses %j", async (words, message) => {
    const { code, out, err } = await run(["schedule", ...words]);
    expect([code > 1, out]).toEqual([true, ""]);
    expect(err).toMatch(message);
  });
});
