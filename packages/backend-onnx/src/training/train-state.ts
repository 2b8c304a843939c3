// The state of a training step as plain data.
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { canonical, flawOf, isTensor, recordOf } from '@polyak/core/interfaces';
import type { StateTree } from '@polyak/core';
import { requireFit, specDifferences, swapAll } from '@polyak/core/kit';
import type { Tensor } from 'onnxruntime-node';
import { elementsOf, specOf, tensorOver } from '../dtype.js';
import type { Ort } from '../ort.js';
import { handles } from '../references.js';

/** Copies of what the cells hold, by name. */
export function readTrainState(cells: readonly Parameter<Tensor>[]): Record<string, HostTensor> {
  return Object.fromEntries(cells.map((cell) => [cell.name, hostTensor(cell.get())]));
}

/**
 * Puts the tensors of a state into the cells, bit for bit. All are checked before the first is set.
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
  const rate = typeof lr === 'number' && Number.isFinite(lr) && lr >= 0 ? lr : undefined;
  const entries = Object.entries(recordOf(tree));
  const found = new Map(
    entries.flatMap(([name, node]) => (isTensor(node) ? [[name, canonical(node)] as const] : [])),
  );
  const expected = new Map(cells.map((cell) => [cell.name, specOf(cell.get())]));
  const flaws = [...found].flatMap(([name, tensor]) => {
    const flaw = flawOf(tensor);
    return flaw === undefined ? [] : [`"${name}" ${flaw}`];
  });
  const strangers = entries.filter(([name]) => !found.has(name) && !expected.has(name));
  requireFit(
    [
      ...(rate === undefined ? ['"lr" is not a finite number >= 0'] : []),
      ...flaws,
      ...strangers.map(([name]) => `the graph has no "${name}"`),
      ...specDifferences(found, expected, { found: 'it', expected: 'the graph' }),
    ],
    {
      code: 'ERR_STATE',
      call: 'trainStepOptimizer',
      what: 'the state',
      remedy: "Take it from the same graph's stateDict.",
    },
  );
  const tensors = cells.map(({ name }) => {
    const tensor = found.get(name) as HostTensor;
    return tensorOver(ort, { ...tensor, data: tensor.data.slice() });
  });
  handles.dispose(await swapAll(handles, cells, tensors));
  return rate ?? 0;
}

function hostTensor(tensor: Tensor): HostTensor {
  const { dtype, shape } = specOf(tensor);
  return { dtype, shape: [...shape], data: elementsOf(tensor).slice() };
}
