// The run that a page controls.
import type { NamedTensors } from '@polyak/core';
import { bnUpdate } from '@polyak/core';
import { Soup } from '@polyak/ensemble';
import type { Plane } from '../plane/plane.js';
import { projected } from '../plane/plane.js';
import { flattened } from '../plane/vectors.js';
import type { Task } from '../task/task.js';
import type { Visited } from '../training/epoch.js';
import { epochOf, visitedBy } from '../training/epoch.js';
import { Explorer } from '../training/explorer.js';
import { Run } from '../training/run.js';
import { scoresOf } from '../training/scores.js';
import type { Controls, Settings } from '../training/settings.js';
import { flatnessOf, surface, valleyOf } from '../training/valley.js';
import type { BackendName, View } from '../view.js';

/** How far the valley is refined. */
const coarse = { sizes: [8, 24], budget: 300 } as const;
const fine = { sizes: [12, 60], budget: 2500 } as const;
/** Epochs between two drawings of the valley while a run goes on. */
const redrawn = 20;

/** What happens around a session: where its views go, and how fast it runs. */
export interface Surroundings {
  readonly post: (change: Partial<View>) => void;
  /** Waits between two steps, so that messages are read. */
  readonly rest: (epochSteps: number) => Promise<void>;
  /** Saves the session; after an epoch that is not the last one, only where it has been a while. */
  readonly save: (saved: () => Promise<Saved>, isDue: boolean) => Promise<void>;
}

/** A session that can go on after the page was closed. */
export interface Saved {
  readonly view: View;
  readonly visited: readonly Visited[];
  readonly run: Awaited<ReturnType<Run['stateDict']>>;
}

/** A run, what it has visited, and its view. */
export class Session {
  readonly run: Run;
  readonly #explorer: Explorer;
  readonly #surroundings: Surroundings;
  #visited: Visited[] = [];
  #plane: Plane | undefined;
  #view: View;
  #isPaused = true;
  #isTraining = false;
  #isDisposed = false;
  #training: Promise<void> = Promise.resolve();
  #statistics: NamedTensors = {};
  /** Calls wait for each other: a step and a swap must not overlap. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    task: Task,
    input: { settings: Settings; controls: Controls; backend: BackendName },
    surroundings: Surroundings,
  ) {
    this.run = new Run(task, input.settings, input.controls);
    this.#explorer = new Explorer(this.run);
    this.#surroundings = surroundings;
    this.#view = { ...input, status: 'starting', epochs: [] };
  }

  get view(): View {
    return this.#view;
  }

  /** Trains until the end of the run, or until `pause`. A second call joins the first. */
  train(): Promise<void> {
    if (this.run.isFinished) return this.#training;
    this.#isPaused = false;
    if (!this.#isTraining) this.#training = this.#train();
    return this.#training;
  }

  async #train(): Promise<void> {
    this.#isTraining = true;
    try {
      await this.#steps();
    } finally {
      this.#isTraining = false;
    }
    if (this.run.isFinished) await this.#finish();
    else this.#post({ status: 'paused' });
    await this.#surroundings.save(() => this.saved(), true);
  }

  async #steps(): Promise<void> {
    await this.#inTurn(() => this.#holdLive());
    this.#post({ status: 'running', soup: undefined });
    while (!this.#isPaused && !this.run.isFinished) {
      await this.#inTurn(() => this.run.step());
      if (this.run.stepCounter % this.run.epochSteps === 0) {
        await this.#inTurn(() => this.#epoch());
        await this.#surroundings.save(() => this.saved(), false);
      }
      await this.#surroundings.rest(this.run.epochSteps);
    }
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** Changes the controls between two steps. After the last step the averages stay as they are. */
  change(controls: Controls): Promise<void> {
    return this.#inTurn(async () => {
      const { rule, swaStart } = this.run.controls;
      if (this.run.isFinished) await this.run.change({ ...controls, swaStart });
      else if (controls.swaStart === swaStart) await this.run.change(controls);
      else {
        await this.#holdLive();
        await this.run.change(controls);
        this.#forgetAverages();
      }
      this.#post({ controls: this.run.controls });
      if (controls.rule !== rule && this.#isPaused) await this.#showRule();
    });
  }

  /** Exchanges the weights of the network and the average, without a batch-norm update. */
  swap(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.run.averaged.isSwapped) return this.#holdLive();
      this.#statistics = await this.run.live.batchNorm.read();
      await this.run.averaged.swap({ average: this.run.controls.rule });
      return this.#postHeld('average', !this.run.live.batchNorm.isPresent);
    });
  }

  /** Gives the batch norm the statistics of the weights that the network holds. */
  updateBatchNorm(): Promise<void> {
    return this.#inTurn(async () => {
      const { loader, model } = this.run.live.batchNorm;
      await bnUpdate(loader, model);
      await this.#postHeld(this.run.averaged.isSwapped ? 'average' : 'live', true);
    });
  }

  /** Scores the mean of the weights after some epochs. */
  soup(epochs: readonly number[]): Promise<void> {
    return this.#inTurn(async () => {
      await this.#holdLive();
      const soup = new Soup();
      for (const epoch of epochs) {
        const weights = this.#visited[epoch - 1]?.live;
        if (weights !== undefined) soup.add(weights);
      }
      const weights = soup.mean();
      const scores = await this.#explorer.scores(weights);
      const point = this.#plane && projected(flattened(weights), this.#plane);
      this.#post({ soup: { epochs, scores, ...(point && { point }) } });
    });
  }

  /** Runs `save` while the network holds the average, with batch norm updated for it. */
  withAverage<R>(save: () => Promise<R>): Promise<R> {
    return this.#inTurn(async () => {
      await this.#holdLive();
      const options = { average: this.run.controls.rule, ...this.run.live.batchNorm.options };
      return this.run.averaged.withAveraged(save, options);
    });
  }

  /** All that is needed to go on later. */
  async saved(): Promise<Saved> {
    return this.#inTurn(async () => ({
      view: { ...this.#view, status: this.run.isFinished ? 'finished' : 'paused', held: undefined },
      visited: this.#visited,
      run: await this.run.stateDict(),
    }));
  }

  /** Goes on from what was saved. */
  async restore({ view, visited, run }: Saved): Promise<void> {
    await this.run.loadStateDict(run);
    this.#visited = [...visited];
    this.#plane = valleyOf(visited)?.plane;
    this.#post(view);
  }

  async dispose(): Promise<void> {
    this.pause();
    this.#isDisposed = true;
    await this.#training.catch(() => undefined); // whoever trains is told
    await this.#inTurn(async () => {
      await this.#holdLive();
      this.#explorer.dispose();
      await this.run.dispose();
    });
  }

  async #epoch(): Promise<void> {
    const epoch = await epochOf(this.run, this.#explorer);
    this.#visited.push(await visitedBy(this.run));
    const timing = this.run.timing.perStep;
    this.#post({ epochs: [...this.#view.epochs, epoch], timing });
    if (!this.run.isFinished && epoch.epoch % redrawn === 0) await this.#drawValley(coarse);
  }

  async #finish(): Promise<void> {
    this.#isPaused = true;
    this.#post({ status: 'measuring' });
    await this.#inTurn(() => this.#drawEnd());
    this.#post({ status: 'finished' });
  }

  async #drawEnd(): Promise<void> {
    await this.#drawValley(fine);
    const last = this.#visited.at(-1);
    if (last === undefined || this.#isDisposed) return;
    const flat = await flatnessOf(this.#explorer, last, this.run.plan.radius);
    this.#post({ flatness: flat });
  }

  async #drawValley(detail: typeof coarse | typeof fine): Promise<void> {
    const valley = valleyOf(this.#visited, this.#plane);
    const like = this.#visited[0]?.live;
    if (valley === undefined || like === undefined) return;
    this.#plane = valley.plane;
    for await (const view of surface(this.#explorer, { ...valley, like, ...detail })) {
      if (this.#isDisposed) return;
      this.#post({ valley: view });
    }
  }

  /** Forgets the averages so far: those that come next have another start. */
  #forgetAverages(): void {
    this.#visited = this.#visited.map((visited) => ({ ...visited, average: null }));
    this.#plane = undefined;
    const epochs = this.#view.epochs.map(({ epoch, rate, live, decayed, predictions }) => {
      return { epoch, rate, live, decayed, predictions: { live: predictions.live } };
    });
    this.#post({ epochs, valley: undefined, soup: undefined });
  }

  /** Draws the end of the run anew with the average that was chosen. */
  async #showRule(): Promise<void> {
    await this.#holdLive();
    if (this.#visited.length === 0) return;
    const epoch = await epochOf(this.run, this.#explorer);
    this.#visited[this.#visited.length - 1] = await visitedBy(this.run);
    this.#post({ epochs: [...this.#view.epochs.slice(0, -1), epoch] });
    if (this.run.isFinished) await this.#drawEnd();
  }

  async #holdLive(): Promise<void> {
    if (this.run.averaged.isSwapped) {
      await this.run.averaged.swap();
      await this.run.live.batchNorm.write(this.#statistics);
    }
    if (this.#view.held !== undefined) await this.#postHeld('live', true);
  }

  async #postHeld(weights: 'live' | 'average', isBatchNormUpdated: boolean): Promise<void> {
    const { live, train, test } = this.run;
    const scores = await scoresOf(live.model, train, test);
    this.#post({ held: { weights, isBatchNormUpdated, scores } });
  }

  #post(change: Partial<View>): void {
    this.#view = { ...this.#view, ...change };
    this.#surroundings.post(change);
  }

  #inTurn<R>(call: () => Promise<R>): Promise<R> {
    const result = this.#last.then(call);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
