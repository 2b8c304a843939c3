// What the demo runs and what comes out: the types between the training, the terminal and the
// report.

import type { TensorFlowBackendName } from '@polyak/example-shared/load-tfjs';

/** A runtime to ask for: one of TensorFlow.js, ONNX Runtime, or gpu.js. */
export type BackendName = TensorFlowBackendName | 'onnx' | 'gpujs';

/** What to run. */
export interface RunOptions {
  /**
   * Decides the training images, the initial weights and the order of the batches; 0 to 4294967295.
   */
  readonly seed: number;
  /** Passes over the training images, from 1. */
  readonly epochs: number;
  /** The runtime asked for; {@link RunSettings.backend} is the one that really ran. */
  readonly backend: BackendName;
  /** The images to train on, drawn by the seed from the 60,000 that MNIST has for it. */
  readonly trainImages: number;
  /** The absolute path of the folder to write into. */
  readonly output: string;
}

/** What a model is worth on the test images. */
export interface Score {
  /** The test accuracy, from 0 to 1. */
  readonly accuracy: number;
  /** The mean cross-entropy, in nats. */
  readonly loss: number;
}

/** The state of a run at one moment. Taking it leaves no trace in the training. */
export interface Measurement {
  /** The epochs trained so far: a whole number at the end of an epoch, a fraction within one. */
  readonly epoch: number;
  /** The learning rate of the step just taken. */
  readonly learningRate: number;
  /** The mean training loss of the steps since the measurement before, in nats. */
  readonly trainLoss: number;
  /** The weights that the optimizer moves. */
  readonly live: Score;
  /** What is known of the averages; absent in plain SGD, and before the first update. */
  readonly averaged?: AveragedMeasurement;
}

/** The averaged weights at one moment. */
export interface AveragedMeasurement {
  /** With batch-norm statistics updated for the averaged weights. */
  readonly score: Score;
  /** ‖averaged − live‖₂ / ‖live‖₂ over all trained parameters together. */
  readonly distance: number;
}

/** How a run is trained. Both runs share everything else. */
export interface Recipe {
  readonly initialLearningRate: number;
  /** Reached at 90 % of the run; see `swaPaperLr`. */
  readonly finalLearningRate: number;
  /** Where weights are averaged: after which step, and every how many steps from then on. */
  readonly averaging?: { readonly startStep: number; readonly everySteps: number };
}

/** One training from start to end. */
export interface TrainingRun {
  readonly name: 'SGD' | 'SWA';
  readonly recipe: Recipe;
  /** The learning rate of each step, in order. */
  readonly learningRates: readonly number[];
  /** In order of time, the last one at the end of the run. */
  readonly measurements: readonly Measurement[];
  /** Wall-clock time, the measurements included. */
  readonly seconds: number;
}

/** What both runs share, as it really was. */
interface RunSettings {
  /** What computed, as the Polyak backend names it: 'tfjs:wasm', 'onnx:cpu'. */
  readonly backend: string;
  readonly batchSize: number;
  readonly stepsPerEpoch: number;
  readonly momentum: number;
  readonly trainImages: number;
  readonly testImages: number;
  /** Versions by name, as in `{ node: '20.20.2', '@tensorflow/tfjs': '4.22.0' }`. */
  readonly versions: Readonly<Record<string, string>>;
}

/** The models compared at the end, on all test images. */
export interface FinalScores {
  /** The last weights of plain SGD. */
  readonly sgd: Score;
  /** The averaged weights with the batch-norm statistics that training left. */
  readonly swaOldStatistics: Score;
  /** The averaged weights with batch-norm statistics updated for them. */
  readonly swaUpdatedStatistics: Score;
}

/** Everything that the terminal and the report show. */
export interface RunResult {
  readonly options: RunOptions;
  readonly settings: RunSettings;
  readonly sgd: TrainingRun;
  readonly swa: TrainingRun;
  readonly final: FinalScores;
  /** Wall-clock time of the whole, in seconds. */
  readonly seconds: number;
}

/** One step of training. */
interface StepReport {
  /** Counted from 1 over the whole run. */
  readonly step: number;
  /** The loss of this step's batch, in nats. */
  readonly loss: number;
  readonly learningRate: number;
}

/** Watches a run, synchronously and without a say in it. */
export interface Observer {
  /** Something worth a line: the runtime chosen and why, a phase without steps. */
  note(text: string): void;
  startRun(run: {
    readonly name: TrainingRun['name'];
    readonly epochs: number;
    readonly stepsPerEpoch: number;
  }): void;
  step(report: StepReport): void;
  measure(measurement: Measurement): void;
  endRun(run: TrainingRun): void;
}

/**
 * Trains both runs from the same initial weights on the same batches in the same order, plain SGD
 * first, and scores the models at the end. Writes the SWA state and the averaged model into
 * `options.output`.
 */
export type TrainBoth = (options: RunOptions, observer: Observer) => Promise<RunResult>;
