// A run: SGD at a constant rate, its averages, and for comparison SGD whose rate falls.
import type { NamedTensors, StateTree } from '@polyak/core';
import { AveragedModel } from '@polyak/core';
import { recordOf } from '@polyak/core/interfaces';
import { tfjsBackend } from '@polyak/backend-tfjs';
import { mulberry32, shuffledIndices } from '@polyak/example-mnist/random';
import { swaPaperLr } from '@polyak/schedules';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Task, TaskPlan } from '../task/task.js';
import { plans, stepsPerEpoch } from '../task/task.js';
import { createNetwork } from './networks.js';
import { rules } from './rules.js';
import type { DeviceExamples } from './scores.js';
import { onDevice } from './scores.js';
import type { Controls, Settings } from './settings.js';
import { Timing } from './timing.js';
import * as tf from '@tensorflow/tfjs-core';
import { Trainee } from './trainee.js';

/** Two networks that start from the same weights and see the same batches, and the averages. */
export class Run {
  readonly settings: Settings;
  readonly task: Task;
  readonly plan: TaskPlan;
  readonly epochSteps: number;
  readonly train: DeviceExamples;
  readonly test: DeviceExamples;
  readonly live: Trainee;
  readonly decayed: Trainee;
  readonly timing = new Timing();
  readonly #backend = tfjsBackend(tf);
  averaged: AveragedModel<Tensor>;
  stepCounter = 0;
  #controls: Controls;

  constructor(task: Task, settings: Settings, controls: Controls) {
    this.task = task;
    this.settings = settings;
    this.plan = plans[task.name];
    this.epochSteps = stepsPerEpoch(task.name);
    this.train = onDevice(task.train, task);
    this.test = onDevice(task.test, task);
    this.live = new Trainee(createNetwork(task.name, settings.seed), this.train, this.#backend);
    this.decayed = new Trainee(createNetwork(task.name, settings.seed), this.train, this.#backend);
    this.averaged = this.#newAverages();
    this.#controls = controls;
  }

  get controls(): Controls {
    return this.#controls;
  }

  get epoch(): number {
    return Math.floor(this.stepCounter / this.epochSteps);
  }

  get isFinished(): boolean {
    return this.epoch >= this.plan.epochs;
  }

  /**
   * Changes the controls between two steps. A new start makes new averages; one that has passed is
   * moved to the end of this epoch.
   */
  async change(controls: Controls): Promise<void> {
    if (controls.swaStart === this.#controls.swaStart) {
      this.#controls = controls;
      return;
    }
    const earliest = Math.ceil(this.stepCounter / this.epochSteps);
    await this.averaged.dispose();
    this.averaged = this.#newAverages();
    this.#controls = { ...controls, swaStart: Math.max(controls.swaStart, earliest) };
  }

  /** Makes one step with both networks, and updates the averages where it is their turn. */
  async step(): Promise<void> {
    const { rate, swaStart, swaFreq } = this.#controls;
    const { batch, loss } = this.timing.step(() => {
      const next = this.batch();
      return { batch: next, loss: this.live.step(next, rate) };
    });
    const other = this.decayed.step(batch, rate * this.#decay(this.stepCounter));
    this.stepCounter += 1;
    const sinceStart = this.stepCounter - swaStart * this.epochSteps;
    if (sinceStart > 0 && sinceStart % swaFreq === 0) {
      await this.timing.update(() => this.averaged.update());
    }
    tf.dispose([loss, other, batch.inputs, batch.labels]);
  }

  /** All that is needed to go on later. */
  async stateDict(): Promise<StateTree> {
    return {
      settings: this.settings,
      controls: this.#controls,
      stepCounter: this.stepCounter,
      live: await this.live.stateDict(),
      decayed: await this.decayed.stateDict(),
      averaged: await this.averaged.stateDict(),
    };
  }

  /** Goes on from a state of a run with the same settings. */
  async loadStateDict(state: StateTree): Promise<void> {
    const { controls, stepCounter, live, decayed, averaged } = recordOf(state);
    this.#controls = controls as Controls;
    this.stepCounter = Number(stepCounter);
    await this.live.loadStateDict(live ?? null);
    await this.decayed.loadStateDict(decayed ?? null);
    await this.averaged.loadStateDict(averaged ?? null);
  }

  /** The average that is shown; none before the first update. */
  async average(): Promise<NamedTensors | undefined> {
    if (this.averaged.nAvg === 0) return undefined;
    const { averages } = await this.averaged.stateDict();
    return averages[this.#controls.rule]?.swaState;
  }

  async dispose(): Promise<void> {
    await this.averaged.dispose();
    this.live.dispose();
    this.decayed.dispose();
    tf.dispose([this.train, this.test].flatMap(({ inputs, labels }) => [inputs, labels]));
  }

  #newAverages(): AveragedModel<Tensor> {
    return new AveragedModel(this.live.parameters, { backend: this.#backend, averages: rules });
  }

  /** The next batch, which the caller disposes of. The number of an epoch decides its order. */
  batch(): DeviceExamples {
    const { batchSize } = this.plan;
    const random = mulberry32(this.settings.seed * 2 ** 16 + this.epoch);
    const first = (this.stepCounter % this.epochSteps) * batchSize;
    const rows = shuffledIndices(this.task.train.count, random).subarray(first, first + batchSize);
    return tf.tidy(() => {
      const indices = tf.tensor1d(Int32Array.from(rows), 'int32');
      return {
        inputs: tf.gather(this.train.inputs, indices),
        labels: tf.gather(this.train.labels, indices),
      };
    });
  }

  /** The share of the rate with which the network for comparison makes a step. */
  #decay(step: number): number {
    const totalSteps = this.plan.epochs * this.epochSteps;
    return swaPaperLr({ lr: 1, finalLr: 0.01, totalSteps })(step);
  }
}
