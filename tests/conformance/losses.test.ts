import { afterAll, describe, expect, it } from "vitest";
import * as nn from "../../src/nn/index.ts";
import { Graph, type Tensor } from "../../src/program/graph.ts";
import { type Argument, agree, draw } from "./agree.ts";
import { at, closeMachines, everywhere, range, total, type Values, wasm } from "./layer.ts";

afterAll(closeMachines);

const rowOf = (values: Values, row: number, size: number): number[] => range(size).map((i) => at(values, row * size + i));
const dot = (a: readonly number[], b: readonly number[]): number => total(a.map((value, i) => value * (b[i] as number)));
const softmax = (z: readonly number[]): number[] => z.map((value) => Math.exp(value) / total(z.map(Math.exp)));
const logits = draw([3, 4], -2, 2, "logits");
const labels: Argument = { shape: [3], values: [2, 0, 2], dtype: "u32" };

type Args = Readonly<Record<string, Argument>>;
type Record_ = (args: Readonly<Record<string, Tensor>>) => Tensor;

/** Checks a loss of 3 rows and its gradients against the loss of each row. */
const check = (args: Args, record: Record_, row: (args: Readonly<Record<string, Values>>, i: number) => number): Promise<void> =>
  agree(wasm, { args, record: (leaves) => ({ y: record(leaves) }), model: (values) => ({ y: range(3).map((i) => row(values, i)) }) });

describe("cross-entropy", () => {
  it("of labels", () =>
    check(
      { z: logits, labels },
      (a) => nn.crossEntropy(a.z as Tensor, a.labels as Tensor),
      ({ z, labels: y }, i) => -Math.log(softmax(rowOf(z as Values, i, 4))[at(y as Values, i)] as number),
    ));

  it("of labels at each of several times", () =>
    agree(wasm, {
      args: { z: draw([2, 3, 4], -2, 2, "z"), labels: { shape: [2, 3], values: [0, 1, 2, 3, 0, 1], dtype: "u32" } },
      record: (a) => ({ y: nn.crossEntropy(a.z as Tensor, a.labels as Tensor) }),
      model: ({ z, labels: y }) => ({
        y: range(6).map((i) => -Math.log(softmax(rowOf(z as Values, i, 4))[at(y as Values, i)] as number)),
      }),
    }));

  it("of probabilities that need not sum to 1", () =>
    check(
      { z: logits, target: draw([3, 4], 0, 1, "target") },
      (a) => nn.crossEntropy(a.z as Tensor, a.target as Tensor),
      ({ z, target }, i) => -dot(rowOf(target as Values, i, 4), softmax(rowOf(z as Values, i, 4)).map(Math.log)),
    ));

  it("with label smoothing", () =>
    check(
      { z: logits, labels },
      (a) => nn.crossEntropy(a.z as Tensor, a.labels as Tensor, { labelSmoothing: 0.25 }),
      ({ z, labels: y }, i) => {
        const logs = softmax(rowOf(z as Values, i, 4)).map(Math.log);
        return -0.75 * (logs[at(y as Values, i)] as number) - 0.25 * (total(logs) / 4);
      },
    ));

  const mask: Argument = { shape: [4], values: [1, 0, 3, 0], dtype: "u32" };
  it("over the classes of a mask, with label smoothing", () =>
    check(
      { z: logits, labels, mask },
      (a) => nn.crossEntropy(a.z as Tensor, a.labels as Tensor, { labelSmoothing: 0.25, mask: a.mask as Tensor }),
      ({ z, labels: y }, i) => {
        const row = rowOf(z as Values, i, 4);
        const logs = softmax([row[0] as number, row[2] as number]).map(Math.log);
        return -0.75 * (logs[at(y as Values, i) / 2] as number) - 0.25 * (total(logs) / 2);
      },
    ));

  it("of logits beyond the range of exponentials", () =>
    check(
      { z: { shape: [3, 2], values: Float32Array.of(500, -500, 300, 301, -200, -100) }, labels: { ...labels, values: [1, 0, 1] } },
      (a) => nn.crossEntropy(a.z as Tensor, a.labels as Tensor),
      ({ z, labels: y }, i) => {
        const [zero, one] = rowOf(z as Values, i, 2) as [number, number];
        const margin = at(y as Values, i) === 1 ? one - zero : zero - one;
        return margin > 0 ? Math.log1p(Math.exp(-margin)) : -margin + Math.log1p(Math.exp(margin));
      },
    ));
});

it("softmax and its logarithm agree", () =>
  agree(wasm, {
    args: { z: logits },
    record: (a) => ({ y: nn.logSoftmax(a.z as Tensor), p: nn.softmax(a.z as Tensor) }),
    model: ({ z }) => {
      const p = range(3).flatMap((i) => softmax(rowOf(z as Values, i, 4)));
      return { y: p.map(Math.log), p };
    },
  }));

const pair = { a: draw([3, 4], -2, 2, "a"), b: draw([3, 4], 0, 1, "b") };

describe("regression and matching", () => {
  it("binary cross-entropy", () =>
    check(
      pair,
      (x) => nn.binaryCrossEntropy(x.a as Tensor, x.b as Tensor),
      ({ a, b }, i) => {
        const p = rowOf(a as Values, i, 4).map((z) => 1 / (1 + Math.exp(-z)));
        return -total(rowOf(b as Values, i, 4).map((y, k) => y * Math.log(at(p, k)) + (1 - y) * Math.log(1 - at(p, k)))) / 4;
      },
    ));
  it("mean squared error, of rows of one dim and of none", async () => {
    await check(
      pair,
      (x) => nn.meanSquaredError(x.a as Tensor, x.b as Tensor),
      ({ a, b }, i) => total(rowOf(a as Values, i, 4).map((value, k) => (value - at(b as Values, i * 4 + k)) ** 2)) / 4,
    );
    await check(
      { a: draw([3], -2, 2, "a"), b: draw([3], -2, 2, "b") },
      (x) => nn.meanSquaredError(x.a as Tensor, x.b as Tensor),
      ({ a, b }, i) => (at(a as Values, i) - at(b as Values, i)) ** 2,
    );
  });
  it("Huber", () =>
    check(
      pair,
      (x) => nn.huber(x.a as Tensor, x.b as Tensor, { delta: 0.75 }),
      ({ a, b }, i) =>
        total(
          rowOf(a as Values, i, 4).map((value, k) => {
            const d = Math.abs(value - at(b as Values, i * 4 + k));
            return d < 0.75 ? 0.5 * d * d : 0.75 * (d - 0.375);
          }),
        ) / 4,
    ));
  it("KL divergence at a temperature", () =>
    check(
      pair,
      (x) => nn.klDivergence(x.a as Tensor, x.b as Tensor, { temperature: 2 }),
      ({ a, b }, i) => {
        const [student, teacher] = [a, b].map((z) => softmax(rowOf(z as Values, i, 4).map((value) => value / 2))) as [number[], number[]];
        return 4 * total(teacher.map((p, k) => p * Math.log(p / (student[k] as number))));
      },
    ));
  it("cosine distance", () =>
    check(
      pair,
      (x) => nn.cosineDistance(x.a as Tensor, x.b as Tensor),
      ({ a, b }, i) => {
        const [u, v] = [rowOf(a as Values, i, 4), rowOf(b as Values, i, 4)];
        return 1 - dot(u, v) / Math.sqrt(dot(u, u) * dot(v, v));
      },
    ));
});

describe("supervised contrastive", () => {
  /** Equation 2 of the paper, over the rows that are there. */
  const contrast = (features: Values, y: readonly number[], there: readonly number[], i: number): number => {
    const unit = y.map((_, row) => {
      const v = rowOf(features, row, 3);
      return v.map((value) => value / Math.sqrt(dot(v, v)));
    });
    const likeness = (a: number): number => Math.exp(dot(unit[i] as number[], unit[a] as number[]) / 0.5);
    const others = there.filter((a) => a !== i);
    const partners = others.filter((p) => y[p] === y[i]);
    if (partners.length === 0) return 0;
    return -total(partners.map((p) => Math.log(likeness(p) / total(others.map(likeness))))) / partners.length;
  };
  const features = draw([6, 3], -1, 1, "features");
  const y = [1, 0, 1, 2, 1, 0];
  const groups: Argument = { shape: [6], values: y, dtype: "u32" };

  it("of rows, one alone with its label", () =>
    agree(wasm, {
      args: { features, groups },
      record: (a) => ({ y: nn.supervisedContrastive(a.features as Tensor, a.groups as Tensor, { temperature: 0.5 }) }),
      model: (a) => ({ y: range(6).map((i) => contrast(a.features as Values, y, range(6), i)) }),
    }));
  it("with places that hold no row", () =>
    agree(everywhere, {
      args: { features, groups, weight: { shape: [6], values: [1, 0, 1, 1, 2, 1], dtype: "u32" } },
      record: (a) => ({
        y: nn.supervisedContrastive(a.features as Tensor, a.groups as Tensor, { temperature: 0.5, weight: a.weight as Tensor }),
      }),
      model: (a) => ({ y: range(6).map((i) => contrast(a.features as Values, y, [0, 2, 3, 4, 5], i)) }),
    }));
});

it("the weighted mean leaves out rows of weight 0", () =>
  agree(wasm, {
    args: { a: { shape: [3], values: [2, 5, 8] }, w: { shape: [3], values: [1, 0, 2] } },
    record: (x) => ({ y: nn.weightedMean(x.a as Tensor, x.w as Tensor) }),
    model: ({ a, w }) => ({ y: [dot(Array.from(a as Values), Array.from(w as Values)) / total(Array.from(w as Values))] }),
  }));

describe("refusals", () => {
  const graph = new Graph();
  const z = graph.input("z", [3, 4], "f32");
  const y = graph.input("y", [2], "u32");
  const cases: [string, () => Tensor, RegExp][] = [
    ["labels of other rows", () => nn.crossEntropy(z, y), /^nn\.crossEntropy: targets do not fit; expected \[3\], got \[2\]$/],
    [
      "targets of other rows",
      () => nn.huber(z, graph.input("b", [3], "f32")),
      /^nn\.huber: targets do not fit; expected \[3, 4\], got \[3\]$/,
    ],
    [
      "smoothing of 1",
      () => nn.crossEntropy(z, z, { labelSmoothing: 1 }),
      /"labelSmoothing" is out of range; expected a finite number ≥ 0 < 1, got 1$/,
    ],
    [
      "no temperature",
      () => nn.klDivergence(z, z, { temperature: 0 }),
      /"temperature" is out of range; expected a finite number > 0, got 0$/,
    ],
  ];
  it.each(cases)("%s", (_, make, message) => expect(make).toThrow(message));
});
