import * as nodeFiles from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ErrorCode, PalimpsestError } from "../../src/errors.ts";
import { type FileSystem, fileStore } from "../../src/store/fs.ts";
import { type Store, stores } from "../../src/store/index.ts";

const before = Uint8Array.of(1, 2, 3);
const after = Uint8Array.from({ length: 5000 }, (_, i) => i);
const real = nodeFiles as unknown as FileSystem;

let folder: string;
beforeEach(async () => {
  folder = await nodeFiles.mkdtemp(join(tmpdir(), "palimpsest-"));
});
afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  await nodeFiles.rm(folder, { recursive: true });
});

async function failure(run: Promise<unknown>): Promise<PalimpsestError> {
  const error = await run.then(
    () => new Error("nothing was refused"),
    (reason: unknown) => reason,
  );
  if (error instanceof PalimpsestError) return error;
  throw error;
}

function refused(code: string): () => Promise<never> {
  return () => Promise.reject(Object.assign(new Error(`${code}: injected`), { code }));
}

describe.each<[string, () => Store]>([
  ["memory", () => stores.memory("m")],
  ["file", () => stores.file(join(folder, "m.palimpsest"))],
])("a store in %s", (_, make) => {
  it("has nothing, keeps the last value, and forgets it", async () => {
    const store = make();
    expect(await store.read()).toBeUndefined();
    await store.remove();
    await store.write(before);
    expect(await store.read()).toEqual(before);
    await store.write(after.subarray(7, 4000));
    expect(await store.read()).toEqual(after.slice(7, 4000));
    await store.remove();
    expect(await store.read()).toBeUndefined();
    await store.write(new Uint8Array(0));
    expect(await store.read()).toBeUndefined();
  });

  it("keeps its own copy", async () => {
    const store = make();
    const bytes = before.slice();
    await store.write(bytes);
    bytes.fill(9);
    (await store.read())?.fill(8);
    const read = await store.read();
    expect(read).toEqual(before);
    expect(Object.getPrototypeOf(read)).toBe(Uint8Array.prototype);
  });

  it("does what it is asked in the order in which it is asked", async () => {
    const store = make();
    const done = Promise.all([store.write(after), store.read(), store.remove(), store.read(), store.write(after), store.write(before)]);
    expect(await store.read()).toEqual(before);
    expect((await done).map((value) => value?.length)).toEqual([undefined, after.length, undefined, undefined, undefined, undefined]);
  });
});

describe("a file store", () => {
  it("leaves one file and no other, also after writes that were cut off", async () => {
    const path = join(folder, "m.palimpsest");
    const store = stores.file(path);
    await store.write(before);
    const leftover = `${path}.123e4567-e89b-42d3-a456-426614174000.tmp`;
    const others = [
      `${path}.tmp`,
      join(folder, "x.m.palimpsest.123e4567-e89b-42d3-a456-426614174000.tmp"),
      join(folder, "m.palimpsest.bak"),
    ];
    for (const other of [leftover, ...others]) await nodeFiles.writeFile(other, "half a chec");
    expect(await store.read()).toEqual(before);
    await store.write(after);
    const names = ["m.palimpsest", "m.palimpsest.bak", "m.palimpsest.tmp", "x.m.palimpsest.123e4567-e89b-42d3-a456-426614174000.tmp"];
    expect((await nodeFiles.readdir(folder)).sort()).toEqual(names);
    await nodeFiles.writeFile(leftover, "half a chec");
    await store.remove();
    expect((await nodeFiles.readdir(folder)).sort()).toEqual(names.slice(1));
  });

  it("replaces what a link points at", async () => {
    const target = join(folder, "target");
    const link = join(folder, "link");
    await nodeFiles.writeFile(target, before);
    await nodeFiles.symlink(target, link);
    await stores.file(link).write(after);
    expect(new Uint8Array(await nodeFiles.readFile(target))).toEqual(after);
    expect((await nodeFiles.lstat(link)).isSymbolicLink()).toBe(true);
  });

  /** A file system that dies at its `deadline`-th call: that call does half of its work, all later ones nothing. */
  function dying(deadline: number): { files: FileSystem; calls: () => number } {
    let calls = 0;
    const step = async <T>(run: () => Promise<T>, half: () => Promise<unknown> = async () => undefined): Promise<T> => {
      calls++;
      if (calls < deadline) return run();
      if (calls === deadline) await half().catch(() => undefined);
      throw Object.assign(new Error("EIO: the machine is off"), { code: "EIO" });
    };
    const files: FileSystem = {
      open: (path, flags) =>
        step(
          async () => {
            const handle = await nodeFiles.open(path, flags);
            return {
              writeFile: (bytes) =>
                step(
                  () => handle.writeFile(bytes),
                  () => handle.writeFile(bytes.subarray(0, bytes.length / 2)),
                ),
              sync: () => step(() => handle.sync()),
              close: () =>
                step(
                  () => handle.close(),
                  () => handle.close(),
                ).finally(() => handle.close().catch(() => undefined)),
            };
          },
          async () => (await nodeFiles.open(path, flags)).close(),
        ),
      readFile: (path) => step(() => nodeFiles.readFile(path)),
      readdir: (path) => step(() => nodeFiles.readdir(path)),
      realpath: (path) => step(() => nodeFiles.realpath(path)),
      rename: (from, to) => step(() => nodeFiles.rename(from, to)),
      unlink: (path) => step(() => nodeFiles.unlink(path)),
    };
    return { files, calls: () => calls };
  }

  it("holds the old value or the new one after a crash at any call", async () => {
    const path = join(folder, "m.palimpsest");
    const store = stores.file(path);
    const outcomes = new Set<string>();
    for (let deadline = 1; ; deadline++) {
      await store.write(before);
      const { files, calls } = dying(deadline);
      const outcome = await fileStore(path, files)
        .write(after)
        .then(
          () => "written",
          (error: unknown) => (error as PalimpsestError).code,
        );
      const found = await store.read();
      const value = found?.length === after.length ? "new" : "old";
      expect(found).toEqual(value === "new" ? after : before);
      outcomes.add(`${outcome}, ${value}`);
      await store.write(before);
      expect(await nodeFiles.readdir(folder)).toEqual(["m.palimpsest"]);
      if (outcome === "written") {
        expect(deadline).toBe(calls() + 1);
        break;
      }
    }
    expect([...outcomes].sort()).toEqual(["E_STORAGE_UNAVAILABLE, new", "E_STORAGE_UNAVAILABLE, old", "written, new"]);
  });

  it.each<[string, ErrorCode, RegExp]>([
    ["ENOSPC", "E_QUOTA", /no room left/],
    ["EDQUOT", "E_QUOTA", /no room left/],
    ["EACCES", "E_STORAGE_UNAVAILABLE", /access is refused/],
    ["EROFS", "E_STORAGE_UNAVAILABLE", /access is refused/],
    ["EIO", "E_STORAGE_UNAVAILABLE", /the platform failed.*EIO: injected/],
  ])("keeps the old value and clears up when the device says %s", async (code, expected, message) => {
    const path = join(folder, "m.palimpsest");
    await stores.file(path).write(before);
    const open: FileSystem["open"] = async (name, flags) => {
      const handle = await nodeFiles.open(name, flags);
      return { writeFile: refused(code), sync: () => handle.sync(), close: () => handle.close() };
    };
    const error = await failure(fileStore(path, { ...real, open }).write(after));
    expect(error.message).toMatch(message);
    expect(error.message.startsWith(`${path}: cannot write: `)).toBe(true);
    expect(error.code).toBe(expected);
    expect((error.cause as { code: string }).code).toBe(code);
    expect(await stores.file(path).read()).toEqual(before);
    expect(await nodeFiles.readdir(folder)).toEqual(["m.palimpsest"]);
  });

  it("flushes the new file before it takes the old one's place, and the folder after", async () => {
    const path = join(folder, "m");
    const calls: string[] = [];
    const open: FileSystem["open"] = async (name, flags) => {
      const handle = await nodeFiles.open(name, flags);
      const what = name === folder ? "folder" : "file";
      const noting = <T>(call: string, run: () => Promise<T>): Promise<T> => {
        calls.push(`${what} ${call}`);
        return run();
      };
      return {
        writeFile: (bytes) => noting("write", () => handle.writeFile(bytes)),
        sync: () => noting("flush", () => handle.sync()),
        close: () => noting("close", () => handle.close()),
      };
    };
    const rename: FileSystem["rename"] = (from, to) => {
      calls.push("rename");
      return real.rename(from, to);
    };
    await fileStore(path, { ...real, open, rename }).write(before);
    expect(calls).toEqual(["file write", "file flush", "file close", "rename", "folder flush", "folder close"]);
  });

  it("goes on after a failure", async () => {
    const path = join(folder, "m.palimpsest");
    let full = true;
    const store = fileStore(path, { ...real, open: (name, flags) => (full ? refused("ENOSPC")() : real.open(name, flags)) });
    expect((await failure(store.write(before))).code).toBe("E_QUOTA");
    full = false;
    await store.write(after);
    expect(await store.read()).toEqual(after);
  });

  it("tells a folder that is missing, a folder in place of a file, and a file in place of a folder", async () => {
    const missing = stores.file(join(folder, "no", "m"));
    expect(await missing.read()).toBeUndefined();
    await missing.remove();
    const error = await failure(missing.write(before));
    expect([error.code, error.hint]).toEqual(["E_PATH", "Create the folder first."]);
    expect((await failure(stores.file(folder).read())).code).toBe("E_PATH");
    await nodeFiles.writeFile(join(folder, "file"), "x");
    expect((await failure(stores.file(join(folder, "file", "m")).read())).code).toBe("E_PATH");
    expect((await failure(stores.file(join(folder, "file", "m")).write(before))).code).toBe("E_PATH");
  });

  it("waits for a virus scanner to let go, and gives up after a while", async () => {
    const path = join(folder, "m");
    let busy = 3;
    const rename: FileSystem["rename"] = (from, to) => (busy-- > 0 ? refused("EBUSY")() : real.rename(from, to));
    await fileStore(path, { ...real, rename }).write(before);
    expect(await stores.file(path).read()).toEqual(before);

    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const stuck = failure(fileStore(path, { ...real, rename: refused("EPERM") }).write(after));
    let settled = false;
    void stuck.finally(() => {
      settled = true;
    });
    while (!settled) {
      await vi.advanceTimersByTimeAsync(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await stuck).code).toBe("E_STORAGE_UNAVAILABLE");
    expect(await stores.file(path).read()).toEqual(before);
    expect(await nodeFiles.readdir(folder)).toEqual(["m"]);
  });

  it("does without a flush of the folder where there is none", async () => {
    const path = join(folder, "m");
    const open: FileSystem["open"] = (name, flags) => (flags === "r" ? refused("EPERM")() : real.open(name, flags));
    await fileStore(path, { ...real, open }).write(before);
    expect(await stores.file(path).read()).toEqual(before);
    const failing: FileSystem["open"] = (name, flags) => (flags === "r" ? refused("EIO")() : real.open(name, flags));
    expect((await failure(fileStore(path, { ...real, open: failing }).write(after))).code).toBe("E_STORAGE_UNAVAILABLE");
  });

  it.each(["", "a\0b", 7 as unknown as string])("refuses the path %j", (path) => {
    expect(() => stores.file(path)).toThrow(expect.objectContaining({ code: "E_PATH" }));
  });
});

describe("stores.auto", () => {
  it("keeps a file in the current folder", async () => {
    const home = process.cwd();
    process.chdir(folder);
    try {
      await stores.auto("my model-1.0").write(before);
      expect(await nodeFiles.readdir(".")).toEqual(["my model-1.0.palimpsest"]);
      expect(await stores.auto("my model-1.0").read()).toEqual(before);
    } finally {
      process.chdir(home);
    }
  });

  it.each(["", ".", "..", ".hidden", "../up", "a/b", "a\\b", "/etc/passwd", "C:", "a\0", "a\n", "a".repeat(101), 1 as unknown as string])(
    "refuses the name %j",
    (name) => {
      expect(() => stores.auto(name)).toThrow(expect.objectContaining({ code: "E_PATH" }));
    },
  );

  it.each(["modèle", "模型", "a".repeat(100)])("takes the name %j", (name) => {
    expect(stores.auto(name).name).toBe(`${name}.palimpsest`);
  });

  it("never falls back to memory", () => {
    vi.stubGlobal("process", undefined);
    expect(() => stores.auto("m")).toThrow(expect.objectContaining({ code: "E_STORAGE_UNAVAILABLE" }));
    expect(() => stores.file("m")).toThrow(expect.objectContaining({ code: "E_STORAGE_UNAVAILABLE" }));
    expect(() => stores.indexeddb("m")).toThrow(expect.objectContaining({ code: "E_STORAGE_UNAVAILABLE" }));
    expect(() => stores.opfs("m")).toThrow(expect.objectContaining({ code: "E_STORAGE_UNAVAILABLE" }));
    vi.stubGlobal("isSecureContext", false);
    expect(() => stores.opfs("m")).toThrow(expect.objectContaining({ code: "E_INSECURE_CONTEXT" }));
  });
});
