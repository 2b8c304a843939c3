// Measures all methods of a seed whose legs have been trained, each once.
import { join } from 'node:path';

import { readLines, writeLines } from '@polyak/example-shared/json-lines';
import type { MethodKey } from '@polyak/example-shared/method-lines';

import { concatenated, sliceImages, type Images } from '../data/cifar10.js';
import { createNetwork } from '../network/network.js';
import { isTrained } from '../training/is-trained.js';
import type { Surroundings } from '../training/surroundings.js';
import type { Method } from './method.js';
import { type Bin, binsOf, type Score, scoreOf } from './score.js';
import { createWorkbench } from './workbench.js';

/** What a method came to: a line of `methods.jsonl`. */
export interface MethodLine extends MethodKey {
  /** In percent. */
  readonly accuracy: number;
  /** In nats. */
  readonly logLoss: number;
  readonly ece: number;
  readonly forwardPasses: number;
  readonly memoryBytes: number;
  readonly choice?: string;
  readonly machine: string;
  /** Of the reliability plot; only in the seed's own file for methods that are not plotted. */
  readonly bins?: readonly Bin[];
}

/** Images that methods are scored on. */
export interface Scored {
  readonly experiment: string;
  readonly images: Images;
}

/** What a measurement needs besides a seed's surroundings. */
export interface Measurement {
  readonly methods: readonly Method[];
  readonly scored: readonly Scored[];
  readonly validation: Images | undefined;
  readonly machine: string;
  /** Called with each new line. */
  readonly onLine: (line: MethodLine) => void;
}

/**
 * Measures the methods whose legs are there and that have not been measured, and writes each to the
 * seed's `methods.jsonl` at once.
 */
export async function measureSeed(
  surroundings: Surroundings,
  { methods, scored, validation, machine, onLine }: Measurement,
): Promise<void> {
  const { tf, settings, folder } = surroundings;
  const network = createNetwork(tf, settings.network, settings.seed);
  const images = concatenated(scored.map((each) => each.images));
  const workbench = createWorkbench(network, surroundings, { images, validation });
  const path = methodsFile(folder);
  const lines = [...(await readLines<MethodLine>(path))];
  const key = ({ budget, name }: Pick<Method, 'budget' | 'name'>): string => `${budget} ${name}`;
  const measured = new Set(lines.map((line) => key({ budget: line.budget, name: line.method })));
  for (const method of methods) {
    if (measured.has(key(method)) || !(await isReady(method, surroundings))) continue;
    const { probabilities, forwardPasses, choice } = await method.predict(workbench);
    let start = 0;
    for (const { experiment, images: own } of scored) {
      const score = scorePart(probabilities, images, start, own.count);
      start += own.count;
      const line: MethodLine = {
        experiment,
        budget: method.budget,
        seed: settings.seed,
        method: method.name,
        ...score,
        accuracy: rounded(100 * score.accuracy),
        logLoss: rounded(score.logLoss),
        ece: rounded(score.ece),
        forwardPasses,
        memoryBytes: method.memoryBytes(workbench),
        ...(choice !== undefined && { choice }),
        machine,
      };
      lines.push(line);
      onLine(line);
    }
    await writeLines(path, lines);
  }
  network.dispose();
}

/** Where a seed's methods are. */
export function methodsFile(folder: string): string {
  return join(folder, 'methods.jsonl');
}

function rounded(value: number): number {
  return Number(value.toFixed(6));
}

async function isReady({ needs }: Method, surroundings: Surroundings): Promise<boolean> {
  for (const { leg, epoch, of = surroundings } of needs) {
    if (!(await isTrained(leg, epoch, of))) return false;
  }
  return true;
}

function scorePart(
  probabilities: Float64Array,
  images: Images,
  start: number,
  count: number,
): Score & { readonly bins: readonly Bin[] } {
  const classes = probabilities.length / images.count;
  const own = probabilities.subarray(start * classes, (start + count) * classes);
  const { labels } = sliceImages(images, start, start + count);
  return { ...scoreOf(own, labels), bins: binsOf(own, labels) };
}
