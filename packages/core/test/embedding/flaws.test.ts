// What checkEmbedding says of embeddings that are broken on purpose, and how it leaves them.
import { cpuBackend } from '@polyak/backend-cpu';
import { checkEmbedding } from '@polyak/core/embedding';
import type { Parameter, HostTensor } from '@polyak/core/interfaces';
import { describe, expect, it, vi } from 'vitest';
import { brokenModels } from './broken-models.js';
import { brokenPlaces } from './broken-places.js';
import { Network, parametersOf } from './network.js';

describe.each([...brokenModels, ...brokenPlaces])(
  'an embedding $what',
  ({ message, make, isLossy = false }) => {
    it('fails by name, and all is as it was', async () => {
      const backend = cpuBackend();
      const { parameters, predict, held } = make(backend);
      const before = structuredClone(held());
      const failing = checkEmbedding(parameters, { backend, predict });
      await expect(failing).rejects.toMatchObject({
        name: 'PolyakError',
        code: 'ERR_EMBEDDING',
        message: expect.stringContaining(`checkEmbedding: `) as string,
      });
      await expect(failing).rejects.toThrow(message);
      if (isLossy) return;
      expect(held()).toEqual(before);
      expect(backend.memory()).toEqual({ tensors: 0, bytes: 0 });
    });
  },
);

describe('a flaw', () => {
  it('has the error that showed it as its cause', async () => {
    const freed = new ReferenceError('freed');
    const get = (): never => {
      throw freed;
    };
    const parameters = parametersOf(new Network()).map((right) => ({ ...right, get }));
    const failing = checkEmbedding(parameters, { backend: cpuBackend(), predict: () => [1] });
    await expect(failing).rejects.toMatchObject({ code: 'ERR_EMBEDDING', cause: freed });
  });

  it('of the identities is found before predict runs', async () => {
    const network = new Network();
    const parameters = (): Parameter<HostTensor>[] =>
      parametersOf(network).map((right) => ({ ...right, identity: {} }));
    const predict = vi.fn<() => number[]>(() => network.predict());
    await expect(checkEmbedding(parameters, { backend: cpuBackend(), predict })).rejects.toThrow(
      '"hidden.weight" has another identity than before',
    );
    expect(predict).not.toHaveBeenCalled();
  });
});
