/**
 * Continual pre-training in small: a GPT of one block learns Moby-Dick byte by byte, then Austen's English (a weak shift), Grimm's German or Python
 * source (strong ones), under each learning-rate policy and share of replay of Gupta et al. 2023 (arXiv 2308.04014), Ibrahim et al. 2024 (2403.08763)
 * and Hägele et al. 2024 (2405.18392). Every batch has as many rows: replay takes from the new text what it gives to the old. Says which of
 * their orderings hold at this size; only the coarse ones decide whether the run passes.
 */
import { schedules } from "palimpsest";
import { runAll } from "./crew.mjs";
import { orderingsOf, shapes } from "./orderings.mjs";

/** @typedef {import("./legs.mjs").Leg} Leg @typedef {import("./legs.mjs").Walked} Walked @typedef {import("./orderings.mjs").Figure} Figure */
/** A leg that starts under a schedule, or where another of its seed stood. @typedef {Omit<Leg, "start"> & { start: Schedule | { after: string, at: number } }} Planned */
/** @typedef {import("palimpsest").Schedule} Schedule */

const PEAK = 8e-3;
const FINAL = 0.1 * PEAK;
const OLD = "moby-dick-en";
const shifts = { Austen: "pride-and-prejudice-en", Grimm: "grimm-maerchen-de", Python: "python-stdlib-code" };

/** Shares of replay in percent, by policy. @type {Readonly<Record<string, readonly number[]>>} */
const shares = { constant: [0, 1, 5, 25, 50], "one cosine": [0, 1, 5, 25, 50], "re-warmed": [0, 1, 5, 25, 50], infinite: [0, 5, 25] };

/** Other ways to go on, without replay, from where a re-warmed run ends its first text. */
const detours = ["held at the final rate", "re-warmed to half", "re-warmed to double", "re-warmed at once", "re-warmed over 2 %"];

/** Returns the legs of one seed. @param {number} steps updates of each text @param {number} seed @returns {Planned[]} */
function plan(steps, seed) {
  const part = (/** @type {number} */ share) => Math.round(share * steps);
  const begin = { peak: PEAK, final: FINAL, warmup: part(0.01) };
  const stage = { length: steps, peak: PEAK };
  const anneal = part(0.14);
  const oneCosine = schedules.cosine({ ...begin, total: 2 * steps });
  const policies = {
    constant: schedules.infinite({ ...begin, constant: PEAK, final: PEAK }),
    "one cosine": oneCosine,
    "re-warmed": schedules.rewarm({ stages: [0, steps].map((start) => ({ ...stage, start })), warmupFraction: 0.01 }),
    infinite: schedules.infinite({
      ...{ ...begin, constant: 0.55 * PEAK, cooldown: part(0.6), constantSteps: "mark", anneal },
      style: "inverseSqrt",
    }),
  };
  const cosine = (/** @type {number} */ factor, /** @type {number} */ warmup) =>
    schedules.cosine({ peak: factor * PEAK, final: factor * FINAL, warmup: part(warmup), total: steps });
  const held = schedules.constant(FINAL);
  const rates = [held, cosine(0.5, 0.01), cosine(2, 0.01), cosine(1, 0), cosine(1, 0.02)];

  const first = { seed, texts: [OLD], shift: steps, until: steps, probe: [steps] };
  const second = { seed, texts: [OLD], shift: steps, until: 2 * steps, probe: [part(1.1), 2 * steps] };
  const keep = [part(0.8), steps - anneal, part(0.9), steps];
  const trunks = Object.entries(policies).map(([label, start]) => ({ ...first, label, start, keep }));
  // Copies of the trunks as they would be released after the first text.
  const cooldowns = [...shapes.map((shape) => ({ shape, share: 0.2 })), { shape: /** @type {const} */ ("sqrt"), share: 0.1 }];
  const released = [
    {
      ...first,
      label: "infinite, annealed",
      start: { after: "infinite", at: steps - anneal },
      mark: { name: "anneal", at: steps - anneal },
    },
    ...cooldowns.map(({ shape, share }) => ({
      ...{ ...first, label: `cooldown ${shape} ${share}`, start: { after: "constant", at: part(1 - share) } },
      rates: schedules.cooldown({ peak: PEAK, final: FINAL, start: 0, length: part(share), shape }),
    })),
  ];
  const shifted = Object.entries(shifts).flatMap(([name, text]) => {
    const leg = { ...second, texts: [OLD, text] };
    const after = Object.entries(shares).flatMap(([policy, all]) =>
      all.map((percent) => ({
        ...{ ...leg, label: `${policy}, ${percent} %, ${name}`, start: { after: policy, at: steps }, percent },
        ...(policy === "infinite" && { mark: { name: "anneal", at: 2 * steps - anneal } }),
      })),
    );
    const around = rates.map((rate, i) => ({
      ...leg,
      label: `${detours[i]}, 0 %, ${name}`,
      start: { after: "re-warmed", at: steps },
      rates: rate,
    }));
    return [{ ...leg, label: `union, ${name}`, start: oneCosine, union: true }, ...after, ...around];
  });
  const unshifted = { ...second, texts: [OLD], label: "re-warmed, 0 %, Melville", start: { after: "re-warmed", at: steps } };
  return [...trunks, ...released, ...shifted, unshifted];
}

/** Walks all legs, first those that start under a schedule, and returns what came of each. @param {readonly Planned[]} legs */
async function walkAll(legs) {
  /** @type {Map<string, Walked>} */
  const walked = new Map();
  const tell = (/** @type {Leg} */ { label, seed }, /** @type {Walked} */ found) => {
    walked.set(`${label}, seed ${seed}`, found);
    const last = Object.values(found.losses).at(-1) ?? [];
    console.error(`${walked.size} of ${legs.length}: ${label}, seed ${seed}: ${last.map((loss) => loss.toFixed(3)).join(" ")}`);
  };
  const url = new URL("./legs.mjs", import.meta.url).href;
  /** @type {(leg: Planned) => Leg} */
  const ready = ({ start, ...leg }) => {
    if (!("after" in start)) return { ...leg, start };
    const state = walked.get(`${start.after}, seed ${leg.seed}`)?.states[start.at];
    if (state === undefined) throw new Error(`${leg.label}: ${start.after} kept no state of update ${start.at}`);
    return { ...leg, start: state };
  };
  const follows = (/** @type {Planned} */ { start }) => "after" in start;
  await runAll(url, legs.filter((leg) => !follows(leg)).map(ready), tell);
  await runAll(url, legs.filter(follows).map(ready), tell);
  return walked;
}

/** Returns the figures of a run. @param {ReadonlyMap<string, Walked>} walked @param {number} steps @returns {import("./orderings.mjs").Figures} */
function figuresOf(walked, steps) {
  /** @returns {(label: string) => import("./orderings.mjs").Figure} */
  const loss = (/** @type {number} */ text, /** @type {number} */ share) => (label) => (seed) => {
    const found = walked.get(`${label}, seed ${seed}`)?.losses[Math.round(share * steps)];
    return found?.[Math.min(text, found.length - 1)] ?? Number.NaN;
  };
  const [old, fresh, released] = [loss(0, 2), loss(1, 2), loss(0, 1)];
  /** @type {(label: string) => import("./orderings.mjs").Figure} */
  const before = (label) => {
    const [policy = ""] = label.split(",");
    if (policy === "infinite") return released("infinite, annealed");
    return released(policy in shares ? policy : "re-warmed");
  };
  return {
    ...{ old, fresh, released, before, early: loss(0, 1.1) },
    both: (label) => (seed) => (old(label)(seed) + fresh(label)(seed)) / 2,
    forgotten: (label) => (seed) => old(label)(seed) - before(label)(seed),
  };
}

export async function run({ log = console.log, steps = 1200, seeds = [0, 1] } = {}) {
  const walked = await walkAll(seeds.flatMap((seed) => plan(steps, seed)));
  const figures = figuresOf(walked, steps);
  const { old, fresh, both, before, forgotten } = figures;
  const mean = (/** @type {Figure} */ figure) => seeds.reduce((sum, seed) => sum + figure(seed), 0) / seeds.length;
  const shown = (/** @type {Figure} */ figure) => {
    const squares = seeds.reduce((sum, seed) => sum + (figure(seed) - mean(figure)) ** 2, 0);
    return `${mean(figure).toFixed(3)} ± ${Math.sqrt(squares / Math.max(1, seeds.length - 1)).toFixed(3)}`;
  };
  const arms = [...Object.entries(shares), ...detours.map((policy) => /** @type {const} */ ([policy, [0]]))].flatMap(([policy, all]) =>
    all.map((percent) => ({ policy, percent })),
  );
  for (const name of Object.keys(shifts)) {
    log(`\nMelville, then ${name}, ${steps} updates each: held-out nats per byte, mean and deviation of ${seeds.length} seeds.\n`);
    log(
      "| rate | replay | Melville before | Melville | forgotten | the new text | mean of both |\n| --- | --- | --- | --- | --- | --- | --- |",
    );
    for (const { policy, percent } of arms) {
      const columns = [before, old, forgotten, fresh, both].map((figure) => shown(figure(`${policy}, ${percent} %, ${name}`)));
      log(`| ${policy} | ${percent} % | ${columns.join(" | ")} |`);
    }
    const [atEnd, other, average] = [old, fresh, both].map((figure) => shown(figure(`union, ${name}`)));
    log(`| one cosine over the union | | | ${atEnd} | | ${other} | ${average} |`);
  }

  log(`\n| published | says | then | its figures here | |\n| --- | --- | --- | --- | --- |`);
  for (const { source, claim, shift, relation } of orderingsOf(figures)) {
    const count = seeds.filter(relation.holds).length;
    const verdict = count === seeds.length ? "holds" : count === 0 ? "does not hold" : `holds for ${count} of ${seeds.length} seeds`;
    log(`| ${source} | ${claim} | ${shift} | ${relation.text((figure) => mean(figure).toFixed(3))} | ${verdict} |`);
  }

  const finite = [...walked.values()].every(({ losses }) => Object.values(losses).flat().every(Number.isFinite));
  const eased = Object.keys(shifts).every((name) => {
    const at = (/** @type {string} */ policy, /** @type {number} */ percent) => `${policy}, ${percent} %, ${name}`;
    const keeps = Object.keys(shares).every((policy) => mean(forgotten(at(policy, 5))) < mean(forgotten(at(policy, 0))));
    const union = mean(both(`union, ${name}`));
    return keeps && ["one cosine", "re-warmed"].every((policy) => Math.abs(mean(both(at(policy, 50))) - union) < 0.1);
  });
  const stronger = ["Grimm", "Python"].every(
    (name) => mean(forgotten(`re-warmed, 0 %, ${name}`)) > mean(forgotten("re-warmed, 0 %, Austen")),
  );
  return finite && eased && stronger;
}
