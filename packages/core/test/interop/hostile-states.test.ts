// What JavaScript passes for a state, which may have been read from any file.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { AveragedModel } from '@polyak/core';
import { adaptState, importAverage } from '@polyak/core/interop';
import { lastK } from '@polyak/core/rules';
import { expect, it } from 'vitest';

type Node = Readonly<Record<string, unknown>>;

/** Values that no place of a state has, and one that is left out. */
const ODD: readonly unknown[] = [undefined, null, 5, 'odd', true, [], [null], {}, { odd: null }];

/** `node` and everything in it, each replaced by each odd value in turn. */
function* mutants(node: unknown): Generator {
  yield* ODD;
  if (typeof node !== 'object' || node === null || ArrayBuffer.isView(node)) return;
  for (const [key, child] of Object.entries(node)) {
    for (const mutant of mutants(child)) {
      yield Array.isArray(node) ? [mutant] : { ...(node as Node), [key]: mutant };
    }
  }
}

const tensor = { dtype: 'float32', shape: [1], data: Float32Array.of(1) } as const;

async function stateOfOne() {
  const weight = parameter('w', { ...tensor, data: tensor.data.slice() });
  const model = new AveragedModel([weight], { backend: cpuBackend(), rule: lastK(2) });
  await model.update();
  return { model, state: await model.stateDict() };
}

/** The messages of errors that are not made by this library. */
function strayErrors(node: unknown, call: (mutant: never) => unknown): readonly string[] {
  return [...mutants(node)].flatMap((mutant) => {
    try {
      call(mutant as never);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return /^(adaptState|importAverage)/.test(message) ? [] : [message];
    }
    return [];
  });
}

it('states, targets and changes of another form are refused by name', async () => {
  const { state } = await stateOfOne();
  const changes = {
    renamed: { w: 'w' },
    newParameters: { w: tensor },
    droppedParameters: ['w'],
    changedRules: ['swa'],
    newAverages: ['swa'],
    droppedAverages: ['swa'],
  };
  expect(strayErrors(state, (mutant) => adaptState(mutant, state, {}))).toEqual([]);
  expect(strayErrors(state, (mutant) => adaptState(state, mutant, {}))).toEqual([]);
  expect(strayErrors(changes, (mutant) => adaptState(state, state, mutant))).toEqual([]);
});

it('imported averages of another form are refused by name', async () => {
  const { state } = await stateOfOne();
  const imported = { swaState: { w: tensor }, nAvg: [1] };
  expect(strayErrors(state, (mutant) => importAverage(mutant, imported))).toEqual([]);
  expect(strayErrors(imported, (mutant) => importAverage(state, mutant))).toEqual([]);
});

it('what is wrong within a state is named by its place', async () => {
  const { state } = await stateOfOne();
  const { swa } = state.averages;
  const [group] = state.paramGroups;
  const average = (changes: Node): Node => ({
    ...state,
    averages: { swa: { ...swa, ...changes } },
  });
  const lying = { w: { ...tensor, shape: [2] } };
  for (const [wrong, message] of [
    [average({ nAvg: ['1'] }), 'adaptState: the state: its average "swa": nAvg'],
    [average({ window: [1] }), 'adaptState: the state: its average "swa": window'],
    [average({ swaState: lying }), 'adaptState: the tensor "w"'],
    [{ ...state, paramGroups: [{ ...group, params: [1] }] }, 'its parameter group 0: params'],
    [{ ...state, paramGroups: [{ ...group, tied: { a: 1 } }] }, 'its parameter group 0: tied'],
  ] as const) {
    expect(() => adaptState(wrong as never, state, {})).toThrow(message);
  }
  const imported = { nAvg: [1], swaState: { w: tensor } };
  for (const [wrong, message] of [
    [{ ...imported, nAvg: ['1'] }, 'importAverage: nAvg'],
    [{ ...imported, swaState: lying }, 'importAverage: the tensor "w"'],
  ] as const) {
    expect(() => importAverage(state, wrong as never)).toThrow(message);
  }
});
