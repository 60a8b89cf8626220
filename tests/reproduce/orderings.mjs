/** What the papers on learning-rate policies found, held against the losses of a run: orderings, since the losses are those of another model. */

/** @typedef {(seed: number) => number} Figure a number that each seed has */
/** @typedef {{ text: (mean: (figure: Figure) => string) => string, holds: (seed: number) => boolean }} Relation */
/** @typedef {{ claim: string, source: string, shift: string, relation: Relation }} Ordering */
/**
 * The figures of arms, "POLICY, PERCENT %, TEXT": losses of the old text and the new one at the end, the mean of both, that of the old one before the
 * new, what was forgotten since, the loss of the old one a tenth into the new, and that of the old one as it was released.
 * @typedef {Record<"old" | "fresh" | "both" | "before" | "forgotten" | "early" | "released", (label: string) => Figure>} Figures
 */

/** How far apart losses are at most that the papers call equal: 1 % of them, there as here. */
const NEAR = 0.02;

/** Ways down of a cooldown. @type {readonly ("linear" | "sqrt" | "cosine" | "mirrorCosine" | "square" | "exponential")[]} */
export const shapes = ["linear", "sqrt", "cosine", "mirrorCosine", "square", "exponential"];

/** Each is below the one before it. @param {...Figure} figures @returns {Relation} */
const falling = (...figures) => ({
  text: (mean) => figures.map(mean).join(" > "),
  holds: (seed) => figures.every((figure, i) => i === 0 || figure(seed) < (figures[i - 1]?.(seed) ?? 0)),
});

/** Both are the same but for {@link NEAR}. @param {Figure} one @param {Figure} other @returns {Relation} */
const near = (one, other) => ({
  text: (mean) => `${mean(one)} ≈ ${mean(other)}`,
  holds: (seed) => Math.abs(one(seed) - other(seed)) <= NEAR,
});

/** One is no worse than the other but for {@link NEAR}. @param {Figure} one @param {Figure} other @returns {Relation} */
const reaches = (one, other) => ({
  text: (mean) => `${mean(one)} ≤ ${mean(other)} + ${NEAR}`,
  holds: (seed) => one(seed) <= other(seed) + NEAR,
});

/** Returns the published orderings. @param {Figures} figures @returns {Ordering[]} */
export function orderingsOf({ fresh, both, before, forgotten, early, released }) {
  /** @type {Ordering[]} */
  const orderings = [];
  const add = (/** @type {string} */ source, /** @type {string} */ claim, /** @type {string} */ shift, /** @type {Relation} */ relation) =>
    orderings.push({ claim, source, shift, relation });
  const arm = (/** @type {string} */ policy, /** @type {number} */ percent, /** @type {string} */ name) =>
    `${policy}, ${percent} %, ${name}`;
  const held = "held at the final rate";
  /** @type {(figure: Figure) => Figure} */
  const half = (figure) => (seed) => figure(seed) / 2;

  const [gupta, ibrahim, hagele] = ["Gupta 2023", "Ibrahim 2024", "Hägele 2024"];
  const again = arm("re-warmed", 0, "Melville");
  add(gupta, "re-warming raises the old loss at first, even on the same data", "none", falling(early(again), before(again)));
  for (const name of ["Austen", "Grimm", "Python"]) {
    const rewarmed = (/** @type {number} */ percent) => arm("re-warmed", percent, name);
    const plain = rewarmed(0);
    add(
      gupta,
      "re-warming raises the old loss more than staying at the final rate does, a tenth in",
      name,
      falling(early(plain), early(arm(held, 0, name))),
    );
    add(
      gupta,
      "re-warming and decaying again learns the new text better than staying at the final rate",
      name,
      falling(fresh(arm(held, 0, name)), fresh(plain)),
    );
    add(gupta, "and better than a constant rate", name, falling(fresh(arm("constant", 0, name)), fresh(plain)));
    const [low, high] = [arm("re-warmed to half", 0, name), arm("re-warmed to double", 0, name)];
    add(gupta, "a higher peak learns the new text better", name, falling(fresh(low), fresh(plain), fresh(high)));
    add(gupta, "a higher peak forgets more", name, falling(forgotten(high), forgotten(plain), forgotten(low)));
    add(gupta, "warm-up over 1 % is as good as none", name, near(both(plain), both(arm("re-warmed at once", 0, name))));
    add(gupta, "warm-up over 1 % is as good as over 2 %", name, near(both(plain), both(arm("re-warmed over 2 %", 0, name))));
    add(
      ibrahim,
      "each further share of replay, 0, 1, 5, 25, 50 %, forgets less",
      name,
      falling(...[0, 1, 5, 25, 50].map((percent) => forgotten(rewarmed(percent)))),
    );
    add(ibrahim, "1 % of replay forgets less than half of what none does", name, falling(half(forgotten(plain)), forgotten(rewarmed(1))));
    const enough = name === "Austen" ? 5 : 25;
    add(
      ibrahim,
      `${enough} % of replay does as well on both as training on the union`,
      name,
      reaches(both(rewarmed(enough)), both(`union, ${name}`)),
    );
    if (enough === 25) add(ibrahim, "5 % is not enough for a strong shift", name, falling(both(rewarmed(5)), both(rewarmed(25))));
    add(ibrahim, "50 % of replay is as good as the union", name, near(both(rewarmed(50)), both(`union, ${name}`)));
    if (enough === 25)
      add(
        ibrahim,
        "without replay a strong shift forgets more than a weak one",
        name,
        falling(forgotten(plain), forgotten(arm("re-warmed", 0, "Austen"))),
      );
    for (const percent of [5, 25]) {
      const claim = `an infinite schedule, annealed, does as well as re-warming, at ${percent} % of replay`;
      add(ibrahim, claim, name, reaches(both(arm("infinite", percent, name)), both(rewarmed(percent))));
    }
  }
  add(
    ibrahim,
    "an infinite schedule, annealed, does as well as a cosine fitted to one text",
    "none",
    reaches(released("infinite, annealed"), released("re-warmed")),
  );
  for (const share of [0.1, 0.2]) {
    const claim = `a constant rate, cooled down over ${100 * share} %, does as well as a cosine fitted to one text`;
    add(hagele, claim, "none", reaches(released(`cooldown sqrt ${share}`), released("re-warmed")));
  }
  for (const shape of shapes.filter((other) => other !== "sqrt"))
    add(
      hagele,
      `a cooldown by 1 − √p does better than ${shape}`,
      "none",
      falling(released(`cooldown ${shape} 0.2`), released("cooldown sqrt 0.2")),
    );
  return orderings;
}
