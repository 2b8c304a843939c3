// Numbers as text.
import type { RuleName } from '../training/rules.js';
import type { BackendName, Status } from '../view.js';

export const ruleNames: Readonly<Record<RuleName, string>> = {
  equal: 'SWA',
  exponential: 'EMA',
  power: 'Power-function EMA',
};

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

export function milliseconds(time: number): string {
  return `${time.toFixed(time < 1 ? 3 : 1)} ms`;
}

/** One line on the state of a run. */
export function statusLine(status: Status, backend: BackendName): string {
  const lines: Record<Status, string> = {
    recorded: 'A recorded run. Train one here.',
    starting: `Starting ${backend} …`,
    running: `Training on ${backend} …`,
    paused: 'Paused.',
    measuring: 'Measuring the valley and the flatness …',
    finished: `Trained on ${backend}.`,
    failed: 'Stopped.',
  };
  return lines[status];
}

/** A table with a header row, and a header cell in each row. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): HTMLTableElement {
  const element = document.createElement('table');
  const cell = (tag: 'th' | 'td', text: string, scope?: string): HTMLElement => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (scope !== undefined) made.setAttribute('scope', scope);
    return made;
  };
  element
    .createTHead()
    .insertRow()
    .append(...head.map((text) => cell('th', text, 'col')));
  const body = element.createTBody();
  for (const [first = '', ...rest] of rows) {
    body.insertRow().append(cell('th', first, 'row'), ...rest.map((text) => cell('td', text)));
  }
  return element;
}
