// A live model on a backend, read and written past whoever has its weights on loan.
import { ParameterSet } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import type { BackendHarness } from '@polyak/core/conformance';
import type { Backend, HostTensor, Parameter } from '@polyak/core/interfaces';

export interface LiveModel<T> {
  readonly backend: Backend<T>;
  readonly parameters: readonly Parameter<T>[];
  readonly weights: ParameterSet<T>;
  /** What the parameters hold now, by their names: what the model computes with. */
  held(): Promise<NamedTensors>;
  /**
   * Lets the parameters of those names hold copies, as a training step or a stray evaluation does.
   */
  put(tensors: NamedTensors): Promise<void>;
}

/** A model whose parameters hold copies of `tensors`. */
export async function liveModel<T>(
  { backend, parameter }: BackendHarness<T>,
  tensors: NamedTensors,
): Promise<LiveModel<T>> {
  const cells = Object.entries(tensors).map(async ([name, tensor]) => parameter(name, tensor));
  const parameters = await Promise.all(cells);
  return {
    backend,
    parameters,
    weights: new ParameterSet(parameters, { backend }),
    async held() {
      const found = await backend.download(parameters.map((cell) => cell.get()));
      return Object.fromEntries(
        found.map((tensor, n): [string, HostTensor] => [parameters[n]?.name ?? '', tensor]),
      );
    },
    async put(given) {
      const places = parameters.filter(({ name }) => Object.hasOwn(given, name));
      const handles = await backend.upload(places.map(({ name }) => given[name] as HostTensor));
      const before = await backend.swap(places, handles);
      await backend.dispose([...before, ...handles]);
    },
  };
}
