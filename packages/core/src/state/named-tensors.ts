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
 * The tensors of `node` that are wanted, in that order. Whatever is missing, is of another spec, or
 * is not wanted by anyone is added to `problems`.
 *
 * @param where - for the problems: what `node` is
 * @param known - names that are not surplus although they are not wanted here; all, where undefined
 */
export function fittingTensors(
  where: string,
  node: StateTree | undefined,
  wanted: readonly WantedTensor[],
  known: ReadonlySet<string> | undefined,
  problems: string[],
): readonly HostTensor[] {
  const record = recordOf(node);
  for (const name of known === undefined ? [] : Object.keys(record)) {
    if (known?.has(name) === false)
      problems.push(`${where} has "${name}", which is no parameter here`);
  }
  return wanted.flatMap(({ name, spec }): HostTensor[] => {
    const found = Object.hasOwn(record, name) ? record[name] : undefined;
    if (found === undefined || !isTensor(found)) {
      problems.push(`${where} lacks "${name}"`);
      return [];
    }
    const tensor = canonical(found);
    const flaw = flawOf(tensor);
    if (flaw !== undefined) problems.push(`${where}: "${name}" ${flaw}`);
    else if (!sameSpec(tensor, spec)) {
      problems.push(
        `${where}: "${name}" is ${formatSpec(tensor)}, the model's ${formatSpec(spec)}`,
      );
    }
    return [tensor];
  });
}

/** Tensors under the names at their places. */
export function namedTensors(
  names: readonly string[],
  tensors: readonly HostTensor[],
): readonly (readonly [string, HostTensor])[] {
  return tensors.map((tensor, index) => [names[index] as string, tensor] as const);
}
