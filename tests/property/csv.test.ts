/** Tables written by the rules of RFC 4180, and files that no rule made. */

import fc from "fast-check";
import { streams } from "palimpsest";
import { expect, it } from "vitest";
import { isError } from "../../src/errors.ts";

const cell = fc.string({ unit: fc.constantFrom("a", "B", "7", ",", ";", '"', "\n", "\r", " ", "é", "😀"), minLength: 1, maxLength: 6 });
const number = fc.float({ noNaN: true, noDefaultInfinity: true });
const table = fc.record({
  rows: fc.array(fc.record({ numbers: fc.tuple(number, number), category: cell, label: cell }), { minLength: 1, maxLength: 12 }),
  delimiter: fc.constantFrom(",", ";", "\t"),
  end: fc.constantFrom("\n", "\r\n"),
  last: fc.boolean(),
  quoted: fc.boolean(),
});

it("reads back what was written", () => {
  fc.assert(
    fc.property(table, ({ rows, delimiter, end, last, quoted }) => {
      const write = (text: string) => (quoted || /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
      const lines = [
        ["label", "first", "kind", "second"],
        ...rows.map(({ numbers, category, label }) => [label, String(numbers[0]), category, String(numbers[1])]),
      ].map((cells) => cells.map(write).join(delimiter));
      const text = lines.join(end) + (last ? end : "");
      const set = streams.readCsv(text, { label: "label", columns: { kind: "category" }, delimiter });
      const names = set.features.slice(1, -1).map((feature) => feature.slice("kind=".length));
      expect(new Set(names)).toEqual(new Set(rows.map(({ category }) => category)));
      const width = names.length + 2;
      expect(
        Array.from({ length: set.count }, (_, i) => {
          const row = set.x.subarray(i * width, (i + 1) * width);
          const hot = [...row.subarray(1, -1)];
          expect(hot.filter((value) => value === 1).length).toBe(1);
          return {
            numbers: [(row[0] as number) + 0, (row[width - 1] as number) + 0],
            category: names[hot.indexOf(1)],
            label: set.classNames[set.y[i] as number],
          };
        }),
      ).toEqual(rows.map((row) => ({ ...row, numbers: row.numbers.map((value) => value + 0) })));
    }),
    { seed: 1, numRuns: 500 },
  );
});

it("reads or refuses any text, by its own errors alone", () => {
  const text = fc.string({
    unit: fc.constantFrom("x,1\n", '"1",2\n', "1", "x", ",", '"', "\n", "\r\n", "\r", "-", ".", "e", "\ufeff"),
    maxLength: 12,
  });
  let read = 0;
  fc.assert(
    fc.property(text, fc.boolean(), (source, header) => {
      try {
        const { x, count, features } = streams.readCsv(source, { label: 0, header });
        expect(x.length).toBe(count * features.length);
        expect(x.every(Number.isFinite)).toBe(true);
        read++;
      } catch (error) {
        if (!isError(error, "E_DATA", "E_CONFIG")) throw error;
      }
    }),
    { seed: 2, numRuns: 5000 },
  );
  expect(read).toBeGreaterThan(20);
});
