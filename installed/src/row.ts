// The rows of the report.
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

/** The columns of a line of the table that are left to its note. */
const NOTE = 200;

/** Prints rows as they are found, and all of them at the end. */
export class Report {
  readonly #rows: Row[] = [];
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** Says what is done next, where it takes long. */
  say(line: string): void {
    this.#write(line);
  }

  add(row: Row): void {
    const lines = stripVTControlCharacters(row.note).trim().split('\n');
    const [first = '', ...rest] = lines;
    // Node says first where an error was thrown.
    const said = row.result === 'failed' ? lines.find((line) => /error/iu.test(line)) : undefined;
    this.#rows.push({ ...row, note: said ?? first });
    this.#write(`${row.result.padEnd(8)}${row.what} on ${row.where}${first && `: ${first}`}`);
    if (row.result === 'failed') for (const line of rest) this.#write(`        ${line}`);
  }

  /**
   * Prints the table and the sum.
   *
   * @param canSkip - whether what cannot be had may be missing
   * @returns whether all is well
   */
  end({ canSkip }: { readonly canSkip: boolean }): boolean {
    // What differs only in where it ran is one line.
    const lines = new Map<string, string[]>();
    for (const { what, where, result, note } of this.#rows) {
      const key = [what, result, note.slice(0, NOTE)].join(' | ');
      lines.set(key, [...(lines.get(key) ?? []), where]);
    }
    this.#write('\n| what | result | note | where |\n| --- | --- | --- | --- |');
    for (const [key, wheres] of [...lines].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      this.#write(`| ${key} | ${wheres.join(', ')} |`);
    }

    const count = (result: Row['result']): number =>
      this.#rows.filter((row) => row.result === result).length;
    this.#write(`\n${count('ok')} ok, ${count('skipped')} skipped, ${count('failed')} failed`);
    return count('ok') > 0 && count('failed') === 0 && (canSkip || count('skipped') === 0);
  }
}
