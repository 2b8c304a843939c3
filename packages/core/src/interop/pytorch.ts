// Reads the averages of PyTorch libraries from safetensors files of their state dicts.
import { described, requireArray } from '../arguments.js';
import { PolyakError } from '../error.js';
import type { NamedTensors } from '../state/named-tensors.js';
import type { HostTensor } from '../tensor/tensor.js';
import type { ImportedAverage } from './import-average.js';
import { countAt, integersAt, readTensors, weightsAt } from './torch-tensors.js';

/**
 * The average of a `torch.optim.swa_utils.AveragedModel`: `save_file(averaged.state_dict(), path)`.
 *
 * @param tensors - the tensors of the file: `n_averaged`, and the module's parameters and buffers
 *   under `module.`
 * @returns the average for {@link importAverage}, by the names in the module
 * @throws PolyakError `ERR_STATE` if the file has another format
 * @see torch.optim.swa_utils.AveragedModel
 *
 * @example
 * ```ts
 * import { fromAveragedModel } from '@polyak/core/interop';
 * import { decodeSafetensors, encodeSafetensors } from '@polyak/safetensors';
 *
 * const n_averaged = { dtype: 'int64', shape: [], data: BigInt64Array.of(5n) } as const;
 * const weight = { dtype: 'float32', shape: [1], data: Float32Array.of(0.5) } as const;
 * const file = encodeSafetensors({ n_averaged, 'module.fc.weight': weight });
 * const imported = fromAveragedModel(decodeSafetensors(file).tensors);
 * console.log(imported.nAvg, Object.keys(imported.swaState)); // [5] ['fc.weight']
 * ```
 */
export function fromAveragedModel(tensors: NamedTensors): ImportedAverage {
  const call = 'fromAveragedModel';
  const own = readTensors(call, tensors);
  const nAvg = [countAt(call, own, 'n_averaged')];
  const prefix = 'module.';
  const names = Object.keys(own).filter((name) => name.startsWith(prefix));
  if (names.length === 0)
    throw new PolyakError('ERR_STATE', `${call}: nothing in the file begins with "${prefix}".`);
  return {
    nAvg,
    swaState: Object.fromEntries(
      names.map((name): [string, HostTensor] => [
        name.slice(prefix.length),
        weightsAt(call, own, name),
      ]),
    ),
  };
}

/**
 * The averages of a `torchcontrib.optim.SWA`, whose state dict is nested and keyed by the addresses
 * of tensors. Save it flat, keyed by parameter index:
 *
 * ```python
 * flat, i = {}, 0
 * for g, group in enumerate(swa.param_groups):
 *     for p in group["params"]:
 *         if "swa_buffer" in swa.state[p]:
 *             flat[f"swa_state.{i}.swa_buffer"] = swa.state[p]["swa_buffer"].contiguous()
 *         i += 1
 *     flat[f"param_groups.{g}.params"] = torch.arange(i - len(group["params"]), i)
 *     flat |= {f"param_groups.{g}.{k}": torch.tensor(group[k]) for k in ("n_avg", "step_counter")}
 * save_file(flat, path)
 * ```
 *
 * @param tensors - the tensors of the file
 * @param names - the parameter names, in the order in which they were passed to the optimizer
 * @returns the averages for {@link importAverage}, with update and step counts for each parameter
 *   group
 * @throws PolyakError `ERR_STATE` if the file has another format, or another number of parameters
 * @see torchcontrib/optim/swa.py
 */
export function fromTorchcontrib(tensors: NamedTensors, names: readonly string[]): ImportedAverage {
  const call = 'fromTorchcontrib';
  const own = readTensors(call, tensors);
  const ordered = readNames(call, names);
  const groups: number[] = [];
  while (Object.hasOwn(own, `param_groups.${groups.length}.n_avg`)) groups.push(groups.length);
  const keys = groups.flatMap((group) => integersAt(call, own, `param_groups.${group}.params`));
  requireCount(call, keys.length, ordered);
  const bufferOf = (index: number): string => `swa_state.${keys[index]}.swa_buffer`;
  // A group that was never averaged has no buffers.
  const nAvg = groups.map((group) => countAt(call, own, `param_groups.${group}.n_avg`));
  const counts = groups.flatMap((group, n) =>
    integersAt(call, own, `param_groups.${group}.params`).map(() => nAvg[n] ?? 0),
  );
  const averaged = ordered.flatMap((name, index) =>
    (counts[index] ?? 0) > 0 ? [[name, index] as const] : [],
  );
  return {
    nAvg,
    stepCounter: groups.map((group) => countAt(call, own, `param_groups.${group}.step_counter`)),
    swaState: Object.fromEntries(
      averaged.map(([name, index]) => [name, weightsAt(call, own, bufferOf(index))]),
    ),
  };
}

/**
 * The average of diffusers' `EMAModel`, whose state dict has a list of tensors. Save it flat:
 *
 * ```python
 * state = ema.state_dict()
 * flat = {f"shadow_params.{i}": p for i, p in enumerate(state["shadow_params"])}
 * save_file(flat | {"optimization_step": torch.tensor(state["optimization_step"])}, path)
 * ```
 *
 * @param tensors - the tensors of the file
 * @param names - the parameter names, in the order of `model.parameters()`
 * @returns the average for {@link importAverage}; `nAvg` is the number of optimization steps
 * @throws PolyakError `ERR_STATE` if the file has another format, or another number of parameters
 * @see diffusers.training_utils.EMAModel
 */
export function fromDiffusers(tensors: NamedTensors, names: readonly string[]): ImportedAverage {
  const call = 'fromDiffusers';
  const own = readTensors(call, tensors);
  const ordered = readNames(call, names);
  const nAvg = [countAt(call, own, 'optimization_step')];
  requireCount(
    call,
    Object.keys(own).filter((name) => name.startsWith('shadow_params.')).length,
    ordered,
  );
  return {
    nAvg,
    swaState: named(ordered, (index) => weightsAt(call, own, `shadow_params.${index}`)),
  };
}

/** The names, each read once. */
function readNames(call: string, names: readonly string[]): readonly string[] {
  requireArray(`${call}: the names are`, names, 'Expected an array of parameter names, in order.');
  const seen = new Set<string>();
  for (const name of names) {
    if (typeof name !== 'string')
      throw new TypeError(`${call}: a name is ${described(name)}, expected a string.`);
    if (seen.has(name)) throw new RangeError(`${call}: the name "${name}" is given twice.`);
    seen.add(name);
  }
  return [...seen];
}

function requireCount(call: string, count: number, names: readonly string[]): void {
  if (count === names.length) return;
  throw new PolyakError(
    'ERR_STATE',
    `${call}: the file has ${count} parameters, expected ${names.length}, one for each name.`,
  );
}

function named(names: readonly string[], tensorOf: (index: number) => HostTensor): NamedTensors {
  return Object.fromEntries(
    names.map((name, index): [string, HostTensor] => [name, tensorOf(index)]),
  );
}
