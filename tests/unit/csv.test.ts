import { gzipSync } from "node:zlib";
import { streams } from "palimpsest";
import { describe, expect, it } from "vitest";
import type { PalimpsestError } from "../../src/errors.ts";
import { RandomStream } from "../../src/random.ts";

const { arrays, batches, previousLabel, readCsv, runningScale, select, standardize } = streams;

const refusal = (run: () => unknown): PalimpsestError => {
  try {
    run();
  } catch (error) {
    return error as PalimpsestError;
  }
  throw new Error("nothing was refused");
};

describe("readCsv", () => {
  const market = "date,day,price,class\n0,2,0.056,UP\n0.1,3,.5,DOWN\n0.1,2, -1e-2 ,UP\n";

  it("reads numbers, categories and classes in the order of the file", () => {
    const set = readCsv(market, { label: "class", columns: { date: "skip", day: "category" }, name: "market" });
    expect(set).toEqual({
      name: "market",
      x: Float32Array.of(1, 0, 0.056, 0, 1, 0.5, 1, 0, -0.01),
      y: Uint32Array.of(1, 0, 1),
      shape: [3],
      classes: 2,
      count: 3,
      features: ["day=2", "day=3", "price"],
      classNames: ["DOWN", "UP"],
    });
    expect([...batches(set, { batchSize: 2, shuffle: false })].map(({ y }) => [...(y as Uint32Array)])).toEqual([[1, 0], [1]]);
  });

  it("keeps to what is declared, though the file lacks some of it", () => {
    const columns = { date: "skip", day: ["1", "2", "3"] } as const;
    const set = readCsv(market, { label: 3, classes: ["UP", "DOWN", "SAME"], columns });
    expect(set.features).toEqual(["day=1", "day=2", "day=3", "price"]);
    expect([...set.x.subarray(0, 4)]).toEqual([0, 1, 0, Math.fround(0.056)]);
    expect([set.classes, set.classNames, [...set.y]]).toEqual([3, ["UP", "DOWN", "SAME"], [0, 1, 0]]);
  });

  it("sorts learned names as numbers where all are, and by code units where one is not", () => {
    const read = (labels: readonly string[]) => readCsv(labels.map((label) => `1,${label}\n`).join(""), { label: 1, header: false });
    expect(read(["10", "9", "-1", "9"])).toMatchObject({ classNames: ["-1", "9", "10"], y: Uint32Array.of(2, 1, 0, 1) });
    expect(read(["10", "9", "b", "B"]).classNames).toEqual(["10", "9", "B", "b"]);
  });

  it.each([
    ["CRLF", 'a,b\r\n1,"x"\r\n2,y\r\n'],
    ["no end of the last line", "a,b\n1,x\n2,y"],
    ["quotes everywhere", '"a","b"\n"1","x"\n"2","y"'],
    ["a byte order mark", "\ufeffa,b\n1,x\n2,y\n"],
  ])("reads a file with %s, as text and as bytes", (_, text) => {
    const expected = { x: Float32Array.of(1, 2), y: Uint32Array.of(0, 1), features: ["a"], classNames: ["x", "y"] };
    expect(readCsv(text, { label: "b" })).toMatchObject(expected);
    expect(readCsv(new TextEncoder().encode(text), { label: "b" })).toMatchObject(expected);
  });

  it("reads delimiters, quotes and line ends inside of quotes", () => {
    const text = 'n;"the ""label"""\r\n1;"a;b"\r\n2;"a\r\nb"\r\n3;""""\r\n4;é\r\n';
    const set = readCsv(text, { label: 'the "label"', delimiter: ";" });
    expect(set.classNames).toEqual(['"', "a\r\nb", "a;b", "é"]);
    expect([...set.y]).toEqual([2, 1, 0, 3]);
  });

  it("numbers columns where there is no header, and tells lines where cells have several", () => {
    expect(readCsv("1\t7\tx\n2\t8\ty\n", { label: 2, header: false, delimiter: "\t", columns: { 1: "skip" } })).toMatchObject({
      x: Float32Array.of(1, 2),
      features: ["0"],
    });
    expect(refusal(() => readCsv('a,b\n1,"x\ny"\nz,x\n', { label: "b" })).message).toContain("row 2 (line 4)");
  });

  it.each([
    ["an empty file", "", /the file is empty; expected a header and rows/],
    ["a header alone", "a,b\n", /there are no rows; expected at least one/],
    ["a row that is too short", "a,b\n1,x\n2\n", /row 2 \(line 3\) has the wrong width; expected 2 cells, got 1/],
    ["a row that is too long", "a,b\n1,x,3\n", /row 1 \(line 2\) has the wrong width; expected 2 cells, got 3/],
    ["a blank line", "a,b\n1,x\n\n2,y\n", /row 2 \(line 3\) has the wrong width; expected 2 cells, got 1/],
    ["a cell that is no number", "a,b\n1,x\n1.2.3,x\n", /row 2 \(line 3\): column "a" holds no number; .*got "1\.2\.3"/],
    ["an empty cell", "a,b\n,x\n", /column "a" holds no number; .*got ""/],
    ["NaN", "a,b\nNaN,x\n", /holds no number/],
    ["a number beyond f32", "a,b\n1e39,x\n", /holds no number; expected a decimal number that is finite in f32, got "1e39"/],
    ["a hexadecimal number", "a,b\n0x10,x\n", /holds no number/],
    ["a label that is missing", "a,b\n1,\n", /column "b" has an empty cell/],
    ["a quote that is not closed", 'a,b\n1,"x\n2,y\n', /line 2: a quote is not closed/],
    ["text behind quotes", 'a,b\n1,"x"y\n', /line 2: a cell goes on after its quotes; .*got "y"/],
    ["a quote inside of a cell", 'a,b\n1,x"y\n', /line 2: a quote stands inside of a cell/],
    ["a CR alone", "a,b\r1,x\r", /line 1: a CR stands alone/],
    ["two columns of one name", "a,a\n1,x\n", /two columns have one name; .*got "a" twice/],
    ["a label alone", "b\nx\n", /nothing to learn from/],
  ])("refuses %s", (_, text, message) => {
    const error = refusal(() => readCsv(text, { label: text.includes("b") ? "b" : text.includes("a,a") ? 1 : 0, name: "table" }));
    expect(error.message).toMatch(/^table: /);
    expect(error.message).toMatch(message);
    expect(error.code).toBe("E_DATA");
  });

  it("refuses classes and categories that are not declared, naming the nearest", () => {
    const error = refusal(() => readCsv(market, { label: "class", classes: ["UP", "DOWM"], name: "market" }));
    expect(error).toMatchObject({ code: "E_DATA", hint: 'Did the file mean "DOWM"?', context: { row: 2, line: 3, column: "class" } });
    expect(error.message).toBe('market: row 2 (line 3): column "class" has what was not declared; expected one of UP, DOWM, got "DOWN"');
    expect(refusal(() => readCsv(market, { label: "class", columns: { day: ["2"] } })).message).toMatch(/column "day" has what was not/);
  });

  it("does not take a column of numbers for one of classes", () => {
    const text = `a,b\n${Array.from({ length: 1001 }, (_, i) => `1,${i / 8}\n`).join("")}`;
    expect(refusal(() => readCsv(text, { label: "b" })).message).toMatch(/row 1001 .*too many different cells; expected at most 1000/);
    const names = Array.from({ length: 1001 }, (_, i) => String(i / 8));
    expect(readCsv(text, { label: "b", classes: names }).classes).toBe(1001);
  });

  it("refuses bytes that are no text", () => {
    expect(refusal(() => readCsv(Uint8Array.of(97, 44, 98, 10, 0xff), { label: 0 }))).toMatchObject({ code: "E_FORMAT" });
    expect(refusal(() => readCsv(gzipSync(market), { label: 0 }))).toMatchObject({ hint: expect.stringContaining("gunzip") });
    expect(refusal(() => readCsv(7 as unknown as string, { label: 0 })).code).toBe("E_DATA");
  });

  it.each([
    ["a label that is no column", { label: "klass" }, /"label" names no column/, 'Did you mean "class"?'],
    ["a number beyond the columns", { label: 4 }, /"label" names no column/, undefined],
    ["a column that is not there", { label: "class", columns: { prize: "skip" } }, /"columns" names no column/, 'Did you mean "price"?'],
    ["the label among the columns", { label: "class", columns: { class: "skip" } }, /the label is among "columns"/, undefined],
    ["an unknown kind of column", { label: "class", columns: { day: "text" } }, /"columns\.day" is no kind of column/, undefined],
    ["a category declared twice", { label: "class", columns: { day: ["2", "2"] } }, /"columns\.day" is no kind of column/, undefined],
    ["classes that are no list", { label: "class", classes: "number" }, /"classes" is no kind of column/, undefined],
    ["no classes", { label: "class", classes: [] }, /"classes" is no kind of column/, undefined],
    ["a long delimiter", { label: "class", delimiter: ", " }, /"delimiter"/, undefined],
    ["a quote for a delimiter", { label: "class", delimiter: '"' }, /"delimiter"/, undefined],
    ["a header that is no answer", { label: "class", header: 1 }, /"header"/, undefined],
    ["an unknown option", { label: "class", seperator: ";" }, /unknown option "seperator"/, undefined],
  ])("refuses %s as an option", (_, options, message, hint) => {
    const error = refusal(() => readCsv(market, options as unknown as streams.CsvOptions));
    expect(error.code).toBe("E_CONFIG");
    expect(error.message).toMatch(message);
    if (hint !== undefined) expect(error.hint).toBe(hint);
  });
});

describe("runningScale", () => {
  const random = new RandomStream(1, "scale");
  const rows = Float32Array.from({ length: 300 }, (_, i) => (i % 3 === 2 ? 0.1 : (1 + (i % 3)) * 100 + random.uniform()));

  it("scales by mean and deviation of the rows pushed, as two passes over them find these", () => {
    const scale = runningScale({ features: 3 });
    const state = scale.push(scale.push(scale.start(), rows.subarray(0, 99)), rows.subarray(99));
    const column = (i: number) => [...rows].filter((_, at) => at % 3 === i);
    const expected = [0, 1, 2].map((i) => {
      const mean = column(i).reduce((a, b) => a + b) / 100;
      return { mean, deviation: Math.sqrt(column(i).reduce((a, x) => a + (x - mean) ** 2, 0) / 100) };
    });
    const [first, second, third] = scale.apply(state, Float32Array.of(101, 200, 0.1));
    expect(state.count).toBe(100);
    expect(first).toBeCloseTo((101 - (expected[0]?.mean as number)) / (expected[0]?.deviation as number), 4);
    expect(second).toBeCloseTo((200 - (expected[1]?.mean as number)) / (expected[1]?.deviation as number), 4);
    // A feature that never changed has no deviation.
    expect(third).toBe(0);
  });

  it("continues from JSON bit for bit, and leaves states as they are", () => {
    const scale = runningScale({ features: 3, clip: 2 });
    const early = scale.push(scale.start(), rows.subarray(0, 60));
    const saved = JSON.stringify(early);
    const state = scale.push(early, rows.subarray(60));
    expect(JSON.stringify(early)).toBe(saved);
    expect(scale.push(scale.resume(JSON.parse(saved)), rows.subarray(60))).toEqual(state);
    expect(scale.start()).toEqual({ count: 0, mean: [0, 0, 0], squares: [0, 0, 0] });
    expect(Math.max(...scale.apply(state, rows).map(Math.abs))).toBeLessThanOrEqual(2);
  });

  it("stays finite where its rows are", () => {
    const scale = runningScale({ features: 1 });
    const state = scale.push(scale.start(), Float32Array.of(1e-44, 3e-44));
    expect(scale.apply(state, Float32Array.of(3e38))[0]).toBe(3.4028234663852886e38);
  });

  it("refuses parts of rows, what is not finite, and a state of other rows", () => {
    const scale = runningScale({ features: 3 });
    expect(refusal(() => scale.push(scale.start(), new Float32Array(4))).message).toContain("a multiple of 3 values, got 4");
    expect(refusal(() => scale.apply(scale.start(), Float32Array.of(0, 0, 0, 0, Number.NaN, 0))).message).toContain("row 1 is not finite");
    expect(refusal(() => scale.resume({ count: 1, mean: [0], squares: [0] })).code).toBe("E_MISMATCH");
    expect(refusal(() => scale.resume({ count: 1, mean: [0, 0, 0], squares: [0, -1, 0] })).code).toBe("E_MISMATCH");
    expect(refusal(() => scale.resume({ count: 1, mean: [0, 0, 0] })).code).toBe("E_MISMATCH");
    expect(refusal(() => runningScale({ features: 0 })).code).toBe("E_CONFIG");
  });
});

describe("standardize", () => {
  const random = new RandomStream(2, "rows");
  const x = Float32Array.from({ length: 80 }, () => 50 + 10 * random.uniform());
  const set = arrays(
    x,
    Array.from({ length: 40 }, (_, i) => i % 2),
    { shape: [2] },
  );

  it("does not let a row be moved by itself or by rows after it", () => {
    for (const rows of [1, 7]) {
      const whole = standardize(set, { rows });
      const first = select(
        set,
        Array.from({ length: 21 }, (_, i) => i),
      );
      expect(standardize(first, { rows }).x).toEqual(whole.x.slice(0, 42));
      expect([...whole.x.slice(0, 2 * rows)].every((value) => value === 0)).toBe(true);
      const scale = runningScale({ features: 2 });
      const state = scale.push(scale.start(), x.subarray(0, 28));
      if (rows === 7) expect(whole.x.slice(28, 42)).toEqual(scale.apply(state, x.subarray(28, 42)));
    }
  });

  it("gives a set of its own, in the order of the set", () => {
    const turned = select(
      set,
      Array.from({ length: 40 }, (_, i) => 39 - i),
    );
    const { y, count, rows, shape } = standardize(turned, { clip: 1 });
    expect([...y]).toEqual(Array.from({ length: 40 }, (_, i) => (39 - i) % 2));
    expect([count, rows, shape]).toEqual([40, undefined, [2]]);
    expect(refusal(() => standardize(set, { rows: 0 })).code).toBe("E_CONFIG");
  });
});

describe("previousLabel", () => {
  const stream = (...labels: readonly (readonly number[])[]) => labels.map((y) => ({ x: new Float32Array(y.length), y }));

  it("tells how often a label is that of the row before, over all rows and over each window", async () => {
    const labels = stream([1, 1, 0], [0, 0], [2, 2, 2, 2]);
    expect(await previousLabel(labels, { window: 4 })).toEqual({ rows: 9, accuracy: 6 / 9, windows: [2 / 4, 3 / 4, 1] });
    expect((await previousLabel(stream([0, 0, 0]))).accuracy).toBe(2 / 3);
  });

  it("reads streams that come over time", async () => {
    async function* slow() {
      for (const batch of stream([1, 1], [1])) yield batch;
    }
    expect(await previousLabel(slow())).toEqual({ rows: 3, accuracy: 2 / 3, windows: [2 / 3] });
  });

  it("refuses an empty stream, what is no class, and options it does not have", async () => {
    await expect(previousLabel([])).rejects.toMatchObject({ code: "E_DATA" });
    await expect(previousLabel(stream([0, 1], [0.5]))).rejects.toMatchObject({ code: "E_DATA", context: { row: 2 } });
    await expect(previousLabel([], { window: 0 })).rejects.toMatchObject({ code: "E_CONFIG" });
  });
});
