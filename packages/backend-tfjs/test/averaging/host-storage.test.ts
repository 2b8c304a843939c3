// Who shares which array on cpu, where `dataSync` gives out what tfjs computes with.
import { tfjsBackend } from '@polyak/backend-tfjs';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { liveParameter, variableOf } from '../../../../tests/support/tfjs/live-parameter.js';
import { useRuntime } from '../../../../tests/support/tfjs/runtimes.js';
import { host, moved } from './moved.js';

describe('on cpu, where tensors alias arrays', () => {
  useRuntime('cpu');

  it('never writes into an array that the caller gave to tf.tensor', async () => {
    const backend = tfjsBackend(tf);
    const array = Float32Array.of(1, 2, 3);
    const tensor = tf.tensor1d(array);
    const live = tf.variable(tensor);
    tensor.dispose();
    const averages = backend.clone([live]);
    // The model moves on, and nothing but the average could still hold the array.
    live.assign(tf.tensor1d([5, 6, 7]));
    moved(backend, averages, [live], 0.5);
    expect([...array]).toEqual([1, 2, 3]);
    expect(await averages[0]?.data()).toEqual(Float32Array.of(3, 4, 5));
    backend.dispose([...averages, live]);
  });

  it('never writes into what dataSync gave while the averages were in the model', async () => {
    const backend = tfjsBackend(tf);
    const parameter = liveParameter('p', host(4, 1));
    const averages = backend.upload([host(4, 2)]);
    const kept = await backend.swap([parameter], averages);
    const saved = parameter.get().dataSync();
    backend.dispose([...(await backend.swap([parameter], kept)), ...kept]);
    for (let n = 0; n < 3; n += 1) moved(backend, averages, [parameter.get()], 0.5);
    expect(saved).toEqual(host(4, 2).data);
    backend.dispose([...averages, parameter.get()]);
  });

  it('never writes into an average that the user has cloned', () => {
    const backend = tfjsBackend(tf);
    const live = variableOf(host(4, 1));
    const averages = backend.upload([host(4, 2)]);
    const copy = tf.clone(averages[0] as tf.Tensor);
    moved(backend, averages, [live], 0.5);
    expect(copy.dataSync()).toEqual(host(4, 2).data);
    tf.dispose([...averages, live, copy]);
  });

  it('goes to and fro between two arrays', () => {
    const backend = tfjsBackend(tf);
    const live = variableOf(host(4, 1));
    const averages = backend.clone([live]);
    const arrays = [1, 2, 3, 4].map(() => {
      moved(backend, averages, [live], 0.5);
      return averages[0]?.dataSync();
    });
    expect(arrays[2]).toBe(arrays[0]);
    expect(arrays[3]).toBe(arrays[1]);
    backend.dispose([...averages, live]);
  });
});
