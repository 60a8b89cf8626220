import { readdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { describe, expect, it, vi } from "vitest";
import { defaults, flagOf, parse } from "../../src/cli/options.ts";
import { learnOptions } from "../../src/cli/settings.ts";
import { run } from "./stage.ts";

describe("the options of learn", () => {
  it("have the values they are given, by either form, the last one counting", () => {
    const words = ["--memory-policy=reservoir", "--hidden", "256,128", "--learning-rate", "1e-3", "--json", "--seed=1", "--seed", "2"];
    const given = { memoryPolicy: "reservoir", hidden: [256, 128], learningRate: 0.001, json: true, seed: 2 };
    expect(parse("learn", learnOptions, words)).toEqual({ ...defaults(learnOptions), ...given });
  });

  it("stand in the help, each with what it is without", async () => {
    const { code, out, err } = await run(["learn", "--help"]);
    expect([code, err]).toEqual([0, ""]);
    for (const key of Object.keys(learnOptions)) expect(out).toMatch(new RegExp(`^ {2}${flagOf(key)} .+\\S$`, "m"));
    expect(out).toMatch(/--memory N +.* \(default 1000\)/);
    expect((await run(["learn", "-h"])).out).toBe(out);
  });
});

describe("palimpsest", () => {
  it("tells its commands and its release", async () => {
    const help = await run([]);
    expect([help.code, (await run(["--help"])).out]).toEqual([0, help.out]);
    for (const word of ["learn", "schedule", "doctor", "--version"]) expect(help.out).toContain(`  ${word} `);
    expect(await run(["--version"])).toMatchObject({ code: 0, out: "1.2.3\n", err: "" });
  });
});

describe("palimpsest doctor", () => {
  it("tells in JSON what this machine offers, and leaves nothing behind", async () => {
    const result = await run(["doctor", "--json"]);
    expect(result.code).toBe(0);
    expect(result.lines()).toEqual([
      {
        type: "doctor",
        version: "1.2.3",
        runtime: { name: "Node", version: process.versions.node, platform: `${process.platform} ${process.arch}` },
        backend: { backend: expect.stringMatching(/^(wasm|webgpu)$/), reason: expect.any(String) },
        adapter: expect.any(Object),
        simd: true,
        threads: { cores: availableParallelism(), sharedMemory: true },
        storage: { kind: "files", folder: process.cwd(), fsyncMs: expect.any(Number) },
      },
    ]);
    expect((await readdir(".")).filter((name) => name.startsWith("palimpsest-"))).toEqual([]);
  });

  it("tells people, with the reason for the backend and what adapter there is", async () => {
    const limits = { maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2 ** 27 };
    const device = Object.assign(new EventTarget(), { lost: new Promise(() => {}), limits, destroy: () => {} });
    const info = { vendor: "acme", description: "llvmpipe" };
    const adapter = { info, limits, features: new Set(["shader-f16"]), requestDevice: async () => device };
    vi.stubGlobal("navigator", { gpu: { requestAdapter: async () => adapter } });
    const { code, out } = await run(["doctor"]);
    vi.unstubAllGlobals();
    expect(code).toBe(0);
    expect(out).toMatch(/^runtime +Node \d+/m);
    expect(out).toMatch(/^backend +wasm: the only GPU adapter \(llvmpipe\) computes on the CPU/m);
    expect(out).toMatch(/^adapter +llvmpipe, acme \(computes on the CPU\)$/m);
    expect(out).toMatch(/^limits +arenas of 128 MiB at most$/m);
    expect(out).toMatch(/^features +shader-f16$/m);
    expect(out).toMatch(/^storage +files in .*, fsync takes [\d.]+ ms$/m);
  });
});
