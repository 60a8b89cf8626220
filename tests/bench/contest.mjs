/**
 * A contest: contenders do the same work in turns within one process, A B A B. What counts is the median of each one's turns, and ratios
 * of medians; that all come to the same numbers is checked before any is timed.
 */

/** @typedef {"palimpsest" | "javascript" | "native" | "hand"} Kind `hand` is a loop written for this one job. */

/**
 * @typedef {object} Target what to reach: so many times the speed of the fastest of a kind or, without `against`, a value
 * @property {Kind} [against]
 * @property {number} [atLeast]
 * @property {number} [atMost]
 */

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {Kind} kind
 * @property {(seconds: number) => Promise<number>} turn works for about that long; returns milliseconds per step
 * @property {() => Promise<readonly number[]>} [answers] what it computes first, from the start that all share
 * @property {readonly Target[]} [targets]
 * @property {() => unknown} close
 */

/**
 * @typedef {object} Row
 * @property {string} workload
 * @property {string} name
 * @property {Kind} kind
 * @property {number} value in `unit`
 * @property {string} unit
 * @property {number} [ms] per step, the median of the turns
 * @property {number} [noise] half the distance between the quartiles of the turns, as a share of the median
 * @property {Partial<Record<Kind, number>>} [times] how many times as fast as the fastest of a kind
 * @property {readonly Target[]} targets
 */

/**
 * @typedef {object} Rules
 * @property {string} [unit]
 * @property {(ms: number) => number} [measure] turns milliseconds per step into `unit`; by default steps per second
 * @property {number} [turns]
 * @property {number} [seconds] of a turn
 * @property {number} [tolerance] of answers, as a share of the largest
 */

/** Returns the middle one of some numbers. @param {readonly number[]} list */
export const median = (list) => quantile(list, 0.5);

/** @param {readonly number[]} list @param {number} share */
const quantile = (list, share) => /** @type {number} */ ([...list].sort((a, b) => a - b)[Math.floor(list.length * share)]);

/**
 * Returns a contender that does one step after another. Its answers are what its first five steps return, if that is a number.
 * @param {Omit<Contender, "turn" | "answers">} who
 * @param {() => Promise<number | undefined>} step
 * @returns {Contender}
 */
export function stepper(who, step) {
  return {
    ...who,
    async answers() {
      const found = [];
      for (let i = 0; i < 5; i++) found.push(await step());
      return found.flatMap((answer) => answer ?? []);
    },
    async turn(seconds) {
      const began = performance.now();
      let steps = 0;
      do {
        await step();
        steps++;
      } while (performance.now() - began < 1000 * seconds);
      return (performance.now() - began) / steps;
    },
  };
}

/**
 * Makes the contenders, has them compete and returns a row for each. One that is not to be had is undefined.
 * @param {string} workload
 * @param {readonly (() => Promise<Contender | undefined>)[]} makers
 * @param {Rules} [rules]
 * @returns {Promise<Row[]>}
 */
export async function contest(workload, makers, rules = {}) {
  const { unit = "steps/s", measure = (ms) => 1000 / ms, turns = 7, seconds = 0.2, tolerance = 1e-3 } = rules;
  /** @type {{ contender: Contender, turns: number[] }[]} */
  const field = [];
  try {
    for (const make of makers) {
      const contender = await make();
      if (contender !== undefined) field.push({ contender, turns: [] });
    }
    await checkAnswers(
      workload,
      field.map(({ contender }) => contender),
      tolerance,
    );
    for (const { contender } of field) await contender.turn(seconds);
    for (let turn = 0; turn < turns; turn++) for (const each of field) each.turns.push(await each.contender.turn(seconds));
  } finally {
    for (const { contender } of field) await contender.close();
  }
  const times = field.map(({ contender, turns }) => ({ kind: contender.kind, ms: median(turns) }));
  return field.map(({ contender: { name, kind, targets = [] }, turns }) => {
    const ms = median(turns);
    const noise = (quantile(turns, 0.75) - quantile(turns, 0.25)) / 2 / ms;
    return { workload, name, kind, value: measure(ms), unit, ms, noise, times: ratios(times, ms), targets };
  });
}

/** @param {readonly { kind: Kind, ms: number }[]} times @param {number} ms @returns {Partial<Record<Kind, number>>} */
function ratios(times, ms) {
  const kinds = new Set(times.map(({ kind }) => kind));
  return Object.fromEntries(
    [...kinds].map((kind) => [kind, Math.min(...times.flatMap((other) => (other.kind === kind ? other.ms : []))) / ms]),
  );
}

/** @param {string} workload @param {readonly Contender[]} contenders @param {number} tolerance */
async function checkAnswers(workload, contenders, tolerance) {
  /** @type {{ name: string, answers: readonly number[] } | undefined} */
  let first;
  for (const { name, answers: ask } of contenders) {
    const answers = (await ask?.()) ?? [];
    if (answers.length === 0) continue;
    first ??= { name, answers };
    const scale = Math.max(...first.answers.map(Math.abs));
    const agree =
      answers.length === first.answers.length && answers.every((a, i) => Math.abs(a - (first?.answers[i] ?? 0)) <= tolerance * scale);
    if (!agree) throw new Error(`${workload}: ${first.name} finds ${first.answers.join(", ")} where ${name} finds ${answers.join(", ")}`);
  }
}
