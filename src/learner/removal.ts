/** Rows leave what strategies gathered of them on the host, where their folds can take rows out again. */
import { fail, isError } from "../errors.ts";
import type { Column } from "../state/arena.ts";
import type { HostFold, Numbers, RowFact } from "../strategy/host.ts";
import type { Config } from "./config.ts";
import type { Engine } from "./engine.ts";
import type { Hooked } from "./hooked.ts";
import { inferenceOf } from "./inference.ts";
import type { Remembered } from "./remember.ts";

/** Rows taken out of copies of what was gathered. */
export interface Removal {
  readonly rows: number;
  /** Puts the copies in place. */
  commit(): void;
}

/** Rows read at once. */
const AT_ONCE = 1024;

/**
 * Returns what strategies gathered without the rows of some slots, read where they still lie, as the model as it is sees them; undefined where no
 * strategy can take rows out. A row that several stores hold is taken out once. Nothing has changed until that is committed.
 * @throws E_UNSUPPORTED where a fold reads more of rows than features; E_DATA where one never had them
 */
export async function removalOf(engine: Engine, slots: readonly number[]): Promise<Removal | undefined> {
  const { config, hooked } = engine;
  const able = config.strategies.flatMap(({ name, fold }) => (fold?.remove === undefined ? [] : [{ name, fold }]));
  if (able.length === 0 || hooked === undefined) return undefined;
  for (const { name, fold } of able) {
    const other = fold.reads.find((fact) => fact !== "features");
    if (other !== undefined)
      fail("E_UNSUPPORTED", `forget: "${name}" gathered what no later step can tell; expected features alone, got ${other}`, {
        hint: "Leave remove out of its fold, or let it read features.",
      });
  }
  const rows = await rowsOf(engine, slots);
  const count = rows.labels.length;
  if (count === 0) return { rows: 0, commit: () => {} };
  const { shown } = await inferenceOf(engine).answer(rows.x, undefined, { by: "features" });
  const facts: Partial<Record<RowFact, Float32Array>> = { features: shown.get("features") as Float32Array };
  const copies = able.map(({ name, fold }) => {
    const strategy = config.strategies.find((one) => one.name === name) as (typeof config.strategies)[number];
    const numbers = copyOf(hooked.numbersOf(name));
    (fold.remove as NonNullable<HostFold["remove"]>)(numbers, { count, labels: rows.labels, rows: facts }, hooked.services(strategy));
    return { name, numbers };
  });
  return {
    rows: count,
    commit() {
      for (const { name, numbers } of copies) overwrite(hooked, name, numbers);
    },
  };
}

const copyOf = (numbers: Numbers): Numbers => Object.fromEntries(Object.entries(numbers).map(([name, values]) => [name, values.slice()]));

function overwrite(hooked: Hooked, strategy: string, numbers: Numbers): void {
  for (const [name, values] of Object.entries(hooked.numbersOf(strategy))) values.set(numbers[name] as Float64Array);
}

interface Rows {
  readonly x: Float32Array | Uint8Array;
  readonly labels: Uint32Array;
}

interface Row {
  readonly x: Uint8Array;
  readonly label: number;
}

/** Returns the rows of slots, those that several stores hold once. */
async function rowsOf(engine: Engine, slots: readonly number[]): Promise<Rows> {
  const { config, layout } = engine;
  const { stores } = (engine.memory as Remembered).replay;
  const byStore = stores.map(() => new Map<string, Row[]>());
  const ids = stores.map((store) => store.slots.ids());
  for (const [slot, row] of await read(engine, [...new Set(slots)])) {
    const store = stores.findLastIndex(({ first }) => slot >= first);
    const id = ids[store]?.[slot - (stores[store]?.first ?? 0)] ?? Number.NaN;
    const key = Number.isNaN(id) ? `${row.label} ${row.x}` : `${id}`;
    const own = byStore[store] as Map<string, Row[]>;
    const same = own.get(key);
    if (same === undefined) own.set(key, [row]);
    else same.push(row);
  }
  const keys = new Set(byStore.flatMap((own) => [...own.keys()]));
  const rows = [...keys].flatMap((key) => byStore.map((own) => own.get(key) ?? []).reduce((a, b) => (b.length > a.length ? b : a)));
  const size = sizeOfRow(config, layout.x);
  const bytes = new Uint8Array(rows.length * size);
  for (const [i, { x }] of rows.entries()) bytes.set(x, i * size);
  return {
    x: config.input.dtype === "u8" ? bytes : new Float32Array(bytes.buffer),
    labels: Uint32Array.from(rows, ({ label }) => label),
  };
}

const sizeOfRow = ({ input }: Config, { length }: Column): number => (input.dtype === "u8" ? length : 4 * length);

/** Returns x, without what pads it, and the label of rows by slot; without those that are damaged in their file. */
async function read({ config, layout: { x, y }, machine, memory }: Engine, given: readonly number[]): Promise<Map<number, Row>> {
  const { replay, pages } = memory as Remembered;
  const slots = given.toSorted((a, b) => a - b);
  const rows = new Map<number, Row>();
  const put = (slot: number, own: Uint8Array, target: Uint8Array): void => {
    const label = new DataView(target.buffer, target.byteOffset).getUint32(0, true);
    rows.set(slot, { x: own.subarray(0, sizeOfRow(config, x)), label });
  };
  for (let i = 0; i < slots.length; ) {
    const first = slots[i] as number;
    if (pages !== undefined) {
      try {
        const own = await pages.read([first], replay);
        put(first, own.x, own.y);
      } catch (error) {
        // It must still be possible to forget it.
        if (!isError(error, "E_CORRUPT")) throw error;
      }
      i += 1;
      continue;
    }
    let count = 1;
    while (count < AT_ONCE && slots[i + count] === first + count) count++;
    const [own, targets] = [
      await machine.read("rows", x.byteOffset + first * x.rowBytes, count * x.rowBytes),
      await machine.read("rows", y.byteOffset + first * y.rowBytes, count * y.rowBytes),
    ];
    for (let k = 0; k < count; k++) put(first + k, own.subarray(k * x.rowBytes), targets.subarray(k * y.rowBytes));
    i += count;
  }
  return rows;
}
