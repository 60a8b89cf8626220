/** A point of a line. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Points that fall on one spot of the picture: their mean, and the span they cover. */
export interface Bucket {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Returns at most `limit` buckets of near equal size that together hold every finite point, in order: lowest and
 * highest values are kept, so no spike is lost.
 */
export function downsample(points: readonly Point[], limit: number): Bucket[] {
  const finite = points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  const count = Math.min(limit, finite.length);
  return Array.from({ length: count }, (_, k) => {
    const members = finite.slice(Math.floor((k * finite.length) / count), Math.floor(((k + 1) * finite.length) / count));
    let x = 0;
    let y = 0;
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (const point of members) {
      x += point.x / members.length;
      y += point.y / members.length;
      low = Math.min(low, point.y);
      high = Math.max(high, point.y);
    }
    return { x, y, low, high };
  });
}

/** Returns round numbers from `low` to `high`, about `wanted` of them, spaced by 1, 2 or 5 times a power of ten. */
export function ticks(low: number, high: number, wanted: number): number[] {
  const rough = (high - low) / wanted;
  if (!(rough > 0 && Number.isFinite(rough))) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
