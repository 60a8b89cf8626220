import type { PalimpsestError } from "../errors.ts";
import type { LogStats } from "./log.ts";

const KEPT = 256;

/** Counts what a log writes. */
export class Meter {
  #records = 0;
  #bytes = 0;
  #commits = 0;
  #times: number[] = [];
  #failure: PalimpsestError | undefined;

  wrote(records: readonly Uint8Array[]): void {
    this.#records += records.length;
    for (const { length } of records) this.#bytes += length;
  }

  committed(timeMs: number): void {
    this.#times[this.#commits++ % KEPT] = timeMs;
    this.#failure = undefined;
  }

  failed(failure: PalimpsestError): void {
    this.#failure = failure;
  }

  stats(): LogStats {
    const times = [...this.#times].sort((a, b) => a - b);
    const mean = times.reduce((sum, time) => sum + time, 0) / Math.max(1, times.length);
    const commitMs = { mean, p99: times[Math.ceil(0.99 * times.length) - 1] ?? 0, max: times.at(-1) ?? 0 };
    return { records: this.#records, bytes: this.#bytes, commits: this.#commits, commitMs, failure: this.#failure };
  }
}
