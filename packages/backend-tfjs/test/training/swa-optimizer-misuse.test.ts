// What swaOptimizer refuses, when it sets the rate, and what it keeps alive.
import { registerSwaOptimizer, swaOptimizer } from '@polyak/backend-tfjs';
import type { SwaOptimizer } from '@polyak/backend-tfjs';
import { exponential } from '@polyak/core/rules';
import type { equal } from '@polyak/core/rules';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { RUNTIMES, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';

const EVERY_STEP = { swaStart: 0, swaFreq: 1 };

function code(expected: string): Error {
  const error: unknown = expect.objectContaining({ name: 'PolyakError', code: expected });
  return error as Error;
}

function variables(count: number): tf.Variable[] {
  return Array.from({ length: count }, (_, n) =>
    tf.tidy(() => tf.variable(tf.tensor1d([n + 1, n + 2]))),
  );
}

function step(optimizer: tf.Optimizer, trained: readonly tf.Variable[]): void {
  optimizer.minimize(() => tf.addN(trained.map((each) => tf.sum(tf.square(each)))), false, [
    ...trained,
  ]);
}

function numbers(trained: readonly tf.Variable[]): number[][] {
  return trained.map((each) => [...each.dataSync()]);
}

describe.each(RUNTIMES)('swaOptimizer on %s', (runtime) => {
  useRuntime(runtime);

  it('refuses to save Adamax, which tfjs cannot', async () => {
    const optimizer = swaOptimizer(tf, tf.train.adamax(0.1), EVERY_STEP);
    step(optimizer, variables(1));
    await expect(optimizer.getWeights()).rejects.toThrow(code('ERR_UNSUPPORTED'));
  });

  it('refuses to load while swapped, and to load a state that is not its own', async () => {
    const [a] = variables(1) as [tf.Variable];
    const optimizer = swaOptimizer(tf, tf.train.sgd(0.25), EVERY_STEP);
    step(optimizer, [a]);
    const weights = await optimizer.getWeights();
    const live = numbers([a]);
    step(optimizer, [a]);
    optimizer.swapSwaSgd();
    await expect(optimizer.setWeights(weights)).rejects.toThrow(code('ERR_SWAPPED'));
    expect([optimizer.nAvg, optimizer.isSwapped, optimizer.iterations]).toEqual([2, true, 2]);
    optimizer.swapSwaSgd();
    await expect(optimizer.setWeights(weights.slice(0, 1))).rejects.toMatchObject({
      code: 'ERR_STATE',
      message: expect.stringMatching(/have no "PolyakSWA\/counters", expected those of/u),
    });
    expect(optimizer.nAvg).toBe(2);
    expect(numbers([a])).not.toEqual(live);
  });

  it('refuses a state of Adam without the powers of beta, or with other numbers', async () => {
    const [a] = variables(1) as [tf.Variable];
    const optimizer = swaOptimizer(tf, tf.train.adam(0.25), EVERY_STEP);
    step(optimizer, [a]);
    const weights = await optimizer.getWeights();
    const isPower = ({ name }: { name: string }): boolean => name.includes('/betaPowers/');
    expect(weights.filter(isPower)).toHaveLength(2);
    const none = weights.filter((weight) => !isPower(weight));
    const other = weights.map((weight) =>
      isPower(weight) ? { ...weight, tensor: tf.scalar(2) } : weight,
    );
    for (const bad of [none, other]) {
      await expect(optimizer.setWeights(bad)).rejects.toMatchObject({
        code: 'ERR_STATE',
        message: expect.stringMatching(
          /have \[(2,2)?\] under "PolyakSWA\/betaPowers\/", expected/u,
        ),
      });
    }
    expect(optimizer.nAvg).toBe(1);
  });

  it('refuses what is no tf, no optimizer and no option, by a TypeError', () => {
    const base = tf.train.sgd(1);
    const none = undefined as unknown as typeof tf;
    expect(() => swaOptimizer(none, base, EVERY_STEP)).toThrow(/is not TensorFlow\.js/);
    expect(() => registerSwaOptimizer(none)).toThrow(/is not TensorFlow\.js/);
    const sgd = 'sgd' as unknown as tf.Optimizer;
    expect(() => swaOptimizer(tf, sgd, EVERY_STEP)).toThrow(/is not a tfjs optimizer/);
    const rule = null as unknown as ReturnType<typeof equal>;
    expect(() => swaOptimizer(tf, base, { ...EVERY_STEP, rule })).toThrow(TypeError);
  });

  it('refuses webgpu, which can only be read by promises', () => {
    const webgpu = { ...tf, getBackend: () => 'webgpu' };
    expect(() => swaOptimizer(webgpu, tf.train.sgd(1), EVERY_STEP)).toThrow(
      expect.objectContaining({
        code: 'ERR_UNSUPPORTED',
        message: expect.stringMatching(/tfjs's "webgpu" can only be read by promises/u) as string,
      }) as Error,
    );
  });

  it('refuses options that it does not know, and says what is missing', () => {
    const base = tf.train.sgd(1);
    for (const other of [{ decay: 0.9 }, { unit: 'epoch' }, { backend: 'cpu' }] as object[]) {
      const [name] = Object.keys(other);
      const options = { ...EVERY_STEP, ...other };
      expect(() => swaOptimizer(tf, base, options)).toThrow(TypeError);
      expect(() => swaOptimizer(tf, base, options)).toThrow(`there is no option "${name}"`);
      expect(() => registerSwaOptimizer(tf, other)).toThrow(`there is no option "${name}"`);
    }
    expect(() => swaOptimizer(tf, base, { swaStart: 3, onWarning: () => {} })).toThrow(
      /swaStart is 3 and swaFreq undefined, expected two integers. Pass both/u,
    );
    const optimizer = swaOptimizer(tf, base, EVERY_STEP);
    step(optimizer, variables(1));
    for (const other of [{ batchNorm: {} }, { recallable: true }] as object[]) {
      expect(() => optimizer.swapSwaSgd(other)).toThrow(/swapSwaSgd: there is no option/u);
    }
    expect(optimizer.isSwapped).toBe(false);
  });

  it('keeps all options but functions in its configuration, and the names of its rules', () => {
    const options = { swaStart: 5, swaFreq: 2, swaLr: 0.25, compensated: true };
    const optimizer = swaOptimizer(tf, tf.train.sgd(0.5), {
      ...options,
      rule: exponential(0.5),
      onWarning: () => {},
    });
    expect(optimizer.getConfig()).toEqual({
      options,
      rules: [{ name: '"swa" by exponential(0.5)' }],
      baseClassName: 'SGD',
      baseConfig: { learningRate: 0.5 },
    });
  });

  it('sets the learning rate before the base optimizer takes the step', () => {
    const base = tf.train.momentum(0.5, 0.9);
    const rates: number[] = [];
    const apply = base.applyGradients.bind(base);
    base.applyGradients = (gradients) => {
      rates.push(Number(Reflect.get(base, 'learningRate')));
      apply(gradients);
    };
    const optimizer = swaOptimizer(tf, base, { swaStart: 2, swaFreq: 1, swaLr: 0.125 });
    const trained = variables(1);
    for (let n = 0; n < 4; n += 1) step(optimizer, trained);
    expect(rates).toEqual([0.5, 0.5, 0.125, 0.125]);
  });

  it.each([
    ['sgd', (): tf.Optimizer => tf.train.sgd(0.25)],
    ['adam', (): tf.Optimizer => tf.train.adam(0.25)],
  ])('frees everything on disposal, the base optimizer %s too', async (_, make) => {
    const trained = variables(2);
    const before = tf.memory().numTensors;
    const optimizer = swaOptimizer(tf, make(), EVERY_STEP);
    for (let n = 0; n < 3; n += 1) step(optimizer, trained);
    // The iterations are the caller's; the counters are not.
    (await optimizer.getWeights())[0]?.tensor.dispose();
    optimizer.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(optimizer.nAvg).toBe(0);
  });

  it('can be disposed of before anything was averaged or saved', () => {
    const before = tf.memory().numTensors;
    swaOptimizer(tf, tf.train.sgd(0.25), EVERY_STEP).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it("leaks nothing when saved repeatedly, but tfjs's iterations tensor", async () => {
    const optimizer: SwaOptimizer = swaOptimizer(tf, tf.train.adam(0.25), EVERY_STEP);
    step(optimizer, variables(2));
    const save = async (): Promise<string[]> => {
      const weights = await optimizer.getWeights();
      weights[0]?.tensor.dispose();
      return weights.map(({ name }) => name);
    };
    expect((await save())[0]).toBe('iter');
    const before = tf.memory().numTensors;
    await save();
    await save();
    expect(tf.memory().numTensors).toBe(before);
  });
});
