import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { isPolyakState, polyakCheckpoint } from '@polyak/checkpoints/formats';
import type { Checkpoint, OutputTensor } from '@polyak/checkpoints';
import { AveragedModel, toSafetensors } from '@polyak/core';
import type { StateTree } from '@polyak/core';
import { equal, exponential } from '@polyak/core/rules';
import type { RuleOptions } from '@polyak/core/rules';
import {
  bytesSource,
  decodeSafetensors,
  encodeSafetensors,
  openSafetensors,
} from '@polyak/safetensors';
import type { HostTensor } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';
import { written } from './written.js';

const backend = cpuBackend();
const float32 = (...values: readonly number[]): HostTensor => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
});

/** The bytes of the state after two updates. */
async function stateOf(options: RuleOptions & { compensated?: boolean }): Promise<Uint8Array> {
  const weight = parameter('conv1.weight', float32(1, 2));
  const bias = parameter('$bias', float32(5));
  const model = new AveragedModel([weight, bias], { ...options, backend });
  await model.update();
  weight.get().data.set([3, 6] as never);
  await model.update();
  return toSafetensors(await model.stateDict());
}

const open = (bytes: Uint8Array): Promise<Checkpoint> =>
  polyakCheckpoint('state.safetensors', bytesSource(bytes));

const averagesOf = (checkpoint: Checkpoint, bytes: Uint8Array): Record<string, number[]> =>
  Object.fromEntries(
    [...checkpoint.tensors].map(([name, { begin, byteLength }]) => [
      name,
      [...new Float32Array(bytes.slice(begin, begin + byteLength).buffer)],
    ]),
  );

describe('a state of averages as a checkpoint', () => {
  it('has the averages under the names of the model', async () => {
    const bytes = await stateOf({ rule: equal(), compensated: true });
    const { metadata } = await openSafetensors(bytesSource(bytes));
    expect(isPolyakState(metadata)).toBe(true);
    const checkpoint = await open(bytes);
    expect(checkpoint).toMatchObject({ format: 'polyak', metadata: {} });
    expect(averagesOf(checkpoint, bytes)).toEqual({ 'conv1.weight': [2, 4], $bias: [5] });
  });

  it('has the name of each average where there are several', async () => {
    const bytes = await stateOf({ averages: { swa: equal(), ema: exponential(0.5) } });
    expect(averagesOf(await open(bytes), bytes)).toMatchObject({
      'swa/conv1.weight': [2, 4],
      'swa/$bias': [5],
      'ema/conv1.weight': [2, 4],
    });
  });

  it('is written as a plain file of the averages', async () => {
    const checkpoint = await open(await stateOf({ rule: equal() }));
    const spec = { dtype: 'float32', shape: [2], replaces: 'conv1.weight' } satisfies OutputTensor;
    const layout = await checkpoint.layout({
      name: 'mean.safetensors',
      tensors: new Map([['conv1.weight', spec]]),
      metadata: { by: 'x' },
    });
    const files = written(layout, { 'conv1.weight': float32(7, 8) });
    const file = decodeSafetensors(files.get('mean.safetensors') ?? new Uint8Array());
    expect(file).toEqual({ tensors: { 'conv1.weight': float32(7, 8) }, metadata: { by: 'x' } });
    expect(isPolyakState(file.metadata)).toBe(false);
  });

  it.each<[string, StateTree, RegExp]>([
    ['the state of something else', { version: 1, mean: float32(1) }, /of something else/],
    ['a list', [1], /of something else/],
    [
      'averages of a later version',
      { version: 2, averages: { swa: { swaState: { w: float32(1) } } } },
      /the version of its state is 2, expected 1. Was it written by a later Polyak\? Expected/,
    ],
    [
      'averages without an update',
      { version: 1, averages: { swa: { swaState: {} } } },
      /no averages yet/,
    ],
    [
      'a number for an average',
      { version: 1, averages: { swa: { swaState: { w: 1 } } } },
      /average of "w"/,
    ],
    [
      'two averages of a name',
      {
        version: 1,
        averages: {
          a: { swaState: { 'b/w': float32(1) } },
          'a/b': { swaState: { w: float32(2) } },
        },
      },
      /two averages by the name "a\/b\/w"/,
    ],
  ])('refuses %s', async (_what, state, message) => {
    await expect(open(toSafetensors(state))).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_CHECKPOINT' }),
    );
    await expect(open(toSafetensors(state))).rejects.toThrow(message);
  });

  it.each([
    ['that is not JSON', '{', /is not JSON/],
    ['that is deep', '['.repeat(1000), /is not JSON/],
    ['of very many values', `[${'1,'.repeat(300_000)}1]`, /too many values/],
    [
      'that names no tensor',
      '{"version":1,"state":{"version":1,"averages":{"a":{"swaState":{"w":{"$tensor":"x"}}}}}}',
      /"w"/,
    ],
    [
      'of a later version',
      '{"version":2,"state":{"version":1,"averages":{"a":{"swaState":{}}}}}',
      /the version of its file is 2, expected 1/,
    ],
  ])('refuses metadata %s', async (_what, polyak, message) => {
    await expect(open(encodeSafetensors({}, { polyak }))).rejects.toThrow(message);
  });
});
