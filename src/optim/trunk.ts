import { checkChoice, checkKeys, checkNumber, describe, fail } from "../errors.ts";
import { plain, rates, type Schedule } from "./schedule.ts";
import { checkOffset, checkShare, refuse, type Segment, segmentWords, sequenceWords, updates, warmupSegment } from "./words.ts";

/** The way from peak to constant. */
type Style = "cosine" | "inverseSqrt" | "linear";
const STYLES: readonly Style[] = ["cosine", "inverseSqrt", "linear"];

/** Options of {@link infinite}. */
export interface InfiniteOptions {
  peak: number;
  /** Rate after the cooldown, held until the anneal. */
  constant: number;
  /** Rate after the anneal; above 0 where there is one. */
  final?: number;
  /** Updates of linear warm-up, default 0. */
  warmup?: number;
  /** Updates from peak to constant, default 0. */
  cooldown?: number;
  /** Updates at the constant rate before the anneal, default 0; "mark": until `learner.mark("anneal")`. */
  constantSteps?: number | "mark";
  /** Updates of exponential decay from constant to final; without it the constant phase never ends. */
  anneal?: number;
  /** Shape of the cooldown, default "cosine". */
  style?: Style;
  /** α of the inverse square root 1/√(1 + αx), default 10. */
  timescale?: number;
  /** Warm-up multiplies the peak by (t + 1)/W with 1 (default), by t/W with 0. */
  warmupOffset?: 0 | 1;
}

/** Options of {@link infiniteTasks}. */
export interface InfiniteTasksOptions {
  peak: number;
  /** Constant rate over peak. */
  constantRatio: number;
  /** Final rate over peak; above 0. */
  finalRatio: number;
  /** Updates of each task. */
  tasks: readonly number[];
  /** Where warm-up ends, as a share of a task's updates, rounded down. Default 0.05. */
  warmupEnd?: number;
  /** Where the cooldown ends. Default 0.15. */
  cooldownEnd?: number;
  /** Where the constant phase ends. Default 0.8. */
  constantEnd?: number;
  /** Shape of the cooldown, default "cosine". */
  style?: Style;
  /** α of the inverse square root 1/√(1 + αx), default 10. */
  timescale?: number;
  /** Warm-up multiplies the peak by (t + 1)/W with 1 (default), by t/W with 0. */
  warmupOffset?: 0 | 1;
}

/** Options of {@link cooldown}. */
export interface CooldownOptions {
  peak: number;
  /** Rate after the cooldown, default 0; above it where the shape is exponential. */
  final?: number;
  /** Updates of linear warm-up, default 0. */
  warmup?: number;
  /** What the peak is divided by to give the rate that warm-up begins from; default: it begins from 0. */
  initDivisor?: number;
  /** The horizon: the cooldown ends there. */
  total?: number;
  /** Share of `total` that cools down, default 0.1, rounded down to updates. */
  fraction?: number;
  /** In place of `total`: the update that the cooldown begins with; "mark": when `learner.mark("cooldown")` says so. */
  start?: number | "mark";
  /** Updates of the cooldown, in place of `fraction`. */
  length?: number;
  /** Default "linear"; "sqrt" is 1 - √p. */
  shape?: "linear" | "sqrt" | "cosine" | "mirrorCosine" | "square" | "exponential";
  /** Warm-up multiplies the peak by (t + 1)/W with 1 (default), by t/W with 0. */
  warmupOffset?: 0 | 1;
}

/**
 * Returns the schedule that needs no horizon: warm-up, a cooldown to `constant`, held for as long as data comes and, where `anneal` is
 * given, an exponential decay to `final`. Anneal a copy of the model to release it; the trunk goes on at `constant`.
 * @throws E_CONFIG
 * @see Ibrahim et al. 2024, arXiv 2403.08763, §7
 */
export function infinite(options: InfiniteOptions): Schedule {
  const where = "schedules.infinite";
  const known = ["peak", "constant", "final", "warmup", "cooldown", "constantSteps", "anneal", "style", "timescale", "warmupOffset"];
  checkKeys(where, options, known);
  const steps = (name: "warmup" | "cooldown" | "constantSteps" | "anneal"): number => checkNumber(where, name, options[name] ?? 0, updates);
  const ends = options.anneal !== undefined;
  if (options.constantSteps !== undefined && !ends) {
    fail("E_CONFIG", `${where}: option "constantSteps" has no effect; expected "anneal" beside it, got nothing`, {
      hint: 'Give "anneal", or remove "constantSteps" for a constant phase without end.',
    });
  }
  const marked = options.constantSteps === "mark";
  const peak = checkNumber(where, "peak", options.peak, rates);
  const held = checkNumber(where, "constant", options.constant, { min: 0, max: peak });
  const [warmup, cooling, constantSteps, anneal] = [
    steps("warmup"),
    steps("cooldown"),
    marked ? 0 : steps("constantSteps"),
    steps("anneal"),
  ];
  const final = checkNumber(where, "final", options.final ?? 0, { min: 0, max: held, ...(anneal > 0 && { open: "min" as const }) });
  const style = checkChoice(where, "style", options.style ?? "cosine", STYLES);
  const timescale = checkNumber(where, "timescale", options.timescale ?? 10, { min: 0, max: 1e12, open: "min" });
  const warmupOffset = checkOffset(where, options.warmupOffset ?? 1, [0, 1]);
  const begin = [
    ...warmupSegment(0, warmup, 0, peak, warmupOffset),
    ...cooled(warmup, cooling, peak, held, style, timescale),
    hold(warmup + cooling, held),
  ];
  const made = { peak, constant: held, final, warmup, cooldown: cooling };
  const all = { ...made, ...(ends && { constantSteps: marked ? "mark" : constantSteps, anneal }), style, timescale, warmupOffset };
  const decay = (start: number): Segment => annealed(start, anneal, held, final);
  if (!marked) return plain("infinite", all, segmentWords(ends ? [...begin, decay(warmup + cooling + constantSteps)] : begin));
  return { kind: "infinite", options: all, ...untilMarked(warmup + cooling, begin, "anneal", decay(0)) };
}

/**
 * Returns {@link infinite} for tasks whose lengths are known, phases given by where they end in a task: the first task goes through all of
 * them, later ones begin at the constant rate, and each ends with its anneal.
 * @throws E_CONFIG
 * @see Singh et al. 2025, arXiv 2503.02844
 */
export function infiniteTasks(options: InfiniteTasksOptions): Schedule {
  const where = "schedules.infiniteTasks";
  const ratios = ["constantRatio", "finalRatio"] as const;
  checkKeys(where, options, ["peak", ...ratios, "tasks", "warmupEnd", "cooldownEnd", "constantEnd", "style", "timescale", "warmupOffset"]);
  const peak = checkNumber(where, "peak", options.peak, rates);
  const constantRatio = checkShare(where, "constantRatio", options.constantRatio, "min");
  const finalRatio = checkNumber(where, "finalRatio", options.finalRatio, { min: 0, max: constantRatio, open: "min" });
  const warmupEnd = checkShare(where, "warmupEnd", options.warmupEnd ?? 0.05);
  const cooldownEnd = checkNumber(where, "cooldownEnd", options.cooldownEnd ?? 0.15, { min: warmupEnd, max: 1 });
  const constantEnd = checkNumber(where, "constantEnd", options.constantEnd ?? 0.8, { min: cooldownEnd, max: 1 });
  const style = checkChoice(where, "style", options.style ?? "cosine", STYLES);
  const timescale = checkNumber(where, "timescale", options.timescale ?? 10, { min: 0, max: 1e12, open: "min" });
  const warmupOffset = checkOffset(where, options.warmupOffset ?? 1, [0, 1]);
  const tasks: readonly unknown[] = Array.isArray(options.tasks) ? options.tasks : [];
  if (tasks.length === 0) {
    fail("E_CONFIG", `${where}: option "tasks" is not a list of lengths; expected at least one, got ${describe(options.tasks)}`, {
      hint: "Give the number of updates of each task.",
    });
  }
  const lengths = tasks.map((length, i) => checkNumber(where, `tasks[${i}]`, length, { ...updates, min: 1 }));
  const [held, final] = [constantRatio * peak, finalRatio * peak];
  let start = 0;
  const segments = lengths.flatMap((length, task): Segment[] => {
    const [warmup, cooling, constant] = [warmupEnd, cooldownEnd, constantEnd].map((end) => Math.floor(end * length)) as [
      number,
      number,
      number,
    ];
    const first = [
      ...warmupSegment(0, warmup, 0, peak, warmupOffset),
      ...cooled(warmup, cooling - warmup, peak, held, style, timescale),
      hold(cooling, held),
    ];
    const begin = task === 0 ? first : [hold(start, held)];
    const end = start + constant;
    start += length;
    return constant < length ? [...begin, annealed(end, length - constant, held, final)] : begin;
  });
  const made = { peak, constantRatio, finalRatio, tasks: lengths, warmupEnd, cooldownEnd, constantEnd, style, timescale, warmupOffset };
  return plain("infiniteTasks", made, segmentWords(segments));
}

/**
 * Returns warm-up, a constant rate, and a cooldown that ends at a horizon, begins at an update, or begins when it is told: a trunk at the
 * constant rate serves every horizon, each by a copy that cools down.
 * @throws E_CONFIG
 * @see Hägele et al. 2024, arXiv 2405.18392
 */
export function cooldown(options: CooldownOptions): Schedule {
  const where = "schedules.cooldown";
  const known = ["peak", "final", "warmup", "initDivisor", "total", "fraction", "start", "length", "shape", "warmupOffset"];
  checkKeys(where, options, known);
  const shapes = ["linear", "sqrt", "cosine", "mirrorCosine", "square", "exponential"] as const;
  const shape = checkChoice(where, "shape", options.shape ?? "linear", shapes);
  const peak = checkNumber(where, "peak", options.peak, rates);
  const final = checkNumber(where, "final", options.final ?? 0, {
    ...{ min: 0, max: peak, ...(shape === "exponential" && { open: "min" as const }) },
  });
  const { timing, start, length } = timingOf(where, options);
  const warmup = checkNumber(where, "warmup", options.warmup ?? 0, { ...updates, ...(start !== "mark" && { max: start }) });
  const warmupOffset = checkOffset(where, options.warmupOffset ?? 1, [0, 1]);
  const { initDivisor } = options;
  const init = initDivisor === undefined ? 0 : peak / checkNumber(where, "initDivisor", initDivisor, { min: 1 });
  const begin = [...warmupSegment(0, warmup, init, peak, warmupOffset), hold(warmup, peak)];
  const fall = (at: number): Segment => ({
    ...{ start: at, length, shape, from: peak, to: final, a: shape === "exponential" ? ratio(final, peak) : 1 },
  });
  const made = { peak, final, warmup, ...(initDivisor !== undefined && { initDivisor }), ...timing, shape, warmupOffset };
  if (start !== "mark") return plain("cooldown", made, segmentWords([...begin, fall(start)]));
  return { kind: "cooldown", options: made, ...untilMarked(warmup, begin, "cooldown", fall(0)) };
}

/** Returns when a cooldown begins and how long it takes, and the options that say so. */
function timingOf(where: string, options: CooldownOptions): { timing: object; start: number | "mark"; length: number } {
  const positive = { ...updates, min: 1 };
  if (options.total === undefined) {
    refuse(where, options, ["fraction"], '"total" beside it');
    const length = checkNumber(where, "length", options.length, updates);
    const start = options.start === "mark" ? "mark" : checkNumber(where, "start", options.start, updates);
    return { timing: { start, length }, start, length };
  }
  refuse(where, options, ["start"], '"total" or "start"');
  const total = checkNumber(where, "total", options.total, positive);
  if (options.length !== undefined) {
    refuse(where, options, ["fraction"], '"fraction" or "length"');
    const length = checkNumber(where, "length", options.length, { ...updates, max: total });
    return { timing: { total, length }, start: total - length, length };
  }
  const fraction = checkShare(where, "fraction", options.fraction ?? 0.1);
  const length = Math.floor(fraction * total);
  return { timing: { total, fraction }, start: total - length, length };
}

/** Returns the words of segments that last, from update `trunk` on, until something happens. */
function untilMarked(trunk: number, begin: readonly Segment[], name: string, end: Segment): Pick<Schedule, "parameters" | "marks"> {
  const held = begin.at(-1) as Segment;
  const part = (until: number | string, ...segments: readonly Segment[]) => ({
    until,
    words: { parameters: segmentWords(segments), marks: {} },
  });
  return sequenceWords([
    ...(trunk > 0 ? [part(trunk, ...begin.slice(0, -1))] : []),
    part(name, { ...held, start: 0 }),
    part(Number.POSITIVE_INFINITY, end),
  ]);
}

function hold(start: number, rate: number): Segment {
  return { start, length: 0, shape: "linear", from: rate, to: rate };
}

function cooled(start: number, length: number, from: number, to: number, style: Style, timescale: number): Segment[] {
  return length === 0 ? [] : [{ start, length, shape: style, from, to, a: style === "inverseSqrt" ? timescale : 1 }];
}

function annealed(start: number, length: number, from: number, to: number): Segment {
  return { start, length, shape: "exponential", from, to, a: ratio(to, from) };
}

/** Returns a ratio that has a logarithm, also where it is too small for a number or both rates are 0. */
function ratio(to: number, from: number): number {
  return from > 0 ? Math.max(to / from, Number.MIN_VALUE) : 1;
}
