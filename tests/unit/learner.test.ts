import {
  Learner,
  type LearnerOptions,
  memory,
  nn,
  openRuntime,
  optim,
  PalimpsestError,
  type Runtime,
  readSafetensors,
  type Strategy,
  schedules,
  stores,
  strategies,
  streams,
  tensor,
} from "palimpsest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});
afterAll(() => runtime.close());

const base: LearnerOptions = {
  model: nn.sequential(nn.linear(16), nn.relu(), nn.classifier({ capacity: 3 })),
  input: [4],
  optimizer: optim.sgd(),
  schedule: 0.1,
  seed: 1,
};
const good = { x: Float32Array.of(0, 1, 0, 0, 1, 0, 0, 0), y: [0, 2] };

async function failure(action: () => unknown): Promise<PalimpsestError> {
  try {
    await action();
  } catch (error) {
    expect(error).toBeInstanceOf(PalimpsestError);
    return error as PalimpsestError;
  }
  return expect.fail("nothing was refused");
}

describe("a bad batch is refused whole", () => {
  const u8: LearnerOptions = { ...base, input: { shape: [4], dtype: "u8" } };
  const withMemory: LearnerOptions = {
    ...base,
    memory: memory.reservoir({ capacity: 8 }),
    strategies: [strategies.replay({ batchSize: 2 })],
  };
  const tokens: LearnerOptions = { ...base, model: nn.sequential(nn.embedding(5, 2), nn.flatten(), nn.classifier({ capacity: 3 })) };
  const cases: [string, LearnerOptions, unknown, RegExp][] = [
    ["wrong row length", base, { x: new Float32Array(7), y: [0, 1] }, /observe: x has the wrong length; expected 2 rows × 4 = 8, got 7/],
    ["wrong dtype", base, { x: new Uint8Array(8), y: [0, 1] }, /x has another dtype; expected Float32Array, got Uint8Array of 8/],
    ["wrong dtype of bytes", u8, { x: new Float32Array(8), y: [0, 1] }, /x has another dtype; expected Uint8Array/],
    [
      "NaN",
      withMemory,
      { x: Float32Array.of(0, 0, 0, 0, 0, Number.NaN, 0, 0), y: [0, 1] },
      /row 1 of x holds NaN; expected finite numbers, got NaN at element 1/,
    ],
    ["infinity", base, { x: Float32Array.of(0, 0, 0, Number.POSITIVE_INFINITY), y: [0] }, /row 0 of x holds Infinity/],
    [
      "label out of range",
      withMemory,
      { x: new Float32Array(8), y: [0, 3] },
      /label of row 1 is no class; expected a whole number from 0 to 2, got 3/,
    ],
    ["label not whole", base, { x: new Float32Array(4), y: [0.5] }, /label of row 0 is no class/],
    ["empty batch", base, { x: new Float32Array(0), y: [] }, /the batch is empty/],
    ["no batch", base, null, /not a batch; expected { x, y }, got null/],
    ["no labels", base, { x: new Float32Array(4) }, /y is not a list of labels/],
    [
      "token that is no row of the embedding",
      tokens,
      { x: Float32Array.of(0, 1, 2, 3, 0, 1, 5, 2), y: [0, 1] },
      /row 1 of x chooses no embedding; expected a whole number from 0 to 4, got 5 at element 2/,
    ],
    ["token below 0", tokens, { x: Float32Array.of(0, 1, -1, 3), y: [0] }, /row 0 of x chooses no embedding; .*, got -1 at element 2/],
    ["token not whole", tokens, { x: Float32Array.of(0, 1, 2, 0.5), y: [0] }, /row 0 of x chooses no embedding; .*, got 0.5 at element 3/],
    [
      "byte that is no row of the embedding",
      { ...tokens, input: { shape: [4], dtype: "u8", offset: -1 } },
      { x: Uint8Array.of(1, 2, 5, 6), y: [0] },
      /row 0 of x chooses no embedding; .*, got 5 at element 3/,
    ],
    ["short weights", base, { ...good, weight: Float32Array.of(1) }, /weight has the wrong length; expected 2, got 1/],
    ["negative weight", base, { ...good, weight: Float32Array.of(1, -1) }, /weight of row 1 is not allowed/],
    ["weights all 0", base, { ...good, weight: Float32Array.of(0, 0) }, /all weights are 0/],
  ];
  it.each(cases)("%s", async (_, options, batch, message) => {
    const learner = await Learner.create(runtime, { ...options, batchSize: 2 });
    if (options.input === base.input) await learner.observe(good);
    const before = await learner.stateHash();
    const error = await failure(() => learner.observe(batch as never));
    expect(error.code).toBe("E_DATA");
    expect(error.message).toMatch(message);
    expect(await learner.stateHash()).toBe(before);
    expect((await failure(() => learner.evaluate([batch as never]))).code).toBe("E_DATA");
    await learner.close();
  });
});

describe("bad options are refused by name", () => {
  const cases: [string, () => unknown, string, RegExp, RegExp][] = [
    [
      "unknown option",
      () => Learner.create(runtime, { ...base, optimiser: 1 } as never),
      "E_CONFIG",
      /unknown option "optimiser"/,
      /"optimizer"/,
    ],
    [
      "missing model",
      () => Learner.create(runtime, { ...base, model: undefined } as never),
      "E_CONFIG",
      /option "model" is missing/,
      /model/,
    ],
    [
      "rate NaN",
      () => Learner.create(runtime, { ...base, schedule: Number.NaN }),
      "E_CONFIG",
      /option "rate" is out of range; expected a finite number ≥ 0 ≤ 1000000, got NaN/,
      /rate/,
    ],
    ["rate negative", () => schedules.constant(-1), "E_CONFIG", /"rate" is out of range/, /rate/],
    [
      "capacity 0",
      () => memory.reservoir({ capacity: 0 }),
      "E_CONFIG",
      /option "capacity" is out of range; expected a whole number ≥ 1/,
      /capacity/,
    ],
    [
      "replay without memory",
      () => Learner.create(runtime, { ...base, strategies: [strategies.replay({ batchSize: 2 })] }),
      "E_CONFIG",
      /"replay" draws from a memory/,
      /memory/,
    ],
    [
      "the same group twice",
      () =>
        Learner.create(runtime, {
          ...base,
          memory: memory.reservoir({ capacity: 2 }),
          strategies: [strategies.replay({ batchSize: 2 }), strategies.replay({ batchSize: 1 })],
        }),
      "E_CONFIG",
      /both have a group "replay"/,
      /^$/,
    ],
    [
      "momentum 1",
      () => optim.sgd({ momentum: 1 }),
      "E_CONFIG",
      /"momentum" is out of range; expected a finite number ≥ 0 < 1, got 1/,
      /momentum/,
    ],
    ["misspelt option", () => optim.adamw({ weightdecay: 0 } as never), "E_CONFIG", /unknown option "weightdecay"/, /"weightDecay"/],
    [
      "layer that does not fit",
      () => Learner.create(runtime, { ...base, input: [2, 2] }),
      "E_SHAPE",
      /^2: classifier takes rows of one dim; expected \[features\], got \[2, 16\]/,
      /flatten/,
    ],
    [
      "model without classes",
      () => Learner.create(runtime, { ...base, model: nn.linear(1) }),
      "E_SHAPE",
      /output is not logits/,
      /classifier/,
    ],
    [
      "a weight tied to nothing",
      () => Learner.create(runtime, { ...base, model: nn.sequential(nn.linear(4), nn.linear(4, { tie: "0.wieght" })) }),
      "E_CONFIG",
      /^1: linear: nothing to tie the weight to; expected a parameter "0.wieght", got none of that path/,
      /path of a parameter/,
    ],
    [
      "a weight tied to one that does not fit",
      () => Learner.create(runtime, { ...base, model: nn.sequential(nn.linear(5), nn.linear(3, { tie: "0.weight" })) }),
      "E_SHAPE",
      /^1: linear: "0.weight" does not fit; expected \[3, 5\], got \[4, 5\]/,
      /^$/,
    ],
    ["unknown backend", () => openRuntime({ backend: "webgup" as never }), "E_CONFIG", /option "backend" has no such choice/, /webgpu/],
    ["no store", async () => (await Learner.create(runtime, base)).save(), "E_CONFIG", /the learner has no store/, /stores.auto/],
    ["nothing saved", () => Learner.open(runtime, stores.memory()), "E_STATE", /nothing was saved/, /create/],
  ];
  it.each(cases)("%s", async (_, action, code, message, hint) => {
    const error = await failure(action);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
  });
});

describe("the life of a learner", () => {
  it("refuses a second call while one is under way, and every call after close", async () => {
    const learner = await Learner.create(runtime, base);
    const first = learner.observe(good);
    const error = await failure(() => learner.observe(good));
    expect([error.code, error.message]).toEqual(["E_STATE", "observe: observe is under way; expected one call at a time, got a second"]);
    expect((await first).step).toBe(1);
    await learner.close();
    for (const call of [
      () => learner.observe(good),
      () => learner.predict(good.x),
      () => learner.evaluate([good]),
      () => learner.stateHash(),
      () => learner.close(),
    ]) {
      expect((await failure(call)).code).toBe("E_STATE");
    }
  });

  it("tells steps, boundaries and saves", async () => {
    const store = stores.memory();
    const learner = await Learner.create(runtime, { ...base, store });
    const told: string[] = [];
    learner.on("step", ({ step }) => told.push(`step ${step}`));
    const off = learner.on("boundary", ({ boundary }) => told.push(`boundary ${boundary}`));
    learner.on("saved", ({ bytes }) => told.push(`saved ${bytes > 0}`));
    await learner.observe(good);
    await learner.consolidate();
    off();
    await learner.consolidate();
    await learner.save();
    expect(told).toEqual(["step 1", "boundary 1", "saved true"]);
    await learner.close();
  });

  it("predicts the same for a row alone and among others, and learns what it is shown", async () => {
    const learner = await Learner.create(runtime, base);
    for (let i = 0; i < 200; i++) await learner.observe(good);
    const { labels, probabilities } = await learner.predict(good.x);
    expect([...labels]).toEqual([0, 2]);
    const alone = await learner.predict(good.x.subarray(4));
    expect([...alone.probabilities]).toEqual([...probabilities.subarray(3)]);
    const { accuracy, count, loss } = await learner.evaluate([good]);
    expect([accuracy, count]).toEqual([1, 2]);
    expect(loss).toBeLessThan(0.05);
    await learner.close();
  });

  it("refuses a checkpoint of another model, of other options, and one that is damaged", async () => {
    const store = stores.memory("mine");
    const learner = await Learner.create(runtime, { ...base, store });
    await learner.observe(good);
    await learner.save();
    const other = { ...base, model: nn.sequential(nn.linear(8), nn.relu(), nn.classifier({ capacity: 3 })) };
    expect((await failure(() => Learner.open(runtime, store, other))).code).toBe("E_MISMATCH");
    const error = await failure(() => Learner.open(runtime, store, { ...base, optimizer: optim.adamw() }));
    expect([error.code, /another optimizer/.test(error.message)]).toEqual(["E_MISMATCH", true]);
    const bytes = (await store.read()) as Uint8Array;
    bytes[bytes.length - 100] = (bytes[bytes.length - 100] as number) ^ 1;
    await store.write(bytes);
    expect((await failure(() => Learner.open(runtime, store))).code).toBe("E_CORRUPT");
    await store.write(bytes.subarray(0, 50));
    expect((await failure(() => Learner.open(runtime, store))).code).toBe("E_FORMAT");
    await learner.close();
  });
});

describe("hooks", () => {
  const batches = [...streams.batches(streams.glyphs({ count: 200, size: 8, seed: 1 }), { batchSize: 8 })];
  const glyphs: LearnerOptions = {
    ...base,
    model: nn.sequential(nn.flatten(), nn.linear(12), nn.tanh(), nn.classifier({ capacity: 10 })),
    input: { shape: [8, 8], dtype: "u8", scale: 1 / 255 },
    batchSize: 8,
  };
  async function losses(options: LearnerOptions): Promise<{ hash: string; losses: number[] }> {
    const learner = await Learner.create(runtime, options);
    const list: number[] = [];
    for (const batch of batches) list.push((await learner.observe(batch)).loss);
    const hash = await learner.stateHash();
    await learner.close();
    return { hash, losses: list };
  }

  it("an L2 penalty as a term equals weight decay in the optimizer", async () => {
    const lambda = 0.01;
    const l2: Strategy = {
      name: "l2",
      terms: ({ params }) => [
        {
          tag: "penalty",
          value: [...params.values()].map((w) => tensor.mul(tensor.sum(tensor.square(w)), lambda / 2)).reduce((a, b) => tensor.add(a, b)),
        },
      ],
    };
    const [penalised, decayed] = [
      await losses({ ...glyphs, strategies: [l2] }),
      await losses({ ...glyphs, optimizer: optim.sgd({ weightDecay: lambda }) }),
    ];
    const plain = await losses(glyphs);
    // The first step sees the same parameters; later ones must have moved alike, which the task loss shows once the penalty is taken off.
    expect(plain.hash).not.toBe(decayed.hash);
    const learner = await Learner.create(runtime, { ...glyphs, strategies: [l2] });
    for (const [i, batch] of batches.entries()) {
      const { loss, terms } = await learner.observe(batch);
      expect(terms.task).toBeCloseTo(decayed.losses[i] as number, 4);
      expect((terms.task as number) + (terms.penalty as number)).toBeCloseTo(loss, 5);
      expect(loss).toBe(penalised.losses[i]);
    }
    await learner.close();
  });

  it("a term on one group alone sees that group", async () => {
    const onlyNew: Strategy = {
      name: "only-new",
      owns: ["arrival", "replay"],
      terms: ({ rowLoss, weightOf }) => [{ tag: "task", value: tensor.sum(tensor.mul(rowLoss, weightOf("arrival"))) }],
    };
    const stored = { ...glyphs, memory: memory.reservoir({ capacity: 50 }) };
    const [some, none] = [await losses({ ...stored, strategies: [strategies.replay({ batchSize: 8 }), onlyNew] }), await losses(stored)];
    for (const [i, loss] of some.losses.entries()) expect(loss).toBeCloseTo(none.losses[i] as number, 4);
  });

  it("replay with an empty memory is plain training in the first step, and never replays a row in the step that stores it", async () => {
    const seen: number[] = [];
    const replay = strategies.replay({ batchSize: 8 });
    const watched: Strategy = {
      ...replay,
      draw: {
        groups: replay.draw?.groups ?? [],
        select: async (context) => {
          const drawn = (await replay.draw?.select(context)) ?? {};
          seen.push(drawn.replay?.slots.length ?? -1);
          for (const slot of Array.from(drawn.replay?.slots ?? [])) expect(slot).toBeLessThan(context.memory?.stored ?? 0);
          return drawn;
        },
      },
    };
    const options = { ...glyphs, memory: memory.reservoir({ capacity: 100 }) };
    const [replayed, plain] = [await losses({ ...options, strategies: [watched] }), await losses(glyphs)];
    expect(seen.slice(0, 3)).toEqual([0, 8, 8]);
    expect(replayed.losses[0]).toBe(plain.losses[0]);
    expect(replayed.losses[5]).not.toBe(plain.losses[5]);
  });

  it("means of gradients that have ceased end at 0, never subnormal", async () => {
    // A column that is always 0 gives its weights no gradient once the others have made theirs.
    const learner = await Learner.create(runtime, { ...base, optimizer: optim.adamw({ beta1: 0.5, beta2: 0.5 }), schedule: 0 });
    await learner.observe({ x: Float32Array.of(1, 1e-12, 0, 0), y: [0] });
    for (let i = 0; i < 200; i++) await learner.observe({ x: new Float32Array(4), y: [0] });
    const { tensors } = readSafetensors(await learner.checkpoint(), "checkpoint");
    for (const slot of ["m", "v"]) {
      const bytes = tensors.get(`slots/${slot}/0.weight`)?.data.slice() as Uint8Array<ArrayBuffer>;
      expect(new Float32Array(bytes.buffer).every((value) => value === 0)).toBe(true);
    }
    await learner.close();
  });

  it.each([
    ["sgd", optim.sgd()],
    ["sgd with momentum", optim.sgd({ momentum: 0.9, weightDecay: 0.01 })],
    ["sgd with Nesterov momentum", optim.sgd({ momentum: 0.9, nesterov: true })],
    ["adam", optim.adam()],
    ["adam with weight decay", optim.adam({ weightDecay: 0.1 })],
    ["adamw", optim.adamw({ weightDecay: 0.1 })],
    ["adamw, clipped", optim.chain(optim.clipByGlobalNorm({ maxNorm: 0.1 }), optim.adamw())],
  ])("the kernel of %s gives its recipe's bits", async (_, optimizer) => {
    const schedule = schedules.constant(0.01);
    const [kernel, recipe] = [
      await losses({ ...glyphs, optimizer, schedule, update: "kernel" }),
      await losses({ ...glyphs, optimizer, schedule, update: "recipe" }),
    ];
    expect(kernel.hash).toBe(recipe.hash);
    expect(kernel.losses.at(-1)).toBeLessThan(kernel.losses[0] as number);
  });
});
