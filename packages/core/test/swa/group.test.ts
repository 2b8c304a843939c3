// Groups that changed under SWA: other cells are fine over the same tensors, and refused over
// others.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { SWA } from '@polyak/core';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { fill, read, sgd, weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

interface Fixture {
  readonly swa: SWA<HostTensor>;
  readonly cells: readonly Parameter<HostTensor>[];
  readonly group: { params: readonly Parameter<HostTensor>[]; lr: number };
}

function start(): Fixture {
  const cells = [weights('a', [2]), weights('b', [2])];
  const group: Fixture['group'] = { params: cells, lr: 0.1 };
  return { swa: new SWA({ ...sgd([]), paramGroups: [group] }, { backend }), cells, group };
}

describe('a group whose cells were replaced', () => {
  it('is refused where a cell of the same name holds another tensor', async () => {
    const { swa, cells, group } = start();
    cells.forEach((cell) => fill(cell, 1));
    await swa.updateSwa();
    group.params = [cells[0] as Parameter<HostTensor>, weights('b', [2])];
    await expect(swa.updateSwa()).rejects.toMatchObject({
      code: 'ERR_PARAMETERS',
      message: expect.stringContaining('"b" now another tensor') as string,
    });
    expect(swa.paramGroups[0]?.nAvg).toBe(1);
  });

  it('is refused where only another group is averaged', async () => {
    const [one, other] = ['a', 'b'].map((name) => ({ params: [weights(name, [2])], lr: 0.1 }));
    if (one === undefined || other === undefined) throw new Error('no groups');
    const swa = new SWA({ ...sgd([]), paramGroups: [one, other] }, { backend });
    const [group] = swa.paramGroups;
    if (group === undefined) throw new Error('no group');
    await swa.updateSwaGroup(group);
    other.params = [weights('b', [2])];
    await expect(swa.updateSwaGroup(group)).rejects.toThrow('"b" now another tensor');
    expect(group.nAvg).toBe(1);
  });

  it('is refused where the optimizer has lost it', async () => {
    const optimizer = { ...sgd([]), paramGroups: [{ params: [weights('a', [2])], lr: 0.1 }] };
    const swa = new SWA(optimizer, { backend });
    await swa.updateSwa();
    optimizer.paramGroups = [];
    await expect(swa.step()).rejects.toMatchObject({ code: 'ERR_PARAMETERS' });
  });

  it('is refused where a tied cell was replaced by one that is not tied', async () => {
    const embedding = weights('embedding', [2]);
    const output = parameter('output', { ...embedding.get() });
    const group = { params: [embedding, output], lr: 0.1 };
    const swa = new SWA({ ...sgd([]), paramGroups: [group] }, { backend });
    await swa.updateSwa();
    group.params = [embedding, parameter('output', { ...embedding.get() })];
    await swa.updateSwa();
    group.params = [embedding, weights('output', [2])];
    await expect(swa.updateSwa()).rejects.toThrow('"output" now another tensor');
    expect(swa.paramGroups[0]?.nAvg).toBe(2);
  });

  it('is averaged on where the new cells are over the same arrays', async () => {
    const { swa, cells, group } = start();
    cells.forEach((cell) => fill(cell, 1));
    await swa.updateSwa();
    group.params = cells.map((cell) => parameter(cell.name, { ...cell.get() }));
    group.params.forEach((cell) => fill(cell, 3));
    await swa.updateSwa();
    await swa.swapSwaSgd();
    expect(group.params.map(read)).toEqual([
      [2, 2],
      [2, 2],
    ]);
  });

  it('is refused where its cells changed their order', async () => {
    const { swa, cells, group } = start();
    group.params = cells.toReversed();
    await expect(swa.updateSwa()).rejects.toThrow('their order has changed');
  });
});

describe('an optimizer whose number of groups changed', () => {
  it.each([
    ['lost', 1],
    ['gained', 3],
  ])('is refused where it has %s one', async (_, length) => {
    const groups = ['a', 'b', 'c'].map((name) => ({ params: [weights(name, [1])], lr: 0.1 }));
    const optimizer = { ...sgd([]), paramGroups: groups.slice(0, 2) };
    const swa = new SWA(optimizer, { backend });
    optimizer.paramGroups = groups.slice(0, length);
    await expect(swa.updateSwa()).rejects.toMatchObject({
      code: 'ERR_PARAMETERS',
      message: expect.stringContaining(
        `the optimizer has ${length} parameter groups, SWA has 2`,
      ) as string,
    });
  });

  it('takes no further group, since it would be counted for another one', async () => {
    const optimizer = sgd([{ params: [weights('a', [1])], lr: 0.1 }]);
    const swa = new SWA(optimizer, { backend });
    await optimizer.addParamGroup({ params: [weights('b', [1])], lr: 0.2 });
    await expect(swa.addParamGroup({ params: [weights('c', [1])], lr: 0.3 })).rejects.toMatchObject(
      { code: 'ERR_PARAMETERS' },
    );
    expect(optimizer.paramGroups.map(({ lr }) => lr)).toEqual([0.1, 0.2]);
    expect(swa.paramGroups).toHaveLength(1);
  });

  it('keeps the groups of SWA where the optimizer refuses a new one', async () => {
    const optimizer = sgd([{ params: [weights('a', [1])], lr: 0.1 }]);
    const { addParamGroup } = optimizer;
    let isFull = true;
    optimizer.addParamGroup = (group) => {
      if (isFull) throw new Error('full');
      return addParamGroup(group);
    };
    const swa = new SWA(optimizer, { backend });
    const group = { params: [weights('b', [1])], lr: 0.2 };
    await expect(swa.addParamGroup(group)).rejects.toThrow('full');
    expect(swa.paramGroups).toHaveLength(1);
    await swa.updateSwa();
    isFull = false;
    await swa.addParamGroup(group);
    expect(swa.paramGroups.map(({ nAvg, lr }) => [nAvg, lr])).toEqual([
      [1, 0.1],
      [0, 0.2],
    ]);
  });
});
