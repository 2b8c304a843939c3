// The weights of a live model as plain data: read, put in for a while, put in for good. What is kept outside of SWA (snapshots, merges,
// samples) goes through here, on every backend.
import type { Awaitable, Backend, Parameter } from './backend.js';
import { withUpdatedStatistics } from './bn-update.js';
import type { AveragedBatchNorm } from './bn-update.js';
import { PolyakError } from './error.js';
import { exchange } from './exchange.js';
import { observedOptimizer } from './observed-optimizer.js';
import { equal } from './rules/rule.js';
import { averageAt, Group } from './swa-group.js';
import type { NamedTensors } from './swa-state.js';
import { elementCount, formatSpec, sameSpec } from './tensor.js';
import type { HostTensor, TensorSpec } from './tensor.js';

/**
 * A live model, as far as its weights go. Several objects may average, collect and sample one model; only one at a time may have other weights
 * in it (`ERR_SWAPPED`), and what is read or collected meanwhile are those weights.
 */
export interface LiveModel<T> {
  /** The runtime that holds the parameters. */
  readonly backend: Backend<T>;
  /** All parameters whose values make the model: each name once. Those of one storage count as one, under the first name. */
  readonly parameters: readonly Parameter<T>[];
}

/** The names that {@link readWeights} gives, each with the spec of its tensor, in the order of its tensors. */
export function weightSpecs<T>(model: LiveModel<T>): ReadonlyMap<string, TensorSpec> {
  const { parameters } = groupOf(model).list;
  return new Map(parameters.map(({ parameter, averageSpec }) => [parameter.name, averageSpec]));
}

/**
 * Copies of the weights that the model holds now, on the host. Half precision comes as float32.
 *
 * @param model - see {@link LiveModel}
 * @returns tensors by the names of the parameters
 * @throws PolyakError `ERR_NON_FINITE` where a weight is not finite, `ERR_PARAMETERS`, `ERR_UNSUPPORTED`
 */
export async function readWeights<T>(model: LiveModel<T>): Promise<NamedTensors> {
  return readFor('readWeights', model);
}

/**
 * Puts `weights` into the model for good.
 *
 * @param model - see {@link LiveModel}
 * @param weights - of all its parameters, as {@link readWeights} gives them
 * @throws PolyakError `ERR_STATE` where they do not fit, with every difference; `ERR_NON_FINITE`, `ERR_PARAMETERS`
 */
export async function writeWeights<T>(model: LiveModel<T>, weights: NamedTensors): Promise<void> {
  const group = await held('writeWeights', model, weights);
  try {
    await exchange('writeWeights', model.backend, [group], 0, true);
  } finally {
    await averageAt(group, 0).dispose();
  }
}

/**
 * Runs `fn` with `weights` in the model, and puts back what it held, whatever happens.
 *
 * @param model - see {@link LiveModel}
 * @param weights - of all its parameters, as {@link readWeights} gives them
 * @param fn - evaluates or saves the model
 * @param batchNorm - where given, the running statistics are estimated for `weights` first, and put back afterwards
 * @returns what `fn` returned
 * @throws PolyakError `ERR_STATE` where they do not fit, with every difference; `ERR_NON_FINITE`, `ERR_PARAMETERS`, and
 *   whatever `fn` throws
 */
export async function withWeights<T, R, Batch>(
  model: LiveModel<T>,
  weights: NamedTensors,
  fn: () => Awaitable<R>,
  batchNorm?: AveragedBatchNorm<Batch>,
): Promise<R> {
  return runWith('withWeights', model, await held('withWeights', model, weights), fn, batchNorm);
}

/** {@link readWeights} on behalf of `call`. */
export async function readFor<T>(call: string, model: LiveModel<T>): Promise<NamedTensors> {
  const group = await captured(call, model);
  try {
    return await hostCopy(group);
  } finally {
    await averageAt(group, 0).dispose();
  }
}

/** A group whose average is what the model holds now. */
export async function captured<T>(call: string, model: LiveModel<T>): Promise<Group<T>> {
  const group = groupOf(model);
  await averageAt(group, 0).update(await group.list.checkedLive(call), 1);
  return group;
}

/** The average of `group`, on the host. */
export async function hostCopy<T>(group: Group<T>): Promise<NamedTensors> {
  const { names } = group.list;
  const { averages } = await averageAt(group, 0).download();
  return Object.fromEntries(averages.map((tensor, index) => [names[index] ?? '', tensor]));
}

/** Runs `fn` with the average of `group` in the model, puts back what it held, and disposes of the average. */
export async function runWith<T, R, Batch>(
  call: string,
  model: LiveModel<T>,
  group: Group<T>,
  fn: () => Awaitable<R>,
  batchNorm?: AveragedBatchNorm<Batch>,
): Promise<R> {
  const swap = async (): Promise<void> => exchange(call, model.backend, [group], 0);
  const average = averageAt(group, 0);
  try {
    await swap();
  } catch (error) {
    await average.dispose();
    throw error;
  }
  let result: R;
  try {
    result = await (batchNorm === undefined ? fn() : withUpdatedStatistics(batchNorm, fn));
  } catch (error) {
    const [back] = await Promise.allSettled([putBack(swap)]);
    if (back.status === 'rejected') {
      throw new AggregateError(
        [error, back.reason],
        `${call}: the function failed, and then what the model held could not be put back.`,
        { cause: error },
      );
    }
    await average.dispose();
    throw error;
  }
  await putBack(swap);
  // What the model held is only freed once it is back in the model.
  await average.dispose();
  return result;
}

/** A second try costs nothing, and nobody but us can make it. */
async function putBack(swap: () => Promise<void>): Promise<void> {
  try {
    await swap();
  } catch {
    await swap();
  }
}

/** A group whose average is `weights`. */
export async function held<T>(
  call: string,
  model: LiveModel<T>,
  weights: NamedTensors,
): Promise<Group<T>> {
  const { backend } = model;
  const group = groupOf(model);
  const averages = await backend.upload(fitting(call, group, weights));
  try {
    const finite = await backend.allFinite(averages);
    const bad = group.list.names.filter((_, index) => finite[index] !== true);
    if (bad.length > 0) {
      throw new PolyakError(
        'ERR_NON_FINITE',
        `${call}: NaN or an infinity in the weights ${quoted(bad)}.`,
      );
    }
  } catch (error) {
    await backend.dispose(averages);
    throw error;
  }
  await averageAt(group, 0).restore({ averages, residuals: [], window: [] }, 1);
  return group;
}

/** The tensors of `weights` in the order of the parameters. */
export function fitting<T>(
  call: string,
  { list, tied }: Group<T>,
  weights: NamedTensors,
): readonly HostTensor[] {
  const known = new Set([...list.names, ...tied.map(({ parameter }) => parameter.name)]);
  const problems = Object.keys(weights)
    .filter((name) => !known.has(name))
    .map((name) => `the model has no "${name}"`);
  const tensors = list.parameters.flatMap(({ parameter: { name }, averageSpec }): HostTensor[] => {
    const found = Object.hasOwn(weights, name) ? weights[name] : undefined;
    if (found === undefined) problems.push(`they lack "${name}"`);
    else if (
      !sameSpec(found, averageSpec) ||
      found.data.length !== elementCount(averageSpec.shape)
    ) {
      problems.push(`"${name}" is ${formatSpec(found)}, the model's ${formatSpec(averageSpec)}`);
    }
    return found === undefined ? [] : [found];
  });
  if (problems.length === 0) return tensors;
  throw new PolyakError('ERR_STATE', `${call}: the weights do not fit: ${problems.join('; ')}.`);
}

/** The parameters of `model` as one group, whose average is empty. */
export function groupOf<T>({ backend, parameters }: LiveModel<T>): Group<T> {
  const optimizer = observedOptimizer([{ params: parameters, lr: 0 }]);
  const averages = [{ name: 'weights', rule: equal(), isCompensated: false }];
  return new Group({ optimizer, backend, averages }, parameters, []);
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
