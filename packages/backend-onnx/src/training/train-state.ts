// The state of a training step, as plain data and back.
import type { HostTensor, Parameter, StateTree } from '@polyak/core';
import { arrayOf, elementCount, formatSpec, PolyakError, recordOf, sameSpec } from '@polyak/core';
import type { Tensor } from 'onnxruntime-node';
import { bitsOf, elementsOf, specOf, tensorOver } from '../dtype.js';
import type { Ort } from '../ort.js';

/** Copies of what the cells hold, by name. */
export function readTrainState(cells: readonly Parameter<Tensor>[]): Record<string, HostTensor> {
  return Object.fromEntries(cells.map((cell) => [cell.name, hostTensor(cell.get())]));
}

/**
 * Gives the cells the tensors of a state, bit for bit. All are checked before the first is given.
 *
 * @returns the learning rate of the state
 * @throws PolyakError `ERR_STATE` with every difference
 */
export async function writeTrainState(
  ort: Ort,
  cells: readonly Parameter<Tensor>[],
  state: StateTree,
): Promise<number> {
  const { lr, state: tree } = recordOf(state);
  const tensors = recordOf(tree);
  const problems: string[] = [];
  const rate = typeof lr === 'number' && Number.isFinite(lr) && lr >= 0 ? lr : undefined;
  if (rate === undefined) problems.push('"lr" is no finite number >= 0');
  const names = new Set(cells.map(({ name }) => name));
  for (const name of Object.keys(tensors))
    if (!names.has(name)) problems.push(`"${name}" is unknown`);
  const found = cells.flatMap((cell) => {
    const tensor = tensors[cell.name];
    const expected = specOf(cell.get());
    if (!isTensor(tensor)) problems.push(`"${cell.name}" is missing`);
    else if (!sameSpec(tensor, expected) || !isWhole(tensor)) {
      problems.push(
        `"${cell.name}" is ${formatSpec(tensor)} with ${tensor.data.length} elements, ` +
          `expected ${formatSpec(expected)}`,
      );
    } else return [{ cell, tensor: tensorOver(ort, { ...tensor, data: tensor.data.slice() }) }];
    return [];
  });
  if (rate === undefined || problems.length > 0) {
    throw new PolyakError(
      'ERR_STATE',
      `trainStepOptimizer: the state does not fit: ${problems.join('; ')}. Take it from the same ` +
        "graph's stateDict.",
    );
  }
  for (const { cell, tensor } of found) await cell.set(tensor);
  return rate;
}

function hostTensor(tensor: Tensor): HostTensor {
  const { dtype, shape } = specOf(tensor);
  return { dtype, shape: [...shape], data: elementsOf(tensor).slice() };
}

function isTensor(node: StateTree | undefined): node is HostTensor {
  return (
    typeof node === 'object' && node !== null && 'data' in node && ArrayBuffer.isView(node.data)
  );
}

function isWhole({ dtype, shape, data }: HostTensor): boolean {
  const elements = dtype === 'float16' ? bitsOf(data) : data;
  return elements instanceof arrayOf(dtype) && elements.length === elementCount(shape);
}
