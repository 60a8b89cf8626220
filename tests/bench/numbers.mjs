/** The numbers that every contender is given, the same in JavaScript and in Python (`turns.py`). */

/**
 * Returns uniform numbers on [−scale, scale) from a hash of their positions.
 * @param {number} count @param {number} seed @param {number} [scale]
 */
export function noise(count, seed, scale = 1) {
  const numbers = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let bits = i + Math.imul(seed, 0x9e3779b9);
    bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
    bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
    numbers[i] = ((((bits ^ (bits >>> 15)) >>> 8) * 2) / 2 ** 24 - 1) * scale;
  }
  return numbers;
}

/**
 * @typedef {object} Problem a model's first parameters and the stream it learns, in batches
 * @property {readonly { path: string, shape: readonly number[], values: Float32Array }[]} params by their paths in Palimpsest's model
 * @property {readonly number[]} input shape of a row
 * @property {readonly { x: Float32Array, y: Int32Array }[]} batches
 * @property {number} batch rows of each
 * @property {number} classes
 * @property {number} learningRate
 */

/** Times that the rows of a problem pass by before all repeats. */
const PASSES = 8;

/** @typedef {{ path: string, shape: readonly number[], fanIn: number }} Param */

/**
 * Returns a problem of telling classes apart: each row is its class's pattern and as much noise. Parameters are uniform on ±1/√fan-in.
 * Every fourth row has another label in each pass, so that there is always something to learn: with gradients gone, moments would decay
 * into denormal numbers, which are slow.
 * @param {{ params: readonly Param[], input: readonly number[], classes: number, batch: number }} spec
 * @returns {Problem}
 */
export function problem({ params, input, classes, batch }) {
  const size = input.reduce((product, n) => product * n, 1);
  const patterns = noise(classes * size, 1);
  const parts = Math.ceil(512 / batch);
  const labelOf = (/** @type {number} */ row) => (7 * row) % classes;
  const rows = Array.from({ length: parts }, (_, part) => {
    const x = noise(batch * size, 1000 + part, 0.5);
    for (let j = 0; j < x.length; j++) {
      const label = labelOf(part * batch + Math.floor(j / size));
      x[j] = /** @type {number} */ (x[j]) + 0.5 * /** @type {number} */ (patterns[label * size + (j % size)]);
    }
    return x;
  });
  const batches = Array.from({ length: PASSES * parts }, (_, i) => {
    const [part, pass] = [i % parts, Math.floor(i / parts)];
    const y = Int32Array.from({ length: batch }, (_, j) => {
      const row = part * batch + j;
      return (labelOf(row) + (row % 4 === 0 ? pass : 0)) % classes;
    });
    return { x: /** @type {Float32Array} */ (rows[part]), y };
  });
  const filled = params.map(({ path, shape, fanIn }, i) => {
    const count = shape.reduce((product, n) => product * n, 1);
    return { path, shape, values: noise(count, 100 + i, 1 / Math.sqrt(fanIn)) };
  });
  return { params: filled, input, batches, batch, classes, learningRate: 1e-3 };
}

/** Returns a function that gives one thing after another, round and round. @template T @param {readonly T[]} things @returns {() => T} */
export function cycle(things) {
  let next = 0;
  return () => /** @type {T} */ (things[next++ % things.length]);
}
