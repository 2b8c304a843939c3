// Batch norm and ReLU in training by TensorFlow's own kernels, where it runs: tfjs composes their
// gradients of dozens of kernels a layer, which takes more time than all convolutions together.
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import type * as TensorFlow from '@tensorflow/tfjs';

type Tensor = TensorFlow.Tensor;
type Attributes = readonly {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}[];

/** As much as this needs of the backend of tfjs-node, which tfjs does not type. */
interface NativeBackend {
  readonly binding: Readonly<
    Record<
      'TF_ATTR_TYPE' | 'TF_ATTR_STRING' | 'TF_ATTR_BOOL' | 'TF_ATTR_FLOAT' | 'TF_FLOAT',
      number
    >
  >;
  executeSingleOutput(operation: string, attributes: Attributes, inputs: readonly Tensor[]): Tensor;
  executeMultipleOutputs(
    operation: string,
    attributes: Attributes,
    inputs: readonly Tensor[],
    outputs: number,
  ): Tensor[];
}

/** As much as this needs of a batch-norm layer of tfjs, which hides it. */
type BatchNormalization = Omit<TensorFlow.layers.Layer, 'call'> & {
  readonly gamma: TensorFlow.LayerVariable;
  readonly beta: TensorFlow.LayerVariable;
  readonly movingMean: TensorFlow.LayerVariable;
  readonly movingVariance: TensorFlow.LayerVariable;
  readonly momentum: number;
  readonly epsilon: number;
  call(inputs: Tensor | Tensor[], options: { readonly training?: boolean }): Tensor;
};

/**
 * Lets the batch norm of a model, and the gradient of every ReLU, run as one kernel of TensorFlow
 * each. Does nothing on other backends. Training is the same but for rounding.
 *
 * @returns whether it did something
 */
export function useFusedKernels(tf: TensorFlowWithLayers, model: TensorFlow.LayersModel): boolean {
  if (tf.getBackend() !== 'tensorflow') return false;
  const backend = tf.backend() as unknown as NativeBackend;
  const { TF_ATTR_TYPE, TF_FLOAT } = backend.binding;
  tf.registerGradient({
    kernelName: 'Relu',
    inputsToSave: ['x'],
    gradFunc: (dy, [x]) => ({
      x: () =>
        backend.executeSingleOutput(
          'ReluGrad',
          [{ name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT }],
          [dy as Tensor, x as Tensor],
        ),
    }),
  });
  for (const layer of model.layers) {
    if (layer.getClassName() === 'BatchNormalization')
      fuse(tf, backend, layer as unknown as BatchNormalization);
  }
  return true;
}

function fuse(tf: TensorFlowWithLayers, backend: NativeBackend, layer: BatchNormalization): void {
  const call = layer.call.bind(layer);
  layer.call = (inputs, options) => {
    if (options.training !== true) return call(inputs, options);
    return tf.tidy(() => {
      const [input] = [inputs].flat() as [Tensor];
      const { output, mean, variance } = normalize(tf, backend, layer, input);
      const valuesPerChannel = input.size / mean.size;
      const move = (statistic: TensorFlow.LayerVariable, value: Tensor): void => {
        statistic.write(
          tf.add(statistic.read().mul(layer.momentum), value.mul(1 - layer.momentum)),
        );
      };
      move(layer.movingMean, mean);
      // TensorFlow's kernel gives the unbiased variance, tfjs keeps that of the population.
      move(layer.movingVariance, variance.mul((valuesPerChannel - 1) / valuesPerChannel));
      tf.dispose([mean, variance]);
      return output;
    });
  };
}

/**
 * What batch norm makes of a batch, and the statistics of the batch, which are the caller's to
 * dispose of.
 */
function normalize(
  tf: TensorFlowWithLayers,
  backend: NativeBackend,
  { gamma, beta, epsilon }: BatchNormalization,
  input: Tensor,
): { output: Tensor; mean: Tensor; variance: Tensor } {
  const { TF_ATTR_TYPE, TF_ATTR_STRING, TF_ATTR_BOOL, TF_ATTR_FLOAT, TF_FLOAT } = backend.binding;
  const attributes: Attributes = [
    { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT },
    { name: 'U', type: TF_ATTR_TYPE, value: TF_FLOAT },
    { name: 'data_format', type: TF_ATTR_STRING, value: 'NHWC' },
    { name: 'is_training', type: TF_ATTR_BOOL, value: true },
    { name: 'epsilon', type: TF_ATTR_FLOAT, value: epsilon },
  ];
  let statistics: readonly Tensor[] = [];
  const operation = tf.customGrad((...args) => {
    const [x, scale, shift] = args as Tensor[] as [Tensor, Tensor, Tensor];
    const save = args.at(-1) as unknown as (tensors: Tensor[]) => void;
    const none = tf.tensor1d([]);
    const [value, mean, variance, ...reserve] = backend.executeMultipleOutputs(
      'FusedBatchNormV3',
      attributes,
      [x, scale, shift, none, none],
      6,
    ) as [Tensor, Tensor, Tensor, ...Tensor[]];
    statistics = [tf.keep(mean), tf.keep(variance)];
    save([x, scale, ...reserve]);
    return {
      value,
      gradFunc: (dy, saved) =>
        backend
          .executeMultipleOutputs(
            'FusedBatchNormGradV3',
            attributes,
            [dy, ...(saved as Tensor[])],
            5,
          )
          .slice(0, 3),
    };
  });
  const output = operation(input, gamma.read(), beta.read());
  const [mean, variance] = statistics as readonly [Tensor, Tensor];
  return { output, mean, variance };
}
