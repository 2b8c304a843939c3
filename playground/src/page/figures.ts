// Draws a view: every figure, at the epoch of the scrubber.
import { drawDigits, rightDigits } from '../plots/digits.js';
import type { LineChart } from '../plots/line-chart.js';
import { drawLineChart } from '../plots/line-chart.js';
import { drawRegions } from '../plots/regions.js';
import { drawValley } from '../plots/valley.js';
import { shownDigits } from '../task/pictures.js';
import type { Task } from '../task/task.js';
import { plans } from '../task/task.js';
import type { View } from '../view.js';
import type { Parts } from './parts.js';
import { percent, ruleNames, table } from './words.js';

/** What the page shows of a view. */
export interface Shown {
  readonly view: View;
  readonly task: Task | undefined;
  /** The epoch of the scrubber, from 1 on. */
  readonly epoch: number;
  readonly snapshots: readonly number[];
}

/** Draws everything. */
export function drawFigures(parts: Parts, shown: Shown): void {
  parts.text('rule-name').textContent = ruleNames[shown.view.controls.rule];
  drawAccuracies(parts, shown);
  drawPath(parts, shown);
  drawPictures(parts, shown);
  drawFlatness(parts, shown.view);
}

function drawAccuracies(parts: Parts, { view, epoch }: Shown): void {
  const { epochs, controls, settings } = view;
  const averageName = ruleNames[controls.rule];
  const chart: Omit<LineChart, 'lines' | 'yRange' | 'yTicks'> = {
    x: Array.from({ length: plans[settings.task].epochs }, (_, index) => index + 1),
    xLabel: 'epoch',
    xTicks: [1, 20, 40, 60, 80, 100, 120],
    format: (value) => `${Math.round(100 * value)} %`,
    marked: epoch - 1,
    from: { x: controls.swaStart, label: 'averaging' },
  };
  for (const part of ['test', 'train'] as const) {
    const lines: LineChart['lines'] = [
      { kind: 'live', values: epochs.map(({ live }) => live[part]) },
      { kind: 'decayed', values: epochs.map(({ decayed }) => decayed[part]) },
      { kind: 'average', values: epochs.map(({ averages }) => averages?.[controls.rule][part]) },
    ];
    const root = parts.chart(part);
    drawLineChart(root, { ...chart, lines, ...rangeOf(lines.flatMap(({ values }) => values)) });
    const [live, decayed, average] = lines.map(({ values }) => values[epoch - 1]);
    const said = [
      `SGD ${percent(live ?? NaN)}`,
      `SGD with a falling rate ${percent(decayed ?? NaN)}`,
      average === undefined ? 'no average yet' : `${averageName} ${percent(average)}`,
    ];
    root.setAttribute('aria-label', `${part} accuracy at epoch ${epoch}: ${said.join(', ')}`);
  }
  const rows = epochs.filter((_, index) => (index + 1) % 10 === 0 || index === epoch - 1);
  const cells = rows.map(({ epoch: number, live, decayed, averages }) => {
    const average = averages?.[controls.rule];
    const scores = [
      live.test,
      decayed.test,
      average?.test,
      live.train,
      decayed.train,
      average?.train,
    ];
    return [String(number), ...scores.map((score) => (score === undefined ? '–' : percent(score)))];
  });
  const names = ['SGD', 'falling rate', averageName];
  const head = [
    'epoch',
    ...names.map((name) => `${name}, test`),
    ...names.map((name) => `${name}, training`),
  ];
  parts.table('accuracy').replaceChildren(table(head, cells));
}

/** The range of accuracies, without the steep first epochs. */
function rangeOf(values: readonly (number | undefined)[]): Pick<LineChart, 'yRange' | 'yTicks'> {
  const sorted = values.filter((value) => value !== undefined).toSorted((a, b) => a - b);
  const low = sorted[Math.floor(sorted.length * 0.04)] ?? 0;
  const least = Math.floor(10 * low) / 10;
  const top = Math.min(1, Math.ceil(10 * ((sorted.at(-1) ?? 1) + 0.02)) / 10);
  const count = Math.round(10 * (top - least));
  const step = count > 5 ? 0.2 : 0.1;
  const ticks = Array.from({ length: 11 }, (_, index) => top - step * index);
  return { yRange: [least, top], yTicks: ticks.filter((tick) => tick >= least - 1e-9) };
}

function drawPath(parts: Parts, { view, epoch, snapshots }: Shown): void {
  const root = parts.chart('valley');
  const { valley, soup, controls } = view;
  const name = ruleNames[controls.rule];
  if (valley === undefined) {
    root.replaceChildren();
    const hint = 'The valley is drawn once there is an average to put into its middle.';
    root.setAttribute('aria-label', hint);
    parts.text('valley').textContent = hint;
    return;
  }
  drawValley(root, { valley, epoch, snapshots, soup });
  const [, up] = spread(valley.live.slice(-valley.average.length));
  const [, averageUp] = spread(valley.average.slice(valley.average.length / 2));
  const text =
    'Loss on the training data: the greener, the lower. Across: the drift of the path. ' +
    `Up: its bounce. Since averaging began, SGD has moved over ${up.toFixed(2)} up and down; ` +
    `${name}, in the second half of that, over ${averageUp.toFixed(2)}.`;
  root.setAttribute('aria-label', text);
  parts.text('valley').textContent = text;
}

function spread(points: readonly (readonly [number, number])[]): [number, number] {
  const range = (values: number[]): number => Math.max(...values) - Math.min(...values);
  return [range(points.map(([x]) => x)), range(points.map(([, y]) => y))];
}

function drawPictures(parts: Parts, { view, task, epoch }: Shown): void {
  const record = view.epochs[epoch - 1];
  for (const kind of ['live', 'average'] as const) {
    const canvas = parts.canvas(kind);
    const caption = parts.text(kind);
    const predictions = record?.predictions[kind];
    const scores = kind === 'live' ? record?.live : record?.averages?.[view.controls.rule];
    canvas.hidden = predictions === undefined || task === undefined;
    if (predictions === undefined || task === undefined || scores === undefined) {
      const { swaStart } = view.controls;
      caption.textContent = `No average yet: averaging starts after epoch ${swaStart}.`;
      continue;
    }
    if (task.name === 'spirals') drawRegions(canvas, predictions, task);
    else drawDigits(canvas, predictions, task);
    const text =
      `Epoch ${epoch}: ${percent(scores.test)} of the test data are right. ` +
      (task.name === 'spirals'
        ? 'Marks: the training data, wrong labels included.'
        : `Of these ${shownDigits} test digits: ${rightDigits(predictions, task)}.`);
    caption.textContent = text;
    canvas.setAttribute('aria-label', text);
  }
}

function drawFlatness(parts: Parts, { flatness, controls }: View): void {
  const root = parts.chart('flatness');
  const caption = parts.text('flatness');
  if (flatness === undefined) {
    root.replaceChildren();
    root.setAttribute('aria-label', 'No flatness yet.');
    caption.textContent = 'Measured at the end of the run.';
    parts.table('flatness').replaceChildren();
    return;
  }
  const { radii, live, decayed, average } = flatness;
  const top = Math.ceil(2 * Math.max(...live, ...decayed, ...average)) / 2;
  drawLineChart(root, {
    x: radii,
    xLabel: 'distance along random directions',
    xTicks: radii.filter((_, index) => index % 2 === 0),
    lines: [
      { kind: 'live', values: live },
      { kind: 'decayed', values: decayed },
      { kind: 'average', values: average },
    ],
    yRange: [0, top],
    yTicks: Array.from({ length: 2 * top + 1 }, (_, index) => index / 2),
    format: (value) => value.toFixed(1),
  });
  const middle = Math.floor((2 * radii.length) / 3);
  const at = (losses: readonly number[]): string => (losses[middle] ?? NaN).toFixed(2);
  const text =
    `Test loss around the last weights, mean of 10 random directions. At distance ` +
    `${radii[middle] ?? NaN}: SGD ${at(live)}, SGD with a falling rate ${at(decayed)}, ` +
    `${ruleNames[controls.rule]} ${at(average)}.`;
  caption.textContent = text;
  root.setAttribute('aria-label', text);
  const rows = radii.map((radius, index) => [
    String(radius),
    ...[live, decayed, average].map((losses) => (losses[index] ?? NaN).toFixed(3)),
  ]);
  const head = ['distance', 'SGD', 'falling rate', ruleNames[controls.rule]];
  parts.table('flatness').replaceChildren(table(head, rows));
}
