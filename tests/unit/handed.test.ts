import { Follower, Learner, type LearnerOptions, nn, openRuntime, optim, stores } from "palimpsest";
import { describe, expect, it } from "vitest";
import { checkBatch } from "../../src/learner/batch.ts";
import { checkOptions } from "../../src/learner/config.ts";
import { Handed } from "../../src/learner/handed.ts";
import { decodeOperation, encodeOperation } from "../../src/learner/journal.ts";
import type { Operation } from "../../src/learner/operation.ts";

const options: LearnerOptions = { model: nn.classifier({ capacity: 3 }), input: [2], optimizer: optim.sgd(), schedule: 0.1 };
const config = checkOptions(options);
const batch = checkBatch("a test", { x: Float32Array.of(1, 2, 3, 4), y: [0, 2], id: [7, 8], task: 3 }, config);
const handed = (follower: number, sequence: number): Operation => ({ kind: "observe", batch, from: { follower, sequence } });
const recordOf = (operation: Operation): Uint8Array => Uint8Array.from(encodeOperation(operation).flatMap((part) => [...part]));

describe("what followers handed over", () => {
  it("is known by the last batch of each of the last 256, also from a snapshot", () => {
    const table = new Handed();
    expect(table.parts()).toEqual([]);
    table.note({ kind: "observe", batch });
    expect(table.parts()).toEqual([]);
    for (let follower = 1; follower <= 256; follower++) table.note(handed(follower, 5));
    table.note(handed(1, 6));
    table.note(handed(300, 1));
    for (const each of [table, Handed.of(new Map(table.parts()), "a store")]) {
      expect([1, 2, 3, 256, 300].map((follower) => each.has({ follower, sequence: 1 }))).toEqual([true, false, true, true, true]);
      expect([5, 6, 7].map((sequence) => each.has({ follower: 1, sequence }))).toEqual([true, true, false]);
    }
    expect(Handed.of(new Map(), "a store").has({ follower: 1, sequence: 1 })).toBe(false);
  });

  it.each(["", "{}", "[1]", "[[1]]", "[[1,2,3]]", "[[1,0.5]]", '[["1",2]]'])("is refused when it is damaged: %s", (text) => {
    const parts = new Map([["followers", new TextEncoder().encode(text)]]);
    expect(() => Handed.of(parts, "a store")).toThrow(expect.objectContaining({ code: "E_CORRUPT" }));
  });

  it("stands in the record of the batch", () => {
    const operation = handed(2 ** 53 - 1, 12);
    expect(decodeOperation(recordOf(operation), config, "a store")).toEqual(operation);
    expect(decodeOperation(recordOf({ kind: "observe", batch }), config, "a store")).toEqual({ kind: "observe", batch });
  });

  it("is refused when it is none", () => {
    const whole = recordOf(handed(5, 6));
    const changed = (at: number, bytes: readonly number[]): Uint8Array => {
      const copy = whole.slice();
      copy.set(bytes, at);
      return copy;
    };
    const other = Uint8Array.of(...whole.subarray(0, 24), ...recordOf({ kind: "consolidate" }));
    const inside = Uint8Array.of(...whole.subarray(0, 24), ...whole);
    const wrong = [
      whole.subarray(0, 23),
      whole.subarray(0, 24),
      changed(8, [1]),
      changed(16, [0, 0, 0, 0, 0, 0, 0xf0, 0x7f]),
      other,
      inside,
    ];
    for (const record of wrong) expect(() => decodeOperation(record, config, "a store")).toThrow(/a record of the journal is no change/);
  });
});

describe("how a store is opened", () => {
  it("stands beside the options of a learner, or alone", async () => {
    const runtime = await openRuntime({ backend: "wasm" });
    const store = stores.memory();
    const learner = await Learner.create(runtime, { ...options, store, durability: "strict", waitMs: 0 });
    await expect(Learner.open(runtime, store, { waitMs: -1 })).rejects.toMatchObject({ code: "E_CONFIG" });
    await expect(Learner.open(runtime, store, { waitMS: 1 } as never)).rejects.toMatchObject({ hint: 'Did you mean "waitMs"?' });
    const same = await Learner.open(runtime, store, { ...options, durability: "strict", steal: true });
    await expect(learner.observe({ x: Float32Array.of(1, 2), y: [0] })).rejects.toMatchObject({ code: "E_LOCKED" });
    await learner.close();
    await same.close();
  });

  it("lets none follow a store of one file", async () => {
    const { open: _, ...single } = stores.memory();
    const following = Follower.open(await openRuntime({ backend: "wasm" }), single);
    await expect(following).rejects.toThrow(/this store keeps one file/);
  });
});
