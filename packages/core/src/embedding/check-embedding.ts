// A self-check for those who embed the core in a framework: whether the parameters are what the
// model computes with.
import { described, requireArray, requireFunction, requireOptions } from '../arguments.js';
import type { Backend } from '../backend.js';
import type { Parameter } from '../parameter.js';
import { holdMeanwhile, requireFree, requireNotLent } from '../parameters/live.js';
import { ParameterList, quoted, requireBackend } from '../parameters/parameter-list.js';
import type { ParameterSource } from '../parameters/parameter-list.js';
import { drive } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import { transaction } from '../steps/transaction.js';
import { warnerOf } from '../steps/warn.js';
import { CALL, flaw, unreadable } from './flaw.js';
import type { CheckEmbeddingOptions } from './options.js';
import { Trial } from './trial.js';

/**
 * Checks whether `parameters` are the weights that a model computes with: puts other weights into
 * the model, sees its output move with each of them, and puts its own back to the bit. Made for the
 * tests of an embedding. Calls `predict` about `2n + 4` times for n parameters.
 *
 * A parameter of integers is set and read back only. A parameter that cannot move the output for
 * this input, such as the weights of another head, is named in `unused`. Weights that are in no
 * parameter are not found.
 *
 * Afterwards the weights are as they were, also if the check fails, unless `set` or `get` makes
 * that impossible: what a `get` rounds off is lost.
 *
 * @param parameters - those of the model, or a function that returns them, which shows whether
 *   their identities stay the same
 * @param options - see {@link CheckEmbeddingOptions}
 * @throws TypeError or RangeError if an argument is not what it should be
 * @throws PolyakError `ERR_EMBEDDING` if a parameter is not what it should be: the message names it
 *   and the remedy
 * @throws PolyakError `ERR_PARAMETERS`, `ERR_UNSUPPORTED` for parameters that cannot be averaged;
 *   `ERR_SWAPPED`, `ERR_BUSY`; and whatever `predict` throws
 *
 * @example
 * ```ts
 * import { cpuBackend, parameter } from '@polyak/backend-cpu';
 * import { checkEmbedding } from '@polyak/core/embedding';
 *
 * const model = { slope: Float64Array.of(2), offset: Float64Array.of(1) };
 * const predict = () => [1, 2].map((x) => model.slope[0] * x + model.offset[0]);
 * const parameters = Object.entries(model).map(([name, data]) =>
 *   parameter(name, { dtype: 'float64', shape: [1], data }),
 * );
 * await checkEmbedding(parameters, { backend: cpuBackend(), predict });
 * console.log(predict()); // [3, 5]
 * ```
 */
export function checkEmbedding<T>(
  parameters: ParameterSource<T>,
  options: CheckEmbeddingOptions<T>,
): Promise<void> {
  return drive(checked(parameters, options));
}

function* checked<T>(
  parameters: ParameterSource<T>,
  options: CheckEmbeddingOptions<T>,
): Steps<void> {
  const given = requireOptions(CALL, options, ['backend', 'predict', 'unused']);
  const { backend, predict, unused = [] } = given;
  requireBackend(CALL, given);
  requireFunction(CALL, 'predict', predict);
  requireArray(`${CALL}: unused is`, unused, 'Expected an array of names.');
  const list = listOf(backend, parameters);
  if (list.names.length === 0) {
    throw flaw('there are no parameters', 'Pass those of the model, once it has its weights.');
  }
  const known = new Set(list.names);
  const odd = unused.find((name) => !known.has(name));
  if (odd !== undefined) {
    throw new RangeError(
      `${CALL}: unused names ${described(odd)}. Expected some of ${quoted(list.names)}.`,
    );
  }
  requireNotLent(CALL, list.identities);
  yield* transaction(CALL, warnerOf(CALL), function* (current) {
    yield* requireFree(current, list.identities);
    holdMeanwhile({ name: CALL, isReader: false }, current, list.identities);
    const trial = new Trial({ backend, parameters, list, predict, unused });
    yield* trial.begin();
    current.undo(() => trial.putBack());
    yield* trial.run();
  });
}

/** The parameters as a list, which reads each, and does not say which one cannot be read. */
function listOf<T>(backend: Backend<T>, parameters: ParameterSource<T>): ParameterList<T> {
  try {
    return new ParameterList(backend, parameters);
  } catch (error) {
    const all: unknown = typeof parameters === 'function' ? parameters() : parameters;
    const broken = Array.isArray(all) ? all.find(hasFailingGet) : undefined;
    throw broken === undefined ? error : unreadable(broken.name, error);
  }
}

function hasFailingGet(parameter: unknown): parameter is Parameter<unknown> {
  const { get } = (parameter ?? {}) as Partial<Parameter<unknown>>;
  if (typeof get !== 'function') return false;
  try {
    get.call(parameter);
    return false;
  } catch {
    return true;
  }
}
