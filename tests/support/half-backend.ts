// The CPU backend, given half precision by the plainest means: what half precision is, for tests of it.
import { cpuBackend } from '@polyak/backend-cpu';
import type { CpuBackend } from '@polyak/backend-cpu';
import type { Backend, HostTensor, Parameter } from '@polyak/core';
import { halfBits, halfValue, isHalf } from '@polyak/core/internal';

/** A tensor with a spec of its own: the CPU backend holds the bits of half precision as uint16. */
export type HalfTensor = HostTensor & { readonly inner: HostTensor };

/** The backend, with the number of its tensors. */
export interface HalfBackend extends Backend<HalfTensor> {
  upload(tensors: readonly HostTensor[]): readonly HalfTensor[];
  memory: CpuBackend['memory'];
}

/** A backend of float32, float16, bfloat16 and integers. */
export function halfBackend(): HalfBackend {
  const cpu = cpuBackend({ kernel: 'js' });

  const innerOf = (tensor: HostTensor): HostTensor =>
    isHalf(tensor.dtype) ? { ...tensor, dtype: 'uint16' } : tensor;
  const inners = (tensors: readonly HalfTensor[]): readonly HostTensor[] =>
    tensors.map(({ inner }) => inner);
  const outers = (
    made: readonly HostTensor[],
    like: readonly HostTensor[],
  ): readonly HalfTensor[] =>
    made.map((inner, n) => ({ ...inner, dtype: like[n]?.dtype ?? inner.dtype, inner }));
  const valuesOf = ({ dtype, data }: HostTensor): readonly number[] =>
    Array.from(data as Float64Array, (element) =>
      isHalf(dtype) ? halfValue(dtype, element) : element,
    );
  const wide = (tensor: HostTensor): HostTensor =>
    isHalf(tensor.dtype)
      ? { dtype: 'float32', shape: tensor.shape, data: Float32Array.from(valuesOf(tensor)) }
      : tensor;
  /** What the CPU backend averages towards: checked by it, then widened. */
  const targets = (live: readonly HalfTensor[]): readonly HostTensor[] => {
    cpu.dispose(cpu.clone(inners(live)));
    return live.map(({ inner, dtype }) => wide({ ...inner, dtype }));
  };

  return {
    specVersion: 1,
    name: 'half',
    dtypes: ['float32', 'float16', 'bfloat16', 'int32'],
    memory: cpu.memory,
    spec: ({ dtype, shape }) => ({ dtype, shape }),
    upload: (tensors) => outers(cpu.upload(tensors.map(innerOf)), tensors),
    download: (tensors) =>
      cpu
        .download(inners(tensors))
        .map((tensor, n) => ({ ...tensor, dtype: tensors[n]?.dtype ?? 'bool' })),
    clone: (tensors) => outers(cpu.clone(inners(tensors)), tensors),
    cast(tensors, dtypes) {
      const casts = tensors.map((tensor, n): HostTensor => {
        const { shape, inner } = tensor;
        const [dtype, numbers] = [dtypes[n] ?? 'bool', valuesOf({ ...inner, dtype: tensor.dtype })];
        if (!isHalf(dtype)) return { dtype, shape, data: Float32Array.from(numbers) };
        return { dtype, shape, data: Uint16Array.from(numbers, (value) => halfBits(dtype, value)) };
      });
      return outers(cpu.upload(casts.map(innerOf)), casts);
    },
    allFinite: (tensors) =>
      tensors.map(({ dtype, inner }) => cpu.allFinite([wide({ ...inner, dtype })])[0] === true),
    average: (averages, live, weight) =>
      outers(cpu.average(inners(averages), targets(live), weight), averages),
    averageCompensated(averages, residuals, live, weight) {
      const moved = cpu.averageCompensated(
        inners(averages),
        inners(residuals),
        targets(live),
        weight,
      );
      return {
        averages: outers(moved.averages, averages),
        residuals: outers(moved.residuals, residuals),
      };
    },
    async swap(parameters, tensors) {
      const held = parameters.map((parameter) => parameter.get());
      for (const [n, parameter] of parameters.entries())
        await parameter.set(tensors[n] as HalfTensor);
      return held;
    },
    dispose: (tensors) => cpu.dispose(inners(tensors)),
  };
}

/** A cell that exchanges handles. */
export interface HalfParameter extends Parameter<HalfTensor> {
  set(tensor: HalfTensor): void;
}

/** A cell that holds `tensor`. */
export function halfParameter(name: string, tensor: HalfTensor): HalfParameter {
  let held = tensor;
  return { name, get: () => held, set: (other) => void (held = other) };
}
