/**
 * Draws polylines into a square field by distance: after {@link clear} and {@link draw}, `field[p]` holds the squared
 * distance from the centre of pixel `p` to the nearest piece, and {@link coverage} turns it into ink.
 */

/** Writes "nothing near" to every pixel. */
export function clear(field: Float64Array): void {
  field.fill(Number.POSITIVE_INFINITY);
}

/** Lowers the field along `points` (x0 y0 x1 y1 … in pixels), for the pixels within `reach` of the line. */
export function draw(field: Float64Array, size: number, points: Float64Array, values: number, reach: number): void {
  for (let i = 0; i + 3 < values; i += 2) {
    const x0 = points[i] as number;
    const y0 = points[i + 1] as number;
    const dx = (points[i + 2] as number) - x0;
    const dy = (points[i + 3] as number) - y0;
    const lengthSquared = dx * dx + dy * dy;
    const perLength = lengthSquared === 0 ? 0 : 1 / lengthSquared;
    const left = Math.max(0, Math.floor(Math.min(x0, x0 + dx) - reach));
    const right = Math.min(size - 1, Math.floor(Math.max(x0, x0 + dx) + reach));
    const top = Math.max(0, Math.floor(Math.min(y0, y0 + dy) - reach));
    const bottom = Math.min(size - 1, Math.floor(Math.max(y0, y0 + dy) + reach));
    for (let row = top; row <= bottom; row++) {
      const py = row + 0.5 - y0;
      for (let column = left; column <= right; column++) {
        const px = column + 0.5 - x0;
        const along = Math.max(0, Math.min(1, (px * dx + py * dy) * perLength));
        const ex = px - along * dx;
        const ey = py - along * dy;
        const squared = ex * ex + ey * ey;
        const at = row * size + column;
        if (squared < (field[at] as number)) field[at] = squared;
      }
    }
  }
}

/** Returns how much of a pixel at this squared distance a line of the given half width covers, its edge one pixel soft. */
export function coverage(squared: number, halfWidth: number): number {
  const reach = halfWidth + 0.5;
  return squared >= reach * reach ? 0 : Math.min(1, reach - Math.sqrt(squared));
}
