// SWA inside js-pytorch: where the numbers of a module and of its optimizer are.
import { identityOf } from '@polyak/core/embedding';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { torch } from 'js-pytorch';

type Tensor = InstanceType<typeof torch.Tensor>;
type Module = InstanceType<typeof torch.nn.Module>;

/** The weights of a module by name, such as `hidden.W`, and where Adam keeps their moments. */
export function moduleParameters(module: Module): readonly Parameter<HostTensor>[] {
  return tensorsOf(module).map(([name, tensor]) => arrayParameter(name, tensor, () => tensor));
}

/** The moments of Adam, which it keeps in the weights: there is nothing in the optimizer. */
export function adamState(module: Module): readonly Parameter<HostTensor>[] {
  return tensorsOf(module).flatMap(([name, tensor]) => [
    arrayParameter(`${name}.m`, tensor, () => tensor.m),
    arrayParameter(`${name}.v`, tensor, () => tensor.v),
  ]);
}

/** Names are the paths to the tensors: `parameters()` of js-pytorch has none. */
function tensorsOf(module: Module, path = ''): readonly (readonly [string, Tensor])[] {
  return Object.entries(module).flatMap(([key, value]: [string, unknown]) => {
    if (value instanceof torch.nn.Module) return tensorsOf(value, `${path}${key}.`);
    const isWeight = value instanceof torch.Tensor && value.requires_grad;
    return isWeight ? [[`${path}${key}`, value] as const] : [];
  });
}

/**
 * @param owner - the weight, which lives as long as the module, while a step of Adam replaces the
 *   tensors of moments and the arrays in all of them
 * @param tensorNow - the tensor that holds the numbers now
 */
function arrayParameter(
  name: string,
  owner: Tensor,
  tensorNow: () => Tensor,
): Parameter<HostTensor> {
  return {
    name,
    identity: identityOf(owner, name),
    get: () => {
      const { data: nested, shape } = tensorNow();
      // Nested arrays of JavaScript numbers, which float32 would round.
      const numbers = Float64Array.from(nested.flat(Infinity) as number[]);
      return { dtype: 'float64', shape: shape as number[], data: numbers };
    },
    set: ({ data, shape }) => {
      const nested = torch.tensor([...data]).reshape([...shape]).data;
      Object.assign(tensorNow(), { _data: nested }); // `data` has no setter.
    },
  };
}
