// The task: the network of the MNIST example, trained by SGD with momentum, some steps at a time.
import { ParameterSet } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import { shuffledBatches } from '@polyak/example-mnist/batches';
import { loadProblem } from '@polyak/example-mnist/problem';
import type { Problem } from '@polyak/example-mnist/problem';
import { mulberry32 } from '@polyak/example-mnist/random';
import type { BackendName, Score } from '@polyak/example-mnist/run';
import { loadRuntime } from '@polyak/example-mnist/runtime';
import type { AnyRuntime } from '@polyak/example-mnist/runtime';

/** What is trained on what. Every process makes the same of it. */
export interface TaskOptions {
  /** Decides the training images and the initial weights. */
  readonly seed: number;
  readonly trainImages: number;
  readonly backend: BackendName;
}

/** How some steps are taken. */
export interface Steps {
  readonly steps: number;
  readonly batchSize: number;
  /** The learning rate of the first step. */
  readonly lr: number;
  /** The rate after the last step; between, it falls by the same amount each step. */
  readonly finalLr: number;
  /** Decides the order of the images. */
  readonly order: number;
  readonly signal?: AbortSignal;
  /** Called after each step with the number of steps so far. */
  readonly onStep?: (step: number) => void;
}

type Network = Awaited<ReturnType<AnyRuntime['createNetwork']>>;

/** The network with its data. */
export class Task {
  readonly #runtime: AnyRuntime;
  readonly #problem: Problem;
  readonly #seed: number;

  private constructor(runtime: AnyRuntime, problem: Problem, seed: number) {
    this.#runtime = runtime;
    this.#problem = problem;
    this.#seed = seed;
  }

  /** Loads the runtime and the data. */
  static async open({ seed, trainImages, backend }: TaskOptions): Promise<Task> {
    const runtime = await loadRuntime(backend, () => undefined);
    return new Task(runtime, await loadProblem(seed, trainImages), seed);
  }

  /** What computes, as the backend names it. */
  get backend(): string {
    return this.#runtime.backend.name;
  }

  /** How many images the scores are of. */
  get testImages(): number {
    return this.#problem.test.count;
  }

  /** The weights that training begins with. */
  async initialWeights(): Promise<NamedTensors> {
    return await this.#withNetwork((_, weights) => weights.read());
  }

  /**
   * Takes steps from given weights.
   *
   * @returns the weights after them, and the mean loss of the last tenth of the steps, in nats
   */
  async train(from: NamedTensors, given: Steps): Promise<{ weights: NamedTensors; loss: number }> {
    const { steps, batchSize, lr, finalLr, order, signal, onStep } = given;
    return await this.#withNetwork(async ({ optimizer, minimize }, weights) => {
      await weights.write(from);
      const random = mulberry32(order);
      const losses: number[] = [];
      while (losses.length < steps) {
        for (const batch of shuffledBatches(this.#problem.train, batchSize, random)) {
          signal?.throwIfAborted();
          const rate = lr + ((finalLr - lr) * losses.length) / steps;
          for (const group of optimizer.paramGroups) group.lr = rate;
          await optimizer.step(async () => void losses.push(await minimize(batch)));
          onStep?.(losses.length);
          if (losses.length === steps) break;
        }
      }
      const last = losses.slice(-Math.ceil(steps / 10));
      const loss = last.reduce((sum, value) => sum + value, 0) / last.length;
      return { weights: await weights.read(), loss };
    });
  }

  /** Scores weights on all test images, with batch norm updated for them. */
  async score(weights: NamedTensors): Promise<Score> {
    return await this.#withNetwork((network, set) =>
      set.withWeights(weights, () => network.score(this.#problem.test), {
        batchNorm: network.batchNorm(this.#problem.train),
      }),
    );
  }

  /** A network of its own for each call: no momentum is left over from the last. */
  async #withNetwork<R>(
    use: (network: Network, weights: ParameterSet<unknown>) => Promise<R>,
  ): Promise<R> {
    const network = await this.#runtime.createNetwork(this.#seed, 0);
    const parameters = network.optimizer.paramGroups.flatMap(({ params }) => params);
    try {
      return await use(network, new ParameterSet(parameters, { backend: this.#runtime.backend }));
    } finally {
      await network.dispose();
    }
  }
}
