// What a network starts from.

/** Row-major tensors by name. */
export type InitialWeights = ReadonlyMap<string, Float32Array>;

/**
 * A copy of one of the tensors.
 *
 * @throws RangeError where there is none, or one of another length
 */
export function taken(weights: InitialWeights, name: string, length: number): Float32Array {
  const tensor = weights.get(name);
  if (tensor?.length === length) return tensor.slice();
  throw new RangeError(
    `"${name}": ${tensor?.length ?? 'no'} initial elements, expected ${length}.`,
  );
}
