// The graphs that compute moments, on ONNX Runtime, against float64.
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { AttributeValue } from '../model-builder.js';
import { graph, model, modelBytes, node, tensor, value } from '../model-builder.js';
import { entering, expectExact, feed, feedsFor, network, run, twice } from './moments-networks.js';
import { errorOf, momentsIn, normalize } from './moments-reference.js';

const OPSETS = [9, 11, 13, 14, 15, 17, 18, 20, 22];
describe.each(['reduce-mean', 'training-mode'] as const)('moments by %s', (reduction) => {
  const opsets = reduction === 'training-mode' ? OPSETS.filter((opset) => opset >= 14) : OPSETS;

  it.each(opsets.flatMap((opset) => [2, 3, 4, 5].map((rank) => [opset, rank] as const)))(
    'agree with float64 at opset %i, rank %i, for both layers and for the second alone',
    async (opset, rank) => {
      const of = network(rank, opset);
      const { x, feeds } = feedsFor(rank, 23);
      const both = await run(of, [1, 0], reduction, feeds);
      const [entersFirst, entersSecond] = entering(x, true);
      expect(errorOf(both.moments[1], momentsIn(entersFirst))).toBeLessThan(1e-5);
      expect(errorOf(both.moments[0], momentsIn(entersSecond))).toBeLessThan(1e-5);
      const alone = await run(of, [1], reduction, feeds);
      expect(errorOf(alone.moments[0], momentsIn(entering(x, false)[1]))).toBeLessThan(1e-5);
    },
  );

  it('need nothing after the last wanted layer, nor its running statistics', async () => {
    const of = network(4, 17);
    const { read } = await run(of, [0], reduction, feedsFor(4, 2).feeds);
    expect(read.filter((name) => !name.startsWith('bn1'))).toEqual(['w1', 'b1']);
    expect(read).not.toContain('bn1.mean');
    expect(read).not.toContain('bn1.var');
  });

  it('take the number of samples from the batch', async () => {
    const of = network(4, 17);
    for (const samples of [1, 2, 9]) {
      const { moments } = await run(of, [0, 1], reduction, feedsFor(4, samples).feeds);
      expect(moments.map(({ count }) => count)).toEqual([samples * 35, samples * 35]);
    }
  });

  it('leave the model as it was', async () => {
    const of = network(3, 17);
    const before = modelBytes(of);
    await run(of, [0, 1], reduction, feedsFor(3, 2).feeds);
    expect(modelBytes(of)).toEqual(before);
  });

  it('find no name of the model in their way', async () => {
    const of = network(2, 17);
    for (const each of of.graph?.node ?? []) {
      each.input = each.input.map((name) => (/^[hnr]/.test(name) ? `polyak/${name}` : name));
      each.output = each.output.map((name) => (/^[hnr]/.test(name) ? `polyak/${name}` : name));
    }
    const { x, feeds } = feedsFor(2, 23);
    const { moments } = await run(of, [0, 1], reduction, feeds);
    expect(errorOf(moments[1], momentsIn(entering(x, true)[1]))).toBeLessThan(1e-5);
  });

  it.each([
    ['images', [64, 3, 125, 125]],
    ['a sequence', [2, 3, 6000]],
    ['rows', [4000, 3]],
  ])('agree with float64 for %s with a mean of 100', async (_, dims) => {
    await expectExact(dims, reduction);
  });

  it.each(
    (
      [
        [9, 'float64', 'float64'],
        [9, 'float16', 'float16'],
        [14, 'float16', 'float32'],
        [15, 'float64', 'float64'],
        [15, 'float16', 'float16'],
        [20, 'float16', 'float32'],
      ] as const
    ).filter(([opset]) => opsets.includes(opset)),
  )(
    'agree with float64 at opset %i on inputs of %s with statistics of %s',
    async (opset, dtype, statistics) => {
      const { of, feeds, x } = twice(opset, dtype, statistics);
      const { moments } = await run(of, [0, 1], reduction, feeds);
      expect(errorOf(moments[0], momentsIn(x))).toBeLessThan(1e-5);
      const norm = { scale: [2, 2, 2], bias: [1, 1, 1], epsilon: Math.fround(1e-5) };
      const second = momentsIn(normalize(x, momentsIn(x), norm));
      expect(errorOf(moments[1], second)).toBeLessThan(dtype === 'float16' ? 1e-3 : 1e-5);
    },
  );
});

describe('reduce-mean', () => {
  it.each([
    ['rows', [1_000_000, 2]],
    ['one long sequence', [1, 2, 1_000_000]],
    ['images', [100, 2, 100, 100]],
  ])('agrees with float64 over a million values a channel: %s', async (_, dims) => {
    await expectExact(dims, 'reduce-mean');
  });
});

describe('batchMoments', () => {
  const names = ['s', 'b', 'm', 'v'];
  const inputs = [value('x', ['n', 2]), ...names.map((name) => value(name, [2]))];

  it('refuses training mode before opset 14 and names the other way', async () => {
    const of = network(2, 13);
    await expect(run(of, [0], 'training-mode', feedsFor(2, 2).feeds)).rejects.toThrow(
      /training mode needs opset 14 or later, the model uses 13. Use reduction "reduce-mean"/,
    );
  });

  it('keeps what the branches of a node read', async () => {
    const branch = (name: string, factor: string): AttributeValue => ({
      graph: graph({
        nodes: [node('Mul', ['x', factor], [name])],
        outputs: [value(name, ['n', 2])],
        name,
      }),
    });
    const of = model({
      nodes: [
        node('Neg', ['two'], ['minus']),
        node('If', ['condition'], ['h'], {
          then_branch: branch('yes', 'two'),
          else_branch: branch('no', 'minus'),
        }),
        node('BatchNormalization', ['h', ...names], ['y']),
      ],
      initializers: [tensor('two', [], [2])],
      inputs: [...inputs, value('condition', [], 'int32')],
      outputs: [value('y', ['n', 2])],
    });
    const condition = of.graph?.input.at(-1)?.type?.value;
    if (condition?.case === 'tensorType') condition.value.elemType = 9;
    const feeds = Object.fromEntries([
      ...['s', 'b'].map((name) => feed(name, [2], Float32Array.of(1, 1))),
      feed('x', [2, 2], Float32Array.of(1, 5, 3, 9)),
    ]);
    feeds['condition'] = new ort.Tensor('bool', [false], []);
    const { moments } = await run(of, [0], 'reduce-mean', feeds);
    expect([...(moments[0]?.mean ?? [])]).toEqual([-4, -14]);
  });
});
