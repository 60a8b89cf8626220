import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { Learner } from "../../src/learner/learner.ts";
import { type Store, stores } from "../../src/store/index.ts";
import { idx, run, small, writeSet } from "./stage.ts";

let folder: string;
let data: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "palimpsest-"));
  data = await writeSet(join(folder, "tiny"), 100);
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("a command line that means nothing", () => {
  it.each<[string[], string, string]>([
    [
      ["lern"],
      'there is no command "lern"; expected learn, compare, tune, strategies, schedule, doctor, status, verify, repair, export, import, forget, got "lern"',
      'Did you mean "learn"?',
    ],
    [["constructor"], 'there is no command "constructor"', "palimpsest --help"],
    [["--versoin"], 'palimpsest: unknown option "--versoin"', 'Did you mean "--version"?'],
    [["learn", "--memory-polcy", "reservoir"], 'learn: unknown option "--memory-polcy"', 'Did you mean "--memory-policy"?'],
    [["learn", "--memoryPolicy=reservoir"], 'learn: unknown option "--memoryPolicy"', 'Did you mean "--memory-policy"?'],
    [["doctor", "--jsn"], 'doctor: unknown option "--jsn"', 'Did you mean "--json"?'],
    [["learn", "mnist"], 'learn: a word stands alone; expected options, got "mnist"', "--name value"],
    [["learn", "--data"], 'learn: option "--data" has no value; expected DIR, got nothing', "Give --data DIR."],
    [["learn", "--report", "--json"], 'learn: option "--report" has no value; expected FILE.html, got "--json"', "Give --report"],
    [["learn", "--json=yes"], 'learn: option "--json" takes no value; expected it alone, got "yes"', ""],
    [
      ["learn", "--scenario", "splitt"],
      'option "--scenario" has no such choice; expected one of split, permuted, rotated, recurring, got "splitt"',
      '"split"?',
    ],
    [
      ["learn", "--memory-policy", "hearding"],
      'option "--memory-policy" has no such choice; expected one of reservoir, ring,',
      '"herding"?',
    ],
    [["learn", "--draw", "proportionate"], 'option "--draw" has no such choice; expected one of uniform, balanced,', '"proportional"?'],
    [
      ["learn", "--learning-rate", "NaN"],
      'option "--learning-rate" is out of range; expected a finite number > 0 ≤ 1000000, got "NaN"',
      "Give",
    ],
    [
      ["learn", "--learning-rate", "-0.1"],
      'option "--learning-rate" is out of range; expected a finite number > 0 ≤ 1000000, got -0.1',
      "Give",
    ],
    [["learn", "--learning-rate", "Infinity"], 'option "--learning-rate" is out of range', "Give"],
    [["learn", "--memory", "0"], 'option "--memory" is out of range; expected a whole number ≥ 1 ≤ 16777216, got 0', "Give"],
    [["learn", "--tasks", "2.5"], 'option "--tasks" is out of range; expected a whole number ≥ 1, got 2.5', "Give"],
    [["learn", "--batch", "ten"], 'option "--batch" is out of range', "Give"],
    [["learn", "--hidden", "16,,8"], 'option "--hidden" is out of range', "Give"],
    [["learn", "--dropout", "1"], 'option "--dropout" is out of range; expected a finite number ≥ 0 < 1, got 1', "Give"],
    [["learn", "--seed", "-1"], 'option "--seed" is out of range', "Give"],
  ])("%j ends with 2 and names it", async (words, message, hint) => {
    const result = await run(words);
    expect(result.code).toBe(2);
    expect(result.err).toMatch(/^palimpsest: /);
    expect(result.err).toContain(message);
    expect(result.err).toContain(hint);
    expect(result.err).not.toContain("    at ");
  });

  it("is told in JSON too where that was asked for", async () => {
    const result = await run(["learn", "--json", "--sede", "1"]);
    const [error] = result.lines();
    expect(result.lines()).toHaveLength(1);
    expect(error).toMatchObject({ type: "error", code: "E_CONFIG", hint: 'Did you mean "--seed"?' });
    expect(result.err).toContain(`palimpsest: ${error?.message}`);
  });
});

const learn = (...words: string[]) => run(["learn", ...small, ...words]);

describe("options that do not fit the set or each other", () => {
  it.each<[string[], number, string]>([
    [["--tasks", "3"], 2, "10 classes do not divide into 3 tasks"],
    [["--optimizer", "adamw", "--momentum", "0.9"], 2, '"--momentum" has no effect on adamw'],
    [["--learning-rate", "1e6"], 3, "training diverged at step"],
    [["--report", "/nowhere/at/all/report.html"], 3, "--report lies in no folder"],
    [["--checkpoint", "/nowhere/at/all/run"], 3, "--checkpoint lies in no folder"],
  ])("%j ends with %i", async (words, code, message) => {
    const result = await learn("--data", data, ...words);
    expect(result.code).toBe(code);
    expect(result.err).toContain(message);
  });
});

describe("a data folder", () => {
  const images = "train-images-idx3-ubyte";
  const labels = "train-labels-idx1-ubyte";
  const cases: [string, Record<string, Uint8Array | string>, string, string][] = [
    ["without a set", { "a.txt": "a", "b.txt": "b" }, "E_PATH", "expected train-images-idx3-ubyte[.gz] or t10k-images"],
    ["with nothing in it", {}, "E_PATH", "got an empty folder"],
    ["without labels", { [images]: idx([1, 2, 2], [0, 0, 0, 0]) }, "E_PATH", "train-labels-idx1-ubyte[.gz] is missing in"],
    ["without images", { [labels]: idx([1], [0]) }, "E_PATH", "train-images-idx3-ubyte[.gz] is missing in"],
    ["with a truncated file", { [images]: idx([2, 2, 2], [0, 0, 0, 0]), [labels]: idx([2], [0, 1]) }, "E_FORMAT", "the file is truncated"],
    ["with a foreign file", { [images]: "hello", [labels]: idx([2], [0, 1]) }, "E_FORMAT", `${images}: not an IDX file`],
    ["with an empty file", { [images]: "", [labels]: idx([2], [0, 1]) }, "E_FORMAT", "got no bytes"],
    [
      "with damaged gzip",
      { [`${images}.gz`]: "\x1f\x8bhello", [labels]: idx([2], [0, 1]) },
      "E_FORMAT",
      "gzip data is truncated or damaged",
    ],
    ["with too few labels", { [images]: idx([2, 1, 1], [0, 9]), [labels]: idx([1], [1]) }, "E_DATA", "labels and images disagree"],
  ];
  it.each(cases)("%s ends with 3", async (what, files, code, message) => {
    const path = join(folder, what);
    await mkdir(path);
    for (const [name, bytes] of Object.entries(files))
      await writeFile(join(path, name), typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    const result = await learn("--data", path);
    expect(result.code).toBe(3);
    const error = result.lines().at(-1);
    expect(error).toMatchObject({ type: "error", code, message: expect.stringContaining(message) });
    expect(result.err).toContain(path);
  });

  it("that is not there ends with 3", async () => {
    const result = await learn("--data", join(folder, "absent"));
    expect([result.code, result.lines().at(-1)?.code]).toEqual([3, "E_PATH"]);
    expect(result.err).toContain(join(folder, "absent"));
  });

  it("with values that are no numbers ends with 3 and names the row", async () => {
    const path = join(folder, "floats");
    await mkdir(path);
    const file = new DataView(new ArrayBuffer(32));
    for (const [i, word] of [0x0d03, 4, 1, 1].entries()) file.setUint32(4 * i, word);
    for (const [i, value] of [1, 2, Number.NaN, 4].entries()) file.setFloat32(16 + 4 * i, value);
    await writeFile(join(path, images), new Uint8Array(file.buffer));
    await writeFile(join(path, labels), idx([4], [0, 1, 0, 1]));
    const result = await learn("--data", path, "--tasks", "1");
    expect([result.code, result.lines().at(-1)?.code]).toEqual([3, "E_NONFINITE"]);
    expect(result.err).toContain("row 2 holds no number");
  });
});

describe("what the machine refuses", () => {
  it("is 5 for a backend that cannot be had", async () => {
    vi.stubGlobal("navigator", { gpu: { requestAdapter: async () => null } });
    const result = await learn("--data", data, "--backend", "webgpu");
    expect([result.code, result.lines().at(-1)?.code]).toEqual([5, "E_NO_BACKEND"]);
  });

  it("is 4 for storage that is full", async () => {
    const real = stores.memory("full");
    let writes = 0;
    const write = async (): Promise<never> => Promise.reject(Object.assign(new Error("no space left"), { code: "ENOSPC" }));
    const open: Store["open"] = async (mode) => {
      const storage = await (real.open as NonNullable<Store["open"]>)(mode);
      return { ...storage, write: (...given) => (++writes > 20 ? write() : storage.write(...given)) };
    };
    vi.spyOn(stores, "folder").mockReturnValue({ ...real, open });
    const result = await learn("--data", data, "--checkpoint", join(folder, "full"));
    expect([result.code, result.lines().at(-1)?.code]).toEqual([4, "E_QUOTA"]);
  });

  it("is 6 for a checkpoint that is damaged", async () => {
    const path = join(folder, "damaged");
    await learn("--data", data, "--checkpoint", path);
    const segments = (await readdir(path)).filter((name) => /^\d+\.\d+$/.test(name)).map((name) => join(path, name));
    const contents = await Promise.all(segments.map(async (file) => [file, await readFile(file)] as const));
    // The snapshot is the largest of them.
    const [file, bytes] = contents.reduce((largest, each) => (each[1].length > largest[1].length ? each : largest));
    const last = bytes.length - 100;
    bytes[last] = (bytes[last] as number) ^ 1;
    await writeFile(file, bytes);
    const result = await learn("--data", data, "--checkpoint", path);
    expect([result.code, result.lines().at(-1)?.code]).toEqual([6, "E_CORRUPT"]);
  });

  it("is 1, with where it happened, for a bug", async () => {
    vi.spyOn(Learner, "create").mockRejectedValue(new TypeError("x is not a function"));
    const result = await learn("--data", data);
    expect([result.code, result.lines().at(-1)?.code]).toEqual([1, null]);
    expect(result.err).toMatch(/this is a bug: TypeError: x is not a function[\s\S]*\n {4}at /);
  });
});

it("reads gzipped and plain files alike", async () => {
  const plain = join(folder, "plain");
  await mkdir(plain);
  for (const part of ["train", "t10k"]) {
    await writeFile(join(plain, `${part}-images.idx3-ubyte`), gunzipSync(await readFile(join(data, `${part}-images-idx3-ubyte.gz`))));
    await writeFile(join(plain, `${part}-labels.idx1-ubyte`), await readFile(join(data, `${part}-labels-idx1-ubyte`)));
  }
  const hashes = [await learn("--data", data), await learn("--data", plain)].map((result) => result.lines().at(-1)?.stateHash);
  expect(hashes[0]).toMatch(/^\w{64}$/);
  expect(hashes[1]).toBe(hashes[0]);
});
