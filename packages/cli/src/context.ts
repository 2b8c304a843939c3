// What a command has of the process around it.

/** Where text goes: `process.stdout`, or what stands in for it. */
type Stream = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** The surroundings of a command. */
export interface Context {
  /** For results. */
  readonly stdout: Stream;
  /** For messages and progress. */
  readonly stderr: Stream;
  /** Aborted when the user interrupts the command. */
  readonly signal: AbortSignal;
  /** Whether errors are shown with their stack. */
  readonly debug: boolean;
}

/** The options of every command that say what it prints. */
export interface PrintOptions {
  /** One JSON object on stdout and nothing else there. */
  readonly json?: true;
  /** No progress and no messages but errors. */
  readonly quiet?: true;
}

/** Prints the result of a command: `value` with `--json`, else `text` unless it is empty. */
export function printResult(
  { stdout }: Context,
  { json }: PrintOptions,
  value: Readonly<Record<string, unknown>>,
  text: string,
): void {
  if (json) stdout.write(`${JSON.stringify(value)}\n`);
  else if (text !== '') stdout.write(`${plain(text)}\n`);
}

/** Prints a message on stderr, unless the command is to be quiet. */
export function say({ stderr }: Context, { quiet }: PrintOptions, message: string): void {
  if (!quiet) stderr.write(`polyak: ${plain(message)}\n`);
}

/**
 * `text` without characters that control a terminal, or change the order of others: names in files
 * may hold them.
 */
export function plain(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]|\p{Bidi_Control}/gu, '\ufffd');
}
