/**
 * A contest: contenders do the same work in turns within one process, A B A B. What counts is the median of each one's turns, and ratios
 * of medians; that all come to the same numbers is checked before any is timed.
 */

/** @typedef {"palimpsest" | "javascript" | "native" | "hand" | "beside"} Kind `hand` is a loop written for this one job, `beside` is compared with nothing. */

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {(seconds: number) => Promise<number>} turn works for about that long; returns milliseconds per step
 * @property {() => Promise<readonly number[]>} [answers] what it computes next, first from the start that all share
 * @property {number} [parameters] how many numbers it trains
 * @property {() => unknown} close
 */

/**
 * @typedef {object} Entry
 * @property {string} name short
 * @property {Kind} kind
 * @property {string} [variant] of the same library
 * @property {() => Promise<Contender>} open
 * @property {boolean} [required] whether the contest is void where this one cannot compete
 * @property {Entry} [otherwise] who comes instead where this one cannot
 */

/**
 * @typedef {object} Row
 * @property {string} workload
 * @property {string} name
 * @property {Kind} kind
 * @property {string} [variant]
 * @property {string} unit
 * @property {number} [value] in `unit`
 * @property {number} [ms] per step, the median of the turns
 * @property {number} [noise] half the distance between the quartiles of the turns, as a share of the median
 * @property {number} [parameters]
 * @property {{ bytes: string, kernels: string, slots: string, ratio?: string }} [cost] of an optimizer: bytes that a parameter's update moves
 * @property {{ declared: number, found: number }} [strategy] what it adds to a step, in passes of the rows that arrive
 * @property {string} [skipped] why nothing was measured
 */

/**
 * @typedef {object} Rules
 * @property {string} [unit]
 * @property {(ms: number) => number} [measure] turns milliseconds per step into `unit`; by default steps per second
 * @property {number} [turns]
 * @property {number} [seconds] of a turn
 * @property {number} [tolerance] of answers, as a share of the largest
 * @property {boolean} [learns] whether answers are losses, which must be lower in the end
 */

/** Returns the middle one of some numbers. @param {readonly number[]} list */
export const median = (list) => quantile(list, 0.5);

/** @param {readonly number[]} list @param {number} share */
const quantile = (list, share) => /** @type {number} */ ([...list].sort((a, b) => a - b)[Math.floor(list.length * share)]);

/** Returns half the distance between the quartiles of some turns, as a share of the median. @param {readonly number[]} turns */
export const noiseOf = (turns) => (quantile(turns, 0.75) - quantile(turns, 0.25)) / 2 / median(turns);

/**
 * Returns a contender that does one step after another. Its answers are what its next five steps return, if that is a number.
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

/** @typedef {{ entry: Entry, contender: Contender, answers: readonly number[], turns: number[] }} Place */

/**
 * Opens the contenders, has them compete and returns a row for each; the row of one that cannot compete says why.
 * @param {string} workload
 * @param {readonly Entry[]} entries
 * @param {Rules} [rules]
 * @returns {Promise<Row[]>}
 */
export async function contest(workload, entries, rules = {}) {
  const { unit = "steps/s", measure = (ms) => 1000 / ms, turns = 7, seconds = 0.2, tolerance = 1e-3, learns = false } = rules;
  /** @type {Place[]} */
  const field = [];
  /** @type {Row[]} */
  const absent = [];
  try {
    const queue = [...entries];
    // A list hands out what is added while it is walked.
    for (const entry of queue) {
      /** @type {Contender | undefined} */
      let contender;
      try {
        contender = await entry.open();
        field.push({ entry, contender, answers: (await contender.answers?.()) ?? [], turns: [] });
      } catch (error) {
        await contender?.close();
        if (entry.required) throw error;
        absent.push({ workload, ...described(entry), unit, skipped: reasonOf(error) });
        if (entry.otherwise) queue.push(entry.otherwise);
      }
    }
    checkAgreement(workload, field, tolerance);
    for (const { contender } of field) await contender.turn(seconds);
    for (let turn = 0; turn < turns; turn++) for (const each of field) each.turns.push(await each.contender.turn(seconds));
    if (learns) for (const each of field) await checkLearning(workload, each);
  } finally {
    for (const { contender } of field) await contender.close();
  }
  const rows = field.map(({ entry, contender: { name, parameters }, turns }) => {
    const ms = median(turns);
    return {
      workload,
      ...described(entry),
      name,
      unit,
      value: measure(ms),
      ms,
      noise: noiseOf(turns),
      ...(parameters === undefined ? {} : { parameters }),
    };
  });
  return [...rows, ...absent];
}

/** @param {Entry} entry */
const described = ({ name, kind, variant }) => ({ name, kind, ...(variant === undefined ? {} : { variant }) });

/** Returns the first line of what an error says. @param {unknown} error */
const reasonOf = (error) => `${error instanceof Error ? error.message : error}`.split("\n")[0] ?? "";

/** @param {string} workload @param {readonly Place[]} field @param {number} tolerance */
function checkAgreement(workload, field, tolerance) {
  const answering = field.filter(({ answers }) => answers.length > 0);
  for (const { contender, answers } of answering) {
    const first = /** @type {Place} */ (answering[0]);
    const scale = Math.max(...first.answers.map(Math.abs));
    const agree =
      answers.length === first.answers.length &&
      answers.every((a, i) => Math.abs(a - /** @type {number} */ (first.answers[i])) <= tolerance * scale);
    const numbers = `${first.answers.join(", ")} where ${contender.name} finds ${answers.join(", ")}`;
    if (!agree) throw new Error(`${workload}: ${first.contender.name} finds ${numbers}`);
  }
  const counts = new Set(field.flatMap(({ contender }) => contender.parameters ?? []));
  if (counts.size > 1) throw new Error(`${workload}: models differ; they have ${[...counts].join(" and ")} parameters`);
}

/** @param {string} workload @param {Place} place */
async function checkLearning(workload, { contender, answers }) {
  const last = (await contender.answers?.()) ?? [];
  if (!(median(last) < median(answers))) {
    throw new Error(`${workload}: ${contender.name} does not learn; its losses go from ${answers.join(", ")} to ${last.join(", ")}`);
  }
}
