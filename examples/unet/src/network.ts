// The U-Net: a path down, a path up, and bridges between layers of one size.
import type { TensorFlowWithLayers } from '@polyak/backend-tfjs';
import type * as TensorFlow from '@tensorflow/tfjs';
import { SIZE } from './pictures/canvas.js';

type Symbolic = TensorFlow.SymbolicTensor;

/** What decides a network. */
export interface UnetOptions {
  /** Filters of the first level; each level down has twice as many. */
  readonly width: number;
  /** How often the path down halves the size. */
  readonly depth: number;
  /** The same seed gives the same initial weights, on every backend. */
  readonly seed: number;
}

/**
 * A U-Net from pictures [n, 48, 48, 1] to a logit for each pixel, [n, 48, 48, 1].
 *
 * @param tf - the runtime
 * @see Ronneberger, Fischer and Brox 2015, https://arxiv.org/abs/1505.04597
 */
export function createUnet(
  tf: TensorFlowWithLayers,
  { width, depth, seed }: UnetOptions,
): TensorFlow.LayersModel {
  const { layers } = tf;
  let drawn = 0;
  // Each layer draws from its own sequence. Never 0: tfjs takes that for "no seed".
  const initializer = (): ReturnType<typeof tf.initializers.heNormal> =>
    tf.initializers.heNormal({ seed: seed * 64 + (drawn += 1) });

  function twice(name: string, filters: number, input: Symbolic): Symbolic {
    return [1, 2].reduce((x, part) => {
      const convolution = layers.conv2d({
        name: `${name}/conv${part}`,
        filters,
        kernelSize: 3,
        padding: 'same',
        kernelInitializer: initializer(),
        useBias: false, // the batch norm that follows has a shift of its own
      });
      const norm = layers.batchNormalization({ name: `${name}/bn${part}`, momentum: 0.9 });
      const relu = layers.reLU({ name: `${name}/relu${part}` });
      return relu.apply(norm.apply(convolution.apply(x))) as Symbolic;
    }, input);
  }

  /** What the level at `down` and all below it make of `input`. */
  function level(down: number, input: Symbolic): Symbolic {
    const filters = width * 2 ** down;
    if (down === depth) return twice('bottom', filters, input);
    const bridge = twice(`down${down}`, filters, input);
    const smaller = layers.maxPooling2d({ name: `pool${down}`, poolSize: 2 }).apply(bridge);
    const below = level(down + 1, smaller as Symbolic);
    const larger = layers.conv2dTranspose({
      name: `up${down}/conv0`,
      filters,
      kernelSize: 2,
      strides: 2,
      kernelInitializer: initializer(),
    });
    const joined = layers.concatenate({ name: `join${down}` });
    return twice(
      `up${down}`,
      filters,
      joined.apply([bridge, larger.apply(below) as Symbolic]) as Symbolic,
    );
  }

  const input = tf.input({ name: 'picture', shape: [SIZE, SIZE, 1] });
  const logits = layers.conv2d({
    name: 'logits',
    filters: 1,
    kernelSize: 1,
    kernelInitializer: initializer(),
  });
  return tf.model({
    name: 'unet',
    inputs: input,
    outputs: logits.apply(level(0, input)) as Symbolic,
  });
}
