// A small optimizer for the tests: SGD with momentum on a noisy quadratic, with a state that has to
// be saved.
import { parameter } from '@polyak/backend-cpu';
import { PolyakError } from '@polyak/core';
import { recordOf } from '@polyak/core/interfaces';
import type { StateTree } from '@polyak/core';
import type { HostTensor, Optimizer, ParamGroup, Parameter } from '@polyak/core/interfaces';

/** Uniform in [0, 1), the same on every machine (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A float32 parameter with values from `seed`. */
export function weights(name: string, shape: readonly number[], seed = 1): Parameter<HostTensor> {
  const next = random(seed);
  const length = shape.reduce((product, extent) => product * extent, 1);
  return parameter(name, {
    dtype: 'float32',
    shape,
    data: Float32Array.from({ length }, () => next() * 2 - 1),
  });
}

/** The numbers a parameter holds now, as a copy. */
export function read(cell: Parameter<HostTensor>): number[] {
  return Array.from(cell.get().data, Number);
}

/** Makes a parameter hold `value` everywhere. */
export function fill(cell: Parameter<HostTensor>, value: number): void {
  (cell.get().data as Float32Array).fill(value);
}

interface Group extends ParamGroup<HostTensor> {
  lr: number;
}

/** SGD with momentum 0.9 towards 1, with gradient noise that depends on the step only. */
export function sgd(
  groups: readonly Group[],
): Optimizer<HostTensor> & { steps: () => number; rates: number[] } {
  let steps = 0;
  const rates: number[] = [];
  let velocities = new Map<string, Float32Array>();
  const paramGroups: Group[] = groups.map((group) => ({ ...group }));
  return {
    paramGroups,
    rates,
    steps: () => steps,
    async step(closure) {
      const loss = await closure?.();
      rates.push(paramGroups[0]?.lr ?? NaN);
      for (const { params, lr } of paramGroups) {
        for (const cell of params) {
          const noise = random(steps * 7919 + cell.name.length);
          const data = cell.get().data as Float32Array;
          const velocity = velocities.get(cell.name) ?? new Float32Array(data.length);
          velocities.set(cell.name, velocity);
          data.forEach((value, index) => {
            velocity[index] = 0.9 * (velocity[index] ?? 0) + (value - 1) + (noise() - 0.5);
            data[index] = value - lr * (velocity[index] ?? 0);
          });
        }
      }
      steps += 1;
      return loss;
    },
    addParamGroup(group) {
      paramGroups.push({ ...group });
    },
    stateDict(): StateTree {
      const entries = [...velocities].map(([name, data]): [string, HostTensor] => [
        name,
        { dtype: 'float32', shape: [data.length], data: data.slice() },
      ]);
      return {
        steps,
        lr: paramGroups.map(({ lr }) => lr),
        velocities: Object.fromEntries(entries),
      };
    },
    loadStateDict(state) {
      const {
        steps: stored,
        lr,
        velocities: tensors,
      } = state as {
        steps: number;
        lr: number[];
        velocities: Record<string, HostTensor>;
      };
      if (lr.length !== paramGroups.length)
        throw new PolyakError('ERR_STATE', 'sgd: another number of groups.');
      steps = stored;
      velocities = new Map(
        Object.entries(tensors).map(([name, { data }]) => [
          name,
          Float32Array.from(data as Float32Array),
        ]),
      );
      // Like torch, which puts new groups in place of the old ones.
      lr.forEach((rate, index) => {
        paramGroups[index] = { ...(paramGroups[index] as Group), lr: rate };
      });
    },
  };
}

/** `state` with other things in one of its averages, and more tensors in its records. */
export function withAverage(
  state: StateTree,
  name: string,
  { swaState, ...rest }: { readonly swaState?: object; readonly [key: string]: unknown },
): StateTree {
  const averages = recordOf(recordOf(state)['averages']);
  const average = recordOf(averages[name]);
  const tensors = { ...recordOf(average['swaState']), ...swaState };
  const changed = { ...average, ...rest, swaState: tensors } as StateTree;
  return { ...recordOf(state), averages: { ...averages, [name]: changed } };
}

/** Normal numbers, the same on every machine (Box and Muller). */
export function gaussian(): () => number {
  let seed = 12345;
  const uniform = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return (seed + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
