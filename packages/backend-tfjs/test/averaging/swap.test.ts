// Swaps of cells that are no variables: tied cells, cells that refuse, and tensors that were
// disposed of.
import { tfjsBackend } from '@polyak/backend-tfjs';
import { observedOptimizer, SWA } from '@polyak/core';
import type { Parameter } from '@polyak/core';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';

interface Cell extends Parameter<tf.Tensor> {
  tensor: tf.Tensor;
}

function cellOf(name: string, tensor: tf.Tensor): Cell {
  const cell: Cell = {
    name,
    tensor,
    get: () => cell.tensor,
    set(given) {
      cell.tensor = given;
    },
  };
  return cell;
}

async function numbers(cells: readonly Cell[]): Promise<number[][]> {
  return Promise.all(cells.map(async ({ tensor }) => [...(await tensor.data())]));
}

describe.each(RUNTIMES)('a swap on %s', (runtime) => {
  useRuntime(runtime);

  it('keeps two cells with one tensor tied, in and out', async () => {
    const live = tf.tensor1d([4, 0.1]);
    const cells = [cellOf('input', live), cellOf('output', live)];
    const swa = new SWA(observedOptimizer([{ params: cells, lr: 1 }]), {
      backend: tfjsBackend(tf),
    });
    await swa.updateSwa();
    const other = tf.tensor1d([8, 0.1]);
    cells.forEach((cell) => void cell.set(other));
    await swa.updateSwa();
    expect(Object.keys((await swa.stateDict()).averages['swa']?.swaState ?? {})).toEqual(['input']);
    await swa.swapSwaSgd();
    expect((await numbers(cells)).map(([first]) => first)).toEqual([6, 6]);
    expect(cells[0]?.tensor).toBe(cells[1]?.tensor);
    await swa.swapSwaSgd();
    expect(cells[0]?.tensor).toBe(cells[1]?.tensor);
    expect(await numbers(cells)).toEqual([
      [8, Math.fround(0.1)],
      [8, Math.fround(0.1)],
    ]);
    await swa.dispose();
    tf.dispose([live, ...cells.map(({ tensor }) => tensor)]);
  });

  it('puts back the cells that were set before one that refuses', async () => {
    const backend = tfjsBackend(tf);
    const cells = [1, 2, 3].map((value) => cellOf(`p${value}`, tf.tensor1d([value])));
    const held = cells.map(({ tensor }) => tensor);
    const averages = backend.clone(cells.map(({ tensor }) => tensor));
    const [, second] = cells;
    if (second === undefined) throw new Error('no cell');
    second.set = () => {
      throw new Error('read-only');
    };
    await expect(Promise.resolve(backend.swap(cells, averages))).rejects.toThrow('read-only');
    cells.forEach(({ tensor }, index) => expect(tensor).toBe(held[index]));
    tf.dispose([...held, ...averages]);
  });

  it('is refused for disposed variables, of the model or of the averages', async () => {
    const backend = tfjsBackend(tf);
    const live = [1, 2].map((value) => tf.variable(tf.scalar(value)));
    const parameters = live.map((tensor, n) => cellOf(`p${n}`, tensor));
    const averages = backend.clone([tf.scalar(7), tf.scalar(8)]);
    const disposed = expect.objectContaining({ code: 'ERR_DISPOSED' }) as unknown as Error;

    const [, second] = backend.clone(averages);
    const [first] = averages;
    second?.dispose();
    expect(() => backend.swap(parameters, [first, second] as tf.Tensor[])).toThrow(disposed);
    expect(await numbers(parameters)).toEqual([[1], [2]]);

    live[1]?.dispose();
    expect(() => backend.swap(parameters, averages)).toThrow(disposed);
    expect(await first?.data()).toEqual(Float32Array.of(7));
    await expect(backend.allFinite(live)).rejects.toThrow(disposed);
    expect([...((await live[0]?.data()) ?? [])]).toEqual([1]);
    backend.dispose([...averages, ...live]);
  });
});
