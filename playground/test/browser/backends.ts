// Trains on one backend of TensorFlow.js, for backends.test.ts.
import { gridPoints } from '../../src/plane/box.js';
import { weightsAt } from '../../src/plane/plane.js';
import { flattened, unflattened } from '../../src/plane/vectors.js';
import { spirals } from '../../src/task/spirals.js';
import { Explorer } from '../../src/training/explorer.js';
import { Run } from '../../src/training/run.js';
import { defaultControls, defaultSettings } from '../../src/training/settings.js';
import type { BackendName } from '../../src/view.js';
import { useBackend } from '../../src/worker/runtime.js';

/** What a backend has computed. */
export interface Computed {
  /** The loss of each step of SGD. */
  readonly losses: readonly number[];
  /** The training loss on a small grid around the start. */
  readonly grid: readonly number[];
  /** The average of the weights after every tenth step. */
  readonly average: readonly number[];
}

async function compute(backend: BackendName, steps: number): Promise<Computed> {
  await useBackend(backend);
  const settings = defaultSettings.spirals;
  const run = new Run(spirals(settings.seed, settings.noise), settings, defaultControls('spirals'));
  const explorer = new Explorer(run);
  const start = await run.live.weights.read();
  const losses: number[] = [];
  for (let step = 1; step <= steps; step += 1) {
    const loss = run.live.step(run.batch(), run.controls.rate);
    run.stepCounter += 1;
    losses.push((await loss.data())[0] ?? NaN);
    if (step % 10 === 0) await run.averaged.update();
  }
  const origin = flattened(start);
  const axis = (index: number): Float64Array => origin.map((_, n) => (n % 2 === index ? 0.5 : 0));
  const plane = { origin, x: axis(0), y: axis(1) };
  const grid: number[] = [];
  for (const point of gridPoints({ x: [-1, 1], y: [-1, 1] }, 3).flat()) {
    grid.push(await explorer.trainLoss(unflattened(weightsAt(point, plane), start)));
  }
  const average = [...flattened((await run.average()) ?? {})];
  return { losses, grid, average };
}

Object.assign(globalThis, { compute });
