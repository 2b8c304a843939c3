// The buttons, and what they say about the run.
import type { DownloadedFile, Format } from '../worker/downloads.js';
import { plans } from '../task/task.js';
import type { Trainer } from '../worker/worker.js';
import type { Page } from './page.js';
import type { Parts } from './parts.js';
import { milliseconds, percent, ruleNames, statusLine } from './words.js';

/** Enables what can be done now, and shows the state of the run. */
export function drawButtons(parts: Parts, { view, snapshots }: Page): void {
  const { status, backend, epochs, held, soup, timing, settings } = view;
  const isRunning = ['running', 'starting', 'measuring'].includes(status);
  const isIdle = status === 'paused' || status === 'finished';
  const hasAverage = epochs.at(-1)?.averages !== undefined;
  const train = parts.button('train');
  train.textContent = status === 'recorded' ? 'Train' : 'Train anew';
  train.disabled = status === 'starting';
  const pause = parts.button('pause');
  pause.textContent = status === 'paused' ? 'Resume' : 'Pause';
  pause.disabled = status !== 'running' && status !== 'paused';
  setText(parts, 'status', statusLine(status, backend));
  const failure = parts.text('failure');
  failure.hidden = status !== 'failed';
  failure.textContent = status === 'failed' ? (view.failure ?? '') : '';

  const isSwapped = held?.weights === 'average';
  const swap = parts.button('swap');
  swap.textContent = isSwapped ? 'Swap SGD back in' : 'Swap in the average';
  swap.disabled = !isIdle || !hasAverage;
  const bn = parts.button('bn');
  bn.hidden = !plans[settings.task].hasBatchNorm;
  bn.disabled = !isIdle || !isSwapped;
  parts.text('held').textContent = heldText(view, isRunning);
  parts.button('soup').disabled = !isIdle || snapshots.length === 0;
  setText(
    parts,
    'soup',
    soup === undefined
      ? ''
      : `The mean of the epochs ${soup.epochs.join(', ')} has ` +
          `${percent(soup.scores.test)} test accuracy.`,
  );
  for (const format of ['safetensors', 'tfjs'])
    parts.button(format).disabled = !isIdle || !hasAverage;
  parts.text('kept').textContent =
    view.isKept === false
      ? 'This browser does not keep the run: it is lost when the page is closed.'
      : 'The run is kept in this browser: you can close the page and resume later.';
  // On a GPU, a step returns before it is computed.
  parts.text('cost').textContent =
    timing === undefined || backend !== 'wasm'
      ? ''
      : `Averaging took ${percent(timing.update / timing.step)} of a training step: ` +
        `${milliseconds(timing.update)} of ${milliseconds(timing.step)}, three averages at once.`;
}

/** Makes the buttons work. */
export function wireButtons(
  parts: Parts,
  page: Page,
  read: () => Parameters<Trainer['start']>[0],
): void {
  const { trainer } = page;
  const on = (name: string, act: () => Promise<unknown>): void => {
    // A failure is in the view already.
    parts.button(name).addEventListener('click', () => void act().catch(() => undefined));
  };
  on('train', async () => {
    if (['controls', 'settings'].some((name) => !parts.form(name).reportValidity())) return;
    page.snapshots = [];
    await trainer.start(read());
  });
  on('pause', () => (page.view.status === 'paused' ? trainer.resume() : trainer.pause()));
  on('swap', () => trainer.swap());
  on('bn', () => trainer.updateBatchNorm());
  on('soup', () => trainer.soup(page.snapshots));
  for (const format of ['safetensors', 'tfjs'] satisfies Format[]) {
    on(format, async () => {
      for (const file of await trainer.files(format)) download(file);
    });
  }
}

function heldText({ held, epochs, controls, settings }: Page['view'], isRunning: boolean): string {
  if (isRunning) return 'It holds the weights of SGD, and trains.';
  if (held === undefined) {
    return epochs.length === 0 ? '' : 'It holds the weights of SGD. Swap, and see what changes.';
  }
  const whose = held.weights === 'live' ? 'SGD' : ruleNames[controls.rule];
  const stale =
    plans[settings.task].hasBatchNorm && !held.isBatchNormUpdated
      ? ' Its batch norm still has the statistics of SGD.'
      : '';
  return `It holds the weights of ${whose}: test accuracy ${percent(held.scores.test)}.${stale}`;
}

/** A live region speaks where its text changes, so the same text is not set again. */
function setText(parts: Parts, name: string, text: string): void {
  const element = parts.text(name);
  if (element.textContent !== text) element.textContent = text;
}

function download({ name, bytes }: DownloadedFile): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([bytes]));
  link.download = name;
  link.click();
  // Safari reads it after the click.
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
  }, 60_000);
}
