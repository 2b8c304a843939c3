// Means of several models, exact where members are removed.
import type { NamedTensors } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { chooseStart, greedySoup, Soup } from '@polyak/ensemble';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

function model(...values: number[]): NamedTensors {
  return { w: { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) } };
}

function model64(...values: number[]): NamedTensors {
  return { w: { dtype: 'float64', shape: [values.length], data: Float64Array.from(values) } };
}

/** Numbers of all sizes: `bits` of a mantissa, times 2 to a power in a range. */
function numbers(bits: number, min: number, max: number): fc.Arbitrary<number> {
  const mantissas = fc.bigInt({ min: -(2n ** BigInt(bits)), max: 2n ** BigInt(bits) });
  return fc
    .tuple(mantissas, fc.integer({ min, max }))
    .map(([mantissa, power]) => Number(mantissa) * 2 ** power);
}
const KINDS = [
  ['float32', numbers(24, -149, 103), model],
  // Sums of larger numbers would overflow.
  ['float64', numbers(53, -1074, 960), model64],
] as const;
const RUN = { seed: 10, numRuns: 500 };

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
      RUN,
    );
  });

  it.each(KINDS)('without members of %s is what it was before, to the bit', (_, value, modelOf) => {
    const models = fc.array(
      fc.tuple(value, value, value).map((values) => modelOf(...values)),
      { minLength: 3, maxLength: 12 },
    );
    fc.assert(
      fc.property(models, fc.nat(), fc.constantFrom(1, 0.3, -2), (members, pick, weight) => {
        const left = members.slice(0, 1 + (pick % (members.length - 1)));
        const taken = members.slice(left.length);
        const [all, rest] = [new Soup(), new Soup()];
        for (const each of members) all.add(each, { weight: taken.includes(each) ? weight : 1 });
        for (const each of taken) all.remove(each, { weight });
        for (const each of left.toReversed()) rest.add(each);
        expect(all.mean()).toEqual(rest.mean());
        expect(all.count).toBe(left.length);
      }),
      RUN,
    );
  });

  it('forgets a member that differs from the others by many orders of magnitude', () => {
    const weight = -2;
    const [small, ...rest] = [-2.5e-29, 3.40282e38, -3.40282e38, -3.3e-38].map((w) => model(w));
    const soup = new Soup();
    for (const each of rest.slice(0, 1)) soup.add(each);
    soup.add(small as NamedTensors, { weight });
    for (const each of rest.slice(1)) soup.add(each);
    expect(soup.remove(small as NamedTensors, { weight }).mean()).toEqual(model(-3.3e-38 / 3));
    for (const each of rest.slice(0, 2)) soup.remove(each);
    expect(soup.mean()).toEqual(rest[2]);
  });

  it('rounds a sum once where that lies halfway between two numbers, but for a tiny part', () => {
    // In units of 2^-53, at which float64 numbers from 1 on are two apart.
    const unit = 2 ** -53;
    const sums = [
      [[1, unit, 2 ** -130], 1 + 2 * unit],
      [[1, unit, -(2 ** -130)], 1],
      [[1, unit], 1],
      [[1 + 2 * unit, unit], 1 + 4 * unit],
      [[1 + 2 * unit, unit, -(2 ** -130)], 1 + 2 * unit],
    ] as const;
    for (const [terms, sum] of sums) {
      // Parts beyond the second are there only after larger numbers.
      const soup = new Soup();
      for (const value of [1e90, ...terms, -1e90]) soup.add(model64(value));
      soup.remove(model64(1e90)).remove(model64(-1e90));
      expect(valueOf(soup.mean()) * terms.length).toBe(sum);
    }
  });

  it('survives members that are larger by far', () => {
    const soup = new Soup().add(model(1)).add(model(3e38)).add(model(3)).remove(model(3e38));
    expect(valueOf(soup.mean())).toBe(2);
  });

  it('weighs its members', () => {
    expect(valueOf(new Soup().add(model(1), { weight: 3 }).add(model(5)).mean())).toBe(2);
    expect(
      valueOf(new Soup().add(model(1), { weight: -1 }).add(model(5), { weight: 2 }).mean()),
    ).toBe(9);
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
    expect(() => soup.add(model(1, 3e38), { weight: -0.5 })).toThrow('expected float64[2]');
    const large = new Soup()
      .add(model(1, 3e38), { weight: 3 })
      .add(model(1, -3e38), { weight: -2 });
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
    expect(() => soup.add(before, { weight: NaN })).toThrow(RangeError);
    expect(soup.mean()).toEqual(before);
    expect(soup.count).toBe(1);
  });

  it('has no mean without members, or where their weights add up to 0', () => {
    const none = { code: 'ERR_NO_AVERAGES' };
    expect(() => new Soup().mean()).toThrow(expect.objectContaining(none));
    expect(() => new Soup().remove(model(1))).toThrow(expect.objectContaining(none));
    const soup = new Soup().add(model(1)).remove(model(1));
    expect(() => soup.mean()).toThrow(expect.objectContaining(none));
    expect(valueOf(soup.add(model(4)).mean())).toBe(4);
    expect(() => soup.add(model(1), { weight: -1 }).mean()).toThrow('add up to 0');
    const rounded = new Soup();
    for (const weight of [0.1, 0.2, -0.3]) rounded.add(model(1), { weight });
    expect(() => rounded.mean()).toThrow('add up to 0');
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

  it('refuses scores that are not numbers', async () => {
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

describe('greedySoup and chooseStart', () => {
  it.each([
    ['greedySoup', greedySoup],
    ['chooseStart', chooseStart],
  ] as const)('check each member once, and before the first evaluation: %s', async (name, call) => {
    let reads = 0;
    const watched = (value: number): NamedTensors => ({
      get w() {
        reads += 1;
        return model(value)['w'] as HostTensor;
      },
    });
    await call([watched(1), watched(2), watched(3)], () => 1);
    expect(reads).toBe(3);

    let evaluations = 0;
    const bad = call([model(1), model(NaN)], () => (evaluations += 1));
    await expect(bad).rejects.toThrow(`${name}: NaN or an infinity in "w".`);
    expect(evaluations).toBe(0);
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
