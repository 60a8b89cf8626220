import { joined } from "../bytes.ts";
import { fail } from "../errors.ts";

/**
 * Returns the SHA-256 of `bytes`, 32 bytes.
 * @throws E_INSECURE_CONTEXT in a page that is not served over HTTPS or from localhost
 */
export async function sha256(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  if (subtle === undefined) {
    fail("E_INSECURE_CONTEXT", "sha256: no digest can be had; expected crypto.subtle, got a page that is not a secure context", {
      hint: "Serve the page over HTTPS or from http://localhost.",
    });
  }
  return new Uint8Array(await subtle.digest("SHA-256", unshared(bytes)));
}

/**
 * Returns the SHA-256 of `bytes`, or of several parts as if joined, as 64 lower-case hexadecimal digits.
 * @throws E_INSECURE_CONTEXT in a page that is not served over HTTPS or from localhost
 */
export async function sha256Hex(bytes: Uint8Array | readonly Uint8Array[]): Promise<string> {
  return hex(await sha256(bytes instanceof Uint8Array ? bytes : joined(bytes)));
}

/** Returns `bytes`, copied when they lie in memory shared between threads, which browsers refuse in most places. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
