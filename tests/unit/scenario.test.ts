import { describe, expect, it } from "vitest";
import { turn } from "../../src/stream/angle.ts";
import { arrays, type Dataset, labelOf, readRows } from "../../src/stream/dataset.ts";
import { permuted, rotated } from "../../src/stream/domains.ts";
import { classMask, splitClasses } from "../../src/stream/scenario.ts";

const labelledSet = (name: string, labels: readonly number[], shape: readonly number[] = [2, 3], classes = 6): Dataset => {
  const row = shape.reduce((a, b) => a * b, 1);
  const x = Uint8Array.from({ length: labels.length * row }, (_, k) => (k * 37 + 11) % 256);
  return arrays(x, labels, { name, shape, classes });
};
const data = { train: labelledSet("train", [5, 0, 1, 2, 3, 4, 0, 5, 1]), test: labelledSet("test", [0, 1, 2, 3, 4, 5]) };
const labels = (set: Dataset): number[] => Array.from({ length: set.count }, (_, i) => labelOf(set, i));

describe("splitClasses", () => {
  it("divides the classes in order and every row goes with its class", () => {
    const { kind, tasks } = splitClasses(data, { tasks: 3 });
    expect(kind).toBe("split");
    expect(tasks.map((task) => task.classes)).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
    expect(tasks.map((task) => labels(task.train))).toEqual([
      [0, 1, 0, 1],
      [2, 3],
      [5, 4, 5],
    ]);
    expect(tasks.map((task) => labels(task.test))).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
    expect(tasks.map((task) => task.name)).toEqual(["classes 0, 1", "classes 2, 3", "classes 4, 5"]);
    for (const task of tasks) expect(task.train.x).toBe(data.train.x);
    expect([...readRows(tasks[1]?.train as Dataset, 0, 1).x]).toEqual([...data.train.x.subarray(18, 24)]);
  });

  it("takes another order of the classes", () => {
    const { tasks } = splitClasses(data, { tasks: 2, order: [5, 3, 1, 0, 2, 4] });
    expect(tasks.map((task) => task.classes)).toEqual([
      [5, 3, 1],
      [0, 2, 4],
    ]);
    expect(labels(tasks[0]?.test as Dataset)).toEqual([1, 3, 5]);
  });

  it("names both numbers where they do not divide", () => {
    for (const tasks of [4, 5, 7]) {
      expect(() => splitClasses(data, { tasks })).toThrow(
        expect.objectContaining({
          code: "E_CONFIG",
          message: `streams.splitClasses: 6 classes do not divide into ${tasks} tasks; expected 1, 2, 3, 6 tasks, got ${tasks}`,
        }),
      );
    }
  });

  it.each([[[0, 1, 2]], [[0, 1, 2, 3, 4, 4]], [[0, 1, 2, 3, 4, 6]]])("refuses %j as an order", (order) => {
    expect(() => splitClasses(data, { tasks: 2, order })).toThrow(
      expect.objectContaining({ code: "E_CONFIG", message: expect.stringContaining("order") }),
    );
  });

  it("refuses parts that do not belong together, and tasks without rows", () => {
    const other = labelledSet("other", [0], [3, 2]);
    const fewer = labelledSet("fewer", [0, 1, 2], [2, 3], 3);
    const sparse = labelledSet("sparse", [0, 1, 2, 3]);
    expect(() => splitClasses({ train: data.train, test: other }, { tasks: 2 })).toThrow(expect.objectContaining({ code: "E_SHAPE" }));
    expect(() => splitClasses({ train: data.train, test: fewer }, { tasks: 2 })).toThrow(expect.objectContaining({ code: "E_DATA" }));
    expect(() => splitClasses({ train: data.train, test: sparse }, { tasks: 3 })).toThrow(
      expect.objectContaining({ code: "E_DATA", message: "sparse: task 2 has no rows; expected some of classes 4, 5, got none" }),
    );
  });
});

describe("the increment", () => {
  it("is by class unless told, and labels stay as they are where it is by task", () => {
    const [plain, byClass, byTask] = [undefined, "class", "task"].map((increment) =>
      splitClasses(data, { tasks: 3, ...(increment !== undefined && { increment: increment as "class" }) }),
    );
    expect(plain).toEqual(byClass);
    expect(plain?.increment).toBe("class");
    expect(byTask).toEqual({ ...byClass, increment: "task" });
    expect(permuted(data, { tasks: 2 }).increment).toBe("domain");
    expect(rotated(data, { tasks: 2 }).increment).toBe("domain");
  });

  it("by domain gives each class its place in its task for a label, the pixels shared", () => {
    const scenario = splitClasses(data, { tasks: 3, increment: "domain" });
    const byClass = splitClasses(data, { tasks: 3 });
    for (const [t, { train, test, classes, name }] of scenario.tasks.entries()) {
      const other = byClass.tasks[t] as (typeof byClass.tasks)[number];
      expect(labels(train)).toEqual(labels(other.train).map((label) => label % 2));
      expect(labels(test)).toEqual(labels(other.test).map((label) => label % 2));
      expect(readRows(train, 0, train.count).x).toEqual(readRows(other.train, 0, train.count).x);
      expect(train.x).toBe(data.train.x);
      expect([train.classes, classes, name]).toEqual([2, [0, 1], other.name]);
    }
    const ordered = splitClasses(data, { tasks: 2, order: [5, 3, 1, 0, 2, 4], increment: "domain" });
    // The test part has each class once, in order: of 1, 3, 5 the places are 2, 1, 0.
    expect(labels(ordered.tasks[0]?.test as Dataset)).toEqual([2, 1, 0]);
  });

  it("tells what a task is asked under", () => {
    const mask = (increment: "class" | "domain" | "task", task: number) => [
      ...classMask(splitClasses(data, { tasks: 3, order: [4, 1, 0, 5, 2, 3], increment }), task),
    ];
    expect(mask("task", 1)).toEqual([1, 0, 0, 0, 0, 1]);
    expect(mask("class", 0)).toEqual([0, 1, 0, 0, 1, 0]);
    expect(mask("class", 1)).toEqual([1, 1, 0, 0, 1, 1]);
    expect(mask("class", 2)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(mask("domain", 0)).toEqual([1, 1]);
    expect(() => mask("task", 3)).toThrow(expect.objectContaining({ code: "E_CONFIG", message: expect.stringContaining("≤ 2, got 3") }));
    expect(() => mask("tusk" as "task", 0)).toThrow(expect.objectContaining({ code: "E_CONFIG", hint: 'Did you mean "task"?' }));
  });
});

describe("permuted", () => {
  const distinct = arrays(
    Uint8Array.from({ length: 200 }, (_, k) => k),
    [0, 1],
    { shape: [10, 10], classes: 2 },
  );
  const pair = { train: distinct, test: distinct };
  const permutationOf = (set: Dataset): number[] => [...readRows(set, 0, 1).x];

  it("leaves task 0 as it is and gives every other task one permutation for all rows of both parts", () => {
    const { tasks } = permuted(pair, { tasks: 4, seed: 3 });
    expect(tasks[0]?.train).toBe(distinct);
    const permutations = tasks.map((task) => permutationOf(task.train));
    for (const [t, permutation] of permutations.entries()) {
      expect([...permutation].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
      expect([...readRows(tasks[t]?.train as Dataset, 1, 2).x]).toEqual(permutation.map((value) => value + 100));
      expect(permutationOf(tasks[t]?.test as Dataset)).toEqual(permutation);
    }
    expect(new Set(permutations.map(String)).size).toBe(4);
  });

  it("depends on the seed and the task's number, not on how many tasks there are", () => {
    const three = permuted(pair, { tasks: 3, seed: 3 }).tasks.map((task) => permutationOf(task.train));
    const five = permuted(pair, { tasks: 5, seed: 3 }).tasks.map((task) => permutationOf(task.train));
    const other = permuted(pair, { tasks: 3, seed: 4 }).tasks.map((task) => permutationOf(task.train));
    expect(five.slice(0, 3)).toEqual(three);
    expect(other[1]).not.toEqual(three[1]);
  });
});

describe("rotated", () => {
  const square = arrays(
    Uint8Array.from({ length: 25 }, (_, k) => 10 * k),
    [0],
    { shape: [5, 5], classes: 1 },
  );
  const turned = (degrees: number, set: Dataset = square): number[] => [
    ...readRows(rotated({ train: set, test: set }, { tasks: 2, step: degrees }).tasks[1]?.train as Dataset, 0, 1).x,
  ];
  const at = (image: readonly number[], row: number, column: number): number => image[row * 5 + column] as number;

  it("turns by quarters exactly, counter-clockwise", () => {
    const source = [...square.x];
    const quarter = turned(90);
    for (let row = 0; row < 5; row++) {
      for (let column = 0; column < 5; column++) expect(at(quarter, 4 - column, row)).toBe(at(source, row, column));
    }
    expect(turned(180)).toEqual(source.toReversed());
    expect(turned(360)).toEqual(source);
    expect(turned(-90)).toEqual(turned(270));
  });

  it("agrees with sampling the image at the turned place", () => {
    const floats = arrays(
      Float32Array.from({ length: 35 }, (_, k) => Math.fround((k * 0.37) % 1)),
      [0],
      { shape: [5, 7], classes: 1 },
    );
    const pixel = (row: number, column: number): number =>
      row < 0 || row > 4 || column < 0 || column > 6 ? 0 : (floats.x[row * 7 + column] as number);
    for (const degrees of [17, 45, 133.5, -60]) {
      const image = turned(degrees, floats);
      const angle = (degrees * Math.PI) / 180;
      for (let p = 0; p < 35; p++) {
        const x = (p % 7) - 3;
        const y = Math.floor(p / 7) - 2;
        const column = Math.cos(angle) * x - Math.sin(angle) * y + 3;
        const row = Math.sin(angle) * x + Math.cos(angle) * y + 2;
        const [c, r] = [Math.floor(column), Math.floor(row)];
        const [u, v] = [column - c, row - r];
        const expected =
          (1 - v) * ((1 - u) * pixel(r, c) + u * pixel(r, c + 1)) + v * ((1 - u) * pixel(r + 1, c) + u * pixel(r + 1, c + 1));
        expect(image[p]).toBeCloseTo(expected, 6);
      }
    }
  });

  it("spreads the tasks over half a turn unless told the step", () => {
    const { kind, tasks } = rotated({ train: square, test: square }, { tasks: 4 });
    expect(kind).toBe("rotated");
    expect(tasks.map((task) => task.name)).toEqual(["0°", "45°", "90°", "135°"]);
    expect(tasks[0]?.train).toBe(square);
  });

  it("refuses rows that are not images", () => {
    const flat = arrays(new Float32Array(4), [0], { shape: [4], classes: 1 });
    expect(() => rotated({ train: flat, test: flat }, { tasks: 2 })).toThrow(
      expect.objectContaining({ code: "E_SHAPE", message: expect.stringContaining("expected [height, width], got [4]") }),
    );
  });
});

describe("turn", () => {
  it("is cosine and sine to the rounding of the reference, and exact at quarters", () => {
    for (let degrees = -720; degrees <= 720; degrees += 0.7) {
      const { cos, sin } = turn(degrees);
      // The rounding of radians below 2π is worth up to 9e-16 of the reference's value.
      const radians = ((degrees % 360) * Math.PI) / 180;
      expect(Math.abs(cos - Math.cos(radians))).toBeLessThan(1.5e-15);
      expect(Math.abs(sin - Math.sin(radians))).toBeLessThan(1.5e-15);
      expect(Math.abs(cos * cos + sin * sin - 1)).toBeLessThan(4.5e-16);
    }
    expect([0, 90, 180, 270, 360, -90].map((degrees) => turn(degrees).cos + 0)).toEqual([1, 0, -1, 0, 1, 0]);
    expect([0, 90, 180, 270, 360, -90].map((degrees) => turn(degrees).sin + 0)).toEqual([0, 1, 0, -1, 0, -1]);
    expect(turn(30).sin).toBeCloseTo(0.5, 15);
    expect(turn(45).cos).toBeCloseTo(Math.SQRT1_2, 15);
  });
});
