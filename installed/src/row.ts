// The lines of the report.
import { stripVTControlCharacters } from 'node:util';

/** What one check found. */
export interface Row {
  /** What was checked: a program, a bundle, a compiler's setting. */
  readonly what: string;
  /** On what: a runtime, a bundler and page, a version of TypeScript. */
  readonly where: string;
  readonly result: 'ok' | 'failed' | 'skipped';
  /** Sizes and versions, or why it failed or was skipped. */
  readonly note: string;
}

/** Prints rows as they are found, and holds them for the sum at the end. */
export class Report {
  readonly #rows: Row[] = [];
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  add(row: Row): void {
    this.#rows.push(row);
    const { what, where, result, note } = row;
    const [first = '', ...rest] = stripVTControlCharacters(note).split('\n');
    this.#write(`${result.padEnd(8)}${what.padEnd(28)}${where.padEnd(34)}${first}`.trimEnd());
    if (result === 'failed') for (const line of rest) this.#write(`        ${line}`);
  }

  /** Prints the sum. */
  end(): boolean {
    const count = (result: Row['result']): number =>
      this.#rows.filter((row) => row.result === result).length;
    this.#write(`${count('ok')} ok, ${count('skipped')} skipped, ${count('failed')} failed`);
    return this.#rows.length > 0 && count('failed') === 0;
  }
}
