// What the pages know of each measure: its name in tables, its digits, and which way is better.
import { Failure } from '../failure.js';

/** How a measure is written. */
export interface Metric {
  /** Its key in the lines. */
  readonly key: string;
  readonly label: string;
  /** A cost is no measure of quality: it has a mean, but no difference. */
  readonly better: 'higher' | 'lower' | 'cost';
  readonly digits: number;
  /** What one unit of the table is in the lines' unit. */
  readonly scale: number;
}

const METRICS: readonly Metric[] = [
  { key: 'accuracy', label: 'accuracy in %', better: 'higher', digits: 2, scale: 1 },
  { key: 'iou', label: 'intersection over union', better: 'higher', digits: 4, scale: 1 },
  { key: 'logLoss', label: 'log-loss in nats', better: 'lower', digits: 3, scale: 1 },
  { key: 'ece', label: 'calibration error', better: 'lower', digits: 3, scale: 1 },
  { key: 'rmse', label: 'root mean square error', better: 'lower', digits: 3, scale: 1 },
  { key: 'forwardPasses', label: 'forward passes', better: 'cost', digits: 0, scale: 1 },
  { key: 'memoryBytes', label: 'memory in KiB', better: 'cost', digits: 0, scale: 1024 },
];

/** The measure with a key. */
export function metricOf(key: string): Metric {
  const metric = METRICS.find((known) => known.key === key);
  if (metric !== undefined) return metric;
  const known = METRICS.map(({ key: name }) => name).join(', ');
  throw new Failure(`No measure is called "${key}"; there are ${known}. Add it to metrics.ts.`);
}

/** A value as tables write it. */
export function formatValue(value: number, { digits, scale }: Metric): string {
  return (value / scale).toFixed(digits);
}

/** A difference, with its sign. */
export function formatSigned(value: number, metric: Metric): string {
  const text = formatValue(value, metric);
  return text.startsWith('-') ? text : `+${text}`;
}

/** Whether a difference to the baseline is for the better. */
export function isBetter(difference: number, { better }: Metric): boolean {
  return better === 'higher' ? difference > 0 : difference < 0;
}
