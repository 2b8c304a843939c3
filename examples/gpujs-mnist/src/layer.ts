// A layer of a network made of kernels. Activations are flat, [samples, channels, height, width].
import type { KernelArray, GpujsParameter, MomentsPass } from '@polyak/backend-gpujs';

/** A layer, forwards and backwards. Whoever calls it frees what it gives. */
export interface Layer {
  /** What training moves. */
  readonly parameters: readonly GpujsParameter[];
  /** The output in evaluation; `pass` is what a batch-norm update hands through. */
  infer(x: KernelArray, pass?: MomentsPass): Promise<KernelArray>;
  /** The output in training. `x` has to live until the way back was taken. */
  train(x: KernelArray): Promise<TrainedLayer>;
  /** Frees parameters and kernels. */
  dispose(): void;
}

/** The training form of a layer. */
export interface TrainedLayer {
  readonly y: KernelArray;
  /**
   * The way back.
   *
   * @param dy - the loss's gradient with respect to `y`; only read
   * @param isFirst - whether nothing comes before the layer, so that the gradient of its input is
   * not needed
   */
  backward(dy: KernelArray, isFirst: boolean): Promise<LayerGradients>;
}

/** The loss's gradients with respect to what a layer's output was made of. */
interface LayerGradients {
  /** One for each of the layer's parameters, in their order. */
  readonly parameters: readonly KernelArray[];
  /** With respect to the input; absent in the first layer. */
  readonly input?: KernelArray;
}
