import {
  controllers,
  Learner,
  type LearnerOptions,
  memory,
  nn,
  openRuntime,
  optim,
  type Runtime,
  readSafetensors,
  type Store,
  schedules,
  stores,
  strategies,
  writeSafetensors,
} from "palimpsest";
import { beforeAll, describe, expect, it } from "vitest";
import { Annals } from "../../src/learner/annals.ts";
import { RandomStream } from "../../src/random.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});

const ROWS = 5;
const options = (more: Partial<LearnerOptions> = {}): LearnerOptions => ({
  model: nn.sequential(nn.linear(6), nn.tanh(), nn.dropout(0.1), nn.classifier({ capacity: 3 })),
  input: [4],
  optimizer: optim.adamw(),
  schedule: schedules.cooldown({ peak: 0.02, start: "mark", length: 6 }),
  memory: memory.classBalanced({ capacity: 9 }),
  strategies: [strategies.replay({ batchSize: 3 })],
  seed: 5,
  ...more,
});

function batchAt(step: number) {
  const draw = new RandomStream(4, `rows ${step}`);
  return {
    x: Float32Array.from({ length: 4 * ROWS }, () => draw.uniform()),
    y: Array.from({ length: ROWS }, () => draw.below(3)),
    ...(step % 2 === 0 && { id: Array.from({ length: ROWS }, (_, row) => ROWS * step + row) }),
    ...(step % 3 === 0 && { weight: Float32Array.from({ length: ROWS }, () => draw.uniform() + 0.1) }),
    task: step % 4,
  };
}

/** Every kind of change; the last is number 19. */
async function change(learner: Learner, index: number): Promise<void> {
  if (index === 4) learner.set("weightDecay", 0.2);
  else if (index === 7) await learner.mark("cooldown");
  else if (index === 9) await learner.consolidate();
  else if (index === 11) await learner.resetCarry([0]);
  else if (index === 13) await learner.forget([0, 3, 11]);
  else if (index === 15) await learner.grow(4);
  else if (index === 16) learner.set("weightDecay", undefined);
  else await learner.observe(batchAt(index));
}
const CHANGES = 20;

/** What a program that is killed now leaves: its store without its owner. */
function killed(store: Store): Store {
  const open = store.open as NonNullable<Store["open"]>;
  return { ...store, open: async (mode) => ({ ...(await open(mode)), alive: async () => false }) };
}

describe.each(["strict", "relaxed"] as const)("a learner whose changes are recorded, %s", (durability) => {
  it("goes on after each change as if it had not been killed there", async () => {
    const never = await Learner.create(runtime, options());
    const hashes: string[] = [await never.stateHash()];
    for (let index = 0; index < CHANGES; index++) {
      await change(never, index);
      hashes.push(await never.stateHash());
    }
    const store = stores.memory();
    let learner = await Learner.create(runtime, options({ store, durability }));
    for (let index = 0; index < CHANGES; index++) {
      expect(await learner.stateHash(), `before change ${index}`).toBe(hashes[index]);
      await change(learner, index);
      // The one before is left as it is: nothing ends it.
      learner = await Learner.open(runtime, killed(store));
    }
    expect(await learner.stateHash()).toBe(hashes.at(-1));
    expect(learner.storage).toMatchObject({ place: "memory", durability, damage: [] });
    await learner.close();
    const closed = await Learner.open(runtime, store);
    expect(await closed.stateHash()).toBe(hashes.at(-1));
    await closed.close();
  });

  it("keeps its annals from the first note on, through kills, snapshots and changes of its size", async () => {
    const store = stores.memory();
    const model = nn.sequential(nn.linear(6), nn.dropout(0.1), nn.classifier({ capacity: 3 }));
    let learner = await Learner.create(runtime, options({ model, store, durability }));
    const expected: { losses: number[]; learningRates: number[]; notes: unknown[] } = { losses: [], learningRates: [], notes: [] };
    const told = (result: { loss: number; learningRate: number; skipped?: unknown }): void => {
      if (expected.notes.length === 0 || result.skipped !== undefined) return;
      expected.losses.push(result.loss);
      expected.learningRates.push(result.learningRate);
    };
    for (let index = 0; index < CHANGES; index++) {
      if (index > 1 && index % 3 === 0) {
        const note = { index, text: "é", list: [1 / 3, null] };
        expected.notes.push(structuredClone(note));
        // Neither awaited nor left as it was: it comes before what is done next.
        const noted = learner.storage?.note(note);
        note.index = -1;
        if (index % 2 === 0) await noted;
      }
      const off = learner.on("step", told);
      await change(learner, index);
      off();
      if (index === 6) await learner.save();
      if (index === 12) {
        const x = new Float32Array(4 * ROWS).fill(3e38);
        expect(await learner.observe({ x, y: [0, 1, 2, 0, 1] })).toHaveProperty("skipped");
      }
      // Every third kill, so that some records are done again.
      if (index % 3 === 2) learner = await Learner.open(runtime, killed(store));
      expect(learner.storage?.annals, `after change ${index}`).toMatchObject(expected);
    }
    expect(expected.losses.length).toBeGreaterThan(9);
    await expect(learner.storage?.note(undefined)).rejects.toMatchObject({ code: "E_DATA" });
    await learner.close();
    const closed = await Learner.open(runtime, store);
    expect(closed.storage?.annals).toMatchObject(expected);
    await closed.close();
  });

  it("records what a controller observes, and bytes and values as they are", async () => {
    const more: Partial<LearnerOptions> = {
      ...{ input: { shape: [4], dtype: "u8", scale: 1 / 255 }, schedule: controllers.plateau({ rate: 0.05, patience: 0, factor: 0.5 }) },
      ...{ model: nn.sequential(nn.linear(3), nn.linear(2)), loss: (await import("palimpsest")).losses.meanSquaredError() },
    };
    const bytes = (step: number) => ({ x: new Uint8Array(12).map((_, i) => 17 * i + step), y: [0.5, -1, 2, 0.25, step, 1] });
    const { memory: _, strategies: __, ...plain } = options(more);
    const store = stores.memory();
    const learner = await Learner.create(runtime, { ...plain, store, durability });
    for (let step = 0; step < 6; step++) {
      const { loss } = await learner.observe(bytes(step));
      learner.control({ metric: loss });
    }
    await learner.commit();
    const opened = await Learner.open(runtime, killed(store));
    expect(await opened.stateHash()).toBe(await learner.stateHash());
    expect(opened.learningRate).toBe(learner.learningRate);
  });
});

describe("a store in use", () => {
  it("is refused to a second learner that would write it, and to a new one when it holds one", async () => {
    const store = stores.memory();
    const learner = await Learner.create(runtime, options({ store, durability: "strict" }));
    await expect(Learner.open(runtime, store)).rejects.toMatchObject({ code: "E_LOCKED" });
    await learner.close();
    await expect(Learner.create(runtime, options({ store, durability: "strict" }))).rejects.toMatchObject({ code: "E_STATE" });
    const again = await Learner.open(runtime, store);
    await again.close();
  });

  it("taken over makes the one before fail its next change, which is not done", async () => {
    const store = stores.memory();
    const before = await Learner.create(runtime, options({ store, durability: "strict" }));
    await before.observe(batchAt(0));
    const hash = await before.stateHash();
    const after = await Learner.open(runtime, killed(store));
    await expect(before.observe(batchAt(1))).rejects.toMatchObject({ code: "E_LOCKED" });
    expect(await before.stateHash()).toBe(hash);
    await after.observe(batchAt(1));
    expect(after.step).toBe(2);
  });

  it("is not needed to open a copy of what it holds", async () => {
    const learner = await Learner.create(runtime, options({ store: stores.memory(), durability: "relaxed" }));
    await learner.observe(batchAt(0));
    const { open: _, ...single } = stores.memory();
    await single.write(await learner.checkpoint());
    const copy = await Learner.open(runtime, single);
    expect([await copy.stateHash(), copy.storage]).toEqual([await learner.stateHash(), undefined]);
  });

  it("that cannot record is refused, and so is durability without a store", async () => {
    const { open: _, ...single } = stores.memory();
    await expect(Learner.create(runtime, options({ store: single, durability: "strict" }))).rejects.toThrow(/this store keeps one file/);
    await expect(Learner.create(runtime, options({ durability: "strict" }))).rejects.toThrow(/expected option "store", got nothing/);
    const learner = await Learner.create(runtime, options());
    await expect(learner.commit()).rejects.toThrow(/the learner does not record its changes/);
    expect(learner.storage).toBeUndefined();
  });
});

describe("a change that cannot be recorded", () => {
  /** A store that can be full. */
  const limitedTo = (store: Store, room: { full: boolean }): Store => {
    const open = store.open as NonNullable<Store["open"]>;
    return {
      ...store,
      open: async (mode) => {
        const files = await open(mode);
        const refuse = (): void => {
          if (room.full) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
        };
        return {
          ...files,
          async create(...args) {
            refuse();
            return files.create(...args);
          },
          async write(...args) {
            refuse();
            return files.write(...args);
          },
        };
      },
    };
  };

  it("is not done, and learning goes on when it can", async () => {
    const [store, room] = [stores.memory(), { full: false }];
    const learner = await Learner.create(runtime, options({ store: limitedTo(store, room), durability: "strict" }));
    await learner.observe(batchAt(0));
    const hash = await learner.stateHash();
    room.full = true;
    await expect(learner.observe(batchAt(1))).rejects.toMatchObject({ code: "E_QUOTA" });
    await expect(learner.storage?.note("lost")).rejects.toMatchObject({ code: "E_QUOTA" });
    expect(await learner.stateHash()).toBe(hash);
    room.full = false;
    await learner.storage?.note("kept");
    await learner.observe(batchAt(1));
    const expected = await learner.stateHash();
    await learner.close();
    const opened = await Learner.open(runtime, store);
    expect(await opened.stateHash()).toBe(expected);
    expect(opened.storage?.annals).toMatchObject({ notes: ["kept"], losses: [expect.any(Number)] });
  });

  it.each([false, true])("but is done already is in the store before anything else is; rows forgotten: %s", async (forgets) => {
    const [store, room] = [stores.memory(), { full: false }];
    const never = await Learner.create(runtime, options());
    const learner = await Learner.create(runtime, options({ store: limitedTo(store, room), durability: "strict" }));
    for (const each of [never, learner]) for (let step = 0; step < 3; step++) await each.observe(batchAt(step));
    room.full = true;
    for (const each of [never, learner]) each.set("weightDecay", 0.3);
    await expect(learner.observe(batchAt(3))).rejects.toMatchObject({ code: "E_QUOTA" });
    if (forgets) await expect(learner.forget([0, 11])).rejects.toMatchObject({ code: "E_QUOTA" });
    await expect(learner.observe(batchAt(3))).rejects.toMatchObject({ code: "E_QUOTA" });
    room.full = false;
    if (forgets) await never.forget([0, 11]);
    // The first call says what failed before it.
    await learner.observe(batchAt(3)).catch(() => learner.observe(batchAt(3)));
    await never.observe(batchAt(3));
    expect(await learner.stateHash()).toBe(await never.stateHash());
    const opened = await Learner.open(runtime, killed(store));
    expect(await opened.stateHash()).toBe(await never.stateHash());
  });
});

/** Ids of a batch: rows of step 3 are 30 … 34. */
const named = (step: number) => ({ ...batchAt(step), id: Array.from({ length: ROWS }, (_, row) => 10 * step + row) });

/** A batch without the rows of some ids; undefined when none is left. */
function without(batch: ReturnType<typeof named>, ids: readonly number[]) {
  const left = batch.id.flatMap((id, row) => (ids.includes(id) ? [] : [row]));
  const pick = (values: ArrayLike<number>, size = 1): number[] =>
    left.flatMap((row) => Array.from({ length: size }, (_, i) => values[row * size + i] as number));
  if (left.length === 0) return undefined;
  const { weight, ...more } = batch;
  const own = { ...more, x: Float32Array.from(pick(batch.x, 4)), y: pick(batch.y), id: pick(batch.id) };
  return weight === undefined ? own : { ...own, weight: Float32Array.from(pick(weight)) };
}

describe("a learner that forgets exactly", () => {
  const FORGOTTEN = [21, 24, 40, 41, 42, 43, 44, 63];
  const kept = async (seen: boolean, more: Partial<LearnerOptions>, saves: readonly number[] = []) => {
    const learner = await Learner.create(runtime, options({ batchSize: ROWS, ...more }));
    for (let step = 0; step < 9; step++) {
      if (step === 5) await learner.mark("cooldown");
      if (step === 6) await learner.grow(5);
      if (step === 7) learner.set("weightDecay", 0.3);
      const batch = seen ? named(step) : without(named(step), FORGOTTEN);
      if (batch !== undefined) await learner.observe(batch);
      if (saves.includes(step)) await learner.save();
    }
    return learner;
  };

  it.each([[[]], [[0, 3]], [[1, 3, 5, 6, 8]]])("is as one that never saw the rows, with snapshots after %j", async (saves) => {
    const never = await (await kept(false, {})).stateHash();
    const store = stores.memory();
    const learner = await kept(true, { store, durability: "relaxed" }, saves);
    expect(await learner.stateHash()).not.toBe(never);
    expect(await learner.forget(FORGOTTEN, { exact: true })).toMatchObject({ forgotten: FORGOTTEN.length });
    expect(await learner.stateHash()).toBe(never);
    const opened = await Learner.open(runtime, killed(store));
    expect(await opened.stateHash()).toBe(never);
    // A second time there is nothing left of them, but of others.
    expect(await opened.forget(FORGOTTEN, { exact: true })).toEqual({ forgotten: 0, repeated: 0 });
    expect((await opened.forget([0], { exact: true })).forgotten).toBe(1);
    expect(await opened.stateHash()).not.toBe(never);
  });

  it("leaves no byte of them in the store", async () => {
    const store = stores.memory();
    const learner = await kept(true, { store, durability: "strict" }, [2, 4, 6]);
    const marker = new Uint8Array(named(4).x.slice(4, 8).buffer);
    expect(await holds(store, marker)).toBe(true);
    await learner.forget(FORGOTTEN, { exact: true });
    expect(await holds(store, marker)).toBe(false);
  });

  it("does so by task, and by label", async () => {
    const run = async (task: number | undefined, label: number | undefined, store?: Store) => {
      const learner = await Learner.create(runtime, options({ batchSize: ROWS, ...(store && { store, durability: "relaxed" }) }));
      for (let step = 0; step < 7; step++) {
        const batch = named(step);
        const gone = batch.id.filter((_, row) => (task ?? batch.task) === batch.task && (label ?? batch.y[row]) === batch.y[row]);
        const left = store === undefined ? without(batch, gone) : batch;
        if (left !== undefined) await learner.observe(left);
      }
      return learner;
    };
    for (const where of [{ task: 1 }, { label: 2 }, { task: 0, label: 1 }]) {
      const never = await run(where.task, where.label);
      const learner = await run(where.task, where.label, stores.memory());
      await learner.forget({ where }, { exact: true });
      expect(await learner.stateHash(), JSON.stringify(where)).toBe(await never.stateHash());
    }
  });

  it("says where it cannot, and changes nothing", async () => {
    const plain = await Learner.create(runtime, options());
    await expect(plain.forget([1], { exact: true })).rejects.toMatchObject({ code: "E_CONFIG" });
    const learner = await Learner.create(runtime, options({ store: stores.memory(), durability: "relaxed", history: 0 }));
    for (let step = 0; step < 6; step++) {
      await learner.observe(named(step));
      if (step % 2 === 0) await learner.save();
    }
    const hash = await learner.stateHash();
    // One snapshot before the last is kept whatever the history is: the one after step 2, which is the third.
    await expect(learner.forget([10], { exact: true })).rejects.toMatchObject({ code: "E_STATE", context: { step: 3, rows: [10] } });
    await expect(learner.forget({ where: { task: 1 } }, { exact: true })).rejects.toMatchObject({ code: "E_STATE" });
    await expect(learner.forget([30], { exact: true, refuse: 4 })).rejects.toMatchObject({ code: "E_CONFIG" });
    expect(await learner.stateHash()).toBe(hash);
    expect(await learner.forget([30], { exact: true })).toEqual({ forgotten: 1, repeated: 3 });
  });
});

/** Tells whether a store has these bytes in a row anywhere. */
async function holds(store: Store, bytes: Uint8Array): Promise<boolean> {
  const files = await (store.open as NonNullable<Store["open"]>)("read");
  for (const file of await files.list()) {
    const all = Buffer.from(await files.read(file, 0, 2 ** 26));
    if (all.includes(Buffer.from(bytes))) return true;
  }
  await files.close();
  return false;
}

describe("a learner whose numbers are not finite", () => {
  it("is back at the last snapshot before them once it is paused", async () => {
    const store = stores.memory();
    const model = nn.sequential(nn.linear(6), nn.relu(), nn.classifier({ capacity: 3 }));
    const learner = await Learner.create(runtime, options({ model, store, durability: "relaxed", schedule: 0.01 }));
    const told: unknown[] = [];
    learner.on("rolledBack", (event) => told.push(event));
    for (let step = 0; step < 3; step++) await learner.observe(batchAt(step));
    await learner.save();
    const hash = await learner.stateHash();
    await learner.observe(batchAt(3));
    const huge = { ...batchAt(1), x: new Float32Array(4 * ROWS).fill(3e38) };
    for (let skip = 0; skip < 20; skip++) {
      // A snapshot amid them is not one before them.
      if (skip === 7) await learner.save();
      const done = learner.observe(huge);
      if (skip === 19) await expect(done).rejects.toMatchObject({ code: "E_DIVERGED" });
      else expect((await done).skipped).toBeDefined();
    }
    expect(told).toEqual([{ from: 4, step: 3 }]);
    expect(await learner.stateHash()).toBe(hash);
    const opened = await Learner.open(runtime, killed(store));
    expect(await opened.stateHash()).toBe(hash);
    await opened.observe(batchAt(3));
    expect(opened.step).toBe(4);
  });
});

describe("a learner whose weights a step made useless", () => {
  it("is back at the last snapshot of sound ones, though there are later ones", async () => {
    const model = nn.sequential(nn.linear(6), nn.relu(), nn.classifier({ capacity: 3 }));
    const more = { model, store: stores.memory(), durability: "strict" as const, schedule: 0.01, optimizer: optim.sgd() };
    const learner = await Learner.create(runtime, options(more));
    await learner.observe(batchAt(0));
    await learner.save();
    const hash = await learner.stateHash();
    learner.set("learningRate", 1e6);
    const large = { ...batchAt(1), x: new Float32Array(4 * ROWS).fill(1e15) };
    expect((await learner.observe(large)).skipped).toBeUndefined();
    learner.set("learningRate", undefined);
    await learner.save();
    for (let skip = 0; skip < 19; skip++) expect((await learner.observe(batchAt(2))).skipped?.cause).toBe("weights");
    await expect(learner.observe(batchAt(2))).rejects.toMatchObject({ code: "E_DIVERGED" });
    expect(await learner.stateHash()).toBe(hash);
    learner.resume();
    expect((await learner.observe(batchAt(2))).skipped).toBeUndefined();
  });

  it("is not asked for by a rate that no training needs", async () => {
    const learner = await Learner.create(runtime, options());
    expect(() => learner.set("learningRate", 1e9)).toThrow(/learningRate.*expected.*1000000/);
    await expect(Learner.create(runtime, options({ schedule: 1e9 }))).rejects.toMatchObject({ code: "E_CONFIG" });
  });
});

describe("a classifier that is opened with more capacity", () => {
  it("does what was recorded with the capacity it had, and grows behind that", async () => {
    const model = (capacity: number) => nn.sequential(nn.linear(6), nn.tanh(), nn.classifier({ capacity }));
    const never = await Learner.create(runtime, options({ model: model(3) }));
    const store = stores.memory();
    const learner = await Learner.create(runtime, options({ model: model(3), store, durability: "relaxed" }));
    for (let step = 0; step < 4; step++) for (const each of [never, learner]) await each.observe(batchAt(step));
    await learner.close();
    await never.grow(6);
    for (let life = 0; life < 2; life++) {
      const opened = await Learner.open(runtime, killed(store), options({ model: model(6), store, durability: "relaxed" }));
      expect(await opened.stateHash()).toBe(await never.stateHash());
      for (const each of [never, opened]) await each.observe(batchAt(5 + life));
    }
  });
});

it.each([
  ["losses", { losses: { dtype: "U8" as const, shape: [3], data: new Uint8Array(3) } }],
  ["learningRates", { learningRates: undefined }],
  ["notes", { notes: { dtype: "U8" as const, shape: [2], data: new TextEncoder().encode("{}") } }],
  ["notes", { notes: { dtype: "U8" as const, shape: [1], data: new TextEncoder().encode("[") } }],
])("annals whose %s are none are refused", (name, change) => {
  const annals = new Annals();
  annals.add({ kind: "note", value: 1 }, undefined);
  const { tensors } = readSafetensors(annals.bytes() as Uint8Array, "here");
  const forged = Object.entries({ ...Object.fromEntries(tensors), ...change }).flatMap(([key, tensor]) =>
    tensor ? [[key, tensor] as const] : [],
  );
  expect(() => new Annals(writeSafetensors(new Map(forged)), "here")).toThrow(`here: the annals are damaged; expected their ${name}`);
});

it("annals go back with the state: rows that are forgotten exactly were in no step", async () => {
  const store = stores.memory();
  const learner = await Learner.create(runtime, options({ store, durability: "relaxed" }));
  const never = await Learner.create(runtime, options({ store: stores.memory(), durability: "relaxed" }));
  for (const each of [learner, never]) await each.storage?.note("begun");
  for (let step = 0; step < 6; step++) {
    await learner.observe(named(step));
    if (step !== 2) await never.observe(named(step));
  }
  await learner.forget(named(2).id, { exact: true });
  expect(learner.storage?.annals).toEqual(never.storage?.annals);
  expect((await Learner.open(runtime, killed(store))).storage?.annals).toEqual(never.storage?.annals);
});
