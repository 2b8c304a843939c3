// The training loop: SGD with momentum, a cyclical learning rate that is set after each step, and
// averaging by hand at the bottom of each cycle.
import {
  modelParameters,
  tfjsBackend,
  tfjsOptimizer,
  variableParameters,
} from '@polyak/backend-tfjs';
import { SWA } from '@polyak/core';
import { isRateMinimum, Snapshots } from '@polyak/ensemble';
import { mulberry32 } from '@polyak/example-mnist/random';
import { cyclicLr } from '@polyak/schedules/cyclic';
import type * as TensorFlow from '@tensorflow/tfjs';
import { shuffledBatches } from './batches.js';
import { lossOf } from './model.js';
import type { Unet } from './model.js';
import type { Pictures } from './pictures/pictures.js';
import { cycleSteps, MOMENTUM, totalSteps } from './settings.js';
import type { Settings } from './settings.js';

type Tensor = TensorFlow.Tensor;

/** What the loop keeps. */
export interface Kept {
  /** The average of the weights at the bottoms of the last cycles. */
  readonly swa: SWA<Tensor>;
  /** Those weights, each with its running batch-norm statistics. */
  readonly snapshots: Snapshots<Tensor>;
  /** Frees both, and the optimizer. The model keeps the weights that it holds. */
  dispose(): Promise<void>;
}

/** What follows the training. */
export interface Observer {
  onStep(step: number, loss: number): void;
  /** Called at the bottom of each cycle, after the weights were averaged and kept. */
  onCycle(cycle: number, kept: Kept): Promise<void>;
}

/**
 * Trains the network.
 *
 * @returns the averages and the snapshots, for the caller to dispose of
 */
export async function train(
  model: Unet,
  pictures: Pictures,
  settings: Settings,
  observer: Observer,
): Promise<Kept> {
  const { tf, layers } = model;
  const { seed, batchSize, baseLr, maxLr, cycles, members } = settings;
  const stepSizeUp = Math.floor(cycleSteps(settings) / 2);
  const stepSizeDown = cycleSteps(settings) - stepSizeUp;
  const schedule = cyclicLr({ baseLr, maxLr, stepSizeUp, stepSizeDown });
  const optimizer = tf.train.momentum(schedule(0), MOMENTUM);
  const [parameters, backend] = [modelParameters(layers), tfjsBackend(tf)];
  const swa = new SWA(tfjsOptimizer(tf, optimizer, parameters), { backend });
  const snapshots = new Snapshots([...parameters, ...runningStatistics(layers)], {
    backend,
    store: 'device',
    limit: members,
  });
  const kept: Kept = {
    swa,
    snapshots,
    async dispose() {
      await snapshots.dispose();
      await swa.dispose(swa.isSwapped ? { keep: 'averages' } : {});
      optimizer.dispose();
    },
  };

  let cycle = 0;
  const batches = shuffledBatches(pictures, batchSize, mulberry32(seed));
  for (let step = 0; step < totalSteps(settings); step += 1) {
    const batch = batches.next().value;
    const loss = await swa.step(async () => minimize(optimizer, () => lossOf(model, batch)));
    observer.onStep(step + 1, loss ?? NaN);
    for (const group of swa.paramGroups) group.lr = schedule(group.stepCounter);

    if (!isRateMinimum(schedule, step)) continue;
    cycle += 1;
    if (cycle > cycles - members) await swa.updateSwa();
    await snapshots.take();
    await observer.onCycle(cycle, kept);
  }
  return kept;
}

async function minimize(
  optimizer: TensorFlow.Optimizer,
  loss: () => TensorFlow.Scalar,
): Promise<number> {
  const cost = optimizer.minimize(loss, true);
  const [value = NaN] = (await cost?.data()) ?? [];
  cost?.dispose();
  return value;
}

/** The running statistics of batch norm, which are weights that are not trained. */
function runningStatistics(layers: TensorFlow.LayersModel): ReturnType<typeof variableParameters> {
  return variableParameters(
    Object.fromEntries(
      layers.nonTrainableWeights.map((weight) => [
        weight.originalName,
        // What `read` returns is the variable itself, whatever its type says.
        weight.read() as TensorFlow.Variable,
      ]),
    ),
  );
}
