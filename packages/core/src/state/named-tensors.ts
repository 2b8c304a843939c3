// Host tensors by the names of parameters, and what makes them fit.
import { canonical, flawOf, formatSpec, sameSpec } from '../tensor/tensor.js';
import type { HostTensor, TensorSpec } from '../tensor/tensor.js';
import { isTensor, recordOf } from './state-tree.js';
import type { StateTree } from './state-tree.js';

/** Tensors keyed by the names of parameters. */
export type NamedTensors = { readonly [name: string]: HostTensor };

/** What is wanted of one parameter. */
export interface WantedTensor {
  readonly name: string;
  readonly spec: TensorSpec;
}

/**
 * The tensors of `node` that are wanted, by name. Whatever is missing, of another spec or not
 * wanted is added to `problems`.
 *
 * @param where - for the problems: what `node` is
 * @param optional - names that are no problem although they are not wanted
 */
export function fittingTensors(
  where: string,
  node: StateTree | undefined,
  wanted: readonly WantedTensor[],
  problems: string[],
  optional: readonly string[] = [],
): ReadonlyMap<string, HostTensor> {
  const record = recordOf(node);
  const fitting = new Map<string, HostTensor>();
  const known = new Set([...wanted.map(({ name }) => name), ...optional]);
  for (const name of Object.keys(record)) {
    if (!known.has(name)) problems.push(`${where} has "${name}", which is no parameter here`);
  }
  for (const { name, spec } of wanted) {
    const found = Object.hasOwn(record, name) ? record[name] : undefined;
    if (found === undefined || !isTensor(found)) {
      problems.push(`${where} lacks "${name}"`);
      continue;
    }
    const tensor = canonical(found);
    const flaw = flawOf(tensor);
    if (flaw !== undefined) problems.push(`${where}: "${name}" ${flaw}`);
    else if (!sameSpec(tensor, spec)) {
      problems.push(
        `${where}: "${name}" is ${formatSpec(tensor)}, the model's ${formatSpec(spec)}`,
      );
    }
    fitting.set(name, tensor);
  }
  return fitting;
}

/** Tensors under the names at their places. */
export function namedTensors(
  names: readonly string[],
  tensors: readonly HostTensor[],
): readonly (readonly [string, HostTensor])[] {
  return tensors.map((tensor, index) => [names[index] as string, tensor] as const);
}
