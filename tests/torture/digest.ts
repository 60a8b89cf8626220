import { createHash } from "node:crypto";

/** Runs something while digests are computed at once: the platform's go through another thread, which takes most of the time of a small store. */
export async function withQuickDigests<T>(run: () => Promise<T>): Promise<T> {
  const { subtle } = globalThis.crypto;
  const digest = async (_: string, bytes: Uint8Array): Promise<ArrayBuffer> => {
    const { buffer, byteOffset } = createHash("sha256").update(bytes).digest();
    return (buffer as ArrayBuffer).slice(byteOffset, byteOffset + 32);
  };
  Object.defineProperty(subtle, "digest", { value: digest, configurable: true });
  try {
    return await run();
  } finally {
    Reflect.deleteProperty(subtle, "digest");
  }
}
