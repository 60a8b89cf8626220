/** The nets that a reproduction trains side by side, each against the same net in plain f64 loops. */
import { openRuntime } from "palimpsest";
import { describe, expect, it } from "vitest";
import { errorsOf, examplesOf, firstOf, learners, targetOf } from "../reproduce/regression.mjs";

const seeds = [3, 8, 21];
const protocol = { bins: 3, steps: 150, every: 100 };

/** Returns the mean squared errors of one net by bin, by the chain rule written out. */
function plainErrors(seed: number, index: number): number[] {
  const { kind, rate } = learners[index] as (typeof learners)[number];
  const { weight, out } = firstOf(seed, index);
  const units = weight.length / 20;
  // A linear net is one unit that goes straight out.
  const [w, v] = [Float64Array.from(weight), kind === "linear" ? Float64Array.of(1) : Float64Array.from(out)];
  const b = new Float64Array(units);
  let shift = 0;
  const next = examplesOf(seed, protocol.every);
  return Array.from({ length: protocol.bins }, () => {
    let squares = 0;
    for (let step = 0; step < protocol.steps; step++) {
      const { bits, target } = next();
      const z = Array.from(b, (bias, j) => bits.reduce((sum, bit, i) => sum + bit * (w[i * units + j] as number), bias));
      const h = z.map((value) => (kind === "relu" ? Math.max(value, 0) : kind === "tanh" ? Math.tanh(value) : value));
      const error = h.reduce((sum, value, j) => sum + value * (v[j] as number), shift) - target;
      squares += error ** 2;
      const slope = 2 * rate * error;
      for (const [j, value] of h.entries()) {
        const inner = slope * (v[j] as number) * (kind === "relu" ? Number(value > 0) : kind === "tanh" ? 1 - value ** 2 : 1);
        if (kind !== "linear") v[j] = (v[j] as number) - slope * value;
        b[j] = (b[j] as number) - inner;
        for (const [i, bit] of bits.entries()) w[i * units + j] = (w[i * units + j] as number) - inner * bit;
      }
      if (kind !== "linear") shift -= slope;
    }
    return squares / protocol.steps;
  });
}

describe("nets side by side", () => {
  it("err as each does in plain loops", async () => {
    const runtime = await openRuntime({ backend: "wasm" });
    const errors = await errorsOf(runtime, seeds, protocol);
    runtime.close();
    for (const index of learners.keys()) {
      for (const [s, seed] of seeds.entries()) {
        const found = errors.map((bin) => bin[index * seeds.length + s] as number);
        const wanted = plainErrors(seed, index);
        for (const [bin, error] of wanted.entries())
          expect(
            Math.abs((found[bin] as number) / error - 1),
            `${learners[index]?.kind} ${learners[index]?.rate}, seed ${seed}`,
          ).toBeLessThan(1e-4);
      }
    }
  });

  it("err the same, to the bit, whatever lies beside them", async () => {
    const runtime = await openRuntime({ backend: "wasm" });
    const short = { bins: 1, steps: 60, every: 25 };
    const [both, alone] = [await errorsOf(runtime, [5, 3, 9, 1, 2], short), await errorsOf(runtime, [3], short)];
    runtime.close();
    expect(learners.map((_, i) => both[0]?.[5 * i + 1])).toEqual([...(alone[0] ?? [])]);
  });
});

describe("slowly changing regression", () => {
  it("draws fast bits at every example and slow ones after as many as it is told", () => {
    const next = examplesOf(7, 40);
    const rows = Array.from({ length: 200 }, () => next().bits.join(""));
    expect(rows.every((row) => /^[01]{20}$/.test(row))).toBe(true);
    const slow = rows.map((row) => row.slice(0, 15));
    expect(slow).toEqual(slow.map((_, i) => slow[40 * Math.floor(i / 40)]));
    expect(new Set(slow).size).toBe(5);
    expect(new Set(rows.map((row) => row.slice(15))).size).toBe(32);
  });

  it("has targets that its fixed net gives: whole numbers", () => {
    const next = examplesOf(7, 40);
    const target = targetOf(7);
    for (let i = 0; i < 100; i++) {
      const example = next();
      expect(example.target).toBe(target(example.bits));
      expect(Number.isInteger(example.target)).toBe(true);
    }
  });
});
