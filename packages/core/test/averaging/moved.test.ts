// Weights that never change are not the ones that are trained.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { AveragedModel } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { equal, exponential, lastK } from '@polyak/core/rules';
import type { AveragingRule } from '@polyak/core/rules';
import { describe, expect, it } from 'vitest';

const backend = cpuBackend();

async function warningsOf(rules: Record<string, AveragingRule>, visited: readonly number[]) {
  const warnings: string[] = [];
  const [moving, still] = [Float32Array.of(1), Float32Array.of(7, 8)];
  const model = new AveragedModel<HostTensor>(
    [
      parameter('moving', { dtype: 'float32', shape: [1], data: moving }),
      parameter('still', { dtype: 'float32', shape: [2], data: still }),
    ],
    { backend, averages: rules, onWarning: (message) => void warnings.push(message) },
  );
  for (const value of visited) {
    moving.fill(value);
    await model.update();
  }
  return warnings;
}

const still = (count: number): readonly number[] => Array.from({ length: count }, () => 3);

describe.each<[string, Record<string, AveragingRule>]>([
  ['equal', { swa: equal() }],
  ['exponential', { ema: exponential(0.9) }],
  ['window', { last: lastK(3) }],
  ['all three', { swa: equal(), ema: exponential(0.9), last: lastK(2) }],
  ['equal one, beside the last value,', { swa: equal(), last: lastK(1) }],
])('the %s average', (_, rules) => {
  it('warns once of a model none of whose weights change', async () => {
    expect(await warningsOf(rules, still(20))).toEqual([
      'AveragedModel: no weight has changed in 5 updates. Are these the tensors that are ' +
        'trained? "moving", "still".',
    ]);
    expect(await warningsOf(rules, still(5))).toEqual([]);
  });

  it('does not warn where one weight changes now and then', async () => {
    expect(await warningsOf(rules, [1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2])).toEqual([]);
  });

  it('does not warn of a model that was trained, and is not any more', async () => {
    expect(await warningsOf(rules, [1, 2, 4, ...still(60)])).toEqual([]);
  });

  it('does not warn again where a weight has changed since', async () => {
    expect(await warningsOf(rules, [...still(10), 4, ...still(60)])).toHaveLength(1);
  });
});

it('integers, which are copied, are not compared with anything', async () => {
  const warnings: string[] = [];
  const data = Int32Array.of(0);
  const model = new AveragedModel<HostTensor>(
    [parameter('n', { dtype: 'int32', shape: [1], data })],
    { backend, onWarning: (message) => void warnings.push(message) },
  );
  for (data[0] = 1; data[0] < 10; data[0] += 1) await model.update();
  expect(warnings).toEqual([]);
});

it('the last value alone is not compared with anything', async () => {
  expect(await warningsOf({ last: lastK(1) }, [1, 2, 3, 4, 5, 6, 7])).toEqual([]);
});
