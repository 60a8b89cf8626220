/** What every head must do, whatever its formula. */
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/random.ts";
import { strategyFrom } from "../../src/strategy/config.ts";
import {
  energy,
  fecam,
  fetril,
  firstSession,
  kalman,
  knn,
  lda,
  mergeNumbers,
  ncm,
  ranpac,
  ridge,
  slca,
  slda,
} from "../../src/strategy/index.ts";
import { drawn, expectNear, type Headed, headed } from "./headed.ts";

const [features, classes] = [5, 4];
const rows = drawn(60, features, classes - 1);
const asked = drawn(8, features, classes).map(([, ...x]) => x);

const heads = {
  ncm: { make: () => ncm() },
  "ncm, Euclidean": { make: () => ncm({ metric: "euclidean" }) },
  slda: { make: () => slda() },
  "slda as published": { make: () => slda({ legacyFirstSample: true }), ordered: true },
  lda: { make: () => lda() },
  fecam: { make: () => fecam({ alpha1: 1, alpha2: 0.5 }) },
  "fecam of powers": { make: () => fecam({ power: 0.3 }) },
  ranpac: { make: () => ranpac({ width: 12 }) },
  "ranpac by itself": { make: () => ranpac({ width: 12, lambda: "auto" }), ordered: true },
  ridge: { make: () => ridge() },
  "ridge of random features": { make: () => ridge({ width: 12, gamma: 1 }) },
  "ridge with pseudo-rows": { make: () => ridge({ width: 12, gamma: 1, pseudo: 3 }) },
  kalman: { make: () => kalman(), ordered: true },
  knn: { make: () => knn({ neighbours: 5 }), newest: true },
} as const satisfies Record<string, object>;
const all: [string, { readonly make: () => ReturnType<typeof ncm>; readonly ordered?: boolean; readonly newest?: boolean }][] =
  Object.entries(heads);
const free = all.filter(([, { ordered }]) => ordered !== true);

function told(make: () => ReturnType<typeof ncm>, given = rows, by = given.length): Headed {
  const head = headed(make(), features, classes);
  for (let i = 0; i < given.length; i += by) head.push(given.slice(i, i + by));
  return head;
}

const snapshot = ({ numbers }: Headed) => structuredClone(numbers);

function expectSame(actual: Headed, expected: ReturnType<typeof snapshot>, bound: number): void {
  expect(Object.keys(actual.numbers)).toEqual(Object.keys(expected));
  for (const [name, values] of Object.entries(expected)) expectNear(actual.numbers[name] ?? [], values, bound);
}

describe.each(all)("%s", (_name, { make }) => {
  it("scores classes that were seen, and no other", () => {
    const scores = told(make).scores(...asked);
    for (const row of scores) {
      expect(row.slice(0, 3).every(Number.isFinite)).toBe(true);
      expect(row[3]).toBe(Number.NEGATIVE_INFINITY);
    }
    expect(
      headed(make(), features, classes)
        .scores(...asked)
        .flat()
        .every((score) => score === Number.NEGATIVE_INFINITY),
    ).toBe(true);
  });

  it("answers most of the rows that it learned", () => {
    const head = told(make);
    const right = head.scores(...rows.map(([, ...x]) => x)).filter((row, i) => row.indexOf(Math.max(...row)) === rows[i]?.[0]);
    expect(right.length).toBeGreaterThan(0.7 * rows.length);
  });

  it("answers from one row", () => {
    const head = told(make, [[2, 1, 0, 0.5, 0.25, 2]]);
    const [row = []] = head.scores([1, 1, 1, 1, 1]);
    expect(Number.isFinite(row[2])).toBe(true);
  });

  it("learns the same from rows one by one as from all at once", () => {
    const whole = told(make);
    for (const by of [1, 7]) expectSame(told(make, rows, by), snapshot(whole), 0);
  });

  it("answers a row the same whatever else is asked", () => {
    const head = told(make);
    expect(asked.flatMap((x) => head.scores(x))).toEqual(head.scores(...asked));
  });

  it("keeps the scores of old classes when there is room for more", () => {
    const head = told(make);
    const grown = head.grown(classes + 3);
    expect(grown.scores(...asked).map((row) => row.slice(0, classes))).toEqual(head.scores(...asked));
    grown.push([[classes + 1, 1, 2, 3, 4, 5]]);
    expect(Number.isFinite(grown.scores(asked[0] ?? [])[0]?.[classes + 1])).toBe(true);
  });

  it("goes on from arrays that were kept", () => {
    const head = told(make, rows.slice(0, 31));
    const again = head.grown(classes);
    for (const each of [head, again]) each.push(rows.slice(31));
    expectSame(again, snapshot(head), 0);
    expect(again.scores(...asked)).toEqual(head.scores(...asked));
    expectSame(head, snapshot(told(make)), 0);
  });

  it("solves anew when numbers change under it", () => {
    const head = told(make);
    const before = head.scores(...asked);
    const held = snapshot(head);
    head.push(drawn(20, features, classes - 1, 9));
    expect(head.scores(...asked)).not.toEqual(before);
    for (const [name, values] of Object.entries(held)) head.numbers[name]?.set(values);
    expect(head.scores(...asked)).toEqual(before);
  });

  it("is made again from its name and config", () => {
    const strategy = make();
    const again = strategyFrom(strategy.name, JSON.parse(JSON.stringify(strategy.config)));
    expect(again.config).toEqual(strategy.config);
    expect(again.needs).toEqual(strategy.needs);
    expect(told(() => again).scores(...asked)).toEqual(told(make).scores(...asked));
  });

  it("refuses targets that are values", () => {
    const facts = { classes: 1, features, parameters: 1, targets: "values" } as const;
    expect(() => make().fold?.numbers(facts)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
  });
});

describe.each(free)("%s", (_name, { make, newest }) => {
  it("does not depend on the order of rows", () => {
    const one = told(make);
    for (const seed of [1, 2]) {
      const other = told(make, new RandomStream(seed, "order").shuffle([...rows]));
      if (newest !== true) expectSame(other, snapshot(one), 1e-12);
      expectNear(other.scores(...asked).flat(), one.scores(...asked).flat(), 1e-9);
    }
  });

  it("takes rows out again as if they had never come", () => {
    const head = told(make);
    const before = snapshot(head);
    const scores = head.scores(...asked);
    const more = drawn(25, features, classes, 11);
    head.push(more);
    expect(head.scores(...asked)).not.toEqual(scores);
    head.remove(more.toReversed());
    expectSame(head, before, 1e-12);
    expectNear(head.scores(...asked).flat(), scores.flat(), 1e-9);
    head.remove(rows);
    expectSame(head, snapshot(headed(make(), features, classes)), 0);
  });
});

describe.each(free.filter(([, { newest }]) => newest !== true))("%s", (name, { make }) => {
  it("refuses to take out what it never had, and changes nothing", () => {
    const head = told(make, rows.slice(0, 9));
    const before = snapshot(head);
    for (const wrong of [rows, [[3, 1, 1, 1, 1, 1]], [[99, 1, 1, 1, 1, 1]]] as const) {
      expect(() => head.remove(wrong)).toThrow(
        expect.objectContaining({ code: "E_DATA", message: expect.stringContaining(`strategies.${name.split(/[ ,]/)[0]}`) }),
      );
      expectSame(head, before, 0);
    }
  });

  it("of two devices is the sum", () => {
    const [one, other] = [told(make, rows.slice(0, 23)), told(make, rows.slice(23))];
    const both = headed(make(), features, classes, mergeNumbers(one.numbers, other.numbers));
    expectSame(both, snapshot(told(make)), 1e-12);
  });
});

describe("options", () => {
  it.each([
    [() => ncm({ metric: "cosin" as "cosine" }), /metric.*cosin/],
    [() => ncm({ metrics: 1 } as object), /metrics/],
    [() => slda({ shrinkage: 0 }), /shrinkage.*got 0/],
    [() => slda({ shrinkage: 1.5 }), /shrinkage/],
    [() => slda({ legacyFirstSample: 1 as unknown as boolean }), /legacyFirstSample.*got 1/],
    [() => lda({ ridge: 0 }), /ridge/],
    [() => fecam({ alpha1: 0 }), /alpha1/],
    [() => fecam({ alpha1: 2, alpha2: 3 }), /alpha2.*≤ 2/],
    [() => fecam({ power: 0 }), /power/],
    [() => ranpac({ width: 0 }), /width/],
    [() => ranpac({ lambda: 0 }), /lambda/],
    [() => ranpac({ lambda: "Auto" as "auto" }), /lambda.*Auto/],
    [() => ranpac({ seed: -1 }), /seed/],
    [() => ridge({ gamma: Number.NaN }), /gamma/],
    [() => ridge({ width: 1.5 }), /width/],
    [() => ridge({ pseudo: -1 }), /pseudo/],
    [() => ridge({ noise: -1 }), /noise/],
    [() => kalman({ gamma: 0 }), /gamma/],
    [() => kalman({ gamma: 1.1 }), /gamma/],
    [() => kalman({ noise: 0 }), /noise/],
    [() => kalman({ prior: 0 }), /prior/],
    [() => kalman({ samples: 1.5 }), /samples/],
    [() => kalman({ scale: 0 }), /scale/],
    [() => knn({ neighbours: 0 }), /neighbours/],
    [() => knn({ temperature: 0 }), /temperature/],
    [() => knn({ perClass: 0 }), /perClass/],
    [() => knn({ adopted: -1 }), /adopted/],
    [() => firstSession({ ridge: 0 }), /ridge/],
    [() => firstSession({ trains: "films" as "film" }), /trains.*films/],
    [() => slca({ covariance: "diag" as "full" }), /covariance.*diag/],
    [() => slca({ epochs: 0 }), /epochs/],
    [() => slca({ samples: 1.5 }), /samples/],
    [() => slca({ batchSize: 0 }), /batchSize/],
    [() => slca({ rate: -1 }), /rate/],
    [() => slca({ temperature: 0 }), /temperature/],
    [() => slca({ local: 1 as unknown as boolean }), /local.*got 1/],
    [() => fetril({ metric: "l2" as "cosine" }), /metric.*l2/],
    [() => fetril({ epochs: 0 }), /epochs/],
    [() => fetril({ batchSize: 0 }), /batchSize/],
    [() => fetril({ rate: Number.NaN }), /rate/],
    [() => energy({ negatives: 2 }), /negatives/],
  ])("out of range are refused: %s", (make, message) => {
    expect(make).toThrow(expect.objectContaining({ code: "E_CONFIG", message: expect.stringMatching(message) }));
  });

  it("that merge what differs are refused", () => {
    const three = Float64Array.of(1, 2, 3);
    for (const other of [{ counts: Float64Array.of(1, 2) }, {}, { counts: three, sums: three }]) {
      expect(() => mergeNumbers({ counts: three }, other)).toThrow(expect.objectContaining({ code: "E_MISMATCH" }));
    }
  });
});
