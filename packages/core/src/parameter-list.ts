// The parameters of one group as they are averaged: in which order, of what spec, and whether their live values are fit for it.
import type { Backend, Parameter } from './backend.js';
import { PolyakError } from './error.js';
import { formatSpec, isFloating, isHalf, sameSpec } from './tensor.js';
import type { TensorSpec } from './tensor.js';

/** A parameter with the dtype and shape that it has, and those of its average. */
export interface AveragedParameter<T> {
  readonly parameter: Parameter<T>;
  readonly spec: TensorSpec;
  /** The same, but float32 where `spec` is half precision: too coarse to hold an average. */
  readonly averageSpec: TensorSpec;
}

export class ParameterList<T> {
  readonly #backend: Backend<T>;
  /** The floating parameters, which are averaged, those in half precision first; then the others, which are copied. */
  readonly parameters: readonly AveragedParameter<T>[];
  readonly halfCount: number;
  readonly floatingCount: number;

  constructor(backend: Backend<T>, parameters: readonly Parameter<T>[]) {
    this.#backend = backend;
    const averaged = parameters.map((parameter) => averagedParameter(backend, parameter));
    const halves = averaged.filter(({ spec }) => isHalf(spec.dtype));
    const floats = averaged.filter(({ spec }) => isFloating(spec.dtype) && !isHalf(spec.dtype));
    this.parameters = [
      ...halves,
      ...floats,
      ...averaged.filter(({ spec }) => !isFloating(spec.dtype)),
    ];
    this.halfCount = halves.length;
    this.floatingCount = halves.length + floats.length;
  }

  get names(): readonly string[] {
    return this.parameters.map(({ parameter }) => parameter.name);
  }

  /** The live tensors, refused where a shape or a dtype has changed. */
  live(call: string): readonly T[] {
    return this.parameters.map(({ parameter, spec }) => {
      const tensor = parameter.get();
      const found = this.#backend.spec(tensor);
      if (sameSpec(found, spec)) return tensor;
      throw new PolyakError(
        'ERR_PARAMETERS',
        `${call}: "${parameter.name}" is ${formatSpec(found)}, its average ${formatSpec(spec)}. ` +
          `Pass the same model's parameters or make a new SWA.`,
      );
    });
  }

  /** The live tensors, refused also where a value makes them unfit to be averaged. */
  async checkedLive(call: string): Promise<readonly T[]> {
    const live = this.live(call);
    const finite = await this.#backend.allFinite(live);
    const bad = this.parameters.filter((_, index) => finite[index] !== true);
    if (bad.length > 0) {
      throw new PolyakError(
        'ERR_NON_FINITE',
        `${call}: NaN or an infinity in ${bad.map(({ parameter }) => `"${parameter.name}"`).join(', ')}. ` +
          'What was kept is as it was: put finite weights back and go on.',
      );
    }
    return live;
  }
}

function averagedParameter<T>(backend: Backend<T>, parameter: Parameter<T>): AveragedParameter<T> {
  const spec = backend.spec(parameter.get());
  const isNarrow = isHalf(spec.dtype);
  if (backend.dtypes.includes(spec.dtype) && (!isNarrow || backend.cast !== undefined)) {
    return { parameter, spec, averageSpec: isNarrow ? { ...spec, dtype: 'float32' } : spec };
  }
  const dtypes = backend.dtypes.filter((dtype) => dtype !== spec.dtype);
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `"${parameter.name}" is ${formatSpec(spec)}; the backend ${backend.name} takes ${dtypes.join(', ')}.`,
  );
}
