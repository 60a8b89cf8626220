/** Where a learner's rates come from: a schedule and what it waits for, or a controller and its state. */
import { describe, fail } from "../errors.ts";
import type { Controller } from "../optim/controller.ts";
import { checkMark, groupAddress, type Marks, placeSchedule, rateAt, scheduleBytes } from "../optim/rate.ts";
import type { Schedule } from "../optim/schedule.ts";
import type { Wasm } from "../wasm/instance.ts";

/** A controller of any kind. */
export type AnyController = Controller<{ readonly rate: number }, unknown>;

/** What rates go on from. */
export interface SavedRates {
  /** The index of the update that came next when it happened, by name. */
  readonly marks: Marks;
  /** The state of the controller, where there is one. */
  readonly control?: { readonly rate: number };
}

/** Returns whether rates are controlled rather than scheduled. */
export function isController(given: Schedule | AnyController): given is AnyController {
  return "next" in given;
}

/** The rates of one learner. It trusts its arguments but for names of marks and what is observed. */
export class Rates {
  readonly #wasm: Wasm;
  readonly #given: Schedule | AnyController;
  /** Where the words of the schedule lie. */
  readonly #address: number;
  #marks: Marks;
  #control: { readonly rate: number } | undefined;

  /** @throws E_MISMATCH where the state is another controller's */
  constructor(wasm: Wasm, given: Schedule | AnyController, saved: SavedRates = { marks: {} }) {
    this.#wasm = wasm;
    this.#given = given;
    this.#marks = saved.marks;
    if (isController(given)) {
      this.#control = saved.control === undefined ? given.start() : given.resume(saved.control);
      this.#address = 0;
    } else {
      this.#address = wasm.alloc(scheduleBytes(given));
      placeSchedule(wasm.memory.buffer, this.#address, given, this.#marks);
    }
  }

  /** Returns the rate of an update (0-based); of one group of parameters where the schedule tells them apart. */
  at(update: number, group?: string): number {
    if (isController(this.#given)) return (this.#control as { rate: number }).rate;
    return rateAt(this.#wasm.exports, groupAddress(this.#address, this.#given, group), update);
  }

  /** What the schedule waits for, by name, and the update that came next where it has happened; null where it has not. */
  get marks(): Readonly<Record<string, number | null>> {
    const names = isController(this.#given) ? [] : Object.keys(this.#given.marks);
    return Object.fromEntries(names.map((name) => [name, this.#marks[name] ?? null]));
  }

  /** Notes that something happened before an update, where the schedule waits for that. */
  mark(name: string, update: number): void {
    if (isController(this.#given) || !Object.hasOwn(this.#given.marks, name)) return;
    this.#marks = { ...this.#marks, [name]: update };
    placeSchedule(this.#wasm.memory.buffer, this.#address, this.#given, this.#marks);
  }

  /** Refuses the name of a mark that nothing waits for. @throws E_CONFIG */
  checkMark(name: string): void {
    checkMark("mark", isController(this.#given) ? { marks: {} } : this.#given, name);
  }

  /** Returns the controller's state after something was observed. @throws E_CONFIG without a controller; E_DATA */
  next(observation: unknown): { readonly rate: number } {
    if (!isController(this.#given))
      fail("E_CONFIG", `control: nothing controls the rate; expected option "schedule" to be a controller, got "${this.#given.kind}"`, {
        hint: "Pass schedule: controllers.plateau({ rate: 1e-3 }), say.",
      });
    if (typeof observation !== "object" || observation === null)
      fail("E_DATA", `control: nothing was observed; expected an object such as { metric: 0.9 }, got ${describe(observation)}`);
    return this.#given.next(this.#control as { readonly rate: number }, observation).state;
  }

  /** Takes the rate on from what was observed. @throws as {@link next} */
  control(observation: unknown): void {
    this.#control = this.next(observation);
  }

  save(): SavedRates {
    return { marks: this.#marks, ...(this.#control && { control: this.#control }) };
  }

  close(): void {
    if (!isController(this.#given)) this.#wasm.free(this.#address);
  }
}
