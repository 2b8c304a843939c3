// Host tensors by parameter name, and the check that they fit.
import { canonical, flawOf } from '../tensor/tensor.js';
import type { HostTensor, TensorSpec } from '../tensor/tensor.js';
import { specDifferences, written } from './differences.js';
import { isTensor, recordOf } from './state-tree.js';
import type { StateTree } from './state-tree.js';

/** Host tensors keyed by parameter name. */
export type NamedTensors = { readonly [name: string]: HostTensor };

/**
 * The tensors of `node` by name. Tensors that are missing, unknown or of another spec are added to
 * `problems`.
 *
 * @param where - what part of the state `node` is, for the problems; or empty
 * @param wanted - the expected specs by name
 * @param optional - names that are ignored in `node`
 */
export function fittingTensors(
  where: string,
  node: StateTree | undefined,
  wanted: ReadonlyMap<string, TensorSpec>,
  problems: string[],
  optional: ReadonlySet<string> = new Set(),
): ReadonlyMap<string, HostTensor> {
  const prefix = where === '' ? '' : `${where}: `;
  const record = recordOf(node);
  if (node !== record) {
    problems.push(`${prefix}it is ${written(node)}, expected tensors by name`);
    return new Map();
  }
  const found = new Map<string, HostTensor>();
  const compared = new Map(wanted);
  for (const [name, child] of Object.entries(record)) {
    if (optional.has(name)) continue;
    const tensor = isTensor(child) ? canonical(child) : undefined;
    const flaw = tensor === undefined ? 'is not a tensor' : flawOf(tensor);
    if (tensor !== undefined && flaw === undefined) found.set(name, tensor);
    else {
      problems.push(`${prefix}"${name}" ${flaw}`);
      compared.delete(name);
    }
  }
  const differences = specDifferences(found, compared, { found: 'it', expected: 'the model' });
  for (const difference of differences) problems.push(`${prefix}${difference}`);
  return found;
}
