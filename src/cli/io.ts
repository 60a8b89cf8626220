/** One of the two streams that the command writes to. */
export interface Output {
  write(text: string): void;
  /** Returns the width of the terminal behind it; undefined where colours and lines drawn over are not wanted. */
  columns(): number | undefined;
}

/** What the command meets outside itself, but for files. */
export interface Io {
  /** Data. */
  readonly out: Output;
  /** Progress, warnings and errors. */
  readonly err: Output;
  /** Aborted when the user wants to stop. */
  readonly stop: AbortSignal;
  /** The release. */
  readonly version: string;
}

const styles = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** Returns `text` in a style where the output shows styles, else as it is. */
export function paint(output: Output, style: keyof typeof styles, text: string): string {
  return output.columns() === undefined ? text : `\x1b[${styles[style]}m${text}\x1b[0m`;
}

/** Writes one line of NDJSON. */
export function writeJson(output: Output, value: object): void {
  output.write(`${JSON.stringify(value)}\n`);
}
