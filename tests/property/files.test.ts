/** Hostile files, in the counts of an ordinary run. */
import { expect, it } from "vitest";
import { isError } from "../../src/errors.ts";
import { readSafetensors } from "../../src/store/safetensors.ts";
import { readIdx } from "../../src/stream/idx.ts";
import { Allocated, Allocations } from "../torture/allocations.ts";
import { tortureFiles } from "../torture/files.ts";
import { tortureForged } from "../torture/forged.ts";

it("reads or refuses a spoiled file, as a slow reading does, in the memory that it takes itself", async () => {
  const { accepted, ...rest } = await tortureFiles(200_000, 1);
  expect(rest).toEqual({ tried: 200_000, refused: 200_000 - accepted, problems: [] });
  expect(accepted).toBeGreaterThan(20_000);
});

it("opens or refuses a learner whose file or records were forged", async () => {
  const { accepted, ...rest } = await tortureForged(150, 1);
  expect(rest).toEqual({ tried: 150, refused: 150 - accepted, problems: [] });
  expect(accepted).toBeGreaterThan(15);
});

it("refuses files that promise more than they hold before anything is allocated for them", () => {
  const header = '{"w":{"dtype":"F64","shape":[1099511627776,64],"data_offsets":[0,562949953421312]}}';
  const safetensors = Uint8Array.from([header.length, 0, 0, 0, 0, 0, 0, 0, ...new TextEncoder().encode(header)]);
  const idx = Uint8Array.of(0, 0, 14, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  const allocations = new Allocations();
  const codeOf = (read: () => unknown): unknown => {
    try {
      allocations.allow(4096);
      return read();
    } catch (error) {
      return isError(error, "E_FORMAT") ? "E_FORMAT" : error;
    } finally {
      allocations.allow(Number.POSITIVE_INFINITY);
    }
  };
  try {
    expect(codeOf(() => readSafetensors(safetensors, "file"))).toBe("E_FORMAT");
    expect(codeOf(() => readIdx(idx, "file"))).toBe("E_FORMAT");
    // The watch does see what is allocated.
    expect(codeOf(() => new Float64Array(1000))).toBeInstanceOf(Allocated);
    expect(codeOf(() => Int32Array.from({ length: 5000 }))).toBeInstanceOf(Allocated);
  } finally {
    allocations.stop();
  }
});
