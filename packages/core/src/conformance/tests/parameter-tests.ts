// Conformance: a parameter says what it writes to, so that two of one place are known as such.
import { isMemoryRange } from '../../parameter.js';
import type { Parameter, PlaceIdentity } from '../../parameter.js';
import type { Backend } from '../../backend.js';
import { formatSpec } from '../../tensor/tensor.js';
import type { HostTensor } from '../../tensor/tensor.js';
import { check, checkSameBits, hostTensor, specsOf, values } from '../check.js';
import { dtypeOf, heldBy, parametersOf } from '../harness.js';
import type { BackendHarness, HarnessTest } from '../harness.js';
import { checkUpdate } from '../updates.js';

const SHAPES = [[], [1], [3], [3], [2, 3], [257]];

/** Of each shape, other values for each seed. */
function tensorsOf<T>(backend: Backend<T>, seed = 0): readonly HostTensor[] {
  return SHAPES.map((shape, n) => hostTensor(dtypeOf(backend), shape, values(n + seed)));
}

/** Why tests of views are skipped. */
function withoutViews<T>({ views, backend }: BackendHarness<T>): string | undefined {
  return views === undefined ? `the harness of ${backend.name} has no views` : undefined;
}

function specOf<T>(backend: Backend<T>, parameter: Parameter<T>): string {
  return formatSpec(backend.spec(parameter.get()));
}

function isSame(a: PlaceIdentity, b: PlaceIdentity): boolean {
  if (!isMemoryRange(a) || !isMemoryRange(b)) return a === b;
  const isStretch = a.byteOffset === b.byteOffset && a.byteLength === b.byteLength;
  return a.memory === b.memory && isStretch;
}

/** Throws unless the parameters have the identities that they had. */
function checkIdentities<T>(
  backend: Backend<T>,
  parameters: readonly Parameter<T>[],
  before: readonly PlaceIdentity[],
  what: string,
): void {
  parameters.forEach((parameter, index) => {
    check(
      isSame(parameter.identity, before[index] as PlaceIdentity),
      `identity: parameter ${index}, ${specOf(backend, parameter)}, has another ${what}.`,
    );
  });
}

/** Throws unless each parameter has an identity of its own. */
function checkDistinct<T>(
  backend: Backend<T>,
  parameters: readonly Parameter<T>[],
  what: string,
): void {
  parameters.forEach((parameter, index) => {
    const { identity } = parameter;
    const spec = specOf(backend, parameter);
    const isObject = typeof identity === 'object' && (identity as unknown) !== null;
    check(
      isObject,
      `identity: ${what} ${index}, ${spec}, has ${typeof identity}, expected an object.`,
    );
    const other = parameters.findIndex((each) => isSame(each.identity, identity));
    check(other === index, `identity: ${what} ${index}, ${spec}, has the one of ${what} ${other}.`);
  });
}

export const parameterTests: readonly HarnessTest[] = [
  {
    name: 'gives different places different identities',
    async run(harness) {
      const { backend } = harness;
      const parameters = await parametersOf(harness, tensorsOf(backend));
      checkDistinct(backend, parameters, 'parameter');
    },
  },
  {
    name: 'gives a place one identity, whatever it holds',
    async run(harness) {
      const { backend } = harness;
      const parameters = await parametersOf(harness, tensorsOf(backend));
      const before = parameters.map(({ identity }) => identity);
      checkIdentities(backend, parameters, before, 'when asked again');
      const others = await backend.upload(tensorsOf(backend, 9));
      const held = await backend.swap(parameters, others);
      checkIdentities(backend, parameters, before, 'after a swap');
      const [first] = others;
      if (first !== undefined) await parameters[0]?.set(first);
      checkIdentities(backend, parameters, before, 'after a set');
      await backend.dispose([...others, ...held]);
    },
  },
  {
    name: 'gives each parameter of one place the same identity',
    skip: ({ sameParameter, backend }) =>
      sameParameter === undefined
        ? `the harness of ${backend.name} makes one parameter of each place`
        : undefined,
    async run(harness) {
      const { backend } = harness;
      const parameters = await parametersOf(harness, tensorsOf(backend));
      const again: Parameter<Parameters<typeof backend.spec>[0]>[] = [];
      for (const parameter of parameters) {
        const same = await harness.sameParameter?.(parameter);
        if (same !== undefined) again.push(same);
      }
      checkIdentities(
        backend,
        again,
        parameters.map(({ identity }) => identity),
        'where asked for a second time',
      );
      const others = await backend.upload(tensorsOf(backend, 9));
      const held = await backend.swap(again, others);
      checkSameBits(
        await heldBy(harness, parameters),
        await backend.download(others),
        'swap by the second parameters: the first ones',
      );
      checkIdentities(
        backend,
        again,
        parameters.map(({ identity }) => identity),
        'after a swap',
      );
      await backend.dispose([...others, ...held]);
    },
  },
  {
    name: 'reads parameters that lie in one memory, each where it lies',
    skip: withoutViews,
    async run(harness) {
      const { backend } = harness;
      const tensors = tensorsOf(backend);
      const parameters = (await harness.views?.(tensors)) ?? [];
      const handles = parameters.map((parameter) => parameter.get());
      checkSameBits(await backend.download(handles), tensors, 'download of views');
      const clones = await backend.clone(handles);
      checkSameBits(await backend.download(clones), tensors, 'clone of views');
      const items = tensorsOf(backend, 5).map((average, n) => ({ average, live: n, weight: 0.3 }));
      await checkUpdate(backend, items, handles, tensors);
      checkSameBits(await backend.download(handles), tensors, 'average of views: the views');
      await backend.dispose(clones);

      const bad = tensors.map((tensor, n) =>
        n % 2 === 0 ? tensor : hostTensor(tensor.dtype, tensor.shape, () => NaN),
      );
      const views = (await harness.views?.(bad)) ?? [];
      const found = await backend.allFinite(views.map((parameter) => parameter.get()));
      const expected = tensors.map((_, n) => n % 2 === 0);
      check(
        found.join() === expected.join(),
        `allFinite of views, ${specsOf(bad)}: ${found.join()}, expected ${expected.join()}.`,
      );
    },
  },
  {
    name: 'writes to parameters that lie in one memory, and not beside them',
    skip: withoutViews,
    async run(harness) {
      const { backend } = harness;
      const [live, other] = [tensorsOf(backend), tensorsOf(backend, 9)];
      const parameters = (await harness.views?.(live)) ?? [];
      checkDistinct(backend, parameters, 'view');
      const isSwapped = (_: unknown, n: number): boolean => n % 2 === 1;
      const tensors = await backend.upload(other.filter(isSwapped));
      const held = await backend.swap(parameters.filter(isSwapped), tensors);
      checkSameBits(
        await heldBy(harness, parameters),
        live.map((tensor, n) => (isSwapped(tensor, n) ? (other[n] as HostTensor) : tensor)),
        'swap of every other view',
      );
      checkSameBits(
        await backend.download(held),
        live.filter(isSwapped),
        'swap of every other view: what it returned',
      );
      await backend.dispose([...tensors, ...held]);
    },
  },
];
