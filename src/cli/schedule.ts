import { checkChoice, fail } from "../errors.ts";
import { plotSchedule } from "../metrics/plot.ts";
import { evaluateSchedule } from "../optim/evaluate.ts";
import { scheduleFrom, scheduleKinds } from "../optim/revive.ts";
import type { ScheduleConfig, ScheduleKind } from "../optim/schedule.ts";
import { stores } from "../store/index.ts";
import { type Io, paint, writeJson } from "./io.ts";
import { describeOptions, flag, number, type Options, parse, text } from "./options.ts";

interface ScheduleSettings {
  readonly steps: number | undefined;
  readonly plot: string | undefined;
  readonly title: string | undefined;
  readonly json: boolean;
  readonly help: boolean;
}

const options: Options<ScheduleSettings> = {
  steps: number({ min: 1, max: 1e6, integer: true }, undefined, "updates to tell of (default: --total of the schedule, else 100)"),
  plot: text("FILE.svg", "draw them"),
  title: text("TEXT", "title of the picture (default: the name)"),
  json: flag("write one line of JSON"),
  help: flag("tell this"),
};

const usage = `Usage: palimpsest schedule NAME [options of the schedule] [options]

Tells the learning rate of each update, t counting from 0. Options are those of schedules.NAME, such as --peak 0.001 --warmup 10 --total 100,
lists and schedules in JSON: palimpsest schedule scale --factor 2 --schedule '{"kind":"rex","options":{"peak":1,"total":50}}'

Schedules: ${scheduleKinds.join(", ")}

`;

/** Runs `palimpsest schedule`; resolves to the exit code. @throws what is wrong with the options, or the file */
export async function schedule([name, ...words]: readonly string[], { out }: Io): Promise<number> {
  if (name === undefined || name === "--help" || name === "-h" || words.includes("--help") || words.includes("-h")) {
    out.write(usage + describeOptions(options));
    return 0;
  }
  const kind = checkChoice("schedule", "NAME", name, scheduleKinds) as ScheduleKind;
  const { own, rest } = divide(words);
  const settings = parse("schedule", options, own);
  const made = scheduleFrom({ kind, options: optionsFrom(rest) });
  const { total } = made.options;
  const { steps = typeof total === "number" ? total : 100, plot, title = name, json } = settings;
  const rates = await evaluateSchedule(made, [...Array(Math.min(steps, 1e6)).keys()]);
  if (plot !== undefined) {
    const svg = await plotSchedule(made, { steps: rates.length, title });
    await stores.file(plot).write(new TextEncoder().encode(svg));
  }
  if (json) writeJson(out, { type: "schedule", ...configOf(made), rates: [...rates] });
  else out.write(Array.from(rates, (rate, t) => `${t}\t${rate}\n`).join(""));
  if (plot !== undefined && !json) out.write(`\nThe picture is ${paint(out, "bold", plot)}\n`);
  return 0;
}

function configOf({ kind, options: given }: ScheduleConfig): ScheduleConfig {
  return { kind, options: given };
}

/** Returns the words that are options of the command, and those of the schedule as [name, value]. @throws E_CONFIG */
function divide(words: readonly string[]): { own: string[]; rest: [flag: string, value: string][] } {
  const own: string[] = [];
  const rest: [string, string][] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    const key = name.slice(2) as keyof ScheduleSettings;
    const known = name.startsWith("--") && Object.hasOwn(options, key);
    const single = equals >= 0 || (known && options[key].value === undefined);
    const value = equals >= 0 ? word.slice(equals + 1) : words[at + 1];
    if (known) own.push(word, ...(single || value === undefined ? [] : [value]));
    else if (!name.startsWith("--") || value === undefined) {
      fail(
        "E_CONFIG",
        `schedule: "${word}" is half an option; expected --name value, got ${value === undefined ? "no value" : "no name"}`,
        {
          hint: "Options look like --peak 0.001.",
        },
      );
    } else rest.push([name, value]);
    if (!single) at += 1;
  }
  return { own, rest };
}

/** Returns options of a schedule: `--init-divisor 25` is `{ initDivisor: 25 }`; what is no JSON is text. */
function optionsFrom(given: readonly (readonly [flag: string, value: string])[]): Record<string, unknown> {
  const read = (value: string): unknown => {
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  };
  return Object.fromEntries(
    given.map(([name, value]) => [name.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()), read(value)]),
  );
}
