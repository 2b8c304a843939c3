// Snapshots: epochs of SGD that can be merged.
import type { Page } from './page.js';
import type { Parts } from './parts.js';

/** Epochs between two snapshots that are offered. */
const pause = 10;

/** Offers the snapshots of the run, and the epoch of the scrubber. */
export function drawSnapshots(parts: Parts, page: Page): void {
  const list = parts.list('snapshots');
  const { length } = page.view.epochs;
  const offered = new Set(page.snapshots);
  for (let epoch = pause; epoch <= length; epoch += pause) offered.add(epoch);
  if (length > 0) offered.add(page.epoch);
  const epochs = [...offered].toSorted((a, b) => a - b);
  const known = [...list.querySelectorAll('input')].map(({ value }) => Number(value));
  if (epochs.join() === known.join()) {
    for (const input of list.querySelectorAll('input')) {
      input.checked = page.snapshots.includes(Number(input.value));
    }
    return;
  }
  list.replaceChildren(...epochs.map((epoch) => chip(epoch, page)));
}

function chip(epoch: number, page: Page): HTMLLabelElement {
  const input = document.createElement('input');
  Object.assign(input, { type: 'checkbox', value: String(epoch) });
  input.checked = page.snapshots.includes(epoch);
  input.addEventListener('change', () => {
    toggle(page, epoch);
  });
  const label = document.createElement('label');
  label.append(input, ` ${epoch}`);
  return label;
}

/** A click on a point of SGD in the valley chooses it too. */
export function watchValley(parts: Parts, page: Page): void {
  parts.chart('valley').addEventListener('click', ({ target }) => {
    const { epoch } = (target as SVGElement).dataset;
    if (epoch !== undefined) toggle(page, Number(epoch));
  });
}

function toggle(page: Page, epoch: number): void {
  const others = page.snapshots.filter((other) => other !== epoch);
  const isChosen = others.length < page.snapshots.length;
  page.snapshots = (isChosen ? others : [...others, epoch]).toSorted((a, b) => a - b);
  page.draw();
}
