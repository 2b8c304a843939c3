// Updates of the suite: items made of host tensors, their results compared with the reference.
import type { AveragedItem, AverageItem, AverageOptions, Backend } from '../backend.js';
import { formatSpec } from '../tensor/tensor.js';
import type { HostTensor, TensorSpec } from '../tensor/tensor.js';
import { check, checkAveraged, checkSameBits, specsOf } from './check.js';

/** An average that is moved, on the host. */
export interface HostItem {
  readonly average: HostTensor;
  readonly residual?: HostTensor;
  /** Its place in the list of live tensors. */
  readonly live: number;
  readonly weight: number;
}

/** The items with their averages and residuals uploaded. */
export async function itemsOf<T>(
  backend: Backend<T>,
  items: readonly HostItem[],
  live: readonly T[],
): Promise<readonly AverageItem<T>[]> {
  const averages = await backend.upload(items.map(({ average }) => average));
  const own = items.flatMap(({ residual }) => (residual === undefined ? [] : [residual]));
  const residuals = (await backend.upload(own)).values();
  return items.map(({ residual, live: place, weight }, index) => ({
    average: averages[index] as T,
    live: live[place] as T,
    weight,
    ...(residual === undefined ? {} : { residual: residuals.next().value as T }),
  }));
}

/** Makes an update of which every result is finite. */
export async function made<T>(
  backend: Backend<T>,
  items: readonly AverageItem<T>[],
  options?: AverageOptions,
): Promise<readonly AveragedItem<T>[]> {
  const specs = items.map(({ live }) => backend.spec(live));
  const what = `average of ${specsOf(specs)}`;
  const result = await backend.average(items, options);
  check(result.kind === 'averaged', `${what}: refused, expected the update to be made.`);
  check(
    result.items.length === items.length,
    `${what}: ${result.items.length} results, expected ${items.length}.`,
  );
  result.items.forEach(({ residual }, index) => {
    const isAsked = items[index]?.residual !== undefined;
    const spec = formatSpec(specs[index] as TensorSpec);
    check(
      (residual !== undefined) === isAsked,
      `average: item ${index}, ${spec}, has ${isAsked ? 'lost its' : 'got a'} residual.`,
    );
  });
  return result.items;
}

/** Makes the update and compares every result with the reference. */
export async function checkUpdate<T>(
  backend: Backend<T>,
  items: readonly HostItem[],
  live: readonly T[],
  liveOnHost: readonly HostTensor[],
): Promise<void> {
  const results = await made(backend, await itemsOf(backend, items, live));
  const found = await backend.download(results.map(({ average }) => average));
  items.forEach(({ average, live: place, weight }, index) => {
    const what = `average: item ${index}`;
    const spec = formatSpec(average);
    const target = liveOnHost[place] as HostTensor;
    checkAveraged(found[index] as HostTensor, average, target, weight, what);
    check(results[index]?.isFinite === true, `${what}, ${spec}: isFinite is not true.`);
  });
  await disposeItems(backend, results);
}

/** Throws unless the items, which were not consumed, hold what they were made of. */
export async function checkUntouched<T>(
  backend: Backend<T>,
  items: readonly AverageItem<T>[],
  expected: readonly HostItem[],
  what: string,
): Promise<void> {
  const averages = await backend.download(items.map(({ average }) => average));
  checkSameBits(
    averages,
    expected.map(({ average }) => average),
    `${what}: the averages`,
  );
  const residuals = await backend.download(
    items.flatMap(({ residual }) => (residual === undefined ? [] : [residual])),
  );
  checkSameBits(
    residuals,
    expected.flatMap(({ residual }) => (residual === undefined ? [] : [residual])),
    `${what}: the residuals`,
  );
}

/** Disposes of averages and their residuals. */
export async function disposeItems<T>(
  backend: Backend<T>,
  items: readonly Pick<AverageItem<T>, 'average' | 'residual'>[],
): Promise<void> {
  await backend.dispose(items.map(({ average }) => average));
  await backend.dispose(
    items.flatMap(({ residual }) => (residual === undefined ? [] : [residual])),
  );
}
