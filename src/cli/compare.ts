import { fail } from "../errors.ts";
import { compareRuns, comparisonReport } from "../metrics/index.ts";
import type { Scenario } from "../stream/index.ts";
import { refuseStray } from "./chosen.ts";
import { divideDotted } from "./dotted.ts";
import { writeTable } from "./format.ts";
import { type Io, paint, writeJson } from "./io.ts";
import { dataOf, interrupted, open } from "./learn.ts";
import { namesIn, strategyNames } from "./names.ts";
import { describeOptions, number, type Option, type Options, parse, text } from "./options.ts";
import { checkOutputs, writeText } from "./outputs.ts";
import { scenarioOf } from "./scenario.ts";
import { type RunSettings, runOptions } from "./settings.ts";
import { setUp } from "./setup.ts";
import { figureTable, recordsOf, runSeveral } from "./several.ts";

interface CompareSettings extends RunSettings {
  readonly strategies: string;
  readonly seeds: number;
  readonly report: string | undefined;
}

const options: Options<CompareSettings> = {
  strategies: {
    ...entries("naive,replay,small-net,joint"),
    words: strategyNames,
  },
  seeds: number({ min: 1, max: 1000, integer: true }, 3, "runs of each, their seeds counted from --seed"),
  report: text("FILE.html", "where the comparison goes (default: palimpsest-compare.html)"),
  ...runOptions,
};

const usage = `Usage: palimpsest compare --strategies NAME,NAME+NAME… [options]

Learns the same tasks by several strategies, each with several seeds, and compares what they came to, mean ± standard deviation. Of one seed all see
the same rows in the same order. Baselines: naive does nothing against forgetting, joint learns all rows at once, cumulative comes with each task to
the rows of all so far, and scratch does so by a new learner each time.

`;

/** Runs `palimpsest compare`; resolves to the exit code. @throws what is wrong with the options, the data or a run */
export async function compare(words: readonly string[], io: Io): Promise<number> {
  const { own, dotted } = divideDotted("compare", words);
  const settings = parse("compare", options, own);
  if (settings.help) {
    io.out.write(usage + describeOptions(options));
    return 0;
  }
  const { json, report = "palimpsest-compare.html" } = settings;
  const groups = settings.strategies.split(",");
  const names = groups.map((group) => group.split("+"));
  refuseStray("compare", names.flat(), dotted);
  await checkOutputs({ report });
  const data = await dataOf(settings);
  const scenarios = new Map<number, Scenario>();
  const planOf = (group: string, seed: number) => {
    const own = { ...settings, seed, strategy: group.replaceAll("+", ",") };
    const make = () => {
      const scenario = scenarios.get(seed) ?? scenarioOf(own, data);
      scenarios.clear();
      scenarios.set(seed, scenario);
      const parts = dotted.filter(({ strategy }) => group.split("+").includes(strategy));
      return setUp(own, data, parts, scenario);
    };
    return { group, seed, make };
  };
  // What one of them refuses is refused before the first has run for an hour.
  for (const group of groups) planOf(group, settings.seed).make();
  const seeds = Array.from({ length: settings.seeds }, (_, i) => settings.seed + i);
  const runtime = await open(settings, io);
  try {
    const ended = await runSeveral(
      runtime,
      seeds.flatMap((seed) => groups.map((group) => planOf(group, seed))),
      io,
      json,
    );
    if (ended === undefined) {
      io.err.write("palimpsest: interrupted\n");
      return interrupted;
    }
    const records = recordsOf(ended);
    const some = Object.keys(records).length > 0;
    if (some) await writeText(report, comparisonReport(records));
    if (json) writeJson(io.out, { type: "comparison", strategies: groups, seeds, figures: some ? compareRuns(records) : [] });
    else {
      const { tasks = [], options: told = {} } = Object.values(records)[0]?.[0] ?? {};
      io.out.write(`\n${told.data}, ${told.scenario}, ${tasks.length} tasks, seeds ${seeds.join(", ")}\n\n`);
      writeTable(io.out, figureTable(groups, records, seeds.length));
      if (some) io.out.write(`\nThe comparison with pictures is ${paint(io.out, "bold", report)}\n`);
    }
    return 0;
  } finally {
    runtime.close();
  }
}

/** Returns an option that takes strategies between commas, each one name or several with + between them. */
function entries(fallback: string): Option<string> {
  const read = (where: string, flag: string, given: string): string => {
    const groups = given.split(",").map((entry) => namesIn(where, flag, entry, "+").join("+"));
    const twice = groups.find((group, i) => groups.indexOf(group) < i);
    if (twice !== undefined) fail("E_CONFIG", `${where}: option "${flag}" names one twice; expected each once, got "${twice}" again`);
    return groups.join(",");
  };
  return { value: "NAME,NAME…", text: "what is compared; + joins several into one", fallback, read };
}
