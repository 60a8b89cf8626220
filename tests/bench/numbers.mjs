/** The numbers that every contender is given, the same in JavaScript and in Python (`models.py`). */

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
 * @typedef {object} Param
 * @property {string} path in Palimpsest's model
 * @property {readonly number[]} shape
 * @property {number} [fanIn] numbers are first uniform on ±1/√fan-in; without it all are `value`
 * @property {number} [value]
 * @property {{ view: readonly number[], order: readonly number[], shape: readonly number[] }} [channelsFirst] the view of the numbers, what
 * order its dims take and their shape then, in a library whose images are [channels, height, width]
 */

/**
 * @typedef {object} Spec what all contenders are told, in any language
 * @property {readonly Param[]} params
 * @property {readonly number[]} input shape of a row
 * @property {number} classes
 * @property {number} batch rows of a step
 * @property {boolean} [text] whether rows are bytes, each to be told from those before it
 */

/**
 * @typedef {object} Problem a model's first parameters and the stream it learns, in batches
 * @property {Spec} spec
 * @property {readonly (Param & { values: Float32Array })[]} params
 * @property {readonly { x: Float32Array | Uint8Array, y: Int32Array }[]} batches
 */

/** Of Adam, for every contender. */
export const LEARNING_RATE = 1e-3;

/** Returns how many numbers a shape holds. @param {readonly number[]} shape */
const sizeOf = (shape) => shape.reduce((product, n) => product * n, 1);

/** Returns the weight [..., out] and the bias of a layer. @param {string} path @param {readonly number[]} shape @returns {Param[]} */
export function layer(path, shape) {
  const fanIn = sizeOf(shape.slice(0, -1));
  return [
    { path: `${path}.weight`, shape, fanIn },
    { path: `${path}.bias`, shape: shape.slice(-1), fanIn },
  ];
}

/** Returns a problem, the same for the same spec. @param {Spec} spec @returns {Problem} */
export function problem(spec) {
  const params = spec.params.map((param, i) => {
    const count = sizeOf(param.shape);
    const { fanIn, value = 0 } = param;
    return { ...param, values: fanIn === undefined ? new Float32Array(count).fill(value) : noise(count, 100 + i, 1 / Math.sqrt(fanIn)) };
  });
  return { spec, params, batches: spec.text ? sequences(spec) : patterns(spec) };
}

/** Times that the rows of a problem pass by before all repeats. */
const PASSES = 8;

/**
 * Batches of telling classes apart: each row is its class's pattern and as much noise. Every fourth row has another label in each pass, so
 * that there is always something to learn: with gradients gone, moments would decay into denormal numbers, which are slow.
 * @param {Spec} spec
 */
function patterns({ input, classes, batch }) {
  const size = sizeOf(input);
  const means = noise(classes * size, 1);
  const parts = Math.ceil(512 / batch);
  const labelOf = (/** @type {number} */ row) => (7 * row) % classes;
  const rows = Array.from({ length: parts }, (_, part) => {
    const x = noise(batch * size, 1000 + part, 0.5);
    for (let j = 0; j < x.length; j++) {
      const label = labelOf(part * batch + Math.floor(j / size));
      x[j] = /** @type {number} */ (x[j]) + 0.5 * /** @type {number} */ (means[label * size + (j % size)]);
    }
    return x;
  });
  return Array.from({ length: PASSES * parts }, (_, i) => {
    const [part, pass] = [i % parts, Math.floor(i / parts)];
    const y = Int32Array.from({ length: batch }, (_, j) => {
      const row = part * batch + j;
      return (labelOf(row) + (row % 4 === 0 ? pass : 0)) % classes;
    });
    return { x: /** @type {Float32Array} */ (rows[part]), y };
  });
}

/** Batches of bytes that go up by a step of the row's own from a start of its own. @param {Spec} spec */
function sequences({ input: [time = 0], classes, batch }) {
  return Array.from({ length: 64 }, (_, part) => {
    const byteAt = (/** @type {number} */ place) => {
      const row = part * batch + Math.floor(place / time);
      return (37 * row + (1 + (row % 5)) * (place % time)) % classes;
    };
    const y = Int32Array.from({ length: batch * time }, (_, i) => (byteAt(i) + 1 + ((part * batch + Math.floor(i / time)) % 5)) % classes);
    return { x: Uint8Array.from(y, (_, i) => byteAt(i)), y };
  });
}

/** Returns a function that gives one thing after another, round and round. @template T @param {readonly T[]} things @returns {() => T} */
export function cycle(things) {
  let next = 0;
  return () => /** @type {T} */ (things[next++ % things.length]);
}
