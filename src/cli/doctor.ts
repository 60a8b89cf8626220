import { open, unlink } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { openRuntime, type RuntimeInfo } from "../backend/runtime.ts";
import { type Io, paint, writeJson } from "./io.ts";
import { describeOptions, flag, type Options, parse } from "./options.ts";

interface DoctorSettings {
  readonly json: boolean;
  readonly help: boolean;
}

const options: Options<DoctorSettings> = { json: flag("tell it as one line of JSON"), help: flag("tell this") };

/** What the machine offers. */
interface Findings {
  readonly version: string;
  readonly runtime: { readonly name: string; readonly version: string; readonly platform: string };
  /** What is taken unless another is asked for, and why. */
  readonly backend: Pick<RuntimeInfo, "backend" | "reason">;
  /** The GPU adapter, used or not, or why there is none. */
  readonly adapter: NonNullable<RuntimeInfo["adapter"]> | { readonly missing: string };
  readonly simd: boolean;
  readonly threads: { readonly cores: number; readonly sharedMemory: boolean };
  readonly storage: { readonly kind: "files"; readonly folder: string; readonly fsyncMs: number } | { readonly missing: string };
}

/** A module with one function that uses a vector of 128 bits. */
const simdModule = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11);

/** Runs `palimpsest doctor`; resolves to the exit code. @throws E_CONFIG */
export async function doctor(words: readonly string[], { out, version }: Io): Promise<number> {
  const settings = parse("doctor", options, words);
  if (settings.help) {
    out.write(
      `Usage: palimpsest doctor [options]\n\nTells what this machine offers and what would be used of it.\n\n${describeOptions(options)}`,
    );
    return 0;
  }
  const findings = await examine(version);
  if (settings.json) writeJson(out, { type: "doctor", ...findings });
  else for (const [name, text] of linesOf(findings)) out.write(`${paint(out, "bold", name.padEnd(12))}${text}\n`);
  return 0;
}

async function examine(version: string): Promise<Findings> {
  return {
    version,
    runtime: runtimeOf(),
    backend: await chosen(),
    adapter: await adapter(),
    simd: WebAssembly.validate(simdModule),
    threads: { cores: availableParallelism(), sharedMemory: typeof SharedArrayBuffer === "function" },
    storage: await storage(process.cwd()),
  };
}

function linesOf({ version, runtime, backend, adapter, simd, threads, storage }: Findings): [name: string, text: string][] {
  const yes = (value: boolean): string => (value ? "yes" : "no");
  const lines: [string, string][] = [
    ["palimpsest", version],
    ["runtime", `${runtime.name} ${runtime.version} on ${runtime.platform}`],
    ["backend", `${backend.backend}: ${backend.reason}`],
  ];
  if ("missing" in adapter) lines.push(["adapter", `none: ${adapter.missing}`]);
  else {
    const names = [adapter.description, adapter.device, adapter.vendor, adapter.architecture].filter((name) => name !== "");
    lines.push(["adapter", `${names.join(", ") || "unnamed"}${adapter.software ? " (computes on the CPU)" : ""}`]);
    lines.push(["limits", `arenas of ${Math.floor(adapter.maxArenaBytes / 2 ** 20)} MiB at most`]);
    lines.push(["features", adapter.features.join(", ") || "none"]);
  }
  lines.push(["SIMD", yes(simd)], ["threads", `${threads.cores} cores, shared memory: ${yes(threads.sharedMemory)}`]);
  const kept =
    "missing" in storage ? `none: ${storage.missing}` : `files in ${storage.folder}, fsync takes ${storage.fsyncMs.toFixed(2)} ms`;
  return [...lines, ["storage", kept]];
}

/** Deno and Bun also give themselves a version of Node. */
function runtimeOf(): Findings["runtime"] {
  const { deno, bun, node } = process.versions;
  const [name, version] = deno !== undefined ? ["Deno", deno] : bun !== undefined ? ["Bun", bun] : ["Node", node];
  return { name, version, platform: `${process.platform} ${process.arch}` };
}

async function chosen(): Promise<Findings["backend"]> {
  const runtime = await openRuntime();
  runtime.close();
  const { backend, reason } = runtime.info;
  return { backend, reason };
}

async function adapter(): Promise<Findings["adapter"]> {
  const { acquireGpu } = await import("../backend/webgpu/index.ts");
  const found = await acquireGpu({ software: true });
  if ("refused" in found) return { missing: found.refused };
  found.host.close();
  return found.host.info;
}

/** Measures what a durable write to a folder costs: the median of a few writes of 4 KiB. */
async function storage(folder: string): Promise<Findings["storage"]> {
  const path = join(folder, `palimpsest-${crypto.randomUUID()}.tmp`);
  try {
    const file = await open(path, "wx");
    try {
      const times: number[] = [];
      for (let i = 0; i < 9; i++) {
        await file.write(new Uint8Array(4096), 0, 4096, 0);
        const before = performance.now();
        await file.sync();
        times.push(performance.now() - before);
      }
      return { kind: "files", folder, fsyncMs: times.sort((a, b) => a - b)[4] as number };
    } finally {
      await file.close();
      await unlink(path);
    }
  } catch (error) {
    return { missing: `${folder} cannot be written: ${(error as Error).message}` };
  }
}
