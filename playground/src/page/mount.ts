// The live page: draws what the worker posts, and passes on what the visitor does.
import { proxy, wrap } from 'comlink';
import recordedUrl from '../../data/recorded.json?url';
import { loadTask } from '../task/load.js';
import type { View } from '../view.js';
import type { Trainer } from '../worker/worker.js';
import { readControls, readSettings, showControls, watchForms } from './forms.js';
import { drawFigures } from './figures.js';
import { drawButtons, wireButtons } from './buttons.js';
import type { Page } from './page.js';
import { partsOf } from './parts.js';
import { drawSeeds } from './seeds.js';
import { drawSnapshots, watchValley } from './snapshots.js';
import './style.css';
import { template } from './template.js';

/**
 * Makes the live page in an element of a document.
 *
 * @param element - becomes the page; what it holds is replaced
 * @returns ends the training and empties the element
 */
export function mount(element: HTMLElement): () => void {
  element.classList.add('polyak-playground');
  element.innerHTML = template;
  const parts = partsOf(element);
  const scrubber = parts.input('epoch');
  let isMounted = true;
  let isScheduled = false;
  let worker: Worker | undefined;
  let page: Page | undefined;
  const draw = (): void => {
    isScheduled = false;
    if (page === undefined || !isMounted) return;
    const { length } = page.view.epochs;
    scrubber.max = String(Math.max(1, length));
    scrubber.value = String(page.epoch);
    scrubber.disabled = length === 0;
    parts.text('epoch').textContent = length === 0 ? '–' : `${page.epoch} of ${length}`;
    drawButtons(parts, page);
    drawSnapshots(parts, page);
    drawFigures(parts, page);
  };
  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    requestAnimationFrame(draw);
  };
  const fail = (failure: string): void => {
    if (!isMounted) return;
    if (page !== undefined) {
      show({ status: 'failed', failure });
      return;
    }
    parts.text('failure').hidden = false;
    parts.text('failure').textContent = failure;
  };
  const loadShownTask = async (shown: Page): Promise<void> => {
    const { settings } = shown.view;
    try {
      const task = await loadTask(settings);
      if (shown.view.settings !== settings) return; // another run was started meanwhile
      shown.task = task;
      schedule();
    } catch (error) {
      fail(`The data could not be loaded: ${String(error)}`);
    }
  };
  /** Shows what has changed; the scrubber follows the run if it was at its end. */
  const show = (change: Partial<View>): void => {
    if (page === undefined || !isMounted) return;
    const followed = page.epoch >= page.view.epochs.length;
    const { settings } = page.view;
    page.view = { ...page.view, ...change };
    const { length } = page.view.epochs;
    if (followed || page.epoch > length) page.epoch = Math.max(1, length);
    if (change.settings !== undefined && change.settings !== settings) {
      page.task = undefined;
      page.snapshots = [];
      void loadShownTask(page);
    }
    if (change.controls !== undefined) showControls(parts, page.view);
    schedule();
  };

  const start = async (): Promise<void> => {
    const response = await fetch(recordedUrl);
    const view = (await response.json()) as View;
    const task = await loadTask(view.settings);
    if (!isMounted) return;
    worker = new Worker(new URL('../worker/worker.ts', import.meta.url), { type: 'module' });
    worker.addEventListener('error', ({ message }) => {
      // A worker that was not found has no message.
      fail(message ? `The worker failed: ${message}` : 'The worker could not be loaded.');
    });
    const trainer = wrap<Trainer>(worker);
    page = {
      trainer,
      view,
      task,
      epoch: view.epochs.length,
      snapshots: [],
      draw: schedule,
    };
    showControls(parts, view);
    watchForms(parts, page);
    watchValley(parts, page);
    wireButtons(parts, page, () => ({ ...readSettings(parts), controls: readControls(parts) }));
    draw();
    await Promise.all([trainer.open(proxy(show)), drawSeeds(parts)]);
  };
  scrubber.addEventListener('input', () => {
    if (page === undefined) return;
    page.epoch = Number(scrubber.value);
    schedule();
  });
  const resized = new ResizeObserver(schedule);
  resized.observe(element);
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  scheme.addEventListener('change', schedule);
  start().catch((error: unknown) => {
    fail(`The page could not start: ${String(error)}`);
  });
  return () => {
    isMounted = false;
    worker?.terminate();
    resized.disconnect();
    scheme.removeEventListener('change', schedule);
    element.replaceChildren();
  };
}
