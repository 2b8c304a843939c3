// Memory over many rounds.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { averageModels, loadOnnxModel } from '@polyak/backend-onnx';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { model, modelBytes, node, tensor, value } from '../model-builder.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const MEGABYTE = 2 ** 20;
const WIDTH = 512;

/** y = x w: one megabyte of weights. */
const bytes = modelBytes(
  model({
    nodes: [node('MatMul', ['x', 'w'], ['y'])],
    initializers: [
      tensor(
        'w',
        [WIDTH, WIDTH],
        Array.from({ length: WIDTH * WIDTH }, (_, i) => i % 7),
      ),
    ],
    inputs: [value('x', [1, WIDTH])],
    outputs: [value('y', [1, WIDTH])],
  }),
);
const input = (): ort.Tensor => new ort.Tensor('float32', new Float32Array(WIDTH), [1, WIDTH]);

/** The megabytes that a round leaves behind, once as many have warmed everything up. */
async function growth(what: string, rounds: number, round: () => Promise<void>): Promise<number> {
  const resident = async (): Promise<number> => {
    for (let index = 0; index < rounds; index += 1) {
      await round();
      if (index % 50 === 0) collect();
    }
    collect();
    return process.memoryUsage().rss / MEGABYTE;
  };
  const before = await resident();
  const grown = (await resident()) - before;
  console.log(`${rounds} ${what} of 1 MB: ${grown.toFixed(1)} MB more`);
  return grown / rounds;
}

describe('memory stays flat', () => {
  it('over models loaded, run, written and released', async () => {
    const grown = await growth('models', 150, async () => {
      const loaded = await loadOnnxModel(ort, bytes);
      await loaded.run({ x: input() });
      await loaded.toBytes();
      await loaded.release();
    });
    expect(grown).toBeLessThan(0.5);
  });

  it('over averages', async () => {
    const grown = await growth('averages', 60, async () => {
      const average = await averageModels(ort, [bytes, bytes, bytes]);
      await average.release();
    });
    expect(grown).toBeLessThan(0.5);
  });

  it('over weights exchanged and runs', async () => {
    const loaded = await loadOnnxModel(ort, bytes);
    const w = loaded.initializers.get('w');
    const grown = await growth('exchanges', 1000, async () => {
      await w?.set(new ort.Tensor('float32', new Float32Array(WIDTH * WIDTH), [WIDTH, WIDTH]));
      await loaded.run({ x: input() });
    });
    await loaded.release();
    expect(grown).toBeLessThan(0.5);
  });

  it('over files that are refused', async () => {
    const unknown = modelBytes(
      model({
        nodes: [node('Averagely', ['x', 'w'], ['y'])],
        initializers: [
          tensor(
            'w',
            [WIDTH, WIDTH],
            Array.from({ length: WIDTH * WIDTH }, () => 1),
          ),
        ],
        outputs: [value('y', [1])],
      }),
    );
    const grown = await growth('refused models', 150, async () => {
      await loadOnnxModel(ort, unknown).catch(() => undefined);
    });
    expect(grown).toBeLessThan(0.5);
  });
});
