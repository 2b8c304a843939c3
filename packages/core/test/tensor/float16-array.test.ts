// Float16Array, which Node 24 and later have: taken for the bits that it holds.
import { fromSafetensors, ParameterSet, AveragedModel, toSafetensors } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { fromAveragedModel, importAverage } from '@polyak/core/interop';
import { halfBits } from '@polyak/core/kit';
import { decodeSafetensors, encodeSafetensors } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';
import { halfBackend, halfParameter } from '../../../../tests/support/half-backend.js';

const VALUES = [1.5, -2, 0.25];
const BITS = Uint16Array.from(VALUES, (value) => halfBits('float16', value));

/** The values in what the platform calls a Float16Array, or in what looks like one. */
function float16(): HostTensor {
  const { Float16Array } = globalThis as unknown as {
    Float16Array?: { from(values: readonly number[]): unknown };
  };
  // An array whose elements are read as bits would give others than these: as numbers they differ.
  const pretended = Object.defineProperty(BITS.slice(), Symbol.toStringTag, {
    value: 'Float16Array',
  });
  const data: unknown = Float16Array === undefined ? pretended : Float16Array.from(VALUES);
  return { dtype: 'float16', shape: [3], data: data as Uint16Array };
}

const plain: HostTensor = { dtype: 'float16', shape: [3], data: BITS };

describe('a float16 tensor in a Float16Array', () => {
  it('is written into a safetensors file as its bits', () => {
    expect(decodeSafetensors(encodeSafetensors({ w: float16() })).tensors).toEqual({ w: plain });
  });

  it('is written into a state as its bits', () => {
    expect(fromSafetensors(toSafetensors({ w: float16() }))).toEqual({ w: plain });
  });

  it('is imported as the numbers that it holds', () => {
    const n_averaged = { dtype: 'int64', shape: [], data: BigInt64Array.of(2n) } as const;
    const { swaState } = fromAveragedModel({ n_averaged, 'module.w': float16() });
    expect(swaState).toEqual({
      w: { dtype: 'float32', shape: [3], data: Float32Array.from(VALUES) },
    });
  });

  it('is read, averaged and shown where a model holds it', async () => {
    const backend = halfBackend();
    const cell = halfParameter('w', plain);
    const set = new ParameterSet([cell], { backend });
    const model = new AveragedModel([cell], { backend });
    await model.update();
    const { w } = await set.read();
    expect(w?.data).toEqual(Float32Array.from(VALUES));
    const state = await model.stateDict();
    const imported = importAverage(state, {
      nAvg: [1],
      swaState: { w: { dtype: 'float32', shape: [3], data: Float32Array.of(1, 2, 3) } },
    });
    await model.loadStateDict(imported);
    await model.withAveraged(() =>
      expect([...cell.get().data]).toEqual([1, 2, 3].map((value) => halfBits('float16', value))),
    );
    expect([...cell.get().data]).toEqual([...BITS]);
  });

  it('is refused by name as an average, which is float32', async () => {
    const backend = halfBackend();
    const set = new ParameterSet([halfParameter('w', plain)], { backend });
    await expect(set.write({ w: float16() })).rejects.toThrow(
      '"w" is float16[3], expected float32[3]',
    );
  });
});
