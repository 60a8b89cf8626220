/** A file of rows of one length beside the log of a store: each row is written at a place, and many are read at once. */
import { fail } from "../errors.ts";
import { checkFence } from "./claim.ts";
import { checked } from "./failure.ts";
import type { Storage } from "./storage.ts";

/** The name of such a file: nobody else's, so that places in one are never taken for places in another. */
const name = /^rows\.[0-9a-f]{16}$/;

/** Tells whether a file is one of rows by its name. */
export function isColumn(file: string): boolean {
  return name.test(file);
}

/** One file of rows. Only the owner of the store may write, as it may the log; what it writes lasts as that does. */
export class ColumnFile {
  readonly file: string;
  readonly rowBytes: number;
  readonly #storage: Storage;
  readonly #epoch: number;

  private constructor(storage: Storage, epoch: number, file: string, rowBytes: number) {
    this.#storage = storage;
    this.#epoch = epoch;
    this.file = file;
    this.rowBytes = rowBytes;
  }

  /** Returns a new file without rows, in a store that epoch `epoch` owns. */
  static async create(storage: Storage, epoch: number, rowBytes: number): Promise<ColumnFile> {
    const digits = [...globalThis.crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0"));
    const file = `rows.${digits.join("")}`;
    await checked(storage).create(file, new Uint8Array(0));
    return new ColumnFile(checked(storage), epoch, file, rowBytes);
  }

  /** Returns the file of that name. @throws E_CORRUPT where there is none */
  static async open(storage: Storage, epoch: number, file: string, rowBytes: number): Promise<ColumnFile> {
    const files = await checked(storage).list();
    if (!isColumn(file) || !files.includes(file))
      fail(
        "E_CORRUPT",
        `${storage.name}: rows are missing; expected the file ${file}, got ${files.filter(isColumn).join(", ") || "none"}`,
        {
          hint: "Copy a store with all its files; a checkpoint of learner.checkpoint() is whole by itself.",
          context: { store: storage.name, file },
        },
      );
    const column = new ColumnFile(checked(storage), epoch, file, rowBytes);
    // What a program that was killed left in the page cache alone may be spoken of again; and browsers open a file to be written here.
    await column.flush();
    return column;
  }

  /** What messages call it. */
  get name(): string {
    return `${this.#storage.name}/${this.file}`;
  }

  /** Returns how many rows there is room for in the file as it is. */
  async size(): Promise<number> {
    const reaches = async (rows: number): Promise<boolean> => {
      return rows === 0 || (await this.#storage.read(this.file, rows * this.rowBytes - 1, 1)).length > 0;
    };
    let beyond = 1;
    while (await reaches(beyond)) beyond *= 2;
    let within = Math.floor(beyond / 2);
    while (beyond - within > 1) {
      const middle = Math.floor((within + beyond) / 2);
      if (await reaches(middle)) within = middle;
      else beyond = middle;
    }
    return within;
  }

  /** Writes a row at a place, at most the next behind all there are. */
  async write(place: number, row: Uint8Array): Promise<void> {
    await this.#storage.write(this.file, place * this.rowBytes, row);
  }

  /** Returns the rows of places; one that the file ends before is shorter. */
  async read(places: readonly number[]): Promise<readonly Uint8Array[]> {
    if (places.length === 0) return [];
    const offsets = places.map((place) => place * this.rowBytes);
    if (this.#storage.readMany !== undefined) return this.#storage.readMany(this.file, offsets, this.rowBytes);
    return Promise.all(offsets.map((offset) => this.#storage.read(this.file, offset, this.rowBytes)));
  }

  /** Resolves once all rows are on the device. */
  async flush(): Promise<void> {
    await this.#storage.flush(this.file);
  }

  /** Refuses to go on where the store has another owner, who may write here. @throws E_LOCKED */
  async checkFence(): Promise<void> {
    await checkFence(this.#storage, this.#epoch);
  }

  /** Removes the files of rows that nobody speaks of any more. */
  async removeOthers(): Promise<void> {
    for (const file of await this.#storage.list()) if (isColumn(file) && file !== this.file) await this.#storage.remove(file);
  }
}
