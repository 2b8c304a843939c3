// Swaps of cells that are no variables: tied cells, cells that refuse, and tensors that were
// disposed of.
import { tfjsBackend, variableParameters } from '@polyak/backend-tfjs';
import { observedOptimizer, SWA } from '@polyak/core';
import type { Parameter } from '@polyak/core/interfaces';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';

interface Cell extends Parameter<tf.Tensor> {
  readonly tensor: tf.Tensor;
}

/** A place that is no variable: it holds a tensor of its own. */
function cellOf(name: string, values: readonly number[], tied?: Cell): Cell {
  let held: tf.Tensor = tf.tensor1d([...values]);
  const cell: Cell = {
    name,
    get tensor() {
      return tied?.tensor ?? held;
    },
    get identity() {
      return tied?.identity ?? cell;
    },
    get: () => cell.tensor,
    set(given) {
      if (tied !== undefined) return tied.set(given);
      const old = held;
      held = given.clone();
      old.dispose();
      return undefined;
    },
  };
  return cell;
}

async function numbers(cells: readonly Cell[]): Promise<number[][]> {
  return Promise.all(cells.map(async ({ tensor }) => [...(await tensor.data())]));
}

describe.each(RUNTIMES)('a swap on %s', (runtime) => {
  useRuntime(runtime);

  it('averages two cells with one identity once, and swaps both in and out', async () => {
    const before = tf.memory().numTensors;
    const input = cellOf('input', [4, 0.1]);
    const cells = [input, cellOf('output', [], input)];
    const swa = new SWA(observedOptimizer([{ params: cells, lr: 1 }]), {
      backend: tfjsBackend(tf),
    });
    await swa.updateSwa();
    const other = tf.tensor1d([8, 0.1]);
    await input.set(other);
    other.dispose();
    await swa.updateSwa();
    expect(Object.keys((await swa.stateDict()).averages['swa']?.swaState ?? {})).toEqual(['input']);
    await swa.swapSwaSgd();
    expect((await numbers(cells)).map(([first]) => first)).toEqual([6, 6]);
    await swa.swapSwaSgd();
    expect(await numbers(cells)).toEqual([
      [8, Math.fround(0.1)],
      [8, Math.fround(0.1)],
    ]);
    await swa.dispose();
    input.tensor.dispose();
    expect(tf.memory().numTensors - before).toBe(1); // the empty tensor of the tied cell
  });

  it('puts back what was set before a cell that refuses, variables too', async () => {
    const backend = tfjsBackend(tf);
    const cells = [1, 2, 3].map((value) => cellOf(`p${value}`, [value]));
    const variable = tf.variable(tf.scalar(9));
    const [parameter] = variableParameters({ variable });
    const [, second] = cells;
    if (second === undefined || parameter === undefined) throw new Error('no cell');
    const averages = backend.clone([variable, ...cells.map(({ tensor }) => tensor)]);
    const before = tf.memory().numTensors;
    let refusals = 1;
    const set = second.set.bind(second);
    second.set = (tensor) => {
      refusals -= 1;
      if (refusals >= 0) throw new Error('read-only');
      return set(tensor);
    };
    const others = backend.clone(averages);
    expect(() => backend.swap([parameter, ...cells], others)).toThrow('read-only');
    backend.dispose(others);
    expect(tf.memory().numTensors).toBe(before);
    expect(await numbers(cells)).toEqual([[1], [2], [3]]);
    expect([...(await variable.data())]).toEqual([9]);
    tf.dispose([...averages, ...cells.map(({ tensor }) => tensor), variable]);
  });

  it('waits for a cell that takes time', async () => {
    const backend = tfjsBackend(tf);
    const cell = cellOf('slow', [1, 2]);
    const slow: Parameter<tf.Tensor> = {
      name: cell.name,
      identity: cell,
      get: () => cell.get(),
      set: async (tensor) => {
        await Promise.resolve();
        await cell.set(tensor);
      },
    };
    const averages = backend.upload([
      { dtype: 'float32', shape: [2], data: Float32Array.of(3, 4) },
    ]);
    const held = await backend.swap([slow], averages);
    expect(await numbers([cell])).toEqual([[3, 4]]);
    backend.dispose([...(await backend.swap([slow], held)), ...held, ...averages]);
    expect(await numbers([cell])).toEqual([[1, 2]]);
    cell.tensor.dispose();
  });

  it('is refused for disposed variables, of the model or of the averages', async () => {
    const backend = tfjsBackend(tf);
    const live = [1, 2].map((value) => tf.variable(tf.scalar(value)));
    const parameters = variableParameters({ a: live[0] as tf.Variable, b: live[1] as tf.Variable });
    const averages = backend.clone([tf.scalar(7), tf.scalar(8)]);
    const disposed = expect.objectContaining({ code: 'ERR_DISPOSED' }) as unknown as Error;

    const [, second] = backend.clone(averages);
    const [first] = averages;
    second?.dispose();
    expect(() => backend.swap(parameters, [first, second] as tf.Tensor[])).toThrow(disposed);
    expect(live.map((variable) => variable.dataSync()[0])).toEqual([1, 2]);

    live[1]?.dispose();
    expect(() => backend.swap(parameters, averages)).toThrow(disposed);
    expect(() => backend.swap(parameters, averages)).toThrow(
      `swap: the variable "${live[1]?.name}" was disposed of, expected one in use`,
    );
    expect(await first?.data()).toEqual(Float32Array.of(7));
    expect(() => backend.allFinite(live)).toThrow(disposed);
    expect([...((await live[0]?.data()) ?? [])]).toEqual([1]);
    backend.dispose([...averages, ...live]);
  });
});
