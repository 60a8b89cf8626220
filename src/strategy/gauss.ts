/** Normal distributions of classes' features, and rows drawn from them. */
import { isError } from "../errors.ts";
import { fillNormal } from "../nn/init.ts";
import type { RandomStream } from "../random.ts";
import type { Facts, HostServices, Numbers, NumbersSpec } from "./host.ts";
import { solved } from "./solved.ts";
import { addOuter, addRows, array, classMeans, classSums, type Rows, symmetric } from "./sums.ts";

/** Whether features vary each by itself, or together. */
export type Covariance = "diagonal" | "full";

/** Added to every variance, so that none is 0. */
const LEAST_VARIANCE = 1e-4;

/** Returns the dims of `counts`, `sums` and `products` [classes × features], or [classes × features²], of which the upper triangles are kept. */
export function gaussSums(where: string, facts: Facts, covariance: Covariance): NumbersSpec {
  const products = covariance === "full" ? (["classes", facts.features, facts.features] as const) : (["classes", facts.features] as const);
  return { ...classSums(where, facts), products };
}

/** Takes rows in. */
export function addGauss(numbers: Numbers, rows: Rows, features: Float32Array, size: number, covariance: Covariance): void {
  const products = array(numbers, "products");
  addRows(numbers, rows, features, size, 1);
  for (let row = 0; row < rows.count; row++) {
    const c = rows.labels[row] as number;
    if (covariance === "full") addOuter(products, c * size * size, features, row * size, size, 1);
    else
      for (let i = 0; i < size; i++)
        products[c * size + i] = (products[c * size + i] as number) + (features[row * size + i] as number) ** 2;
  }
}

/** Forgets all of some classes. */
export function clearGauss(numbers: Numbers, wanted: (label: number) => boolean): void {
  const classes = array(numbers, "counts").length;
  for (const name of ["counts", "sums", "products"]) {
    const values = array(numbers, name);
    const length = values.length / classes;
    for (let c = 0; c < classes; c++) if (wanted(c)) values.fill(0, c * length, (c + 1) * length);
  }
}

/** Draws rows of classes [labels × features], each about its class's mean times a scale. */
export type GaussDraw = (
  numbers: Numbers,
  services: HostServices,
  labels: ArrayLike<number>,
  scaleOf: (label: number) => number,
  random: RandomStream,
) => Float32Array;

/** Returns what draws from N(scale·mean, covariance + 1e-4·I), the covariance with divisor n − 1, that of one row 0. */
export function gaussDraw(covariance: Covariance): GaussDraw {
  const find = solved((numbers, services) => ({
    means: classMeans(numbers, services.facts.features),
    factors: factorsOf(numbers, services, covariance),
  }));
  return (numbers, services, labels, scaleOf, random) => {
    const { features: size } = services.facts;
    const { means, factors } = find(numbers, services);
    const normal = new Float32Array(labels.length * size);
    fillNormal(1)(normal, random);
    return normal.map((z, at) => {
      const [row, i] = [Math.floor(at / size), at % size];
      const c = labels[row] as number;
      const [factor, mean] = [factors[c] as Float64Array, scaleOf(c) * (means[c * size + i] as number)];
      if (factor.length === size) return mean + (factor[i] as number) * z;
      let sum = mean;
      for (let j = 0; j <= i; j++) sum += (factor[i * size + j] as number) * (normal[row * size + j] as number);
      return sum;
    });
  };
}

/** Returns of each class the deviations [size], or the lower Cholesky factor [size × size] of its covariance. */
function factorsOf(numbers: Numbers, { facts: { features: size }, linear }: HostServices, covariance: Covariance): Float64Array[] {
  const means = classMeans(numbers, size);
  const products = array(numbers, "products");
  return Array.from(array(numbers, "counts"), (n, c) => {
    const spread = (product: number, i: number, j: number): number =>
      n < 2 ? 0 : (product - n * (means[c * size + i] as number) * (means[c * size + j] as number)) / (n - 1);
    const variances = (productAt: (i: number) => number): Float64Array =>
      Float64Array.from({ length: size }, (_, i) =>
        Math.sqrt(Math.max(0, spread(products[productAt(i)] as number, i, i)) + LEAST_VARIANCE),
      );
    if (covariance === "diagonal" || n < 2) return variances((i) => c * size + i);
    const whole = symmetric(products, size, c * size * size).map((product, at) => {
      const [i, j] = [Math.floor(at / size), at % size];
      return spread(product, i, j) + (i === j ? LEAST_VARIANCE : 0);
    });
    try {
      return linear.cholesky(whole, size);
    } catch (error) {
      // Rounding of products of large features may outweigh the least variance.
      if (!isError(error, "E_DATA")) throw error;
      return variances((i) => (c * size + i) * size + i);
    }
  });
}
