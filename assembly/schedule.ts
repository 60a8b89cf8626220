/**
 * Learning-rate schedules in f64: pure functions of t, the 0-based index of the update about to be made. A schedule is a node of f64 words,
 * [kind, words…], written by `src/optim`; nodes that are made of others hold them inline.
 *
 *   0 constant   [rate]
 *   1 segments   see `segments.ts`: warm-up, decay, hold, cooldown
 *   2 restarts, 3 cyclic, 4 sigmoid, 5 table   see `cycles.ts`
 *   6 tasks      see `tasks.ts`
 *   7 scale      [factor, node]
 *   8 clamp      [least, most, node]
 *   9 sequence   [count] then, per part, [until, marked, words of the node, node]; a part's t counts from the end of the one before it,
 *                which no later mark moves back; the last part has no end
 *  10 restartOn  [mark, node]; the node's t counts from the mark
 *
 * A mark is a word that the host writes while training: the update at which something happened, ∞ before. Marks count from the first update
 * of all, t of a node from the origin of its frame; a mark from before that origin belongs to a frame that is over and says nothing.
 * Rates are finite and at least 0 for every t. Error: a few units in the last place, and that of `pow64` where a power is taken.
 */
import { cyclic, restarts, sigmoid, table } from "./cycles";
import { segments } from "./segments";
import { tasks } from "./tasks";

/** Beyond it t + 1 is no other number; a t that is larger counts as this. */
const LAST: f64 = 9007199254740992;

/** The learning rate of update t. */
export function rate(node: usize, t: f64): f64 {
  return evaluate(node, min(max(t, 0), LAST), 0);
}

/** Writes the rates of updates first … first + count - 1 to out `[count]` (f64). */
export function rates(node: usize, first: f64, count: i32, out: usize): void {
  for (let i = 0; i < count; i++) store<f64>(out + ((<usize>i) << 3), rate(node, first + i));
}

function evaluate(node: usize, t: f64, origin: f64): f64 {
  const words = node + 8;
  switch (<i32>load<f64>(node)) {
    case 1:
      return segments(words, t);
    case 2:
      return restarts(words, t);
    case 3:
      return cyclic(words, t);
    case 4:
      return sigmoid(words, t);
    case 5:
      return table(words, t);
    case 6:
      return min(tasks(words, t), f64.MAX_VALUE);
    case 7:
      return min(load<f64>(words) * evaluate(words + 8, t, origin), f64.MAX_VALUE);
    case 8:
      return min(max(evaluate(words + 16, t, origin), load<f64>(words)), load<f64>(words, 8));
    case 9:
      return sequence(words, t, origin);
    case 10: {
      const start = local(load<f64>(words), origin);
      return start <= t ? evaluate(words + 8, t - start, origin + start) : evaluate(words + 8, t, origin);
    }
    default:
      return load<f64>(words);
  }
}

/** A mark as a time of the frame that began at origin; ∞ where it says nothing. */
function local(mark: f64, origin: f64): f64 {
  return mark >= origin ? mark - origin : Infinity;
}

function sequence(words: usize, t: f64, origin: f64): f64 {
  let part = words + 8;
  let start: f64 = 0;
  for (let left = <i32>load<f64>(words); left > 1; left--) {
    const until = load<f64>(part);
    const end = max(start, load<f64>(part, 8) != 0 ? local(until, origin) : until);
    if (end > t) break;
    start = end;
    part += 24 + ((<usize>load<f64>(part, 16)) << 3);
  }
  return evaluate(part + 24, t - start, origin + start);
}
