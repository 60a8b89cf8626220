const radiansPerDegree = Math.PI / 180;

/**
 * Returns the cosine and the sine of an angle in degrees: reduced to ±45°, then the Taylor series to the 16th power.
 * The host's own differ between engines in the last bit. Absolute error below 4e-16; exact at multiples of 90°.
 */
export function turn(degrees: number): { cos: number; sin: number } {
  const quarters = Math.floor(degrees / 90 + 0.5);
  const x = (degrees - quarters * 90) * radiansPerDegree;
  const xx = x * x;
  let cos = 1;
  let sin = 1;
  for (let n = 16; n >= 2; n -= 2) {
    cos = 1 - (xx / (n * (n - 1))) * cos;
    sin = 1 - (xx / (n * (n + 1))) * sin;
  }
  sin *= x;
  switch (((quarters % 4) + 4) % 4) {
    case 0:
      return { cos, sin };
    case 1:
      return { cos: -sin, sin: cos };
    case 2:
      return { cos: -cos, sin: -sin };
    default:
      return { cos: sin, sin: -cos };
  }
}
