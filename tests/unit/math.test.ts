import { beforeAll, describe, expect, it } from "vitest";
import { type Compiled, compileAssembly } from "./assembly.ts";

const names = ["exp", "log", "tanh", "sin", "cos"] as const;
type Name = (typeof names)[number];
type Exports = Record<Name | "exp64" | "log64" | "cosPi64", (x: number) => number> &
  Record<"pow64", (x: number, y: number) => number> &
  Record<`${Name}Array`, (from: number, to: number, n: number) => void>;

const vectorLoops = names.map(
  (name) => `export function ${name}Array(from: usize, to: usize, n: i32): void {
    for (let i = 0; i < n << 2; i += 16) v128.store(to + i, math.${name}4(v128.load(from + i)));
  }`,
);
const entry = `import * as math from "./math"; export { ${names.join(", ")}, exp64, log64, cosPi64, pow64 } from "./math"; ${vectorLoops.join("\n")}`;

let wasm: Compiled<Exports>;
beforeAll(async () => {
  wasm = await compileAssembly<Exports>(entry);
});

/** The values of the four-lane form; their number is a multiple of 4. */
function vector(name: Name, x: Float32Array): Float32Array {
  new Float32Array(wasm.memory.buffer, 0, x.length).set(x);
  wasm.exports[`${name}Array`](0, x.byteLength, x.length);
  return new Float32Array(wasm.memory.buffer, x.byteLength, x.length).slice();
}

/** The distance between neighbouring floats of `bits` mantissa bits around `value`. */
function ulp(value: number, bits: 23 | 52): number {
  const words = new DataView(new ArrayBuffer(8));
  words.setFloat64(0, value);
  const exponent = Math.max(((words.getUint16(0) >> 4) & 2047) - 1023, bits === 23 ? -126 : -1022);
  return 2 ** (exponent - bits);
}

/** Points spread evenly over [low, high]. */
function evenly(low: number, high: number, n = 1 << 17): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => low + (high - low) * ((i + 0.5) / n));
}

/** Points spread over [low, high] with even ratios. */
function byRatio(low: number, high: number, n = 1 << 17): Float64Array {
  return evenly(Math.log2(low), Math.log2(high), n).map((exponent) => 2 ** exponent);
}

/** Each of `values` and the floats next to it. */
function around(...values: number[]): Float64Array {
  return Float64Array.from(
    values.flatMap((value) => {
      const word = new Int32Array(Float32Array.of(value).buffer)[0] as number;
      return [...new Float32Array(Int32Array.from([-4, -3, -2, -1, 0, 1, 2, 3], (step) => word + step).buffer)];
    }),
  );
}

// The host's f64 functions, right to about one ulp of f64, are the reference: 2^-29 of an ulp of f32.
describe("f32", () => {
  const { PI, SQRT1_2, SQRT2, LN2 } = Math;
  it.each<[Name, string, number, () => Float64Array]>([
    ["exp", "its whole range", 1, () => evenly(-87.33654, 88.7228)],
    ["exp", "[-1, 1]", 1, () => evenly(-1, 1)],
    ["exp", "the edges", 1, () => around(-87.3365, 88.7228, LN2 / 2, -LN2 / 2, 1e-7, 1e-30)],
    ["log", "its whole range", 0.9, () => byRatio(1e-37, 3e38)],
    ["log", "[0.5, 2]", 0.9, () => evenly(0.5, 2)],
    ["log", "subnormal numbers", 0.9, () => byRatio(1.4e-45, 1.17e-38)],
    ["log", "the edges", 0.9, () => around(1, SQRT1_2, SQRT2, 2 ** -126, 2 ** -130, 3.4e38)],
    ["tanh", "[-10, 10]", 1.4, () => evenly(-10, 10)],
    ["tanh", "small numbers", 1.4, () => byRatio(1e-40, 0.7)],
    ["tanh", "the edges", 1.4, () => around(0.625, -0.625, 9.01, 10, 88, 3e38)],
    ["sin", "[-π, π]", 1.6, () => evenly(-PI, PI)],
    ["sin", "the edges", 1.6, () => around(PI / 4, PI / 2, PI, -PI, -PI / 4, 1e-20)],
    ["cos", "[-π, π]", 1.6, () => evenly(-PI, PI)],
    ["cos", "the edges", 1.6, () => around(PI / 4, PI / 2, PI, -PI / 2, -PI / 4, 1e-20)],
  ])("%s over %s is within %d ulp", (name, _, bound, points) => {
    const x = Float32Array.from(points());
    const worst = vector(name, x).reduce((most, y, i) => {
      const exact = Math[name](x[i] as number);
      return Math.max(most, Math.abs(y - exact) / ulp(exact, 23));
    }, 0);
    expect(worst).toBeLessThanOrEqual(bound);
  });

  it.each<[Name, number, number]>([
    ["sin", 12_800, 8e-8],
    ["cos", 12_800, 8e-8],
    ["sin", 1e5, 1e-6],
    ["cos", 1e5, 1e-6],
    ["sin", 3e38, 2],
    ["cos", 3e38, 2],
  ])("%s is absolutely close up to %d", (name, limit, bound) => {
    const x = Float32Array.from(evenly(-limit, limit));
    for (const [i, y] of vector(name, x).entries()) {
      if (Math.abs(y) > 1 || Math.abs(y - Math[name](x[i] as number)) > bound) expect.fail(`${name}(${x[i]}) = ${y}`);
    }
  });

  it.each(names)("%s of one number has the bits of four", (name) => {
    const x = Float32Array.from(evenly(-100, 100, 4096));
    expect(Float32Array.from(x, (value) => wasm.exports[name](value))).toEqual(vector(name, x));
  });

  it.each<[Name, number[], number[]]>([
    ["exp", [NaN, Infinity, -Infinity, 0, -0, 89, 3e38, -87.34, -3e38], [NaN, Infinity, 0, 1, 1, Infinity, Infinity, 0, 0]],
    ["log", [NaN, Infinity, -Infinity, 0, -0, -1e-45, -1, 1], [NaN, Infinity, NaN, -Infinity, -Infinity, NaN, NaN, 0]],
    ["tanh", [NaN, Infinity, -Infinity, 0, -0, 3e38], [NaN, 1, -1, 0, -0, 1]],
    ["sin", [NaN, Infinity, -Infinity, 0], [NaN, NaN, NaN, 0]],
    ["cos", [NaN, Infinity, -Infinity, 0, -0], [NaN, NaN, NaN, 1, 1]],
  ])("%s of special numbers", (name, x, y) => {
    expect(x.map(wasm.exports[name])).toEqual(y);
  });
});

describe("f64", () => {
  // The reference itself may be off by one ulp.
  it.each<["exp64" | "log64", string, number, () => Float64Array]>([
    ["exp64", "its whole range", 2.6, () => evenly(-708.39, 709.78)],
    ["exp64", "[-1, 1]", 2.6, () => evenly(-1, 1)],
    ["log64", "its whole range", 1.8, () => byRatio(1e-307, 1e308)],
    ["log64", "[0.5, 2]", 1.8, () => evenly(0.5, 2)],
    ["log64", "subnormal numbers", 1.8, () => byRatio(1e-322, 2e-308, 1_000)],
  ])("%s over %s is within %d ulp of the host's", (name, _, bound, points) => {
    const reference = name === "exp64" ? Math.exp : Math.log;
    const worst = points().reduce((most, value) => {
      const exact = reference(value);
      return Math.max(most, Math.abs(wasm.exports[name](value) - exact) / ulp(exact, 52));
    }, 0);
    expect(worst).toBeLessThanOrEqual(bound);
  });

  it("cosPi64 is exact at quarter turns, even, of period 2, and within 4e-16 of the host's", () => {
    const { cosPi64 } = wasm.exports;
    expect([0, 0.5, 1, 1.5, 2, -0.5, 7, 1e15 + 0.5].map(cosPi64)).toEqual([1, 0, -1, 0, 1, 0, -1, 0]);
    for (const u of evenly(0, 1, 20_000)) {
      const y = cosPi64(u);
      if (Math.abs(y - Math.cos(Math.PI * u)) > 4e-16 || y !== cosPi64(-u)) expect.fail(`cosPi64(${u}) = ${y}`);
    }
    expect(cosPi64(2.25)).toBe(cosPi64(0.25));
  });

  it("has the nearest f64 to known values", () => {
    expect(wasm.exports.cosPi64(0.25)).toBe(Math.SQRT1_2);
    expect(wasm.exports.log64(2)).toBe(Math.LN2);
    expect(wasm.exports.log64(10)).toBe(Math.LN10);
    expect(wasm.exports.exp64(0.5)).toBe(1.6487212707001282);
  });

  it("pow64 is exact for exponents 0 and 1, and within 3 + 2.6 |y log x| ulp of the host's", () => {
    const { pow64 } = wasm.exports;
    expect([0, 0.3, 2 ** -149, 1e300].flatMap((x) => [pow64(x, 0), pow64(x, 1)])).toEqual([1, 0, 1, 0.3, 1, 2 ** -149, 1, 1e300]);
    expect([pow64(0, 0.5), pow64(0, -1), pow64(1e300, 2), pow64(1e-300, 2)]).toEqual([0, Infinity, Infinity, 0]);
    for (const y of [-2.5, -1, 0.4, 0.6, Math.E, 7]) {
      for (const x of byRatio(1e-30, 1e30, 2_000)) {
        const exact = x ** y;
        expect(Math.abs(pow64(x, y) - exact)).toBeLessThanOrEqual((3 + 2.6 * Math.abs(y * Math.log(x))) * ulp(exact, 52));
      }
    }
  });

  it.each<["exp64" | "log64", number[], number[]]>([
    ["exp64", [NaN, Infinity, -Infinity, 0, 710, -709], [NaN, Infinity, 0, 1, Infinity, 0]],
    ["log64", [NaN, Infinity, -Infinity, 0, -0, -5e-324, 1], [NaN, Infinity, NaN, -Infinity, -Infinity, NaN, 0]],
  ])("%s of special numbers", (name, x, y) => {
    expect(x.map(wasm.exports[name])).toEqual(y);
  });
});
