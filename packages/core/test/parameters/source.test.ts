// Parameters that a function gives: asked at each update, so that a changed model is found.
import { cpuBackend } from '@polyak/backend-cpu';
import { AveragedModel } from '@polyak/core';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

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
