// The forms: what a visitor decides for a new run, and while a run goes on.
import type { RuleName } from '../training/rules.js';
import { defaultControls, defaultSettings } from '../training/settings.js';
import type { Controls, Settings } from '../training/settings.js';
import type { TaskName } from '../task/task.js';
import { stepsPerEpoch } from '../task/task.js';
import type { BackendName, View } from '../view.js';
import type { Page } from './page.js';
import type { Parts } from './parts.js';

/** The controls in the form. */
export function readControls(parts: Parts): Controls {
  const data = new FormData(parts.form('controls'));
  return {
    rate: Number(data.get('rate')),
    swaStart: Number(data.get('swaStart')),
    swaFreq: Number(data.get('swaFreq')),
    rule: data.get('rule') as RuleName,
  };
}

/** The settings in the form. */
export function readSettings(parts: Parts): { settings: Settings; backend: BackendName } {
  const data = new FormData(parts.form('settings'));
  return {
    settings: {
      task: data.get('task') as TaskName,
      noise: Number(data.get('noise')),
      seed: Number(data.get('seed')),
    },
    backend: data.get('backend') as BackendName,
  };
}

/** Puts the settings and controls of a run into the forms. */
export function showControls(parts: Parts, view: View): void {
  const { settings, controls, backend } = view;
  fill(parts.form('settings'), { ...settings, backend });
  offerFrequencies(parts, settings.task);
  fill(parts.form('controls'), controls);
}

/** Passes changes on to the run, and offers what suits the task that is chosen. */
export function watchForms(parts: Parts, page: Page): void {
  const controls = parts.form('controls');
  controls.addEventListener('change', () => {
    if (!controls.reportValidity()) return;
    const changed = readControls(parts);
    const isOwn = page.view.status !== 'recorded' && page.view.status !== 'failed';
    // A failure is in the view already.
    if (isOwn) page.trainer.change(changed).catch(() => undefined);
    else {
      page.view = { ...page.view, controls: { ...page.view.controls, rule: changed.rule } };
      page.draw();
    }
  });
  const settings = parts.form('settings');
  settings.addEventListener('change', ({ target }) => {
    if ((target as HTMLSelectElement).name !== 'task') return;
    const { task } = readSettings(parts).settings;
    fill(settings, defaultSettings[task]);
    offerFrequencies(parts, task);
    fill(controls, defaultControls(task));
  });
  for (const form of [controls, settings]) {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
    });
  }
}

function fill(form: HTMLFormElement, values: Readonly<Record<string, number | string>>): void {
  for (const [name, value] of Object.entries(values)) {
    const input = form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement;
    input.value = String(value);
  }
}

function offerFrequencies(parts: Parts, task: TaskName): void {
  const steps = stepsPerEpoch(task);
  const choices: [number, string][] = [
    [1, 'after every step'],
    [Math.round(steps / 3), 'three times an epoch'],
    [steps, 'after every epoch'],
    [5 * steps, 'after every 5 epochs'],
  ];
  const select = parts.form('controls').elements.namedItem('swaFreq') as HTMLSelectElement;
  select.replaceChildren(...choices.map(([value, text]) => new Option(text, String(value))));
}
