// TensorFlow.js on webgpu.
import {
  batchNormModel,
  modelParameters,
  tfjsBackend,
  tfjsOptimizer,
  variableParameters,
} from '@polyak/backend-tfjs';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import * as tf from '@tensorflow/tfjs';
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { createNetwork } from '../../../../examples/mnist/src/tfjs/network.js';
import { bufferCopy } from '../dawn.js';
import { noise } from '../images.js';
import type { GpuRuntime, Held, Network } from '../runtime.js';
import { versionOf } from '../versions.js';

/** The learning rate and momentum of the demo. */
const SGD = { learningRate: 0.05, momentum: 0.9 };

/**
 * Opens the runtime.
 *
 * @throws Error where tfjs does not run on webgpu
 */
export async function tfjsRuntime(): Promise<GpuRuntime<tf.Tensor, tf.Tensor>> {
  const isSet = await tf.setBackend('webgpu');
  const runtime = isSet ? tf.backend() : undefined;
  // tfjs goes on silently with another backend where one does not run.
  if (!(runtime instanceof WebGPUBackend)) throw new Error('tfjs does not run on webgpu here.');
  const backend = tfjsBackend(tf);
  return {
    versions: { '@tensorflow/tfjs': tf.version.tfjs, webgpu: versionOf('webgpu') },
    backend,
    harness() {
      // By default tfjs computes with small tensors on the host, as it does in the measurements.
      tf.env().set('WEBGPU_CPU_FORWARD', false);
      return {
        backend: tfjsBackend(tf),
        parameter: liveParameter,
        sameParameter: ({ name, get }) =>
          variableParameters({ [name]: get() as tf.Variable })[0] as Parameter<tf.Tensor>,
        liveTensors: () => tf.memory().numTensors,
        close: () => tf.env().set('WEBGPU_CPU_FORWARD', true),
      };
    },
    async weight(elements, fill) {
      const variable = tf.tidy(() => tf.variable(tf.broadcastTo(tf.scalar(fill), [elements])));
      return {
        value: variableParameters({ weight: variable })[0] as Parameter<tf.Tensor>,
        release: () => variable.dispose(),
      };
    },
    copy: async (elements) => bufferCopy(runtime.device, elements),
    async finish() {
      // tfjs collects commands before it submits them; it may have none now.
      runtime.endComputePassEncoder();
      runtime.ensureCommandEncoderReady();
      runtime.submitQueue();
      await runtime.device.queue.onSubmittedWorkDone();
    },
    trained: "the demo's network",
    network: async (samples) => networkOf(samples),
  };
}

function networkOf(samples: number): Held<Network<tf.Tensor, tf.Tensor>> {
  const model = createNetwork(tf, 1);
  const optimizer = tf.train.momentum(SGD.learningRate, SGD.momentum);
  const { images, labels } = noise(samples);
  const batch = tf.tensor4d(images, [samples, 28, 28, 1]);
  const target = tf.tidy(() => tf.oneHot(tf.tensor1d(labels, 'int32'), 10));
  const loss = (): tf.Scalar =>
    tf.losses.softmaxCrossEntropy(target, model.apply(batch, { training: true }) as tf.Tensor);
  return {
    value: {
      optimizer: tfjsOptimizer(tf, optimizer, modelParameters(model)),
      minimize: () => optimizer.minimize(loss),
      batchNorm: batchNormModel(tf, model),
      batch,
      forward: () => tf.dispose(model.predict(batch)),
    },
    release() {
      tf.dispose([batch, target]);
      optimizer.dispose();
      model.dispose();
    },
  };
}

function liveParameter(name: string, { data, shape, dtype }: HostTensor): Parameter<tf.Tensor> {
  const variable = tf.tidy(() =>
    tf.variable(tf.tensor(data.slice() as tf.TypedArray, [...shape], dtype as tf.DataType)),
  );
  return {
    name,
    identity: variable,
    get: () => variable,
    set: (contents) => variable.assign(contents),
  };
}
