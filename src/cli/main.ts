import { checkKeys, type ErrorCode, fail, nearestName, PalimpsestError } from "../errors.ts";
import { compare } from "./compare.ts";
import { doctor } from "./doctor.ts";
import { type Io, paint, writeJson } from "./io.ts";
import { learn } from "./learn.ts";
import { schedule } from "./schedule.ts";
import { exportStore, forget, importStore, repair, status, verify } from "./store.ts";
import { strategies } from "./strategies.ts";
import { tune } from "./tune.ts";

const commands: Readonly<Record<string, (words: readonly string[], io: Io) => Promise<number>>> = {
  ...{ learn, compare, tune, strategies, schedule, doctor, status, verify, repair, export: exportStore, import: importStore, forget },
};

const usage = `Usage: palimpsest <command> [options]

  learn        learns tasks one after another and tells what was kept of each
  compare      learns the same tasks by several strategies, with several seeds, and compares them
  tune         tries options of a strategy on the first tasks, and learns the others with the best
  strategies   tells of each strategy what it takes, what it costs and where it comes from
  schedule     tells the learning rates of a schedule, and draws them
  status       tells what a store holds
  verify       reads every byte of a store against its checksums
  repair       makes a damaged store whole by what else it holds
  export       writes the learner of a store to one file
  import       makes a store of such a file
  forget       takes rows out of a store
  doctor       tells what this machine offers and what would be used of it

  --help       tells this; after a command, its options
  --version    tells the release
`;

/** What the process ends with for each code of an error: 2 usage, 3 bad input, 4 storage, 5 device, 6 integrity, 1 a bug. */
const exitCodes: Readonly<Record<ErrorCode, number>> = {
  E_CONFIG: 2,
  E_SHAPE: 3,
  E_DATA: 3,
  E_FORMAT: 3,
  E_PATH: 3,
  E_NONFINITE: 3,
  E_DIVERGED: 3,
  E_UNSUPPORTED: 3,
  E_LOCKED: 4,
  E_QUOTA: 4,
  E_STORAGE_UNAVAILABLE: 4,
  E_INSECURE_CONTEXT: 4,
  E_BACKEND: 5,
  E_NO_BACKEND: 5,
  E_OOM: 5,
  E_DEVICE_LOST: 5,
  E_VERSION: 6,
  E_MISMATCH: 6,
  E_CORRUPT: 6,
  E_TRACE: 1,
  E_PLAN: 1,
  E_STATE: 1,
};

/** Runs the command that the words of a command line ask for; resolves to the exit code and never throws. */
export async function main(words: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(words, io);
  } catch (error) {
    return tell(error, words.includes("--json"), io);
  }
}

async function dispatch([name, ...rest]: readonly string[], io: Io): Promise<number> {
  if (name === undefined || name === "--help" || name === "-h") {
    io.out.write(usage);
    return 0;
  }
  if (name === "--version") {
    io.out.write(`${io.version}\n`);
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command !== undefined) return command(rest, io);
  if (name.startsWith("-")) checkKeys("palimpsest", { [name]: name }, ["--help", "--version"]);
  const known = Object.keys(commands);
  const near = nearestName(name, known);
  fail("E_CONFIG", `there is no command "${name}"; expected ${known.join(", ")}, got "${name}"`, {
    hint: near === undefined ? "palimpsest --help tells what there is." : `Did you mean "${near}"?`,
  });
}

/** Tells an error on `err` and, under --json, also as the last line of `out`; returns the exit code. */
function tell(error: unknown, json: boolean, { out, err }: Io): number {
  const known = error instanceof PalimpsestError;
  const code = known ? error.code : null;
  const message = known ? error.message : `this is a bug: ${error}`;
  const hint = known ? error.hint : "Please report it with the lines below and what palimpsest doctor tells.";
  if (json) writeJson(out, { type: "error", code, message, hint });
  err.write(`${paint(err, "red", "palimpsest:")} ${message}\n`);
  if (hint !== "") err.write(`  ${hint}\n`);
  const exit = known ? exitCodes[error.code] : 1;
  if (exit === 1) err.write(`${(error as Error).stack}\n`);
  return exit;
}
