/** Schedules and controllers made again from what checkpoints keep. */
import { fail, nearestName } from "../errors.ts";
import type { Controller } from "./controller.ts";
import * as controllers from "./controllers.ts";
import type { ScheduleConfig, ScheduleKind } from "./schedule.ts";
import * as schedules from "./schedules.ts";

type Options = Readonly<Record<string, unknown>>;

/** Every constructor by the kind of what it makes; this alone knows all of them, and is loaded with what reads checkpoints. */
const makers: Readonly<Record<ScheduleKind, (options: never) => schedules.Schedule>> = {
  constant: schedules.constant,
  cosine: schedules.cosine,
  linear: schedules.linear,
  rex: schedules.rex,
  rewarm: schedules.rewarm,
  infinite: schedules.infinite,
  infiniteTasks: schedules.infiniteTasks,
  cooldown: schedules.cooldown,
  sgdr: schedules.sgdr,
  cyclic: schedules.cyclic,
  oneCycle: schedules.oneCycle,
  meta: schedules.meta,
  sigmoid: schedules.sigmoid,
  table: schedules.table,
  sequence: ({ parts }: Options) =>
    schedules.sequence(Array.isArray(parts) ? parts.map((part) => ({ ...part, schedule: inner(part?.schedule) })) : (parts as never)),
  scale: ({ schedule, factor }: Options) => schedules.scale(inner(schedule), factor as number),
  clamp: ({ schedule, ...bounds }: Options) => schedules.clamp(inner(schedule), bounds),
  restartOn: ({ event, schedule }: Options) => schedules.restartOn(event as string, inner(schedule)),
  perGroup: (groups: Options) => schedules.perGroup(Object.fromEntries(Object.entries(groups).map(([name, part]) => [name, inner(part)]))),
};

/** Every controller by its kind. */
const steering = {
  autoLrs: controllers.autoLrs,
  fedHyper: controllers.fedHyper,
  fedHyperClient: controllers.fedHyperClient,
  homeostatic: controllers.homeostatic,
  hypergradient: controllers.hypergradient,
  plateau: controllers.plateau,
  signalToNoise: controllers.signalToNoise,
} as Readonly<Record<string, (options: never) => AnyController | Promise<AnyController>>>;

/** A controller of any kind. */
type AnyController = Controller<{ readonly rate: number }, unknown>;

/** Returns the schedule or controller that its kind and options came from. @throws E_UNSUPPORTED for a kind that is not known; E_CONFIG */
export async function rateFrom({
  kind,
  options,
}: {
  readonly kind: string;
  readonly options: Options;
}): Promise<schedules.Schedule | AnyController> {
  if (Object.hasOwn(steering, kind)) return (steering[kind] as (options: never) => AnyController)(options as never);
  return scheduleFrom({ kind: kind as ScheduleKind, options });
}

/** The kinds of schedules. */
export const scheduleKinds: readonly string[] = Object.keys(makers);

/** Returns the schedule that its kind and options came from. @throws E_UNSUPPORTED for a kind that is not known; E_CONFIG */
export function scheduleFrom({ kind, options }: ScheduleConfig): schedules.Schedule {
  if (Object.hasOwn(makers, kind)) return makers[kind]((options ?? {}) as never);
  const near = nearestName(kind, scheduleKinds);
  fail("E_UNSUPPORTED", `schedules: no schedule called "${kind}"; expected one of ${scheduleKinds.join(", ")}`, {
    hint: near === undefined ? `Use one of ${scheduleKinds.join(", ")}.` : `Did you mean "${near}"?`,
  });
}

/** What is no config is left to the schedule around it to refuse. */
function inner(config: unknown): schedules.Schedule {
  return typeof config === "object" && config !== null && "kind" in config ? scheduleFrom(config as ScheduleConfig) : (config as never);
}
