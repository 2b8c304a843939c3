// Runs of a training step that change no cell, for the check of its gradients.
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { elementsOf, specOf, tensorOver } from '../dtype.js';
import type { Ort } from '../ort.js';
import type { StepProbe } from './gradient-check.js';
import type { TrainBinding } from './train-binding.js';

/**
 * The weights of a step, and its runs at other weights, from momenta of zero.
 *
 * @param ort - the runtime
 * @param session - of the graph
 * @param binding - of the graph
 * @param step - the trained cells and the batch
 */
export function probeOf(
  ort: Ort,
  session: InferenceSession,
  binding: TrainBinding,
  step: {
    readonly parameters: readonly Parameter<Tensor>[];
    readonly batch: Readonly<Record<string, Tensor>>;
  },
): StepProbe {
  const { parameters, batch } = step;
  const feeds = { ...binding.feeds('checkGradients', batch), ...binding.zeros() };
  const weights = parameters.map(({ name, get }) => ({ name, ...hostTensor(get()) }));
  return {
    weights,
    async moved(lr) {
      const names = weights.map(({ name }) => binding.newName(name));
      const results = await session.run({ ...feeds, [binding.lrInput]: binding.rate(lr) }, names);
      return names.map((name) => hostTensor(results[name] as Tensor));
    },
    async lossAt(others) {
      const fed: Record<string, Tensor> = { ...feeds, [binding.lrInput]: binding.rate(0) };
      for (const [index, other] of others.entries()) {
        fed[weights[index]?.name ?? ''] = tensorOver(ort, other);
      }
      return binding.loss(await session.run(fed, [binding.lossOutput]));
    },
  };
}

function hostTensor(tensor: Tensor): HostTensor {
  const { dtype, shape } = specOf(tensor);
  return { dtype, shape: [...shape], data: elementsOf(tensor) };
}
