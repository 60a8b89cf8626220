import { schedules } from "palimpsest";
import { describe, expect, it } from "vitest";
import { scheduleAt } from "../../src/testing.ts";

describe("scheduleAt", () => {
  it("gives rates at any times, of groups and of what has happened", async () => {
    const line = schedules.linear({ peak: 1, total: 10 });
    expect(await scheduleAt(line, [0, 5, 20])).toEqual(Float64Array.of(1, 0.5, 0));
    expect(await scheduleAt(0.25, new Float64Array([3]))).toEqual(Float64Array.of(0.25));
    const cooled = schedules.perGroup({ head: schedules.cooldown({ peak: 2, start: "mark", length: 4 }), rest: line });
    expect(await scheduleAt(cooled, [5, 7], { marks: { cooldown: 5 }, group: "head" })).toEqual(Float64Array.of(2, 1));
    expect(await scheduleAt(cooled, [5, 7], { marks: { cooldown: 5 } })).toEqual(await scheduleAt(line, [5, 7]));
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    ["a time before the first", () => scheduleAt(1, [-1]), /"t" is out of range; expected a finite number ≥ 0, got -1/],
    ["what is no schedule", () => scheduleAt("cosine" as never, [0]), /this is no schedule; expected one, or a number, got "cosine"/],
    ["a mark it does not wait for", () => scheduleAt(1, [0], { marks: { go: 1 } }), /waits for no mark "go"/],
    ["a negative rate", () => scheduleAt(-1, [0]), /"rate" is out of range/],
  ])("refuses %s", async (_what, call, message) => {
    await expect(call()).rejects.toMatchObject({ code: "E_CONFIG", message: expect.stringMatching(message) });
  });
});

describe("schedules.plot", () => {
  const points = (svg: string): number[][] =>
    [...(/<path class="stroke s0 d0" d="([^"]+)"/.exec(svg)?.[1] ?? "").matchAll(/[ML](-?[\d.]+) (-?[\d.]+)/g)].map(([, x, y]) => [
      Number(x),
      Number(y),
    ]);

  it("draws every update to scale, in one document of its own", async () => {
    const svg = await schedules.plot(schedules.linear({ peak: 2, total: 4 }), { steps: 5, width: 464, height: 174, title: 'to "0" & on' });
    expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg" width="464" height="174" viewBox="0 0 464 174"')).toBe(true);
    expect(svg).toContain("<title>to &quot;0&quot; &amp; on</title>");
    expect(svg.replace("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:|url\(|@import|<script|NaN|undefined/);
    // From 52 to 452 across, from 114 up to 14.
    expect(points(svg)).toEqual([52, 152, 252, 352, 452].map((x, t) => [x, 14 + 25 * t]));
  });

  it("draws what is always 0, one update, and where something happened", async () => {
    expect(points(await schedules.plot(0, { steps: 3 })).map(([, y]) => y)).toEqual([200, 200, 200]);
    expect(await schedules.plot(1, { steps: 1 })).not.toMatch(/NaN|Infinity/);
    expect(await schedules.plot(1.5e-4, { steps: 3 })).toContain('class="end">5e-5</text>');
    const marked = schedules.cooldown({ peak: 1, start: "mark", length: 10 });
    expect(await schedules.plot(marked, { steps: 50, marks: { cooldown: 25 } })).toContain('class="boundary"');
  });

  it("refuses what it cannot draw", async () => {
    await expect(schedules.plot(1, { steps: 0 })).rejects.toThrow(/schedules\.plot: option "steps" is out of range/);
    await expect(schedules.plot(1, { stesp: 5 } as never)).rejects.toMatchObject({ hint: 'Did you mean "steps"?' });
  });
});
