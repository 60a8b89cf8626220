/** Schedules made of schedules. */
import { checkKeys, checkNumber, describe, fail } from "../errors.ts";
import { asSchedule } from "./rate.ts";
import { rates, type Schedule, type ScheduleConfig } from "./schedule.ts";
import { joinWords, markWord, sequenceWords, updates, type Words } from "./words.ts";

/** One part of {@link sequence}. */
export interface SequencePart {
  /** The update at which the next part takes over, or the name of a mark: when `learner.mark(name)` says so. The last part has none. */
  until?: number | string;
  schedule: Schedule | number;
}

/**
 * Returns schedules one after the other; t of each counts from where the one before it ends. No part ends before the one before it.
 * @throws E_CONFIG
 */
export function sequence(parts: readonly SequencePart[]): Schedule {
  const where = "schedules.sequence";
  if (!Array.isArray(parts) || parts.length === 0) {
    fail("E_CONFIG", `${where}: these are no parts; expected at least one { until, schedule }, got ${describe(parts)}`, {
      hint: "Give a list; its last part has no until.",
    });
  }
  let next = 1;
  const made = parts.map((part, i) => {
    const at = `${where}: part ${i}`;
    checkKeys(at, part, ["until", "schedule"]);
    const schedule = checkPart(at, part.schedule);
    const { until } = part;
    if (i === parts.length - 1) {
      if (until !== undefined) {
        fail("E_CONFIG", `${at}: option "until" has no effect on the last part; expected none, got ${describe(until)}`, {
          hint: "The last part goes on for good: remove it, or add a part.",
        });
      }
      return { schedule };
    }
    if (typeof until === "string") return { until: checkEvent(at, "until", until), schedule };
    const end = checkNumber(at, "until", until, { ...updates, min: next });
    next = end + 1;
    return { until: end, schedule };
  });
  const words = sequenceWords(made.map(({ until = Number.POSITIVE_INFINITY, schedule }) => ({ until, words: schedule })));
  return {
    kind: "sequence",
    ...words,
    options: { parts: made.map(({ until, schedule }) => ({ ...(until !== undefined && { until }), schedule: configOf(schedule) })) },
  };
}

/** Returns a schedule times a factor. @throws E_CONFIG */
export function scale(schedule: Schedule | number, factor: number): Schedule {
  const where = "schedules.scale";
  const inner = checkPart(where, schedule);
  checkNumber(where, "factor", factor, rates);
  return { kind: "scale", ...around([7, factor], inner), options: { schedule: configOf(inner), factor } };
}

/** Returns a schedule held within `min` (default 0) and `max` (default: no bound). @throws E_CONFIG */
export function clamp(schedule: Schedule | number, bounds: { min?: number; max?: number }): Schedule {
  const where = "schedules.clamp";
  const inner = checkPart(where, schedule);
  checkKeys(where, bounds, ["min", "max"]);
  const min = checkNumber(where, "min", bounds.min ?? 0, rates);
  const max = checkNumber(where, "max", bounds.max ?? Number.MAX_VALUE, { min });
  return { kind: "clamp", ...around([8, min, max], inner), options: { schedule: configOf(inner), min, max } };
}

/**
 * Returns a schedule whose t counts from the last time that something happened: `learner.mark(event)`, or, for "boundary",
 * `learner.consolidate()`. Marks inside it that were made before that no longer count.
 * @throws E_CONFIG
 */
export function restartOn(event: string, schedule: Schedule | number): Schedule {
  const where = "schedules.restartOn";
  const inner = checkPart(where, schedule);
  const words = joinWords(joinWords({ parameters: [10], marks: {} }, markWord(checkEvent(where, "event", event))), inner);
  return { kind: "restartOn", ...words, options: { event, schedule: configOf(inner) } };
}

/** Returns a schedule for each parameter group by its name, `rest` for all others. It goes into no other schedule. @throws E_CONFIG */
export function perGroup(groups: Readonly<Record<string, Schedule | number>>): Schedule {
  const where = "schedules.perGroup";
  if (typeof groups !== "object" || groups === null || !Object.hasOwn(groups, "rest")) {
    fail("E_CONFIG", `${where}: option "rest" is missing; expected a schedule for all other groups, got nothing`, { hint: 'Give "rest".' });
  }
  const made = Object.entries(groups).map(([name, schedule]) => [name, checkPart(`${where}: "${name}"`, schedule)] as const);
  let words: Words = checkPart(where, groups.rest);
  const offsets: [string, number][] = [];
  for (const [name, schedule] of made) {
    if (name === "rest") continue;
    offsets.push([name, words.parameters.length]);
    words = joinWords(words, schedule);
  }
  const { parameters, marks } = words;
  const options = Object.fromEntries(made.map(([name, schedule]) => [name, configOf(schedule)]));
  return { kind: "perGroup", parameters, marks, groups: Object.fromEntries(offsets), options };
}

function around(head: readonly number[], inner: Words): Words {
  return joinWords({ parameters: head, marks: {} }, inner);
}

function configOf({ kind, options }: Schedule): ScheduleConfig {
  return { kind, options };
}

function checkPart(where: string, value: unknown): Schedule {
  const schedule = asSchedule(value as Schedule, where);
  if (schedule.kind !== "perGroup") return schedule;
  fail("E_CONFIG", `${where}: a schedule per group is no part of another; expected one schedule, got perGroup`, {
    hint: "Put perGroup outside, and what is common to its groups into each.",
  });
}

function checkEvent(where: string, option: string, name: unknown): string {
  if (typeof name === "string" && /^[a-zA-Z][\w-]*$/.test(name)) return name;
  fail("E_CONFIG", `${where}: option "${option}" is not a name; expected letters, digits, "-" and "_", got ${describe(name)}`, {
    hint: 'Such as "boundary".',
  });
}
