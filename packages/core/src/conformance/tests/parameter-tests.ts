// Conformance: a parameter says what it writes to, so that two of one place are known as such.
import { isMemoryRange } from '../../parameter.js';
import type { Parameter, PlaceIdentity } from '../../parameter.js';
import { check, checkSameBits, hostTensor, values } from '../check.js';
import { heldBy, parametersOf } from '../harness.js';
import type { HarnessTest } from '../harness.js';

const SHAPES = [[], [1], [3], [3], [2, 3], [257]];

const tensors = SHAPES.map((shape, n) => hostTensor('float32', shape, values(n)));

function isSame(a: PlaceIdentity, b: PlaceIdentity): boolean {
  if (!isMemoryRange(a) || !isMemoryRange(b)) return a === b;
  const isStretch = a.byteOffset === b.byteOffset && a.byteLength === b.byteLength;
  return a.memory === b.memory && isStretch;
}

/** Throws unless the parameters have the identities that they had. */
function checkIdentities<T>(
  parameters: readonly Parameter<T>[],
  before: readonly PlaceIdentity[],
  what: string,
): void {
  parameters.forEach(({ identity }, index) => {
    check(
      isSame(identity, before[index] as PlaceIdentity),
      `identity: parameter ${index}, float32[${SHAPES[index]?.join()}], has another ${what}.`,
    );
  });
}

export const parameterTests: readonly HarnessTest[] = [
  {
    name: 'gives different places different identities',
    async run(harness) {
      const parameters = await parametersOf(harness, tensors);
      parameters.forEach(({ identity }, index) => {
        const isObject = typeof identity === 'object' && (identity as unknown) !== null;
        check(isObject, `identity: parameter ${index} has ${typeof identity}, expected an object.`);
        const other = parameters.findIndex((parameter) => isSame(parameter.identity, identity));
        check(other === index, `identity: parameters ${other} and ${index} have the same.`);
      });
    },
  },
  {
    name: 'gives a place one identity, whatever it holds',
    async run(harness) {
      const { backend } = harness;
      const parameters = await parametersOf(harness, tensors);
      const before = parameters.map(({ identity }) => identity);
      checkIdentities(parameters, before, 'when asked again');
      const others = await backend.upload(tensors);
      const held = await backend.swap(parameters, others);
      checkIdentities(parameters, before, 'after a swap');
      const [first] = others;
      if (first !== undefined) await parameters[0]?.set(first);
      checkIdentities(parameters, before, 'after a set');
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
      const parameters = await parametersOf(harness, tensors);
      const again: Parameter<Parameters<typeof backend.spec>[0]>[] = [];
      for (const parameter of parameters) {
        const same = await harness.sameParameter?.(parameter);
        if (same !== undefined) again.push(same);
      }
      checkIdentities(
        again,
        parameters.map(({ identity }) => identity),
        'where asked for a second time',
      );
      const others = await backend.upload(
        SHAPES.map((s, n) => hostTensor('float32', s, values(n + 9))),
      );
      const held = await backend.swap(again, others);
      checkSameBits(
        await heldBy(harness, parameters),
        await backend.download(others),
        'swap by the second parameters: the first ones',
      );
      checkIdentities(
        again,
        parameters.map(({ identity }) => identity),
        'after a swap',
      );
      await backend.dispose([...others, ...held]);
    },
  },
];
