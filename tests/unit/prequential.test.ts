import { describe, expect, it } from "vitest";
import { openRuntime } from "../../src/backend/runtime.ts";
import { Learner } from "../../src/learner/learner.ts";
import * as nn from "../../src/nn/index.ts";
import { adamw } from "../../src/optim/index.ts";
import * as streams from "../../src/stream/index.ts";

/** Batch t has rows 10 t, 10 t + 1 … with the labels row mod 3. */
const batchesOf = (sizes: readonly number[]): streams.Batch[] =>
  sizes.map((size, t) => {
    const id = Array.from({ length: size }, (_, i) => 10 * t + i);
    return {
      x: Float32Array.from(id.flatMap((row) => [row, -row])),
      y: id.map((row) => row % 3),
      id,
      weight: Float32Array.from(id),
      task: t,
    };
  });
const all = async <Item>(items: AsyncIterable<Item>): Promise<Item[]> => {
  const got: Item[] = [];
  for await (const item of items) got.push(item);
  return got;
};
/** What comes when: "?2" the rows of batch 2, "!2" its labels. */
const order = (arrivals: readonly streams.Arrival[]): string =>
  arrivals.map(({ type, index }) => `${type === "rows" ? "?" : "!"}${index}`).join(" ");

describe("labels that come late", () => {
  it("come so many batches later, the last at the end", async () => {
    const batches = batchesOf([2, 2, 2, 2]);
    const orderOf = async (options: streams.DelayedOptions) => order(await all(streams.delayed(batches, options)));
    expect(await orderOf({})).toBe("?0 !0 ?1 !1 ?2 !2 ?3 !3");
    expect(await orderOf({ delay: 1 })).toBe("?0 ?1 !0 ?2 !1 ?3 !2 !3");
    expect(await orderOf({ delay: 3 })).toBe("?0 ?1 ?2 ?3 !0 !1 !2 !3");
    expect(await orderOf({ delay: 9 })).toBe("?0 ?1 ?2 ?3 !0 !1 !2 !3");
    const stream = streams.delayed(batches, { delay: 1 });
    expect(await all(stream)).toEqual(await all(stream));
    for (const arrival of await all(stream)) {
      if (arrival.type === "labels") expect(arrival.batch).toBe(batches[arrival.index]);
      else expect([arrival.x, arrival.task, "y" in arrival]).toEqual([batches[arrival.index]?.x, arrival.index, false]);
    }
  });

  it("are missing at the rate, the rest of the batch whole", async () => {
    const batches = batchesOf(new Array<number>(1000).fill(7));
    const arrivals = await all(streams.delayed(batches, { missing: 0.4, seed: 3 }));
    let came = 0;
    for (const arrival of arrivals) {
      if (arrival.type === "rows") continue;
      const { batch, places, index } = arrival;
      came += places.length;
      expect(places.length).toBeGreaterThan(0);
      const rows = Array.from(places, (place) => 10 * index + place);
      expect(batch).toEqual({
        x: Float32Array.from(rows.flatMap((row) => [row, -row])),
        y: rows.map((row) => row % 3),
        id: rows,
        weight: Float32Array.from(rows),
        task: index,
      });
    }
    // Four deviations are 0.023.
    expect(Math.abs(came / 7000 - 0.6)).toBeLessThan(0.025);
    expect(order(await all(streams.delayed(batchesOf([2, 2]), { missing: 1 })))).toBe("?0 ?1");
    expect(await all(streams.delayed(batches, { missing: 0.4, seed: 3, delay: 2 }))).toHaveLength(arrivals.length);
  });

  it("may be several for each row", async () => {
    const batch = { x: Uint8Array.of(1, 2, 3, 4), y: [1, 2, 3, 4, 5, 6, 7, 8] };
    for (let seed = 0; seed < 20; seed++) {
      for (const arrival of await all(streams.delayed([batch], { targets: 2, missing: 0.5, seed }))) {
        if (arrival.type === "rows") continue;
        expect(arrival.batch.x).toEqual(arrival.places.length === 4 ? batch.x : Uint8Array.from(arrival.places, (place) => place + 1));
        expect(arrival.batch.y).toEqual([...arrival.places].flatMap((place) => [2 * place + 1, 2 * place + 2]));
      }
    }
  });

  it("are refused where they cannot be", async () => {
    for (const [options, named] of [
      [{ delay: -1 }, "delay"],
      [{ delay: 1.5 }, "delay"],
      [{ missing: 2 }, "missing"],
      [{ targets: 0 }, "targets"],
      [{ late: 2 }, "late"],
    ] as const) {
      const make = () => streams.delayed([], options as streams.DelayedOptions);
      expect(make).toThrow(expect.objectContaining({ code: "E_CONFIG", message: expect.stringContaining(named) }));
    }
    await expect(all(streams.delayed([{ x: new Uint8Array(4), y: [1, 2, 3] }]))).rejects.toThrow(
      expect.objectContaining({ code: "E_DATA" }),
    );
  });
});

describe("test, then train", () => {
  /** Answers with the label it learned last, and writes down what happened. */
  const parrot = () => {
    const log: string[] = [];
    let last = 0;
    return {
      log,
      predict(x: streams.Pixels) {
        log.push(`?${Math.floor((x[0] as number) / 10)}`);
        return { labels: new Uint32Array(x.length / 2).fill(last) };
      },
      async observe({ x, y }: streams.Batch) {
        log.push(`!${Math.floor((x[0] as number) / 10)}`);
        last = y[y.length - 1] as number;
        return { learned: y.length };
      },
    };
  };

  it("answers each row by what was learned before it", async () => {
    const learner = parrot();
    const tested = await all(streams.prequential(learner, batchesOf([2, 2, 3])));
    expect(learner.log.join(" ")).toBe("?0 !0 ?1 !1 ?2 !2");
    // Labels 0 1, 1 2, 2 0 1; answers 0 0, 1 1, 2 2 2.
    expect(tested.map(({ index, rows, correct, error, result }) => [index, rows, correct, error, result.learned])).toEqual([
      [0, 2, 1, 0.5, 2],
      [1, 2, 1, 0.5, 2],
      [2, 3, 1, 1 - 1 / 3, 3],
    ]);
  });

  it("judges late labels by the answer given when the rows came", async () => {
    const learner = parrot();
    const tested = await all(streams.prequential(learner, batchesOf([2, 2, 3]), { delay: 1 }));
    expect(learner.log.join(" ")).toBe("?0 ?1 !0 ?2 !1 !2");
    // Answers 0 0, 0 0, 1 1 1.
    expect(tested.map(({ correct }) => correct)).toEqual([1, 0, 1]);
    expect(tested.map(({ answer }) => [...answer.labels])).toEqual([
      [0, 0],
      [0, 0],
      [1, 1, 1],
    ]);
  });

  it("counts the rows whose labels come", async () => {
    const learner = parrot();
    const batches = batchesOf(new Array<number>(50).fill(4));
    const tested = await all(streams.prequential(learner, batches, { missing: 0.5, seed: 1 }));
    let last = 0;
    const arrivals = (await all(streams.delayed(batches, { missing: 0.5, seed: 1 }))).filter((arrival) => arrival.type === "labels");
    expect(tested.length).toBe(arrivals.length);
    for (const [i, { batch, index }] of arrivals.entries()) {
      const right = Array.from(batch.y).filter((label) => label === last).length;
      expect(tested[i]).toMatchObject({ index, rows: batch.y.length, correct: right });
      last = batch.y[batch.y.length - 1] as number;
    }
  });

  it("measures values by the square, and nothing before it is asked", async () => {
    const asked: number[] = [];
    const stream = streams.prequential(
      {
        predict: (x) => {
          asked.push(x.length);
          return { labels: [], values: [1, 2, 3, 4] };
        },
        observe: () => asked.length,
      },
      [{ x: Float32Array.of(0, 0), y: [1, 2, 5, 0] }],
      { targets: 2 },
    );
    expect(asked).toEqual([]);
    const { value } = await stream.next();
    expect(value).toMatchObject({ rows: 2, correct: Number.NaN, error: (0 + 0 + 4 + 16) / 4, result: 1 });
  });

  it("refuses answers that do not fit, and passes on what the learner throws", async () => {
    const short = { predict: () => ({ labels: [1] }), observe: () => 0 };
    await expect(all(streams.prequential(short, batchesOf([2])))).rejects.toThrow(expect.objectContaining({ code: "E_DATA" }));
    const broken = {
      predict: () => ({ labels: [1] }),
      observe: () => {
        throw new Error("no");
      },
    };
    await expect(all(streams.prequential(broken, batchesOf([1])))).rejects.toThrow("no");
    await expect(all(streams.prequential(broken, [], { delay: -1 }))).rejects.toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  });

  it("takes a learner as it is, late and missing labels and all", async () => {
    const runtime = await openRuntime({ backend: "wasm" });
    const set = streams.glyphs({ count: 600, classes: 3, size: 8, seed: 1 });
    const scenario = streams.splitClasses({ train: set, test: set }, { tasks: 1 });
    const model = nn.sequential(nn.flatten(), nn.linear(16), nn.relu(), nn.classifier({ capacity: 3 }));
    const learner = await Learner.create(runtime, {
      model,
      input: { shape: [8, 8], dtype: "u8" },
      optimizer: adamw(),
      schedule: 0.01,
      seed: 1,
      batchSize: 10,
    });
    const stream = streams.online(scenario, { batchSize: 10, passes: 3 });
    const tested = await all(streams.prequential(learner, stream, { delay: 2, missing: 0.2 }));
    expect(tested.map(({ result }) => result.step)).toEqual(Array.from({ length: tested.length }, (_, i) => i + 1));
    const errorOf = (part: typeof tested) => part.reduce((sum, { error }) => sum + error, 0) / part.length;
    expect(errorOf(tested.slice(0, 5))).toBeGreaterThan(0.4);
    expect(errorOf(tested.slice(-40))).toBeLessThan(0.25);
    await learner.close();
    await runtime.close();
  });
});
