// A training step in an ONNX graph as the base optimizer of SWA.
import type { Awaitable, Optimizer, Parameter } from '@polyak/core/interfaces';
import { observedOptimizer, PolyakError } from '@polyak/core';
import { requireNotLent, requireOptions } from '@polyak/core/kit';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { notOnnx } from '../file/file-kind.js';
import { textOf } from '../file/model-error.js';
import type { ModelSource } from '../file/model-source.js';
import { headOf, labelOf } from '../file/model-source.js';
import type { SessionOptions } from '../model/model-session.js';
import type { Ort } from '../ort.js';
import { foundText, requireOrt } from '../arguments.js';
import { whileHeld } from '../references.js';
import { checkGradients } from './gradient-check.js';
import type { GradientCheck, GradientCheckOptions } from './gradient-check.js';
import { probeOf } from './step-probe.js';
import { bindTrainStep } from './train-binding.js';
import type { TrainBinding, TrainStepNames } from './train-binding.js';
import { readTrainState, writeTrainState } from './train-state.js';

/** Options of {@link trainStepOptimizer}. */
export interface TrainStepOptions extends TrainStepNames, SessionOptions {
  /**
   * The trained parameters: cells named like the inputs of the graph. Pass those of an inference
   * model, and it sees each step.
   */
  readonly parameters: readonly Parameter<Tensor>[];
  /**
   * Cells of what lives on from step to step without being trained, such as running statistics that
   * an inference model shares. Inputs without a cell, such as momenta, start from zeros.
   */
  readonly state?: readonly Parameter<Tensor>[];
  /** The learning rate of the first step, finite and >= 0. */
  readonly lr: number;
}

const OPTIONS: readonly (keyof TrainStepOptions)[] = [
  'parameters',
  'state',
  'lr',
  'lrInput',
  'lossOutput',
  'newName',
  'executionProviders',
  'session',
];

/** A training step as an optimizer. See {@link trainStepOptimizer}. */
export interface TrainStepOptimizer extends Optimizer<Tensor> {
  /** The inputs of the graph that a batch holds. */
  readonly feedNames: readonly string[];
  /**
   * Takes one step on a batch: runs the graph and puts the new tensors into their cells. Call it in
   * the closure of `swa.step`. A step that throws changes nothing.
   *
   * @param batch - a tensor in host memory for each of `feedNames`; it is only read
   * @returns the loss before the step
   * @throws TypeError where `batch` lacks a tensor or holds an unknown one
   * @throws RangeError where the learning rate is not finite and >= 0
   * @throws PolyakError `ERR_SWAPPED` while others than the live weights are in the cells
   * @throws PolyakError `ERR_BUSY` while another step runs, `ERR_DISPOSED` after `release`,
   *   `ERR_UNSUPPORTED` where a tensor is on a GPU; errors of ONNX Runtime pass unchanged
   */
  minimize(batch: Readonly<Record<string, Tensor>>): Promise<number>;
  /**
   * Compares the change of a step with central differences of its loss, along random directions.
   * Call it once before training: exporters can write wrong gradients, and training with them still
   * lowers the loss. Weights, state and learning rate stay as they are. It runs the graph `14 *
   * samples + 2` times.
   *
   * An error below `tolerance + 2 * uncertainty` is not found. The uncertainty is part of the
   * result. Smooth activations and small networks keep it low.
   *
   * The directions are orthogonal to each weight, so weight decay does not count, and weights of
   * one element are not checked. Momenta count as zero, except those that the option `state` gave.
   * The step must be one of gradient descent: with Nesterov momentum or dampening pass
   * `gradientScale`; for a step that scales each element, such as Adam's, the check does not apply.
   *
   * @param batch - as for `minimize`; each run of the graph must give the same loss
   * @param options - see {@link GradientCheckOptions}
   * @returns the relative error, at most `tolerance + 2 * uncertainty`, and the uncertainty
   * @throws PolyakError `ERR_MODEL` where the step does not follow the gradient of its loss
   * @throws PolyakError `ERR_UNSUPPORTED` where the loss is too coarse to tell, as when the weights
   *   are in a minimum or the graph draws random numbers, and where a weight is float16
   * @throws PolyakError `ERR_NON_FINITE` where the loss or its gradient is not finite; and the
   *   errors of `minimize`
   * @throws RangeError where an option is out of its range
   */
  checkGradients(
    batch: Readonly<Record<string, Tensor>>,
    options?: GradientCheckOptions,
  ): Promise<GradientCheck>;
  /** Frees the session. The cells keep their tensors. */
  release(): Promise<void>;
}

/**
 * Makes a graph of one training step the base optimizer of `SWA`. onnxruntime-node cannot train, so
 * the graph contains the whole step: forward pass, loss, backward pass, update. Inputs and outputs
 * are found by name:
 *
 * - the input `lr` (or `lrInput`) takes the learning rate, a scalar;
 * - the output `loss` (or `lossOutput`) gives the loss, a scalar;
 * - an input `w` with an output `w_new` (or `newName('w')`) lives on from step to step: the
 *   `parameters`, and the state, such as momenta, running statistics and counters;
 * - all other inputs are the batch.
 *
 * The weights must be inputs: ONNX Runtime ignores tensors that are fed for an initializer. A step
 * writes into no tensor; it puts new ones into the cells. So a tensor that you took from a cell
 * stays unchanged.
 *
 * @param ort - the module `onnxruntime-node`
 * @param model - the graph: the path of an `.onnx` file, or its bytes
 * @param options - cells, learning rate and names
 * @returns an optimizer with one parameter group; release it
 * @throws PolyakError `ERR_MODEL` where ONNX Runtime cannot load the graph, `ERR_PARAMETERS` where
 *   graph and cells do not fit, with every difference
 * @throws RangeError where `lr` is not finite and >= 0
 *
 * @example
 * ```ts
 * import { create, toBinary } from '@bufbuild/protobuf';
 * import { ModelProtoSchema } from '@polyak/backend-onnx/proto';
 * import * as ort from 'onnxruntime-node';
 * import { SWA } from '@polyak/core';
 * import { onnxBackend, onnxParameter, trainStepOptimizer } from '@polyak/backend-onnx';
 *
 * // One step of gradient descent on (weight - target)² / 2: the gradient is weight - target.
 * const float = { elemType: 1, shape: { dim: [] } };
 * const type = { value: { case: 'tensorType' as const, value: float } };
 * const value = (name: string) => ({ name, type });
 * const graph = {
 *   name: 'step',
 *   input: ['lr', 'weight', 'target'].map(value),
 *   output: ['loss', 'weight_new'].map(value),
 *   initializer: [{ name: 'half', dataType: 1, floatData: [0.5] }],
 *   node: [
 *     { opType: 'Sub', input: ['weight', 'target'], output: ['gradient'] },
 *     { opType: 'Mul', input: ['gradient', 'gradient'], output: ['square'] },
 *     { opType: 'Mul', input: ['square', 'half'], output: ['loss'] },
 *     { opType: 'Mul', input: ['gradient', 'lr'], output: ['change'] },
 *     { opType: 'Sub', input: ['weight', 'change'], output: ['weight_new'] },
 *   ],
 * };
 * const opsetImport = [{ version: 18n }];
 * const model = create(ModelProtoSchema, { irVersion: 8n, opsetImport, graph });
 *
 * const scalar = (number: number) => new ort.Tensor('float32', [number], []);
 * const weight = onnxParameter('weight', scalar(8));
 * const bytes = toBinary(ModelProtoSchema, model);
 * const optimizer = await trainStepOptimizer(ort, bytes, { parameters: [weight], lr: 0.5 });
 * const swa = new SWA(optimizer, { backend: await onnxBackend(ort), swaStart: 1, swaFreq: 1 });
 * for (let step = 0; step < 3; step += 1) {
 *   const loss = await swa.step(() => optimizer.minimize({ target: scalar(0) }));
 *   if (step === 0) console.log(loss, weight.get().data[0]); // 32 4
 * }
 * await swa.swapSwaSgd();
 * console.log(weight.get().data[0]); // 1.5
 * await optimizer.release();
 * ```
 *
 * @see https://onnxruntime.ai/docs/api/js/; Sutskever et al. 2013 on momentum
 */
export async function trainStepOptimizer(
  ort: Ort,
  model: ModelSource,
  options: TrainStepOptions,
): Promise<TrainStepOptimizer> {
  requireOrt('trainStepOptimizer', ort);
  const given = requireOptions('trainStepOptimizer', options, OPTIONS);
  if (!Array.isArray(given.parameters)) {
    throw new TypeError(
      `trainStepOptimizer: parameters is ${foundText(given.parameters)}, expected a list of cells.`,
    );
  }
  checkRate(given.lr);
  const session = await openStep(ort, model, given);
  try {
    return optimizerOf(ort, session, bindTrainStep(ort, session, given), given);
  } catch (error) {
    await session.release();
    throw error;
  }
}

async function openStep(
  ort: Ort,
  model: ModelSource,
  { executionProviders = ['cpu'], session }: SessionOptions,
): Promise<InferenceSession> {
  const label = labelOf(model, 'trainStepOptimizer');
  const settings = { logSeverityLevel: 3, ...session, executionProviders } as const;
  try {
    // ONNX Runtime has a signature for each.
    return await (typeof model === 'string'
      ? ort.InferenceSession.create(model, settings)
      : ort.InferenceSession.create(model, settings));
  } catch (cause) {
    const found = `ONNX Runtime refuses it (${textOf(cause)}).`;
    throw notOnnx(label, await headOf(model), found, cause);
  }
}

function optimizerOf(
  ort: Ort,
  session: InferenceSession,
  binding: TrainBinding,
  { parameters, lr }: TrainStepOptions,
): TrainStepOptimizer {
  const group = { params: parameters, lr };
  const observed = observedOptimizer([group]);
  let status: 'idle' | 'stepping' | 'released' = 'idle';
  const refuseUnlessIdle = (call: string): void => {
    if (status === 'released')
      throw new PolyakError('ERR_DISPOSED', `${call}: the optimizer was released. Make a new one.`);
    if (status === 'stepping') {
      throw new PolyakError('ERR_BUSY', `${call}: another step is running. Await it first.`);
    }
  };
  return {
    paramGroups: observed.paramGroups,
    feedNames: binding.feedNames,
    step: async <Loss>(closure?: () => Awaitable<Loss>): Promise<Loss | undefined> =>
      observed.step(closure),
    async minimize(batch) {
      refuseUnlessIdle('minimize');
      requireNotLent(
        'minimize',
        parameters.map(({ identity }) => identity),
      );
      checkRate(group.lr);
      const feeds = {
        ...binding.feeds('minimize', batch),
        [binding.lrInput]: binding.rate(group.lr),
      };
      status = 'stepping';
      try {
        const results = await whileHeld(binding.held(), async () =>
          session.run(feeds, binding.fetches),
        );
        await binding.take(results);
        return binding.loss(results);
      } finally {
        status = 'idle';
      }
    },
    async checkGradients(batch, settings = {}) {
      refuseUnlessIdle('checkGradients');
      requireNotLent(
        'checkGradients',
        parameters.map(({ identity }) => identity),
      );
      status = 'stepping';
      try {
        return await whileHeld(binding.held(), async () =>
          checkGradients(probeOf(ort, session, binding, { parameters, batch }), settings),
        );
      } finally {
        status = 'idle';
      }
    },
    addParamGroup() {
      throw new PolyakError(
        'ERR_UNSUPPORTED',
        'addParamGroup: the graph takes one learning rate, so there is one parameter group. Pass ' +
          'all parameters to trainStepOptimizer.',
      );
    },
    stateDict() {
      return { lr: group.lr, state: readTrainState(binding.state) };
    },
    async loadStateDict(state) {
      refuseUnlessIdle('loadStateDict');
      group.lr = await writeTrainState(ort, binding.state, state);
    },
    async release() {
      if (status === 'released') return;
      refuseUnlessIdle('release');
      status = 'released';
      await session.release();
    },
  };
}

function checkRate(lr: number): void {
  if (!(Number.isFinite(lr) && lr >= 0)) {
    throw new RangeError(
      `trainStepOptimizer: the learning rate is ${lr}, expected a finite number >= 0.`,
    );
  }
}
