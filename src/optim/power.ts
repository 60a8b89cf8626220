/** e^x, ln x and x^y from sums and products alone, which round the same in every engine, unlike those of the host. Error below 1e-14. */

const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;

/** Returns e^x. */
export function exp(x: number): number {
  if (x < -745) return 0;
  if (x > 709) return Number.POSITIVE_INFINITY;
  const halvings = Math.round(x / (LN2_HIGH + LN2_LOW));
  const rest = x - halvings * LN2_HIGH - halvings * LN2_LOW;
  let [sum, term] = [1, 1];
  // |rest| ≤ 0.35, so the 18th term is below 2^-70.
  for (let i = 1; i <= 18; i++) {
    term *= rest / i;
    sum += term;
  }
  return scaled(sum, halvings);
}

/** Returns the natural logarithm of a positive x. */
export function log(x: number): number {
  let [mantissa, exponent] = [x, 0];
  for (; mantissa > Math.SQRT2; exponent++) mantissa /= 2;
  for (; mantissa < Math.SQRT1_2; exponent--) mantissa *= 2;
  const ratio = (mantissa - 1) / (mantissa + 1);
  const square = ratio * ratio;
  let sum = 0;
  // |ratio| ≤ 0.172: 2·Σ ratio^(2i+1)/(2i+1), of which the 12th is below 2^-63.
  for (let i = 12; i >= 0; i--) sum = sum * square + 1 / (2 * i + 1);
  return exponent * LN2_HIGH + (2 * ratio * sum + exponent * LN2_LOW);
}

/** Returns x^y for a positive x. */
export function power(x: number, y: number): number {
  return exp(y * log(x));
}

/** Returns value·2^count. */
function scaled(value: number, count: number): number {
  let result = value;
  for (let left = Math.abs(count); left > 0; left--) result *= count > 0 ? 2 : 0.5;
  return result;
}
