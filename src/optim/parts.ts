/** The parts of an optimizer: their names, what they keep, and the numbers they are fed. */
import { checkNumber, fail, type NumberRange, nearestName } from "../errors.ts";
import type { Group, Optimizer, Transform } from "./optimizer.ts";
import type { Placed, SlotSpec } from "./places.ts";
import { rates } from "./schedule.ts";

/** Numbers changed while training, by the names of {@link rangesOf}. */
export type Settings = Readonly<Record<string, number>>;

/** A part of an optimizer, and the prefix of its names; the rule itself has none. */
export interface Named {
  readonly part: Transform | Optimizer;
  readonly prefix: string;
}

/** Returns the parts of an optimizer, the rule last. */
export function partsOf(optimizer: Optimizer): Named[] {
  const seen = new Map<string, number>();
  const named = optimizer.transforms.map((part) => {
    const count = (seen.get(part.name) ?? 0) + 1;
    seen.set(part.name, count);
    return { part, prefix: `${part.name}${count > 1 ? count : ""}.` };
  });
  return [...named, { part: optimizer, prefix: "" }];
}

/** Returns what all parts keep, in the order in which it lies. */
export function slotsOf(optimizer: Optimizer): SlotSpec[] {
  const all = partsOf(optimizer).map(({ part, prefix }) => part.slots.map((slot) => ({ ...slot, name: prefix + slot.name })));
  return [...(all.at(-1) as SlotSpec[]), ...all.slice(0, -1).flat()];
}

/** Returns the numbers that may change while training, with their ranges. */
function rangesOf(optimizer: Optimizer): Map<string, NumberRange> {
  const all = partsOf(optimizer).flatMap(({ part, prefix }) =>
    Object.entries(part.hyper).map(([name, range]) => [prefix + name, range] as const),
  );
  return new Map<string, NumberRange>([["learningRate", rates], ...all]);
}

/** Returns the value that a setting begins with; undefined for the learning rate, which a schedule gives. @throws E_CONFIG for a name that is none */
export function initialOf(optimizer: Optimizer, name: string): number | undefined {
  const known = rangesOf(optimizer);
  if (!known.has(name)) {
    const near = nearestName(name, [...known.keys()]);
    fail("E_CONFIG", `learner: no setting is called "${name}"; expected one of ${[...known.keys()].join(", ")}`, {
      hint: near === undefined ? "Its optimizer has no such option." : `Did you mean "${near}"?`,
    });
  }
  const owner = partsOf(optimizer).find(({ part, prefix }) => name.startsWith(prefix) && name.slice(prefix.length) in part.hyper);
  return owner?.part.options[name.slice(owner.prefix.length)] as number | undefined;
}

/** Returns a value that a setting may have. @throws E_CONFIG */
export function checkSetting(optimizer: Optimizer, name: string, value: number): number {
  initialOf(optimizer, name);
  return checkNumber("learner", name, value, rangesOf(optimizer).get(name));
}

/** Returns the patterns of all parts of an optimizer. */
export function groupsOf(optimizer: Optimizer): Group[] {
  return optimizer.transforms.flatMap(({ groups = [] }) => groups);
}

/** How the update of a group of parameters differs. */
interface Difference {
  readonly rateScale: number;
  readonly weightDecay: number | undefined;
  readonly schedule: string | undefined;
}

/** Returns how each group of parameters differs, at least one. */
function differences(optimizer: Optimizer, tensors: readonly Placed[]): Difference[] {
  const groups = groupsOf(optimizer);
  const found: Difference[] = [];
  for (const { path, group } of tensors) {
    const own = groups.filter(({ match }) => new RegExp(match).test(path));
    const rateScale = own.reduce((product, { rateScale = 1 }) => product * rateScale, 1);
    found[group] ??= {
      rateScale,
      weightDecay: own.findLast(({ weightDecay }) => weightDecay !== undefined)?.weightDecay,
      schedule: own.findLast(({ schedule }) => schedule !== undefined)?.schedule,
    };
  }
  return found;
}

/** Returns how many groups of parameters there are, at least one. */
export function groupCount(tensors: readonly Placed[]): number {
  return (tensors.at(-1)?.group ?? 0) + 1;
}

/** Returns the name of a scalar in a group; where all groups share it, that is the name alone. */
export function scalarName(prefix: string, name: string, group?: number): string {
  return group === undefined ? prefix + name : `${prefix}${name}@${group}`;
}

/**
 * Returns every scalar that the program of step `k` reads, counted from 1; or, `behind` 1, that of answers by averaged weights before that step.
 * `rateOf` gives the learning rate of the parameters that follow a schedule.
 */
export type ScalarReader = (
  k: number,
  rateOf: (schedule?: string) => number,
  settings?: Settings,
  behind?: 0 | 1,
) => Record<string, number>;

/** Returns what tells the scalars of steps, with all found beforehand that steps have in common. */
export function scalarReader(optimizer: Optimizer, tensors: readonly Placed[]): ScalarReader {
  const differing = differences(optimizer, tensors);
  const named = partsOf(optimizer).map(({ part, prefix }) => ({ part, prefix, names: Object.keys(part.hyper) }));
  return (k, rateOf, settings = {}, behind = 0) => {
    const scalars: Record<string, number> = {};
    let update = k;
    for (const { part, prefix, names } of named) {
      const at = Math.max(1, update - behind);
      const hyper: Record<string, number> & { learningRate: number } = { learningRate: rateOf() };
      for (const name of names) hyper[name] = (settings[prefix + name] ?? part.options[name]) as number;
      const values = part.scalars(at, hyper);
      for (const name of Object.keys(values)) scalars[scalarName(prefix, name)] = values[name] as number;
      if (differing.length > 1) {
        for (const [group, { rateScale, weightDecay = hyper.weightDecay ?? 0, schedule }] of differing.entries()) {
          const own = part.scalars(at, { ...hyper, learningRate: rateOf(schedule) * rateScale, weightDecay });
          for (const name of part.rates) scalars[scalarName(prefix, name, group)] = own[name] as number;
        }
      }
      update = (part.kind === "transform" ? part.updates?.(update) : undefined) ?? update;
    }
    return scalars;
  };
}
