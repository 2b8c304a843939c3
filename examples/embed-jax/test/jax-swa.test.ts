// jax-js: what is averaged and resumed, and the traps.
import { jit, numpy as np } from '@jax-js/jax';
import { cpuBackend } from '@polyak/backend-cpu';
import { checkEmbedding } from '@polyak/core/embedding';
import { describe, expect, it } from 'vitest';
import { declareEmbedding, declareOptimizerState } from '../../../tests/support/embedding.js';
import { arrayParameters } from '../src/jax-swa.js';
import { makeNetwork } from '../src/network.js';

describe('the network', () => {
  declareEmbedding(makeNetwork);
  declareOptimizerState(makeNetwork);
});

describe('the arrays of a record', () => {
  const backend = cpuBackend();

  it('have one reference each, as before', async () => {
    const arrays = { scale: np.array([2, 3]) };
    const predict = (): number[] => [...np.multiply(arrays.scale.ref, 5).dataSync()];
    await checkEmbedding(() => arrayParameters(arrays), { backend, predict });
    expect(arrays.scale.refCount).toBe(1);
    expect([...arrays.scale.ref.dataSync()]).toEqual([2, 3]);
    arrays.scale.dispose();
  });

  it('are named where a compiled function has others built in', async () => {
    const arrays = { scale: np.array([2, 3]) };
    const compiled = jit((inputs: np.Array) => np.multiply(arrays.scale.ref, inputs));
    const predict = (): number[] => [...compiled(np.array([5, 7])).dataSync()];
    await expect(checkEmbedding(arrayParameters(arrays), { backend, predict })).rejects.toThrow(
      '"scale" can be set and read back, but do not move the output of predict',
    );
    arrays.scale.dispose();
  });

  it('are named where one was consumed', async () => {
    const arrays = { scale: np.array([2, 3]) };
    const options = { backend, predict: (): number[] => [1] };
    np.add(arrays.scale, 1).dispose();
    await expect(checkEmbedding(arrayParameters(arrays), options)).rejects.toThrow(
      'get of "scale" returns no tensor that can be read (Referenced tracer Array',
    );
  });

  it('are refused unless they are float32', () => {
    const arrays = { count: np.array([1], { dtype: np.int32 }) };
    expect(() => arrayParameters(arrays)[0]?.get()).toThrow('An array is int32, not float32.');
    arrays.count.dispose();
  });
});
