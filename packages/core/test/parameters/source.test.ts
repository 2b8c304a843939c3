// Parameters that a function gives: asked at each update, so that a changed model is found.
import { cpuBackend } from '@polyak/backend-cpu';
import { AveragedModel, ParameterSet } from '@polyak/core';
import type { HostTensor, Parameter, PlaceIdentity } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();
const CELLS = [{}, {}] as const;
const MEMORY = {};
const place = (): void => {};

function range(byteOffset: number, byteLength: number, memory: object = MEMORY): PlaceIdentity {
  return { memory, byteOffset, byteLength };
}

describe('a source', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => weights(name, [2])) as [
    Parameter<HostTensor>,
    Parameter<HostTensor>,
    Parameter<HostTensor>,
  ];

  it.each<[string, readonly Parameter<HostTensor>[], string]>([
    ['a new parameter', [a, b, c], '"c" not averaged so far'],
    ['a missing one', [a], '"b" gone'],
    ['a replaced one', [a, weights('b', [2])], '"b" now another tensor'],
    ['one under another name', [a, { ...b, name: 'd' }], '"d" not averaged so far; "b" gone'],
    ['another order', [b, a], 'their order has changed'],
    ['a new and a missing one', [a, c], '"c" not averaged so far; "b" gone'],
  ])('that gives %s is refused by name at the next update', async (_, later, message) => {
    let parameters: readonly Parameter<HostTensor>[] = [a, b];
    const model = new AveragedModel(() => parameters, { backend });
    await model.update();
    parameters = later;
    for (const call of [() => model.update(), () => model.withAveraged(() => 0)]) {
      await expect(call()).rejects.toMatchObject({
        code: 'ERR_PARAMETERS',
        message: expect.stringContaining(message) as string,
      });
    }
    expect(model.nAvg).toBe(1);
    parameters = [a, b];
    await model.update();
  });

  it.each<[string, PlaceIdentity, PlaceIdentity, boolean]>([
    ['the same object', CELLS[0], CELLS[0], true],
    ['another object', CELLS[0], CELLS[1], false],
    ['the same function', place, place, true],
    ['a stretch of memory in place of an object', CELLS[0], range(0, 8), false],
    ['the same stretch of memory', range(8, 8), range(8, 8), true],
    ['a stretch of another memory', range(8, 8), range(8, 8, {}), false],
    ['another start', range(8, 8), range(0, 8), false],
    ['another length', range(8, 8), range(8, 4), false],
  ])('that gives %s as identity is told apart', async (_, before, after, isSame) => {
    const cell = weights('w', [2]);
    let identity = before;
    const model = new AveragedModel(() => [{ ...cell, identity }], { backend });
    await model.update();
    identity = after;
    const outcome = await model.update().then(() => 'done', String);
    expect(outcome).toContain(isSame ? 'done' : '"w" now another tensor');
  });

  it('that gives many new parameters is refused with the first names and a count', async () => {
    const many = Array.from({ length: 100 }, (_, n) => weights(`w${n}`, [1]));
    let parameters: readonly Parameter<HostTensor>[] = [a];
    const model = new AveragedModel(() => parameters, { backend });
    await model.update();
    parameters = [a, ...many];
    const error: unknown = await model.update().catch((thrown: unknown) => thrown);
    const { message } = error as Error;
    const named = message.match(/"w\d+"/g) ?? [];
    expect(message).toContain('"w0", "w1"');
    expect(message).toContain('and 80 more not averaged so far');
    expect(named).toHaveLength(20);
  });

  it('may be an array that changes in place', async () => {
    const parameters = [a, b];
    const model = new AveragedModel(parameters, { backend });
    await model.update();
    parameters.push(c);
    await expect(model.update()).rejects.toThrow('"c" not averaged so far');
  });

  it('that gives something else at an update is a TypeError', async () => {
    let parameters: unknown = [a];
    const model = new AveragedModel(() => parameters as [], { backend });
    parameters = undefined;
    await expect(model.update()).rejects.toThrow(/The parameters are undefined. Expected an array/);
    parameters = [a];
    await model.update();
  });
});

it('parameters that have changed are refused by write and withWeights too', async () => {
  const w = weights('w', [2]);
  let parameters = [w];
  const set = new ParameterSet(() => parameters, { backend });
  const read = await set.read();
  const held = [...w.get().data];
  parameters = [weights('w', [2], 5)];
  const other = { w: { ...read['w'], data: Float32Array.of(7, 8) } as HostTensor };
  for (const call of [() => set.write(other), () => set.withWeights(other, () => 0)]) {
    await expect(call()).rejects.toThrow('"w" now another tensor');
  }
  expect([...w.get().data]).toEqual(held);
});
