/** Linear algebra comes out of every engine with the same bits. */
import { expect, it } from "vitest";
import { RandomStream } from "../../src/random.ts";
import { openLinear } from "../../src/wasm/linear.ts";

/** FNV-1a over the bytes of f64 numbers, as text. */
function digest(...arrays: readonly Float64Array[]): string {
  let hash = 0x811c9dc5;
  for (const array of arrays) for (const byte of new Uint8Array(array.slice().buffer)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16);
}

/** The digests of Node; a kernel that changes on purpose changes them. */
const RESULTS = {
  multiply: "ba8ffb1d",
  cholesky: "6fe7a9d2",
  solve: "33284173",
  eigen: "d230820a",
  svd: "28248d22",
  power: "6a56d7ec",
  boxQp: "d2ac1add",
};

it("linear algebra", async () => {
  const linear = await openLinear();
  const random = (length: number, seed: number) => {
    const stream = new RandomStream(seed, "linear");
    return Float64Array.from({ length }, () => stream.uniform() - 0.5);
  };
  // Past every block of products, and a multiple of none.
  const n = 141;
  const a = random(n * n, 1);
  const square = linear.multiply(
    a.map((_, at) => a[(at % n) * n + Math.floor(at / n)] as number),
    a,
    n,
    n,
    n,
  );
  const definite = square.map((value, at) => (at % (n + 1) === 0 ? value + 1e-3 : value));
  const { values, vectors } = linear.eigen(square, n);
  const wide = linear.svd(random(31 * 77, 2), 31, 77);
  const thin = linear.svd(new Float64Array(50 * 7).fill(0.1), 50, 7);
  const power = linear.power(a, n, n, { iterations: 4 });
  expect({
    multiply: digest(square),
    cholesky: digest(linear.cholesky(definite, n)),
    solve: digest(linear.solve(definite, n, random(n * 5, 3), 5)),
    eigen: digest(values, vectors),
    svd: digest(wide.u, wide.values, wide.vt, thin.u, thin.values, thin.vt),
    power: digest(Float64Array.of(power.value), power.u, power.v),
    boxQp: digest(linear.boxQp(definite, random(n, 4), n, 0.01)),
  }).toEqual(RESULTS);
});
