/** A store that one learner writes and others follow. */
import {
  Follower,
  type HandedStep,
  Learner,
  type LearnerOptions,
  memory,
  nn,
  openRuntime,
  optim,
  type Runtime,
  type Store,
  stores,
  strategies,
} from "palimpsest";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { openChannel } from "../../src/learner/channel.ts";
import { RandomStream } from "../../src/random.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ backend: "wasm" });
});

const ROWS = 3;
const options: LearnerOptions = {
  model: nn.sequential(nn.linear(6), nn.tanh(), nn.dropout(0.1), nn.classifier({ capacity: 3 })),
  input: [4],
  optimizer: optim.adamw(),
  schedule: 0.02,
  memory: memory.reservoir({ capacity: 9 }),
  strategies: [strategies.replay({ batchSize: 3 })],
  seed: 5,
};

function batchAt(index: number) {
  const draw = new RandomStream(4, `rows ${index}`);
  return {
    x: Float32Array.from({ length: 4 * ROWS }, () => draw.uniform()),
    y: Array.from({ length: ROWS }, () => draw.below(3)),
    id: Array.from({ length: ROWS }, (_, row) => ROWS * index + row),
  };
}

const open: { close(): Promise<void> }[] = [];
const kept = <T extends { close(): Promise<void> }>(one: T): T => {
  open.push(one);
  return one;
};
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

const write = async (store: Store, durability: "strict" | "relaxed" = "strict"): Promise<Learner> =>
  kept(await Learner.create(runtime, { ...options, store, durability }));
const follow = async (store: Store, waitMs = 60_000): Promise<Follower> => kept(await Follower.open(runtime, store, { waitMs }));

/** Returns the hash of a learner that observes batches by their numbers, and nothing else. */
async function hashAfter(order: readonly number[]): Promise<string> {
  const learner = await Learner.create(runtime, options);
  for (const index of order) await learner.observe(batchAt(index));
  const hash = await learner.stateHash();
  await learner.close();
  return hash;
}

/** Puts batches in the order of the steps that they were, one after another from 1. */
function orderOf(steps: readonly (readonly [index: number, step: HandedStep])[]): number[] {
  const sorted = [...steps].sort(([, a], [, b]) => a.step - b.step);
  expect(sorted.map(([, { step }]) => step)).toEqual(sorted.map((_, i) => i + 1));
  return sorted.map(([index]) => index);
}

describe("a follower", () => {
  it("answers as of when it last looked, from new records or a new snapshot", async () => {
    const store = stores.memory();
    await expect(Follower.open(runtime, store)).rejects.toMatchObject({ code: "E_STATE" });
    const learner = await write(store);
    await learner.observe(batchAt(0));
    const follower = await follow(store);
    const { x } = batchAt(50);
    const answers = await follower.predict(x);
    expect(answers).toEqual(await learner.predict(x));
    expect([follower.step, follower.samples]).toEqual([1, ROWS]);
    expect(await follower.refresh()).toBe(false);
    for (let index = 1; index < 30; index++) {
      await learner.observe(batchAt(index));
      if (index === 5) learner.set("weightDecay", 0.1);
      if (index === 8) await learner.save();
      if (index === 11) await learner.forget([3, 4]);
      if (index === 14) await learner.grow(5);
      if (index % 4 > 0) continue;
      expect(await follower.refresh()).toBe(true);
      expect(await follower.stateHash()).toBe(await learner.stateHash());
    }
    const before = await follower.predict(x);
    await learner.observe(batchAt(30));
    expect(await follower.predict(x)).toEqual(before);
    const more = learner.observe(batchAt(31)).then(() => learner.save());
    await Promise.all([follower.refresh(), more, follower.refresh(), follower.refresh()]);
    await follower.refresh();
    expect(await follower.stateHash()).toBe(await learner.stateHash());
    expect(await follower.evaluate([batchAt(1)])).toEqual(await learner.evaluate([batchAt(1)]));
    await follower.close();
    open.pop();
    await expect(follower.predict(x)).rejects.toMatchObject({ code: "E_STATE" });
  });

  it.each(["strict", "relaxed"] as const)("hands batches over, in turn with the writer's own: %s", async (durability) => {
    const store = stores.memory();
    const learner = await write(store, durability);
    await learner.lead();
    const followers = [await follow(store), await follow(store), await follow(store)];
    const steps: [number, HandedStep][] = [];
    const own = async (): Promise<void> => {
      for (let index = 0; index < 20; index++) steps.push([index, await learner.observe(batchAt(index))]);
    };
    const handed = followers.flatMap((follower, which) =>
      Array.from({ length: 10 }, async (_, i) => {
        const index = 100 * (which + 1) + i;
        steps.push([index, await follower.observe(batchAt(index))]);
      }),
    );
    await Promise.all([own(), ...handed]);
    expect(steps).toHaveLength(50);
    expect(steps.every(([, { loss }]) => Number.isFinite(loss))).toBe(true);
    const order = orderOf(steps);
    for (const which of [1, 2, 3]) {
      const from = order.filter((index) => Math.floor(index / 100) === which);
      expect(from).toEqual([...from].sort((a, b) => a - b));
    }
    const expected = await hashAfter(order);
    expect(await learner.stateHash()).toBe(expected);
    await learner.commit();
    const reopened = await follow(store);
    expect(await reopened.stateHash()).toBe(expected);
  });

  it("sees settings take effect between steps, as the store has them", async () => {
    const store = stores.memory();
    const learner = await write(store);
    await learner.lead();
    const follower = await follow(store);
    for (let index = 0; index < 10; index++) {
      const step = follower.observe(batchAt(index));
      for (let turn = 0; turn < 3; turn++) {
        learner.set("weightDecay", index + turn / 4);
        await new Promise((resolve) => setTimeout(resolve));
      }
      await step;
    }
    expect(learner.get("weightDecay")).toBe(9.5);
    await learner.commit();
    await follower.refresh();
    expect(await follower.stateHash()).toBe(await learner.stateHash());
  });

  it("is told what the writer would be", async () => {
    const store = stores.memory();
    const learner = await write(store);
    await learner.lead();
    const follower = await follow(store);
    const { x, y } = batchAt(0);
    const own = await learner.observe({ x, y: [0, 1, 7] }).catch((error) => error);
    expect(own.code).toBe("E_DATA");
    const { code, message, hint } = own;
    await expect(follower.observe({ x, y: [0, 1, 7] })).rejects.toMatchObject({ code, message, hint });
    await expect(follower.observe(undefined as never)).rejects.toMatchObject({ code: "E_DATA" });
    await expect(follower.observe({ x, y: (() => 1) as never })).rejects.toMatchObject({ code: "E_DATA" });
    expect(await follower.observe({ x, y })).toMatchObject({ step: 1 });
  });

  it("says when nobody takes its batch", async () => {
    const store = stores.memory();
    const learner = await write(store);
    const follower = await follow(store, 30);
    await expect(follower.observe(batchAt(0))).rejects.toMatchObject({
      code: "E_STATE",
      message: expect.stringContaining("no writer took"),
    });
    expect(learner.step).toBe(0);
    await expect(Follower.open(runtime, store, { waitMs: -1 })).rejects.toMatchObject({ code: "E_CONFIG" });
    const plain = kept(await Learner.create(runtime, options));
    await expect(plain.lead()).rejects.toMatchObject({ code: "E_CONFIG" });
    const waiting = (await follow(store)).observe(batchAt(0));
    const closed = expect(waiting).rejects.toMatchObject({ code: "E_STATE" });
    await open.at(-1)?.close();
    open.pop();
    await closed;
  });
});

describe("a channel", () => {
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  it("that is opened as the last one closes sends and hears", async () => {
    const heard: unknown[] = [];
    for (let round = 0; round < 5; round++) {
      openChannel("test", "closing", () => {}).close();
      // One that is not ours, closed while ours waits or just after it was opened.
      const foreign = new BroadcastChannel("foreign");
      await pause(round * 7);
      foreign.close();
      const [one, other] = [openChannel("test", "closing", () => {}), openChannel("test", "closing", (message) => heard.push(message))];
      await pause(round * 5);
      await one.say({ kind: "leads" });
      await expect.poll(() => heard.length).toBe(round + 1);
      await expect(one.say((() => 1) as never)).rejects.toThrow();
      await one.say({ kind: "leads" });
      await expect.poll(() => heard.length).toBe(round + 2);
      heard.pop();
      one.close();
      other.close();
    }
  });
});

/** A store whose writer may be stopped in the middle of a call, as by a kill or a freeze, before or after what the call does. */
function stoppable(store: Store): { store: Store; stop(at: "before" | "after", go?: Promise<void>): void } {
  let stopped: "before" | "after" | undefined;
  let going: Promise<void> = new Promise(() => {});
  const opened = store.open as NonNullable<Store["open"]>;
  return {
    store: {
      ...store,
      open: async (mode) => {
        const files = await opened(mode);
        const flush = async (file: string): Promise<void> => {
          if (stopped === "before") await going;
          await files.flush(file);
          if (stopped === "after") await going;
        };
        return { ...files, flush };
      },
    },
    stop(at, go) {
      stopped = at;
      if (go !== undefined) going = go;
    },
  };
}

describe("when a writer is stopped", () => {
  it.each(["before", "after"] as const)("%s a batch is recorded, the next one has it once", async (when) => {
    const store = stores.memory();
    const first = stoppable(store);
    const learner = await Learner.create(runtime, { ...options, store: first.store, durability: "strict" });
    await learner.lead();
    const follower = await follow(store);
    await follower.observe(batchAt(0));
    first.stop(when);
    const waiting = [follower.observe(batchAt(1)), follower.observe(batchAt(2))];
    await new Promise((resolve) => setTimeout(resolve, 100));
    await expect(Learner.open(runtime, store)).rejects.toMatchObject({ code: "E_LOCKED" });
    const next = kept(await Learner.open(runtime, store, { steal: true }));
    await next.lead();
    expect((await Promise.all(waiting)).map(({ step }) => step)).toEqual([2, 3]);
    expect(await next.stateHash()).toBe(await hashAfter([0, 1, 2]));
    // What came before the snapshot is known after it too.
    await next.save();
    await follower.refresh();
    expect(await follower.stateHash()).toBe(await next.stateHash());
  });

  it("and goes on after another took the store, it does nothing more", async () => {
    const store = stores.memory();
    const first = stoppable(store);
    const before = await Learner.create(runtime, { ...options, store: first.store, durability: "strict" });
    await before.lead();
    const follower = await follow(store);
    await follower.observe(batchAt(0));
    let go = (): void => {};
    first.stop(
      "before",
      new Promise((resolve) => {
        go = resolve;
      }),
    );
    const own = before.observe(batchAt(50)).catch((error) => error);
    const waiting = follower.observe(batchAt(1));
    const hash = await before.stateHash().catch(() => "busy");
    await new Promise((resolve) => setTimeout(resolve, 50));
    const next = kept(await Learner.open(runtime, store, { steal: true }));
    await next.observe(batchAt(60));
    go();
    expect(await own).toMatchObject({ code: "E_LOCKED" });
    await next.lead();
    await waiting;
    expect(hash).toBe("busy");
    // It is as it was before the change that it could not record, and answers.
    expect([before.step, await before.stateHash()]).toEqual([1, await hashAfter([0])]);
    await before.predict(batchAt(0).x);
    await expect(before.observe(batchAt(51))).rejects.toMatchObject({ code: "E_LOCKED" });
    expect(before.step).toBe(1);
    await before.close();
    // A record that was written when the store was taken is taken with it.
    const taken = next.step === 4 ? [0, 50, 60, 1] : [0, 60, 1];
    expect(await next.stateHash()).toBe(await hashAfter(taken));
  });

  it("a follower finds in the store what was recorded, though nobody could say so", async () => {
    const store = stores.memory();
    const first = stoppable(store);
    const learner = await Learner.create(runtime, { ...options, store: first.store, durability: "strict" });
    await learner.lead();
    const follower = await follow(store, 4000);
    await follower.observe(batchAt(0));
    // The flush of the record, and that of the head.
    first.stop("before");
    const waiting = follower.observe(batchAt(1));
    await new Promise((resolve) => setTimeout(resolve, 50));
    // Its opening takes over what was written; it does not lead.
    await (await Learner.open(runtime, store, { steal: true })).close();
    expect(await waiting).toEqual({ step: 2 });
  });

  it("one who waits for the store has it next", async () => {
    const store = stores.memory();
    const learner = await Learner.create(runtime, { ...options, store, durability: "relaxed" });
    await learner.observe(batchAt(0));
    await expect(Learner.open(runtime, store)).rejects.toMatchObject({
      code: "E_LOCKED",
      message: expect.stringMatching(/got opening 1, since \d{4}-\d\d-\d\dT[\d:.]+Z$/),
      hint: expect.stringMatching(/waitMs.*steal.*Follower/),
    });
    const follower = await follow(store);
    const next = Learner.open(runtime, store, { waitMs: 20_000 });
    const waiting = follower.observe(batchAt(1));
    await new Promise((resolve) => setTimeout(resolve, 60));
    await learner.close();
    await kept(await next).lead();
    expect(await waiting).toMatchObject({ step: 2 });
    expect(await (await next).stateHash()).toBe(await hashAfter([0, 1]));
  });
});
