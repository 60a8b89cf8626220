/** The worker that holds the files of one store for a page. */
import { type Files, openHandles } from "./handles.ts";
import type { Mode } from "./storage.ts";

/** What a page asks first, `open`, and then, calls of the files. */
export interface Question {
  readonly id: number;
  readonly call: "open" | keyof Files;
  readonly given: readonly unknown[];
}

/** What it is told. */
export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  /** What was thrown, and what a platform's error goes by. */
  readonly error?: { readonly name: string; readonly message: string };
}

let files: Files;

function answer({ call, given }: Question): unknown {
  if (call !== "open") return (files[call] as (...given: readonly unknown[]) => Promise<unknown>)(...given);
  files = openHandles(given[0] as string, given[1] as Mode);
  return undefined;
}

globalThis.onmessage = async ({ data }: MessageEvent<Question>): Promise<void> => {
  const reply = (rest: Omit<Answer, "id">): void => globalThis.postMessage({ id: data.id, ...rest } satisfies Answer);
  try {
    reply({ value: await answer(data) });
  } catch (error) {
    const { name, message } = error as Error;
    reply({ error: { name, message } });
  }
};
