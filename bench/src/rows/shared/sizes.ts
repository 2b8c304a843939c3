// How many weights a row has, and in how many tensors.

/** The lengths of a row's tensors. */
export interface Size {
  /** The number of weights of all tensors. */
  readonly elements: number;
  /** One for each tensor. */
  readonly lengths: readonly number[];
}

/**
 * All weights in one tensor.
 *
 * @param elements - the number of weights
 */
export function inOne(elements: number): Size {
  return { elements, lengths: [elements] };
}

/**
 * The same number of weights in the 160 tensors of a ResNet-50: its width is the largest with which
 * the network fits, and the last tensor, the classifier, gets the rest.
 *
 * @param elements - the number of weights, at least 10,000
 */
export function inMany(elements: number): Size {
  let width = 1;
  while (sum(residualNetwork(width + 1)) < elements) width += 1;
  const body = residualNetwork(width);
  return { elements, lengths: [...body, elements - sum(body)] };
}

/** The sizes of the update rows. */
export const SIZES: readonly Size[] = [100_000, 1_000_000, 10_000_000, 100_000_000].flatMap(
  (elements) => [inOne(elements), inMany(elements)],
);

/** The lengths of a ResNet-50's tensors without the classifier: 159, and 64 is the usual width. */
function residualNetwork(width: number): readonly number[] {
  const convolution = (size: number, input: number, output: number): readonly number[] => [
    size ** 2 * input * output,
    output,
    output,
  ];
  const lengths = [...convolution(7, 3, width)];
  let input = width;
  for (const [stage, blocks] of [3, 4, 6, 3].entries()) {
    const inner = width * 2 ** stage;
    const output = 4 * inner;
    for (let block = 0; block < blocks; block += 1) {
      lengths.push(...convolution(1, input, inner));
      lengths.push(...convolution(3, inner, inner));
      lengths.push(...convolution(1, inner, output));
      if (block === 0) lengths.push(...convolution(1, input, output));
      input = output;
    }
  }
  return lengths;
}

function sum(lengths: readonly number[]): number {
  return lengths.reduce((total, length) => total + length, 0);
}
