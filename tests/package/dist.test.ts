import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const deno = join(root, "tests/runtimes/node_modules/@deno/linux-x64-glibc/deno");

/** Each expected error proves that the types are there; were they missing, they would be `any` and nothing would be wrong. */
const consumer = `
import { type ErrorCode, Learner, openRuntime, PalimpsestError, type Schedule, schedules } from "palimpsest";
import { scheduleAt } from "palimpsest/testing";
export const code: ErrorCode = new PalimpsestError("E_CONFIG", "a: wrong").code;
// @ts-expect-error a code is text
export const wrongCode: number = new PalimpsestError("E_CONFIG", "a: wrong").code;
// @ts-expect-error there is no such backend
export const runtime = openRuntime({ backend: "abacus" });
// @ts-expect-error a class is no number
export const wrongClass: number = Learner;
export const schedule: Schedule = schedules.rex({ peak: 1, total: 10 });
// @ts-expect-error the rates come later
export const rates: Float64Array = scheduleAt(schedule, [0, 5]);
`;

/** Prints what a program sees that was given nothing but the package. */
const script = `
import { PalimpsestError, openRuntime } from "palimpsest";
const runtime = await openRuntime({ backend: "wasm" });
console.log(new PalimpsestError("E_CONFIG", "a: wrong").name, runtime.info.backend);
`;

describe("the built package", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "palimpsest-"));
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(root, join(folder, "node_modules/palimpsest"), "junction");
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(join(folder, "consumer.ts"), consumer);
    writeFileSync(join(folder, "script.mjs"), script);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("has every file that its manifest names", () => {
    const { "./package.json": self, ...targets } = manifest.exports;
    const named = [
      ...Object.values(targets).flatMap((target) => (typeof target === "string" ? target : Object.values(target as object))),
      manifest.bin.palimpsest,
    ];
    expect(named).toHaveLength(9);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(self).toBe("./package.json");
  });

  it("depends on nothing and runs nothing when installed", () => {
    expect(manifest.dependencies).toBeUndefined();
    expect(Object.keys(manifest.scripts).filter((name) => /^(pre|post)|^(install|prepare)$/.test(name))).toEqual([]);
  });

  it.each([
    ["bundler", ts.ModuleKind.ESNext, ts.ModuleResolutionKind.Bundler],
    ["nodenext", ts.ModuleKind.NodeNext, ts.ModuleResolutionKind.NodeNext],
  ])("has types that a project with the resolution %s reads", (_name, module, moduleResolution) => {
    const lib = ["lib.es2023.d.ts", "lib.dom.d.ts"];
    const options = { module, moduleResolution, lib, target: ts.ScriptTarget.ES2022, types: [], strict: true, noEmit: true };
    const program = ts.createProgram([join(folder, "consumer.ts")], options);
    expect(ts.getPreEmitDiagnostics(program).map((found) => ts.flattenDiagnosticMessageText(found.messageText, "\n"))).toEqual([]);
  });

  it("works in Node by its name", () => {
    expect(execFileSync(process.execPath, ["script.mjs"], { cwd: folder, encoding: "utf8" })).toBe("PalimpsestError wasm\n");
  });

  it("gives a program's tests the numbers of a schedule, and their picture", () => {
    const program = `
import { schedules } from "palimpsest";
import { scheduleAt } from "palimpsest/testing";
const schedule = schedules.cosine({ peak: 1, total: 2 });
console.log([...(await scheduleAt(schedule, [0, 1, 2]))].join(), (await schedules.plot(schedule, { steps: 3 })).slice(0, 4));
`;
    writeFileSync(join(folder, "rates.mjs"), program);
    expect(execFileSync(process.execPath, ["rates.mjs"], { cwd: folder, encoding: "utf8" })).toBe("1,0.5,0 <svg\n");
  });

  it.skipIf(!existsSync(deno) && process.env.CI !== "true")("works in Deno straight from its file", () => {
    writeFileSync(join(folder, "file.mjs"), script.replace('"palimpsest"', JSON.stringify(join(root, "dist/index.js"))));
    expect(execFileSync(deno, ["run", "--no-config", "file.mjs"], { cwd: folder, encoding: "utf8" })).toBe("PalimpsestError wasm\n");
  });
});
