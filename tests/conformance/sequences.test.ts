import { afterAll, describe, expect, it } from "vitest";
import type { Machine } from "../../src/backend/machine.ts";
import * as nn from "../../src/nn/index.ts";
import { paramsOf } from "../../src/nn/layer.ts";
import type { Tensor } from "../../src/program/graph.ts";
import { grad, sum } from "../../src/program/tensor.ts";
import { trace } from "../../src/program/trace.ts";
import { type Argument, agree, draw, runOn } from "./agree.ts";
import {
  affine,
  at,
  BATCH,
  call,
  check,
  closeMachines,
  divided,
  everywhere,
  type Model,
  type Numbers,
  range,
  rescaled,
  standardised,
  total,
  type Values,
  wasm,
} from "./layer.ts";

afterAll(closeMachines);

/** Returns the parameters under a path. */
function under(p: Numbers, path: string): Numbers {
  return Object.fromEntries(
    Object.entries(p).flatMap(([key, value]) => (key.startsWith(`${path}.`) ? [[key.slice(path.length + 1), value]] : [])),
  );
}

const weightOf = (p: Numbers): Values => p.weight as Values;
const plus = (a: Values, b: Values): number[] => Array.from(a, (value, i) => value + at(b, i));

describe("embedding", () => {
  const looked: Model = (x, p) => Array.from(x).flatMap((row) => range(4).map((f) => at(weightOf(p), Math.trunc(row) * 4 + f)));
  const tokens = (values: Values, dtype: "u32" | "f32"): Argument => ({ shape: [BATCH, 3], values, dtype });
  it("of u32, one of them twice", () =>
    check({ layer: nn.embedding(5, 4), input: [3], x: tokens([0, 4, 4, 1, 2, 0], "u32"), model: looked, on: everywhere }));
  it("of f32", () => check({ layer: nn.embedding(5, 4), input: [3], x: tokens([0.5, 4.5, 4.5, 1.5, 2.5, 0.5], "f32"), model: looked }));
  it("of positions, fewer than there are weights for", () =>
    check({
      layer: nn.positional({ length: 5 }),
      input: [3, 4],
      model: (x, p) => Array.from(x, (value, i) => value + at(weightOf(p), i % 12)),
    }));
});

it("a head tied to the embedding, whose weights take both gradients", () =>
  check({
    layer: nn.sequential(nn.embedding(5, 4), nn.linear(5, { tie: "0.weight" })),
    input: [3],
    x: { shape: [BATCH, 3], values: [0, 4, 4, 1, 2, 0], dtype: "u32" },
    model: (x, p) => {
      const table = p["0.weight"] as Values;
      const score = (token: number, unit: number): number => total(range(4).map((f) => at(table, token * 4 + f) * at(table, unit * 4 + f)));
      return Array.from(x).flatMap((token) => range(5).map((unit) => score(token, unit) + at(p["1.bias"] as Values, unit)));
    },
    on: everywhere,
  }));

describe("residual", () => {
  it("around a layer", () =>
    check({
      layer: nn.residual(nn.sequential(nn.linear(4), nn.tanh())),
      input: [4],
      model: (x, p) => plus(x, affine(x, p["inner.0.weight"] as Values, p["inner.0.bias"], 4).map(Math.tanh)),
    }));
  it("with a shortcut", () =>
    check({
      layer: nn.residual(nn.linear(3), nn.linear(3, { bias: false })),
      input: [4],
      model: (x, p) =>
        plus(affine(x, p["shortcut.weight"] as Values, undefined, 4), affine(x, p["inner.weight"] as Values, p["inner.bias"], 4)),
    }));
});

interface Heads {
  time: number;
  features: number;
  heads: number;
  keyValueHeads: number;
  causal?: boolean;
  theta?: number;
}

/** Attention, head by head and step by step. */
function attended({ time, features, heads, keyValueHeads, causal = false, theta }: Heads): Model {
  const size = features / heads;
  return (x, p) => {
    const product = (name: string): number[] => affine(x, weightOf(under(p, name)), under(p, name).bias, features);
    /** The vector of a head at a time, turned pair by pair. */
    const vector = (values: Values, count: number, b: number, t: number, head: number): number[] => {
      const v = range(size).map((i) => at(values, ((b * time + t) * count + head) * size + i));
      if (theta === undefined) return v;
      return v.map((value, i) => {
        const angle = t * theta ** (-(i - (i % 2)) / size);
        return i % 2 === 0
          ? value * Math.cos(angle) - (v[i + 1] as number) * Math.sin(angle)
          : (v[i - 1] as number) * Math.sin(angle) + value * Math.cos(angle);
      });
    };
    const [query, key, value] = [product("query"), product("key"), product("value")];
    const mixed: number[] = [];
    for (const b of range(BATCH))
      for (const t of range(time))
        for (const head of range(heads)) {
          const shared = Math.floor(head / (heads / keyValueHeads));
          const q = vector(query, heads, b, t, head);
          const seen = range(causal ? t + 1 : time);
          const scores = seen.map((s) =>
            Math.exp(total(vector(key, keyValueHeads, b, s, shared).map((k, i) => k * (q[i] as number))) / Math.sqrt(size)),
          );
          for (const i of range(size)) {
            const values = seen.map((s) => at(value, ((b * time + s) * keyValueHeads + shared) * size + i));
            mixed.push(total(values.map((v, s) => v * (scores[s] as number))) / total(scores));
          }
        }
    return affine(mixed, weightOf(under(p, "output")), under(p, "output").bias, features);
  };
}

describe("attention", () => {
  const cases: [string, Parameters<typeof nn.attention>[0], Heads][] = [
    ["one head", { heads: 1, bias: false }, { time: 3, features: 4, heads: 1, keyValueHeads: 1 }],
    ["heads", { heads: 3 }, { time: 4, features: 6, heads: 3, keyValueHeads: 3 }],
    ["causal", { heads: 2, causal: true }, { time: 4, features: 4, heads: 2, keyValueHeads: 2, causal: true }],
    ["rotary", { heads: 2, rope: 100 }, { time: 5, features: 8, heads: 2, keyValueHeads: 2, theta: 100 }],
    [
      "grouped, causal, rotary",
      { heads: 4, keyValueHeads: 2, causal: true, rope: true, bias: false },
      { time: 4, features: 8, heads: 4, keyValueHeads: 2, causal: true, theta: 10_000 },
    ],
  ];
  it.each(cases)("%s", (_, options, heads) =>
    check({ layer: nn.attention(options), input: [heads.time, heads.features], model: attended(heads) }),
  );
});

const gelu = (z: number): number => 0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3)));
const silu = (z: number): number => z / (1 + Math.exp(-z));

const forward: Model = (x, p) => {
  const features = (p["down.bias"] as Values).length;
  const hidden = affine(x, p["up.weight"] as Values, p["up.bias"], features).map(gelu);
  return affine(hidden, p["down.weight"] as Values, p["down.bias"], hidden.length / (x.length / features));
};

const gated = (x: Values, p: Numbers, features: number): number[] => {
  const up = affine(x, p["up.weight"] as Values, p["up.bias"], features);
  const hidden = affine(x, p["gate.weight"] as Values, p["gate.bias"], features).map((value, i) => silu(value) * (up[i] as number));
  return affine(hidden, p["down.weight"] as Values, p["down.bias"], hidden.length / (x.length / features));
};

describe("feed-forward", () => {
  it("gelu", () => check({ layer: nn.feedForward(5), input: [3, 4], model: forward }));
  it("swiglu", () => check({ layer: nn.swiglu(5), input: [3, 4], model: (x, p) => gated(x, p, 4) }));
  it("swiglu of vectors, with bias", () => check({ layer: nn.swiglu(3, { bias: true }), input: [4], model: (x, p) => gated(x, p, 4) }));
});

describe("transformerBlock", () => {
  it("as in GPT-2", () =>
    check({
      layer: nn.transformerBlock({ heads: 2, causal: true, hidden: 6 }),
      input: [3, 4],
      model: (x, p) => {
        const norm = (y: Values, name: string): number[] => {
          const { weight, bias } = under(p, name) as Record<"weight" | "bias", Values>;
          return rescaled(
            standardised(y, (i) => Math.floor(i / 4)),
            weight,
            bias,
          );
        };
        const heads = attended({ time: 3, features: 4, heads: 2, keyValueHeads: 2, causal: true });
        const middle = plus(x, heads(norm(x, "attentionNorm"), under(p, "attention")));
        return plus(middle, forward(norm(middle, "feedForwardNorm"), under(p, "feedForward")));
      },
    }));
  it("as in Llama", () =>
    check({
      layer: nn.transformerBlock({ heads: 2, keyValueHeads: 1, causal: true, rope: true, bias: false, norm: "rms", feedForward: "swiglu" }),
      input: [3, 4],
      on: everywhere,
      model: (x, p) => {
        const norm = (y: Values, name: string): number[] => divided(y, weightOf(under(p, name)), 4);
        const heads = attended({ time: 3, features: 4, heads: 2, keyValueHeads: 1, causal: true, theta: 10_000 });
        const middle = plus(x, heads(norm(x, "attentionNorm"), under(p, "attention")));
        return plus(middle, gated(norm(middle, "feedForwardNorm"), under(p, "feedForward"), 4));
      },
    }));
});

const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));

/** Runs a cell over [time, features] row by row; `cell` takes one row's gates and state and returns its new state. */
function unrolled(
  time: number,
  features: number,
  units: number,
  all: boolean,
  states: number,
  cell: (input: number[], hidden: number[], state: number[][]) => number[][],
): Model {
  return (x, p) =>
    range(BATCH).flatMap((b) => {
      const carried = ["hidden", "cell"].slice(0, states).map((name) => p[`carried ${name}`]);
      let state = carried.map((rows) => range(units).map((i) => (rows === undefined ? 0 : at(rows, b * units + i))));
      return range(time).flatMap((t) => {
        const row = range(features).map((f) => at(x, (b * time + t) * features + f));
        const input = affine(row, p.inputWeight as Values, p.inputBias, features);
        state = cell(input, affine(state[0] as number[], p.hiddenWeight as Values, p.hiddenBias, units), state);
        return all || t === time - 1 ? (state[0] as number[]) : [];
      });
    });
}

describe("recurrent layers", () => {
  const units = 3;
  /** torch.nn.GRU: r, z, n; the reset gate acts behind the hidden product. */
  const gru = (input: number[], hidden: number[], [h]: number[][]): number[][] => [
    range(units).map((i) => {
      const reset = sigmoid(at(input, i) + at(hidden, i));
      const update = sigmoid(at(input, units + i) + at(hidden, units + i));
      const candidate = Math.tanh(at(input, 2 * units + i) + reset * at(hidden, 2 * units + i));
      return (1 - update) * candidate + update * at(h as number[], i);
    }),
  ];
  /** torch.nn.LSTM: i, f, g, o. */
  const lstm = (input: number[], hidden: number[], [, c]: number[][]): number[][] => {
    const gate = (n: number, i: number): number => at(input, n * units + i) + at(hidden, n * units + i);
    const cells = range(units).map((i) => sigmoid(gate(1, i)) * at(c as number[], i) + sigmoid(gate(0, i)) * Math.tanh(gate(2, i)));
    return [cells.map((value, i) => sigmoid(gate(3, i)) * Math.tanh(value)), cells];
  };
  it("gru, last", () => check({ layer: nn.gru(units), input: [4, 2], model: unrolled(4, 2, units, false, 1, gru) }));
  it("gru, all", () =>
    check({ layer: nn.gru(units, { returns: "all" }), input: [4, 2], model: unrolled(4, 2, units, true, 1, gru), on: everywhere }));
  it("lstm, last", () => check({ layer: nn.lstm(units), input: [4, 2], model: unrolled(4, 2, units, false, 2, lstm) }));
  it("lstm, all", () => check({ layer: nn.lstm(units, { returns: "all" }), input: [4, 2], model: unrolled(4, 2, units, true, 2, lstm) }));

  /** Runs a layer that carries state and its gradients against a model of its last states, from states that are given. */
  const carrying = (layer: nn.Layer, names: string[], cell: Parameters<typeof unrolled>[5]): Promise<void> => {
    const built = layer.build([4, 2], "");
    const shapes = [...[...paramsOf(built)].map(([path, { shape }]) => [path, shape] as const)];
    const starts = names.map((name) => [`carried ${name}`, [BATCH, units]] as const);
    const all = unrolled(4, 2, units, true, names.length, cell);
    return agree(everywhere, {
      args: {
        x: draw([BATCH, 4, 2], -1.5, 1.5, "x"),
        ...Object.fromEntries([...shapes, ...starts].map(([path, shape]) => [path, draw(shape, -0.8, 0.8, path)])),
      },
      record(leaves, graph) {
        const { y, "handed on hidden": hidden } = call(built, leaves, graph, true);
        return { y: y as Tensor, hidden: hidden as Tensor };
      },
      model({ x, ...p }) {
        const y = all(x as Values, p);
        return { y, hidden: range(BATCH).flatMap((b) => y.slice((b * 4 + 3) * units, (b + 1) * 4 * units)) };
      },
    });
  };
  it("gru, from what rows carry", () => carrying(nn.gru(units, { carry: true, returns: "all" }), ["hidden"], gru));
  it("lstm, from what rows carry", () => carrying(nn.lstm(units, { carry: true, returns: "all" }), ["hidden", "cell"], lstm));

  /** One row through torch.nn.GRU and torch.nn.LSTM of PyTorch 1.13, batch_first, from given states: outputs, last states, d Σ y / d W_hh. */
  const published = {
    gru: {
      layer: nn.gru(2, { carry: true, returns: "all" }),
      x: [0, -1.25, -0.5, -0.75, 1, 0.25],
      start: { hidden: [0.75, -0.25] },
      inputWeight: [0.5, -0.5, 0.625, 0.5, 0.625, -0.5, -0.5, 0.375, -0.625, 0.75, 0.125, 0.125],
      hiddenWeight: [-0.625, 0.25, 0.25, 0.125, 0.625, 0.25, -0.625, 0.625, 0.25, -0.375, -0.625, 0.375],
      inputBias: [0.625, -0.625, 0, 0.25, -0.375, -0.125],
      hiddenBias: [-0.5, -0.375, -0.625, 0, 0.375, 0.375],
      y: [0.15461582, -0.2892921, -0.15726969, -0.26871359, -0.34831849, -0.01604936],
      end: { hidden: [-0.34831849, -0.01604936] },
      gradient: [
        0.04544257, -0.05462348, -0.02726956, -0.01014644, 0.44993871, -0.21616521, 0.02982368, 0.02937417, 0.14559944, -0.23727737,
        0.12471505, -0.13902095,
      ],
    },
    lstm: {
      layer: nn.lstm(2, { carry: true, returns: "all" }),
      x: [1, 1.25, 1, 1, 0.25, 0.75],
      start: { hidden: [-0.375, 0.875], cell: [-1, 0] },
      inputWeight: [0.625, 0, -0.125, -0.375, 0.375, 0.25, 0.5, -0.5, -0.375, 0.625, -0.375, -0.375, -0.25, -0.25, -0.5, 0.625],
      hiddenWeight: [0.125, 0.375, 0.5, -0.5, 0.5, -0.375, -0.125, 0.5, 0.625, 0.625, 0.375, 0.625, -0.25, 0, -0.25, 0],
      inputBias: [-0.125, 0.375, 0.5, -0.5, -0.375, -0.25, 0.125, -0.25],
      hiddenBias: [-0.5, -0.125, -0.375, 0, -0.5, -0.125, -0.25, -0.125],
      y: [-0.20624024, -0.09126711, -0.23203811, -0.18238629, -0.24983133, -0.22852379],
      end: { hidden: [-0.24983133, -0.22852379], cell: [-0.68204486, -0.48597181] },
      gradient: [
        0.02998227, -0.00362423, 0.07856594, -0.06469645, 0.07017228, -0.09440506, 0.01340201, 0.0088718, -0.1409435, 0.22744273,
        -0.07628094, 0.07844442, 0.11941113, -0.08305046, 0.06878974, -0.01502157,
      ],
    },
  };
  it.each(["gru", "lstm"] as const)("%s gives the numbers of PyTorch", async (kind) => {
    const vector = published[kind];
    const built = vector.layer.build([3, 2], "");
    const width = vector.inputBias.length;
    const turned = (a: number[]): number[] => range(2 * width).map((i) => a[(i % width) * 2 + Math.floor(i / width)] as number);
    const inputs: Record<string, { shape: number[]; values: number[] }> = {
      x: { shape: [1, 3, 2], values: vector.x },
      inputWeight: { shape: [2, width], values: turned(vector.inputWeight) },
      hiddenWeight: { shape: [2, width], values: turned(vector.hiddenWeight) },
      inputBias: { shape: [width], values: vector.inputBias },
      hiddenBias: { shape: [width], values: vector.hiddenBias },
      ...Object.fromEntries(Object.entries(vector.start).map(([name, values]) => [`carried ${name}`, { shape: [1, 2], values }])),
    };
    const graph = trace((g) => {
      const leaves = Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, g.input(name, shape, "f32")]));
      const outputs = call(built, leaves, g, true);
      for (const [name, value] of Object.entries(outputs)) g.outputs.set(name, value);
      g.outputs.set("gradient", grad(sum(outputs.y as Tensor), [leaves.hiddenWeight as Tensor])[0] as Tensor);
    });
    const found = await runOn(
      wasm[0] as Machine,
      graph,
      Object.fromEntries(Object.entries(inputs).map(([name, { values }]) => [name, values])),
    );
    const wanted = {
      y: vector.y,
      gradient: turned(vector.gradient),
      ...Object.fromEntries(Object.entries(vector.end).map(([name, values]) => [`handed on ${name}`, values])),
    };
    expect(Object.keys(found).sort()).toEqual(Object.keys(wanted).sort());
    for (const [name, values] of Object.entries(wanted))
      for (const [i, value] of values.entries()) expect(found[name]?.[i], `${name}[${i}]`).toBeCloseTo(value, 6);
  });
});
