import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as memory from "../../src/memory/policies.ts";
import type { MemoryPolicy, StorePolicy } from "../../src/memory/policy.ts";
import { Replay } from "../../src/memory/replay.ts";
import { DROPPED, type Offer, Slots } from "../../src/memory/slots.ts";
import { compileMemory, openSlots, type TestHost } from "./memoryhost.ts";

let newHost: () => TestHost;
let host: TestHost;
beforeAll(async () => {
  newHost = await compileMemory();
});
beforeEach(() => {
  host = newHost();
});

function open(policy: MemoryPolicy, capacity: number, seed = 7, dims = 0): Slots {
  return openSlots(host, { policy, capacity, seed, dims, ids: true, scores: false });
}

/** Rows whose labels these are, and whose identities are 100 and up. */
function labelled(...labels: number[]): Offer {
  return { count: labels.length, keys: { label: Uint32Array.from(labels) }, ids: Float64Array.from(labels, (_, i) => 100 + i) };
}

describe("saved state", () => {
  const saved = (policy = memory.classBalanced(), capacity = 8): Uint8Array => {
    const slots = open(policy, capacity);
    slots.offer(labelled(4, 1, 2, 4, 1));
    return slots.save();
  };
  const altered = (offset: number, word: number): Uint8Array => {
    const bytes = saved();
    new DataView(bytes.buffer).setUint32(offset, word, true);
    return bytes;
  };
  // Of five rows: numbers, identities; then the records of three groups, and by row its group and place.
  const ids = 176 + 4 * 5;
  const records = ids + 8 * 5;
  const [groups, places] = [records + 3 * 32, records + 3 * 32 + 4 * 5];

  it.each([
    ["too short", () => saved().subarray(0, 40), "E_CORRUPT", /at least 176 bytes, got 40/],
    ["cut", () => saved().subarray(0, -4), "E_CORRUPT", /disagree/],
    ["of another kind", () => altered(0, 1), "E_CORRUPT", /mark/],
    ["newer", () => altered(4, 9), "E_VERSION", /expected 2, got 9/],
    ["of another policy", () => saved(memory.quota()), "E_MISMATCH", /another policy; expected class-balanced, got quota/],
    ["of another capacity", () => saved(memory.classBalanced(), 9), "E_MISMATCH", /another capacity; expected 8, got 9/],
    ["of other columns", () => altered(20, 3), "E_MISMATCH", /another columns; expected 1, got 3/],
    ["of longer embeddings", () => altered(24, 4), "E_MISMATCH", /another dims; expected 0, got 4/],
    ["of more keys", () => altered(28, 2), "E_MISMATCH", /another keys; expected 1, got 2/],
    ["of other options", () => altered(124, 1), "E_MISMATCH", /another options/],
    ["of clusters", () => altered(168, 2 ** 30), "E_MISMATCH", /another options; expected 0,0,0, got 0,0,1073741824/],
    ["too full", () => altered(16, 9), "E_CORRUPT", /disagree/],
    ["fuller than its stream", () => altered(64, 4), "E_CORRUPT", /disagree/],
    ["of more groups than bytes", () => altered(152, 2 ** 24), "E_CORRUPT", /expected 16777216 groups, got \d+ bytes/],
    ["of one group more", () => altered(152, 4), "E_CORRUPT", /disagree/],
    ["of one identity twice", () => altered(ids + 8, new DataView(saved().buffer).getUint32(ids, true)), "E_CORRUPT", /disagree/],
    ["of one key twice", () => altered(records + 32, 4), "E_CORRUPT", /disagree/],
    ["wrong in a count", () => altered(records + 4, 3), "E_CORRUPT", /disagree/],
    ["of a group that has seen too little", () => altered(records + 16, 1), "E_CORRUPT", /disagree/],
    ["of a row in another group", () => altered(groups, 1), "E_CORRUPT", /disagree/],
    ["of a row in no group", () => altered(groups, 3), "E_CORRUPT", /disagree/],
    ["of two rows at one place", () => altered(places, 1), "E_CORRUPT", /disagree/],
  ] as [string, () => Uint8Array, string, RegExp][])("is refused when %s, and nothing changes", (_, bytes, code, message) => {
    const slots = open(memory.classBalanced(), 8, 1);
    slots.offer(labelled(2, 2));
    const before = slots.save();
    const wrong = bytes();
    const live = host.live.size;
    expect(() => slots.load(wrong)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
    expect(slots.save()).toEqual(before);
    expect(host.live.size).toBe(live);
  });

  it("is read at any offset, and brings its streams", () => {
    const bytes = saved();
    const moved = new Uint8Array(bytes.length + 3);
    moved.set(bytes, 3);
    const [one, two] = [open(memory.classBalanced(), 8), open(memory.classBalanced(), 8, 99)];
    one.load(bytes);
    two.load(moved.subarray(3));
    const more: Offer = { count: 30, keys: { label: new Uint32Array(30).map((_, i) => i % 7) } };
    expect([...two.offer(more)]).toEqual([...one.offer(more)]);
    expect(two.save()).toEqual(one.save());
  });

  it("of several stores is refused when its parts are not there, and nothing changes", () => {
    const policy = memory.longTerm({ capacity: 8 });
    const replay = new Replay(host, { policy, capacities: [4, 4], keys: [], ids: true, scores: false, dims: 0 }, 1);
    const text = (head: string): Uint8Array => Uint8Array.of(head.length, 0, 0, 0, ...new TextEncoder().encode(head));
    replay.offer(labelled(0, 0, 0, 0, 0, 0));
    const before = replay.save();
    const damaged = before.slice();
    new DataView(damaged.buffer).setUint32(damaged.length - 4, 0xffffff, true);
    const spoilt = before.slice(0, -8);
    for (const bytes of [new Uint8Array(2), text("{"), text("1"), text("null"), text('{"draws":{},"stores":1}'), spoilt]) {
      expect(() => replay.load(bytes)).toThrow(expect.objectContaining({ code: "E_CORRUPT" }));
    }
    expect(() => replay.load(text('{"draws":{},"stores":[]}'))).toThrow(expect.objectContaining({ code: "E_MISMATCH" }));
    // The second store is wrong: the first, which was loaded already, is put back.
    const version = 4 + new DataView(before.buffer).getUint32(0, true);
    const first = replay.stores[0]?.slots.save().length as number;
    const later = before.slice();
    new DataView(later.buffer).setUint32(version + first + 4, 9, true);
    expect(() => replay.load(later)).toThrow(expect.objectContaining({ code: "E_VERSION" }));
    expect(replay.save()).toEqual(before);
  });
});

describe("a store", () => {
  it("has room for groups as they come, however many", () => {
    const slots = open(memory.ring({ key: "label" }), 50);
    const bytes = slots.bytes;
    slots.offer(labelled(...new Array(1_000).fill(3)));
    expect(slots.bytes).toBe(bytes);
    const keys = Array.from({ length: 300 }, (_, i) => (i * 0x9e3779b1) >>> 0);
    slots.offer({ count: 300, keys: { label: Uint32Array.from(keys) } });
    expect(slots.groups("label").map(({ key }) => key)).toEqual([3, ...keys]);
    expect(slots.groups("label").reduce((sum, { stored }) => sum + stored, 0)).toBe(50);
    expect(slots.bytes).toBeGreaterThan(bytes + 236 * 40);
  });

  it("takes about 24 bytes a row beside embeddings and scores: number, identity, group", () => {
    expect(open(memory.quota(), 100_000).bytes / 100_000).toBeLessThan(4 + 8 + 8 + 32 / 3 + 0.1);
  });

  it("finds no identity where it keeps none", () => {
    const policy = memory.reservoir() as StorePolicy;
    const slots = new Slots(host, { policy, capacity: 4, keys: [], ids: false, scores: false, dims: 0 }, 1, "memory");
    slots.offer(labelled(0));
    expect(slots.find(100)).toBeUndefined();
  });

  it("drops a row whose slot a later one of the call takes, also where refused rows lie between", () => {
    const slots = open(memory.ring(), 2);
    const offer = (...ids: number[]): number[] => [...slots.offer({ count: ids.length, keys: {}, ids: Float64Array.from(ids) })];
    expect(offer(1, 2, 2, 2, 3, 3, 4, 5)).toEqual([DROPPED, DROPPED, DROPPED, DROPPED, DROPPED, DROPPED, 1, 0]);
    expect(slots.counts.duplicates).toBe(3);
    expect(offer(4, 6)).toEqual([DROPPED, 1]);
    expect([...slots.ids()]).toEqual([5, 6]);
  });

  it("numbers ranked rows one by one, and takes one of an identity", () => {
    const slots = open(memory.herding(), 4, 7, 1);
    const ids = Float64Array.of(1, 2, 1, Number.NaN, Number.NaN);
    const label = Uint32Array.of(0, 1, 0, 1, 0);
    slots.offer({ count: 5, keys: { label }, ids, embeddings: Float32Array.of(1, 2, 1, 4, 8) });
    expect([...slots.ages()].sort()).toEqual([1, 2, 3, 4]);
    expect(slots.counts.duplicates).toBe(1);
    expect(slots.find(1)).toBe([...slots.ids()].indexOf(1));
    slots.load(slots.save());
  });

  it("asks for all the bytes it needs, also where Wasm counts modulo 2^32", () => {
    const refusing: TestHost = {
      ...host,
      alloc(bytes) {
        throw new Error(`no ${bytes} bytes`);
      },
    };
    const policy = memory.reservoir() as StorePolicy;
    const spec = { policy, capacity: 2 ** 24, keys: [], ids: false, scores: false, dims: 1024 };
    expect(() => new Slots(refusing, spec, 1, "memory")).toThrow(`no ${2 ** 24 * (4 + 4 * 1024)} bytes`);
  });

  it("keeps chunks of its capacity at most", () => {
    const slots = open(memory.reservoir({ chunk: 100 }), 10);
    slots.offer(labelled(...new Array(10).fill(0)));
    expect(slots.stored).toBe(10);
  });

  it("frees what it took, once, and is then closed", () => {
    const slots = open(memory.reservoir(), 5);
    slots.offer(labelled(1));
    slots.offer(labelled(...new Array(500).fill(1)));
    slots.load(slots.save());
    slots.resize(3);
    slots.close();
    slots.close();
    expect(host.live.size).toBe(0);
    for (const use of [
      () => slots.stored,
      () => slots.find(1),
      () => slots.offer(labelled(0)),
      () => slots.save(),
      () => slots.groups("label"),
    ]) {
      expect(use).toThrow(expect.objectContaining({ code: "E_STATE" }));
    }
  });
});

describe("a memory of several stores", () => {
  const open = (): Replay => {
    const policy = memory.longTerm({ capacity: 8 });
    return new Replay(host, { policy, capacities: [4, 4], keys: ["label"], ids: true, scores: false, dims: 0 }, 1);
  };

  it("refuses to forget a slot that holds no row, and forgets nothing then", () => {
    const replay = open();
    replay.offer(labelled(0, 1, 0));
    const before = replay.save();
    for (const slot of [3, 7, 8, -1, Number.NaN]) {
      expect(() => replay.forget([0, slot])).toThrow(expect.objectContaining({ code: "E_DATA" }));
    }
    expect(replay.save()).toEqual(before);
    expect(replay.forget([0, 2, 2])).toEqual([
      { from: 2, to: 2 },
      { from: 1, to: 0 },
    ]);
  });

  it("goes back past a draw that failed", () => {
    const replay = open();
    replay.mark();
    replay.offer(labelled(0, 1, 0));
    expect(() => replay.draw(1, { draw: "balanced", key: "nowhere" })).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
    replay.mark();
    const before = replay.save();
    replay.offer(labelled(5, 5));
    replay.rollBack();
    expect(replay.save()).toEqual(before);
    replay.offer(labelled(6));
    replay.rollBack();
    expect(replay.save()).toEqual(before);
  });
});

it("policies refuse bad options", () => {
  const config = expect.objectContaining({ code: "E_CONFIG" });
  expect(() => memory.reservoir({ capacity: 0 })).toThrow(config);
  expect(() => memory.classBalanced({ capacity: 1.5 })).toThrow(config);
  expect(() => memory.reservoir({ size: 5 } as never)).toThrow(/memory\.reservoir: unknown option "size"/);
  expect(() => memory.reservoir({ method: "Z" as never })).toThrow(config);
  expect(() => memory.lossAware({ balance: 2 })).toThrow(config);
  expect(() => memory.longTerm({ capacity: 1 })).toThrow(config);
  expect(() => memory.stores({})).toThrow(config);
});
