// References are counted: a storage is freed with the last of them.
import { ledger } from '@polyak/core/kit';
import type { HostTensor } from '@polyak/core/interfaces';
import { expect, it } from 'vitest';

const disposed = expect.objectContaining({ code: 'ERR_DISPOSED' });

function tensor(...values: readonly number[]): HostTensor {
  return { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) };
}

function ofHostTensors(): ReturnType<typeof ledger<HostTensor>> {
  return ledger<HostTensor>(
    ({ data }) => data,
    (made) => made,
  );
}

it('counts storages and their bytes', () => {
  const tensors = ofHostTensors();
  const [a, b] = [tensor(1, 2), tensor(3)];
  tensors.add([a, b]);
  tensors.share([a]);
  expect(tensors.memory()).toEqual({ tensors: 2, bytes: 12 });
  expect(tensors.release('dispose', [a])).toEqual([]);
  expect(tensors.release('dispose', [{ ...a }])).toEqual([a]);
  expect(tensors.memory()).toEqual({ tensors: 1, bytes: 4 });
});

it('refuses what has no reference left, and then takes none', () => {
  const tensors = ofHostTensors();
  const [a, b] = [tensor(1), tensor(2)];
  tensors.add([a, b]);
  tensors.release('dispose', [a]);
  expect(() => tensors.requireAlive('clone', [b, a])).toThrow(disposed);
  expect(() => tensors.share([a])).toThrow(disposed);
  expect(() => tensors.release('dispose', [b, a])).toThrow(disposed);
  expect(() => tensors.release('dispose', [b, b])).toThrow('dispose: this float32[1] was disposed');
  expect(tensors.memory()).toEqual({ tensors: 1, bytes: 4 });
  expect(tensors.release('dispose', [b])).toEqual([b]);
});

it('takes no reference where a tensor in the middle has none left', () => {
  const tensors = ofHostTensors();
  const [a, b, c] = [tensor(1), tensor(2), tensor(3)];
  tensors.add([a, b, c]);
  tensors.release('dispose', [b]);
  for (let n = 0; n < 2; n += 1) {
    expect(() => tensors.release('dispose', [a, b, c])).toThrow(disposed);
  }
  expect(tensors.memory()).toEqual({ tensors: 2, bytes: 8 });
  expect(tensors.release('dispose', [a, c])).toEqual([a, c]);
});

it('takes two references of one tensor at once, and frees it once', () => {
  const tensors = ofHostTensors();
  const a = tensor(1);
  tensors.share(tensors.add([a]));
  expect(tensors.release('dispose', [a, a])).toEqual([a]);
});

it("leaves others' tensors alone", () => {
  const tensors = ofHostTensors();
  const own = tensor(1);
  tensors.share([own]);
  expect(tensors.release('dispose', [own, own])).toEqual([]);
  tensors.requireAlive('clone', [own]);
  expect(tensors.memory()).toEqual({ tensors: 0, bytes: 0 });
});
