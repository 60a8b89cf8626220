import * as nodeFiles from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Batch,
  draws,
  Learner,
  type LearnerOptions,
  losses,
  memory,
  nn,
  openRuntime,
  optim,
  type Runtime,
  type Store,
  stores,
  strategies,
} from "palimpsest";
import { beforeAll, describe, expect, it } from "vitest";
import { checkBatch, checkIds } from "../../src/learner/batch.ts";
import { Durable } from "../../src/learner/durable.ts";
import { Engine } from "../../src/learner/engine.ts";
import { forgetRows } from "../../src/learner/forget.ts";
import { openPages } from "../../src/learner/paging.ts";
import { Resident } from "../../src/learner/resident.ts";
import { resolveConfig } from "../../src/learner/resolve.ts";
import { Replay } from "../../src/memory/replay.ts";
import { RandomStream } from "../../src/random.ts";
import { ColumnFile } from "../../src/store/column.ts";
import { type FolderSystem, folderStore } from "../../src/store/folder.ts";
import type { Storage } from "../../src/store/index.ts";
import { openWasm } from "../../src/wasm/instance.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});

const INPUTS = 7;
const ROWS = 5;
const ROW_BYTES = 8 + 4;
/** Room for four rows and their tags. */
const RESIDENT = 4 * (ROW_BYTES + 4);

const options = (more: Partial<LearnerOptions> = {}): LearnerOptions => ({
  model: nn.sequential(nn.linear(6), nn.relu(), nn.dropout(0.1), nn.classifier({ capacity: 3 })),
  input: { shape: [INPUTS], dtype: "u8", scale: 1 / 255 },
  optimizer: optim.adamw(),
  schedule: 0.02,
  memory: memory.reservoir({ capacity: 13 }),
  strategies: [strategies.replay({ batchSize: 4 })],
  seed: 5,
  ...more,
});
const paged = (more: Partial<LearnerOptions> = {}): LearnerOptions =>
  options({ residentBytes: RESIDENT, store: stores.memory(), durability: "relaxed", ...more });

function batchAt(step: number, rows: number = ROWS): Batch {
  const draw = new RandomStream(4, `rows ${step}`);
  return {
    x: Uint8Array.from({ length: INPUTS * rows }, () => draw.below(256)),
    y: Array.from({ length: rows }, () => draw.below(3)),
    id: Array.from({ length: rows }, (_, row) => 8 * step + row),
    task: Math.floor(step / 5),
  };
}

const policies = {
  reservoir: memory.reservoir({ capacity: 13 }),
  "reservoir by chunks": memory.reservoir({ capacity: 13, chunk: 2 }),
  ring: memory.ring({ capacity: 13 }),
  quota: memory.quota({ capacity: 13 }),
  "class-balanced": memory.classBalanced({ capacity: 13 }),
  "balanced-reservoir": memory.balancedReservoir({ capacity: 13 }),
  greedy: memory.greedy({ capacity: 13 }),
  "loss-aware": memory.lossAware({ capacity: 13 }),
  "gradient-diverse": memory.gradientDiverse({ capacity: 13 }),
  herding: memory.herding({ capacity: 13 }),
  "closest-to-mean": memory.closestToMean({ capacity: 13 }),
  clusters: memory.clusters({ capacity: 13, clusters: 3 }),
  similarity: memory.similarity({ capacity: 13 }),
  "long term": memory.longTerm({ capacity: 13 }),
};
const ways = {
  uniform: draws.uniform(),
  "with replacement": draws.uniform({ replacement: true }),
  balanced: draws.balanced(),
  proportional: draws.proportional(),
  rank: draws.rank(),
  "power law": draws.powerLaw({ key: "task" }),
  fading: draws.fading(),
  recency: draws.recency({ halfLife: 10 }),
  recall: draws.recall(),
  top: draws.top(),
  softmax: draws.softmax(),
  mixture: draws.mixture([{ share: 1 }, { share: 1, policy: draws.recency({ halfLife: 5 }) }]),
  limited: draws.limited({ samplesPerInsert: 0.5, minRows: 8, errorBuffer: 20, policy: draws.uniform() }),
};
const cases = [
  ...Object.entries(policies).map(([name, policy]) => [name, { memory: policy }] as const),
  ...Object.entries(ways).map(([name, draw]) => [`draw ${name}`, { strategies: [strategies.replay({ batchSize: 4, draw })] }] as const),
] satisfies (readonly [string, Partial<LearnerOptions>])[];

async function both(more: Partial<LearnerOptions>, work: (learner: Learner) => Promise<unknown>): Promise<[string, string]> {
  const hashes: string[] = [];
  for (const given of [options(more), paged(more)]) {
    const learner = await Learner.create(runtime, given);
    await work(learner);
    hashes.push(await learner.stateHash());
    await learner.close();
  }
  return hashes as [string, string];
}

describe("a memory whose rows lie in a file", () => {
  it.each(cases)("learns the bits of one in memory: %s", async (_, more) => {
    const [plain, own] = await both(more, async (learner) => {
      // The fourth batch is smaller, the seventh larger than the learner has room for.
      for (let step = 0; step < 14; step++) await learner.observe(batchAt(step, step === 3 ? 2 : step === 6 ? 8 : ROWS));
      await learner.forget([0, 8, 17, 33, 104]);
      for (let step = 14; step < 20; step++) await learner.observe(batchAt(step));
    });
    expect(own).toBe(plain);
  });
});

type Open = NonNullable<Store["open"]>;

/** A store whose files calls go through; what a program that is killed leaves has no owner. */
function through(store: Store, change: (files: Storage) => Partial<Storage> = () => ({})): Store {
  const open = store.open as Open;
  return {
    ...store,
    open: async (mode) => {
      const files = await open(mode);
      return { ...files, alive: async () => false, ...change(files) };
    },
  };
}

async function filesOf(store: Store): Promise<Map<string, Uint8Array>> {
  const files = await (store.open as Open)("read");
  const names = await files.list();
  const contents = await Promise.all(names.map(async (name) => [name, await files.read(name, 0, 2 ** 30)] as const));
  await files.close();
  return new Map(contents);
}

/** Returns a store that holds these files. */
async function storeOf(files: ReadonlyMap<string, Uint8Array>): Promise<Store> {
  const store = stores.memory();
  const opened = await (store.open as Open)("write");
  for (const [name, bytes] of files) await opened.create(name, bytes);
  await opened.close();
  return store;
}

const columnOf = (files: ReadonlyMap<string, Uint8Array>): string => [...files.keys()].find((name) => name.startsWith("rows.")) as string;

describe("a learner whose rows lie in a file", () => {
  it("goes on after each change as if it had not been killed there", async () => {
    const change = async (learner: Learner, index: number): Promise<void> => {
      if (index % 7 === 4) await learner.forget([8 * index - 8, 8 * index - 31]);
      else if (index === 9) await learner.grow(4);
      else if (index % 6 === 5) await learner.save();
      else await learner.observe(batchAt(index));
    };
    const never = await Learner.create(runtime, options({ store: stores.memory() }));
    const store = stores.memory();
    let learner = await Learner.create(runtime, paged({ store }));
    for (let index = 0; index < 24; index++) {
      await change(never, index);
      await change(learner, index);
      const expected = await never.stateHash();
      expect(await learner.stateHash(), `after change ${index}`).toBe(expected);
      // The one before is left as it is: nothing ends it.
      learner = await Learner.open(runtime, through(store));
      expect(await learner.stateHash(), `opened after change ${index}`).toBe(expected);
    }
    expect((await learner.memory?.stats())?.paged).toMatchObject({ residentBytes: RESIDENT });
    expect([...(await filesOf(store)).keys()].filter((name) => name.startsWith("rows."))).toHaveLength(1);
    await learner.close();
    await store.remove();
    expect([...(await filesOf(store)).keys()]).toEqual([]);
  });

  it("keeps values and rows of any length", async () => {
    const more: Partial<LearnerOptions> = {
      ...{ input: [3], model: nn.sequential(nn.linear(2)), loss: losses.meanSquaredError(), optimizer: optim.sgd(), schedule: 0.01 },
    };
    const [plain, own] = await both(more, async (learner) => {
      for (let step = 0; step < 9; step++) {
        const draw = new RandomStream(step, "values");
        const values = (count: number) => Float32Array.from({ length: count }, () => 2 * draw.uniform() - 1);
        await learner.observe({ x: values(12), y: values(8) });
      }
    });
    expect(own).toBe(plain);
  });

  it("has its rows whole in a checkpoint, and none of them in a snapshot", async () => {
    const store = stores.memory();
    const learner = await Learner.create(runtime, paged({ store }));
    for (let step = 0; step < 6; step++) await learner.observe(batchAt(step));
    const hash = await learner.stateHash();
    const whole = await learner.checkpoint();
    await learner.save();
    const { open: _, ...single } = stores.memory();
    await single.write(whole);
    const copy = await Learner.open(runtime, single);
    expect([await copy.stateHash(), copy.plan().resident]).toEqual([hash, 0]);
    await single.write((await store.read()) as Uint8Array);
    await expect(Learner.open(runtime, single)).rejects.toMatchObject({ code: "E_MISMATCH" });
    await learner.close();
    // A store that takes the checkpoint in has a file of its own from then on.
    const other = stores.memory();
    await other.write(whole);
    const imported = await Learner.open(runtime, other);
    for (const each of [copy, imported]) await each.observe(batchAt(6));
    expect(await imported.stateHash()).toBe(await copy.stateHash());
    const reopened = await Learner.open(runtime, through(other));
    expect(await reopened.stateHash()).toBe(await copy.stateHash());
  });

  it("may turn to a file later, and have more or less of it in memory", async () => {
    const store = stores.memory();
    const { residentBytes: _, ...before } = paged({ store });
    const learner = await Learner.create(runtime, before);
    for (let step = 0; step < 6; step++) await learner.observe(batchAt(step));
    const hash = await learner.stateHash();
    await learner.close();
    for (const residentBytes of [RESIDENT, 0, 2 ** 20]) {
      const opened = await Learner.open(runtime, store, { ...before, residentBytes });
      expect(await opened.stateHash()).toBe(hash);
      expect(opened.plan().resident).toBeLessThanOrEqual(residentBytes);
      expect(opened.plan().bytes.rows).toBeLessThan(learnerRows);
      await opened.save();
      await opened.close();
    }
    const again = await Learner.open(runtime, store, before);
    expect((await again.memory?.stats())?.paged?.residentBytes).toBeGreaterThan(13 * ROW_BYTES);
    await again.close();
  });

  it("is refused without a memory or a log, and as a number that it is not", async () => {
    const { memory: _, strategies: __, ...none } = paged();
    await expect(Learner.create(runtime, none)).rejects.toMatchObject({ code: "E_CONFIG", message: /expected option "memory"/ });
    const { durability: ___, ...saved } = paged();
    await expect(Learner.create(runtime, saved)).rejects.toMatchObject({ code: "E_CONFIG", message: /expected option "durability"/ });
    const { open: ____, ...single } = stores.memory();
    await expect(Learner.create(runtime, paged({ store: single }))).rejects.toMatchObject({ code: "E_CONFIG" });
    const learner = await Learner.create(runtime, options());
    await single.write(await learner.checkpoint());
    await expect(Learner.open(runtime, single, options({ residentBytes: 0 }))).rejects.toMatchObject({ code: "E_CONFIG" });
    await expect(Learner.create(runtime, paged({ residentBytes: -1 }))).rejects.toMatchObject({ code: "E_CONFIG" });
  });
});

/** Bytes of 13 rows and a batch in the arena. */
const learnerRows = 13 * ROW_BYTES + 5 * ROW_BYTES;

describe("a file of rows", () => {
  it("is believed in no byte that is wrong, whatever became of it", async () => {
    const store = stores.memory();
    const learner = await Learner.create(runtime, paged({ store, residentBytes: 0 }));
    for (let step = 0; step < 9; step++) await learner.observe(batchAt(step));
    await learner.save();
    const hash = await learner.stateHash();
    await learner.close();
    const files = await filesOf(store);
    const column = columnOf(files);
    const sound = files.get(column) as Uint8Array;
    const open = async (bytes: Uint8Array | undefined): Promise<string> => {
      const damaged = new Map(files);
      if (bytes === undefined) damaged.delete(column);
      else damaged.set(column, bytes);
      let opened: Learner | undefined;
      try {
        opened = await Learner.open(runtime, await storeOf(damaged));
        return await opened.stateHash();
      } catch (error) {
        return (error as { code: string }).code;
      } finally {
        await opened?.close();
      }
    };
    expect(await open(sound)).toBe(hash);
    expect(await open(undefined)).toBe("E_CORRUPT");
    let found = 0;
    for (let at = 0; at < sound.length; at++) {
      const got = await open(sound.map((byte, i) => (i === at ? byte ^ 4 : byte)));
      expect([hash, "E_CORRUPT"]).toContain(got);
      if (got !== hash) found += 1;
    }
    // What else there is are rows that nobody speaks of.
    expect(found).toBe(13 * ROW_BYTES);
    for (let row = ROW_BYTES; row < sound.length; row += ROW_BYTES) {
      const swapped = sound.slice();
      swapped.set(sound.subarray(row, row + ROW_BYTES), 0);
      swapped.set(sound.subarray(0, ROW_BYTES), row);
      expect(await open(swapped)).toBe("E_CORRUPT");
      expect(await open(sound.slice(0, row))).toBe("E_CORRUPT");
    }
  });

  it("with a damaged row is learned from again once that is forgotten", async () => {
    let damage = (bytes: Uint8Array): Uint8Array => bytes;
    const store = through(stores.memory(), (files) => ({
      read: async (file, offset, length) => {
        const bytes = await files.read(file, offset, length);
        return file.startsWith("rows.") && length === ROW_BYTES ? damage(bytes) : bytes;
      },
    }));
    const learner = await Learner.create(runtime, paged({ store, residentBytes: 0, memory: memory.ring({ capacity: 4 }) }));
    await learner.observe(batchAt(0, 4));
    const hash = await learner.stateHash();
    damage = (bytes) => (bytes[0] === batchAt(0, 4).x[0] ? bytes.fill(7) : bytes);
    const refused = await learner.observe(batchAt(1)).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "E_CORRUPT", hint: expect.stringContaining("forget([0])") });
    await expect(learner.observe(batchAt(1))).rejects.toMatchObject({ code: "E_CORRUPT" });
    expect(learner.step).toBe(1);
    expect(await learner.forget([0])).toEqual({ forgotten: 1 });
    await learner.observe(batchAt(1));
    damage = (bytes) => bytes;
    const opened = await Learner.open(runtime, store);
    expect(await opened.stateHash()).toBe(await learner.stateHash());
    expect(await opened.stateHash()).not.toBe(hash);
  });

  it("has no byte of rows that were forgotten, wherever they were", async () => {
    const marked = Array.from({ length: INPUTS }, (_, i) => 201 + 7 * i);
    const batch = (step: number, marks: boolean): Batch => {
      const { x, ...more } = batchAt(step);
      const bytes = (x as Uint8Array).map((byte) => byte % 200);
      if (marks) bytes.set(marked, INPUTS);
      return { ...more, x: bytes, id: [40 * step, marks ? 7 : 40 * step + 1, 40 * step + 2, 40 * step + 3, 40 * step + 4] };
    };
    const store = stores.memory();
    let learner = await Learner.create(runtime, paged({ store, memory: memory.ring({ capacity: 6 }) }));
    const text = String.fromCharCode(...marked);
    const found = async (): Promise<string[]> =>
      [...(await filesOf(store))].flatMap(([name, bytes]) => (new TextDecoder("latin1").decode(bytes).includes(text) ? [name] : []));
    // It comes again and again, is evicted, written elsewhere, and repeated by one that was killed.
    for (let step = 0; step < 12; step++) {
      await learner.observe(batch(step, step % 3 === 0));
      if (step % 4 === 1) await learner.save();
      if (step % 5 === 4) learner = await Learner.open(runtime, through(store));
    }
    expect(await found()).toContain(columnOf(await filesOf(store)));
    await learner.forget([7]);
    expect(await found()).toEqual([]);
    // Also where all it was is what nobody speaks of any more.
    await learner.observe(batch(12, true));
    for (let step = 13; step < 18; step++) await learner.observe(batch(step, false));
    expect((await found()).length).toBeGreaterThan(0);
    expect(await learner.forget([])).toEqual({ forgotten: 0 });
    expect(await found()).toEqual([]);
  });

  it("leaves nothing of what was drawn in the arena once rows are forgotten", async () => {
    const given = paged();
    const durable = await Durable.open(given.store as Store, "relaxed", 0);
    const { config } = await openPages(await resolveConfig(given), durable);
    const engine = await Engine.open(runtime, config);
    for (let step = 0; step < 3; step++) await engine.step(checkBatch("test", batchAt(step), config));
    const { x, y } = engine.layout;
    const staged = async () =>
      Promise.all([x, y].map(({ byteOffset, rows, rowBytes }) => engine.machine.read("rows", byteOffset, rows * rowBytes)));
    expect((await staged()).map((bytes) => bytes.some((byte) => byte > 0))).toEqual([true, true]);
    await forgetRows(engine, checkIds("test", [0]), {});
    expect((await staged()).map((bytes) => bytes.some((byte) => byte > 0))).toEqual([false, false]);
    engine.close();
    await durable.close();
  });

  it("that has no room leaves the state whole, and goes on once there is some", async () => {
    let full = false;
    const store = through(stores.memory(), (files) => ({
      write: async (file, offset, bytes) => {
        if (full && file.startsWith("rows.")) throw new DOMException("no room", "QuotaExceededError");
        return files.write(file, offset, bytes);
      },
    }));
    const never = await Learner.create(runtime, options());
    const learner = await Learner.create(runtime, paged({ store }));
    for (let step = 0; step < 8; step++) {
      full = step === 1 || step === 5;
      // The step that brings rows is done; they wait in memory, and nothing more is done before they are written.
      await learner.observe(batchAt(step));
      await never.observe(batchAt(step));
      const hash = await never.stateHash();
      if (full) {
        await expect(learner.observe(batchAt(step + 1))).rejects.toMatchObject({ code: "E_QUOTA" });
        await expect(learner.save()).rejects.toMatchObject({ code: "E_QUOTA" });
        expect([learner.step, await learner.stateHash()]).toEqual([step + 1, hash]);
      }
      if (step === 5) {
        const opened = await Learner.open(runtime, store);
        expect([opened.step, await opened.stateHash()]).toEqual([step + 1, hash]);
        full = false;
        await opened.observe(batchAt(step + 1));
        await never.observe(batchAt(step + 1));
        expect(await opened.stateHash()).toBe(await never.stateHash());
        return;
      }
      full = false;
    }
  });

  it("is written by one owner alone", async () => {
    const store = stores.memory();
    const learner = await Learner.create(runtime, paged({ store }));
    await learner.observe(batchAt(0));
    const next = await Learner.open(runtime, through(store));
    const before = (await filesOf(store)).get(columnOf(await filesOf(store)));
    await expect(learner.observe(batchAt(1))).rejects.toMatchObject({ code: "E_LOCKED" });
    expect((await filesOf(store)).get(columnOf(await filesOf(store)))).toEqual(before);
    await next.observe(batchAt(1));
  });
});

describe("what the next step draws", () => {
  it.each(["uniform", "balanced", "recall"] as const)("can be told before, and is read before: %s", async (name) => {
    const draw = draws[name]();
    const parts = { all: memory.reservoir({ capacity: 30 }), last: memory.ring({ capacity: 5 }) };
    const spec = { policy: memory.stores(parts), capacities: [30, 5], keys: ["label"], ids: false, scores: false, dims: 0 };
    const replay = new Replay(await openWasm(), spec, 3);
    for (let turn = 0; turn < 40; turn++) {
      replay.offer({ count: 2, keys: { label: Uint32Array.of(turn % 3, 1) } });
      const before = replay.save();
      const told = replay.peek(6, draw);
      expect(replay.save()).toEqual(before);
      expect(replay.draw(6, draw).slots).toEqual(told);
    }
    replay.close();
    const learner = await Learner.create(runtime, paged({ strategies: [strategies.replay({ batchSize: 4, draw })], residentBytes: 0 }));
    for (let step = 0; step < 12; step++) await learner.observe(batchAt(step));
    const stats = (await learner.memory?.stats())?.paged;
    // Of those that arrive, and are drawn next, there is nothing to read yet.
    expect(stats?.ahead).toBeGreaterThan(stats?.waited as number);
    await learner.close();
  });
});

describe("rows read at once", () => {
  it.each([0, 1])("are those written, however long the device takes: %s ms", async (ms) => {
    const path = await mkdtemp(join(tmpdir(), "palimpsest-paged-"));
    let waits = 0;
    const readSync: FolderSystem["readSync"] = (...given) => {
      for (const start = performance.now(); performance.now() - start < ms; ) waits += 1;
      return nodeFiles.readSync(...given);
    };
    const files = await (folderStore(path, { ...nodeFiles, readSync } as unknown as FolderSystem).open as Open)("write");
    const column = await ColumnFile.create(files, 1, 20);
    const row = (place: number): Uint8Array => Uint8Array.from({ length: 20 }, (_, i) => place + 3 * i);
    for (let place = 0; place < 50; place++) await column.write(place, row(place));
    expect(await column.size()).toBe(50);
    const places = [49, 0, 7, 7, 31, ...Array.from({ length: 40 }, (_, i) => i)];
    expect(await column.read(places)).toEqual(places.map(row));
    expect((await column.read([3, 50, 4])).map(({ length }) => length)).toEqual([20, 0, 20]);
    expect(waits > 0).toBe(ms > 0);
    await files.close();
    await rm(path, { recursive: true });
  });
});

describe("rows kept in memory", () => {
  it("take no more bytes than they are given, and are those that were put", () => {
    for (const bytes of [0, 11, 12, 100, 1000, 4096]) {
      const resident = new Resident(bytes, 8);
      expect(resident.bytes).toBeLessThanOrEqual(bytes);
      expect(resident.bytes).toBeGreaterThan(bytes - 12);
      const draw = new RandomStream(bytes, "places");
      let kept = 0;
      for (let turn = 0; turn < 500; turn++) {
        const place = draw.below(90);
        const row = resident.get(place);
        if (row !== undefined) expect(row).toEqual(new Uint8Array(8).fill(place + 1));
        kept += row === undefined ? 0 : 1;
        resident.put(place, new Uint8Array(8).fill(place + 1));
        const gone = draw.below(90);
        if (turn % 5 === 0) resident.wipe(gone);
        if (turn % 5 === 0) expect(resident.get(gone)).toBeUndefined();
      }
      expect(kept > 0).toBe(bytes >= 12);
    }
  });
});
