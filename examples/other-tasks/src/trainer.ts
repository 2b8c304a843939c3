// A network in training: its steps, its averages and their scores.
import {
  batchLoader,
  batchNormModel,
  modelParameters,
  tfjsBackend,
  tfjsOptimizer,
} from '@polyak/backend-tfjs';
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import { AveragedModel } from '@polyak/core';
import type * as TensorFlow from '@tensorflow/tfjs';

import type { Run } from './runs.js';
import { pick, pieces, type Samples } from './samples.js';
import { type Score, scoreOf } from './score.js';

type Tensor = TensorFlow.Tensor;
type Variable = TensorFlow.Variable;

const SCORE_BATCH = 500;

/** By average; `live` are the weights as they are. */
export type Scores = Readonly<Record<string, Score>>;

/** What an average costs. */
export interface Cost {
  /** The batches that update batch norm, for each use. */
  readonly forwardPasses: number;
  /** What the average keeps while the model trains. */
  readonly memoryBytes: number;
}

/** The network of a run. */
export interface Trainer {
  /** Takes a step; gives the mean cross-entropy of the batch before it, in nats. */
  step(batch: Samples, learningRate: number): Promise<number>;
  /** Adds the weights as they are to the averages that are due after so many steps. */
  average(step: number): Promise<void>;
  /** Scores the weights and all averages. Batch norm is updated with `batches` for each average. */
  scores(samples: Samples, batches: readonly Samples[]): Promise<Scores>;
  /** Frees everything, and gives the costs of the averages by name. */
  dispose(): Promise<Readonly<Record<string, Cost>>>;
}

/** What a trainer needs to know of the training. */
export interface TrainerOptions {
  readonly run: Run;
  /** The initial learning rate. */
  readonly lr: number;
  readonly classCount: number;
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
}

/** Trains `model`, which it then owns. */
export function createTrainer(
  tf: TensorFlowWithLayers,
  model: TensorFlow.LayersModel,
  { run, lr, classCount, stepsPerEpoch, totalSteps }: TrainerOptions,
): Trainer {
  // What `read` returns is the variable itself, whatever its type says.
  const variables = model.trainableWeights.map((weight) => weight.read() as Variable);
  const optimizer = run.createOptimizer(tf, lr);
  const parameters = modelParameters(model);
  const { paramGroups } = tfjsOptimizer(tf, optimizer, parameters);
  const averages = run.averages.map(({ rule, ...averaging }) => {
    const averaged = new AveragedModel(parameters, { backend: tfjsBackend(tf), rule });
    return { ...averaging, averaged, forwardPasses: 0 };
  });
  const batchNorm = batchNormModel(tf, model);

  const inputsOf = ({ shape, inputs, labels }: Samples): Tensor =>
    tf.tensor(inputs, [labels.length, ...shape]);

  async function score(samples: Samples): Promise<Score> {
    const probabilities = new Float32Array(samples.labels.length * classCount);
    let offset = 0;
    for (const indices of pieces([...samples.labels.keys()], SCORE_BATCH)) {
      const rows = tf.tidy(() => {
        const inputs = inputsOf(pick(samples, indices));
        return tf.softmax(model.apply(inputs, { training: false }) as Tensor);
      });
      probabilities.set(await rows.data(), offset);
      offset += rows.size;
      rows.dispose();
    }
    return scoreOf(probabilities, samples, classCount);
  }

  return {
    async step(batch, learningRate) {
      for (const group of paramGroups) group.lr = learningRate;
      const loss = tf.tidy(() => {
        const inputs = inputsOf(batch);
        const targets = tf.oneHot(tf.tensor1d(batch.labels, 'int32'), classCount);
        const { value, grads } = tf.variableGrads(() => {
          const logits = model.apply(inputs, { training: true }) as Tensor;
          return tf.losses.softmaxCrossEntropy(targets, logits);
        }, variables);
        optimizer.applyGradients(grads);
        return value;
      });
      const [lossValue = NaN] = await loss.data();
      loss.dispose();
      return lossValue;
    },
    async average(step) {
      for (const { every, from, averaged } of averages) {
        const isDue = every === 'step' || step % stepsPerEpoch === 0;
        if (isDue && step > from * totalSteps) await averaged.update();
      }
    },
    async scores(samples, batches) {
      const scores: Record<string, Score> = { live: await score(samples) };
      for (const average of averages) {
        if (average.averaged.nAvg === 0) continue;
        average.forwardPasses = 0;
        const loader = batchLoader(tf, function* () {
          for (const batch of batches) {
            average.forwardPasses += 1;
            yield inputsOf(batch);
          }
        });
        scores[average.name] = await average.averaged.withAveraged(async () => score(samples), {
          batchNorm: { model: batchNorm, loader },
        });
      }
      return scores;
    },
    async dispose() {
      const costs: Record<string, Cost> = {};
      for (const { name, averaged, forwardPasses } of averages) {
        const { numBytes } = tf.memory();
        await averaged.dispose();
        costs[name] = { forwardPasses, memoryBytes: numBytes - tf.memory().numBytes };
      }
      optimizer.dispose();
      model.dispose();
      return costs;
    },
  };
}
