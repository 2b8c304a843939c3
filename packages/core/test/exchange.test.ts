// Tied parameters: one average for one storage, and one handle for all cells that had one, whatever a swap does.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { SWA } from '@polyak/core';
import type { Backend, HostTensor, Parameter } from '@polyak/core';
import { describe, expect, it, vi } from 'vitest';
import { fill, read, sgd, weights } from '../../../tests/support/sgd.js';

const backend = cpuBackend();

/** A cell that gives out the handle it was last given. */
interface HandleCell extends Parameter<HostTensor> {
  handle: HostTensor;
}

function handleCell(name: string, handle: HostTensor): HandleCell {
  const cell: HandleCell = {
    name,
    handle,
    get: () => cell.handle,
    set(tensor) {
      cell.handle = tensor;
    },
  };
  return cell;
}

/** A backend without `identity` that swaps handles, as runtimes with immutable tensors do. */
function handleSwapping(): Backend<HostTensor> {
  const { identity: _, ...rest } = backend;
  return {
    ...rest,
    async swap(parameters, tensors) {
      const held = parameters.map((each) => each.get());
      for (const [index, each] of parameters.entries())
        await each.set(tensors[index] as HostTensor);
      return held;
    },
  };
}

function floats(...values: number[]): HostTensor {
  return { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) };
}

/** An optimizer without steps, over these groups. */
function groupsOf(
  ...groups: readonly (readonly Parameter<HostTensor>[])[]
): ReturnType<typeof sgd> {
  return sgd(groups.map((params) => ({ params, lr: 0.1 })));
}

describe('two cells over one array', () => {
  it('are averaged once and swapped exactly, though their tensors are two objects', async () => {
    const data = Float32Array.of(1, 1);
    const [input, output] = ['input', 'output'].map((name) =>
      parameter(name, { dtype: 'float32', shape: [2], data }),
    ) as [Parameter<HostTensor>, Parameter<HostTensor>];
    expect(input.get()).not.toBe(output.get());
    const swa = new SWA(groupsOf([input], [output]), { backend });
    await swa.updateSwa();
    data.fill(4);
    await swa.updateSwa();
    data.set([0.1, -0]);
    expect(Object.keys((await swa.stateDict()).averages['swa']?.swaState ?? {})).toEqual(['input']);
    await swa.swapSwaSgd();
    expect([read(input), read(output)]).toEqual([
      [2.5, 2.5],
      [2.5, 2.5],
    ]);
    await swa.swapSwaSgd();
    expect(read(output)).toEqual([Math.fround(0.1), -0]);
  });
});

describe('two cells with one handle, on a backend that swaps handles', () => {
  it('stay tied through swaps', async () => {
    const handle = floats(1);
    const [input, output] = [handleCell('input', handle), handleCell('output', handle)];
    const swa = new SWA(groupsOf([input, output]), { backend: handleSwapping() });
    await swa.updateSwa();
    handle.data.fill(4 as never);
    await swa.updateSwa();
    await swa.swapSwaSgd();
    expect(read(output)).toEqual([2.5]);
    expect(output.handle).toBe(input.handle);
    await swa.swapSwaSgd();
    expect([input.handle, output.handle]).toEqual([handle, handle]);
  });

  it('stay tied where only the group of the first is averaged', async () => {
    const handle = floats(1);
    const [input, output] = [handleCell('input', handle), handleCell('output', handle)];
    const swa = new SWA(groupsOf([input], [output, weights('w', [1])]), {
      backend: handleSwapping(),
      onWarning: () => {},
    });
    const [group] = swa.paramGroups;
    if (group === undefined) throw new Error('no group');
    await swa.updateSwaGroup(group);
    handle.data.fill(4 as never);
    await swa.swapSwaSgd();
    expect([read(input), read(output)]).toEqual([[1], [1]]);
    await swa.swapSwaSgd();
    expect(output.handle).toBe(handle);
  });

  it.each([1, Infinity])(
    'are as they were where one cannot be set %d times, and the averages too',
    async (times) => {
      const handle = floats(1);
      const [input, output, last] = ['input', 'output', 'last'].map((name) =>
        handleCell(name, handle),
      ) as [HandleCell, HandleCell, HandleCell];
      const swa = new SWA(groupsOf([input, output, last]), { backend: handleSwapping() });
      await swa.updateSwa();
      handle.data.fill(4 as never);
      const { set } = last;
      let failures = 0;
      last.set = (tensor) => {
        failures += 1;
        if (failures <= times) throw new Error('read-only');
        return set(tensor);
      };
      await expect(swa.swapSwaSgd()).rejects.toThrow('read-only');
      expect(failures).toBe(1);
      expect(swa.isSwapped).toBe(false);
      for (const cell of [input, output, last]) expect(cell.handle).toBe(handle);
      expect(read(input)).toEqual([4]);
      last.set = set;
      await swa.updateSwa();
      await swa.swapSwaSgd();
      expect([input, output, last].map(read)).toEqual([[2.5], [2.5], [2.5]]);
    },
  );

  it('keep their averages where a swap that was undone returned other handles', async () => {
    const plain = handleSwapping();
    const fresh: Backend<HostTensor> = {
      ...plain,
      // What it is given it disposes of, once its contents are in a tensor of its own.
      async swap(parameters, tensors) {
        const own = backend.clone(tensors);
        backend.dispose(tensors);
        return plain.swap(parameters, own);
      },
    };
    const handle = floats(1);
    const [input, output] = [handleCell('input', handle), handleCell('output', handle)];
    const swa = new SWA(groupsOf([input, output]), { backend: fresh });
    await swa.updateSwa();
    const { set } = output;
    output.set = () => {
      output.set = set;
      throw new Error('read-only');
    };
    await expect(swa.swapSwaSgd()).rejects.toThrow('read-only');
    expect(output.handle).toBe(input.handle);
    fill(input, 4);
    expect((await swa.stateDict()).averages['swa']?.swaState['input']?.data).toEqual(
      Float32Array.of(1),
    );
  });
});

describe('a swap', () => {
  it('checks the shapes itself, of all groups, before it asks the backend', async () => {
    let tensor = floats(1, 2);
    const changing: Parameter<HostTensor> = { name: 'late', get: () => tensor, set: () => {} };
    const swap = vi.fn<typeof backend.swap>(backend.swap);
    const swa = new SWA(groupsOf([weights('first', [1])], [changing]), {
      backend: { ...backend, swap },
    });
    await swa.updateSwa();
    tensor = floats(1, 2, 3);
    await expect(swa.swapSwaSgd()).rejects.toThrow(
      'swapSwaSgd: "late" is float32[3], its average float32[2].',
    );
    expect(swap).not.toHaveBeenCalled();
    expect(swa.isSwapped).toBe(false);
  });
});
