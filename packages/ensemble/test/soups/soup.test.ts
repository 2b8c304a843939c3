// Means of several models: right to the last bit, and without a member as if it had never been
// there.
import type { NamedTensors } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { chooseStart, greedySoup, Soup } from '@polyak/ensemble';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

function model(...values: number[]): NamedTensors {
  return { w: { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) } };
}

const VALUES = fc.float({ noNaN: true, noDefaultInfinity: true });
const MODELS = fc.array(
  fc.array(VALUES, { minLength: 3, maxLength: 3 }).map((values) => model(...values)),
  { minLength: 2, maxLength: 12 },
);

function valueOf({ w }: NamedTensors): number {
  return Number(w?.data[0]);
}

describe('Soup', () => {
  it('is the mean, rounded once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), { minLength: 1 }),
        (values) => {
          const soup = new Soup();
          for (const value of values) {
            soup.add({ w: { dtype: 'float64', shape: [], data: Float64Array.of(value) } });
          }
          const sum = values.reduce((total, value) => total + BigInt(value), 0n);
          expect(valueOf(soup.mean())).toBe(Number(sum) / values.length);
        },
      ),
    );
  });

  it('without a member is to the bit what it is where that was never added', () => {
    fc.assert(
      fc.property(MODELS, fc.nat(), fc.constantFrom(1, 0.3, -2), (models, pick, weight) => {
        const taken = models[pick % models.length] as NamedTensors;
        const [all, rest] = [new Soup(), new Soup()];
        for (const each of models) all.add(each, each === taken ? weight : 1);
        for (const each of models) if (each !== taken) rest.add(each);
        expect(all.remove(taken, weight).mean()).toEqual(rest.mean());
        expect(all.count).toBe(models.length - 1);
      }),
    );
  });

  it('survives members that are larger by far', () => {
    const soup = new Soup().add(model(1)).add(model(3e38)).add(model(3)).remove(model(3e38));
    expect(valueOf(soup.mean())).toBe(2);
  });

  it('weighs as it is told', () => {
    expect(valueOf(new Soup().add(model(1), 3).add(model(5)).mean())).toBe(2);
    expect(valueOf(new Soup().add(model(1), -1).add(model(5), 2).mean())).toBe(9);
  });

  it('copies integers from the newest, and gives half precision as float32', () => {
    const steps = (value: bigint): HostTensor => ({
      dtype: 'int64',
      shape: [1],
      data: BigInt64Array.of(value),
    });
    const half = (bits: number): HostTensor => ({
      dtype: 'float16',
      shape: [],
      data: Uint16Array.of(bits),
    });
    const soup = new Soup()
      .add({ steps: steps(3n), h: half(0x3c00) })
      .add({ steps: steps(9n), h: half(0x3c01) });
    expect(soup.mean()).toEqual({
      steps: steps(9n),
      h: { dtype: 'float32', shape: [], data: Float32Array.of(1 + 2 ** -11) },
    });
  });

  it.skipIf(!('Float16Array' in globalThis))(
    'takes float16 in a Float16Array for what it is (Node 24 and later)',
    () => {
      const { Float16Array } = globalThis as unknown as {
        readonly Float16Array: { of(...values: number[]): Uint16Array };
      };
      const member = (...values: number[]): NamedTensors => ({
        w: { dtype: 'float16', shape: [2], data: Float16Array.of(...values) },
      });
      const soup = new Soup().add(member(1, -7)).add(member(3, 2));
      expect(soup.mean()['w']?.data).toEqual(Float32Array.of(2, -2.5));
    },
  );

  it('shares nothing with its members and its means', () => {
    const steps: HostTensor = { dtype: 'int32', shape: [1], data: Int32Array.of(1) };
    const soup = new Soup().add({ steps });
    const mean = soup.mean();
    mean['steps']?.data.fill(7 as never);
    steps.data.fill(9 as never);
    expect(soup.mean()['steps']?.data).toEqual(Int32Array.of(1));
  });

  it('refuses what would make a sum or a mean overflow, and stays as it was', () => {
    const huge: NamedTensors = {
      w: { dtype: 'float64', shape: [2], data: Float64Array.of(1, 1.5e308) },
    };
    const soup = new Soup().add(huge);
    const refused = { code: 'ERR_NON_FINITE' };
    expect(() => soup.add(huge)).toThrow(expect.objectContaining(refused));
    expect(soup.mean()).toEqual(huge);
    expect(() => soup.add(model(1, 3e38), -0.5)).toThrow('expected float64[2]');
    const large = new Soup().add(model(1, 3e38), 3).add(model(1, -3e38), -2);
    expect(() => large.mean()).toThrow(expect.objectContaining(refused));
    expect(soup.count).toBe(1);
  });

  it('refuses a member that does not fit, with every difference, and stays as it was', () => {
    const soup = new Soup().add({
      ...model(1, 2),
      v: { dtype: 'float32', shape: [1], data: new Float32Array(1) },
    });
    const before = soup.mean();
    expect(() =>
      soup.add({ ...model(1), x: { dtype: 'float32', shape: [0], data: new Float32Array() } }),
    ).toThrow('it lacks "v"; "w" is float32[1], expected float32[2]; the soup has no "x"');
    const lying = { dtype: 'float32', shape: [3], data: new Float32Array(2) } as const;
    expect(() => new Soup().add({ w: lying })).toThrow(
      '"w" is float32[3] with 2 elements, expected 3',
    );
    const wild = {
      ...before,
      w: { dtype: 'float32', shape: [2], data: Float32Array.of(1, NaN) },
    } as NamedTensors;
    expect(() => soup.add(wild)).toThrow(expect.objectContaining({ code: 'ERR_NON_FINITE' }));
    expect(() => soup.remove(model(1, 2))).toThrow('it lacks "v"');
    expect(() => soup.add(before, NaN)).toThrow(RangeError);
    expect(soup.mean()).toEqual(before);
    expect(soup.count).toBe(1);
  });

  it('has no mean without members, or where their weights sum up to 0', () => {
    const none = { code: 'ERR_NO_AVERAGES' };
    expect(() => new Soup().mean()).toThrow(expect.objectContaining(none));
    expect(() => new Soup().remove(model(1))).toThrow(expect.objectContaining(none));
    const soup = new Soup().add(model(1)).remove(model(1));
    expect(() => soup.mean()).toThrow(expect.objectContaining(none));
    expect(valueOf(soup.add(model(4)).mean())).toBe(4);
    expect(() => soup.add(model(1), -1).mean()).toThrow('sum up to 0');
    const rounded = new Soup().add(model(1), 0.1).add(model(2), 0.2).add(model(3), -0.3);
    expect(() => rounded.mean()).toThrow('sum up to 0');
  });
});

describe('greedySoup', () => {
  /** The nearer to 3, the better. */
  const score = (weights: NamedTensors): number => -Math.abs(valueOf(weights) - 3);

  it('begins with the best and takes what does not harm', async () => {
    const soup = await greedySoup([model(9), model(2), model(3.5), model(-9), model(3.5)], score);
    // 3.5 alone, with the other 3.5 no worse, with 2 exactly 3; 9 and -9 would harm.
    expect(soup.members).toEqual([2, 4, 1]);
    expect([valueOf(soup.weights), soup.score]).toEqual([3, -0]);
  });

  it('has the integers of members that stayed', async () => {
    const counted = (value: number, n: number): NamedTensors => ({
      ...model(value),
      n: { dtype: 'int32', shape: [1], data: Int32Array.of(n) },
    });
    const { weights } = await greedySoup([counted(3, 1), counted(100, 2)], score);
    expect(weights['n']?.data).toEqual(Int32Array.of(1));
  });

  it('refuses scores that are no numbers', async () => {
    for (const nothing of [undefined, null, '1', { accuracy: 1 }]) {
      await expect(greedySoup([model(1)], () => nothing as never)).rejects.toThrow(TypeError);
      await expect(chooseStart([model(1)], () => nothing as never)).rejects.toThrow(TypeError);
    }
  });

  it('refuses scores that compare with nothing, and an empty list', async () => {
    await expect(greedySoup([model(1)], () => NaN)).rejects.toThrow('evaluate gave NaN');
    await expect(greedySoup([], () => 1)).rejects.toThrow(RangeError);
  });
});

describe('chooseStart', () => {
  it('finds the snapshot from which the mean is best', async () => {
    const run = [90, 20, 5, 2, 2.5].map((value) => model(value));
    const chosen = await chooseStart(run, (weights) => -Math.abs(valueOf(weights) - 3));
    expect(chosen.start).toBe(2);
    expect(valueOf(chosen.weights)).toBeCloseTo(9.5 / 3, 6);
    const means = [119.5 / 5, 29.5 / 4, 9.5 / 3, 4.5 / 2, 2.5];
    chosen.scores.forEach((value, n) =>
      expect(value).toBeCloseTo(-Math.abs((means[n] ?? 0) - 3), 5),
    );
    expect(chosen.scores).toHaveLength(5);
  });

  it('takes the longer of means that score alike, and refuses none', async () => {
    expect((await chooseStart([model(1), model(1)], () => 1)).start).toBe(0);
    await expect(chooseStart([], () => 1)).rejects.toThrow(RangeError);
  });
});
