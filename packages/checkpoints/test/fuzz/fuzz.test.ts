// Checkpoints that were right before they were damaged, and whole merges of them.
import * as fc from 'fast-check';
import { mergeRecordOf, RECORD_KEY } from '@polyak/checkpoints/inspect';
import { PolyakError } from '@polyak/core';
import { describe, expect, it } from 'vitest';
import { anyDamages } from '../../../../tests/fuzz/any-damage.js';
import { anyEdited, anyEdits } from '../../../../tests/fuzz/any-edit.js';
import { fuzz, FUZZ_TIMEOUT } from '../../../../tests/fuzz/fuzz-run.js';
import { external, modelBytes, model, tensor } from '../formats/onnx-models.js';
import type { Sample } from './samples.js';
import { ONNX, RECORD, SAMPLES, TFJS } from './samples.js';
import { opened, requireCopy, requireMerge } from './hostile-checkpoint.js';
import type { Options } from './hostile-checkpoint.js';

const IS_TEXT = /\.json$/;

/** One of `samples` with one of its files damaged, by up to `most` changes. */
function anyDamaged(samples: readonly Sample[], most: number): fc.Arbitrary<Sample> {
  return fc
    .tuple(fc.constantFrom(...samples), fc.nat(), anyDamages(most), anyEdits, fc.boolean())
    .map(([{ main, files }, which, damage, edit, isEdited]) => {
      const names = [...files.keys()];
      const name = names[which % names.length] as string;
      const bytes = files.get(name) as Uint8Array;
      const changed =
        isEdited && IS_TEXT.test(name)
          ? new TextEncoder().encode(edit(new TextDecoder().decode(bytes)))
          : damage(bytes);
      return { main, files: new Map([...files, [name, changed]]) };
    });
}

const anyPlaceOutside = fc.record({
  location: fc.constantFrom('d', './d', '../d', 'a/../d', 'a/../../d', '/d', 'C:d', 'a\\..\\d', ''),
  offset: fc.constantFrom('0', '4', '-4', '1e1', '9007199254740993', '18446744073709551615', ''),
  length: fc.constantFrom('8', '0', '-8', '8.5', '9007199254740993', ' 8'),
});

/** A model with data where they may not be, and of lengths that they may not have. */
const anyModel: fc.Arbitrary<Sample> = fc
  .tuple(
    fc.array(fc.constantFrom(0, 1, 2, 3, -1, 2 ** 31, 2 ** 40, 2 ** 53), { maxLength: 3 }),
    fc.nat(24),
    anyPlaceOutside,
    fc.array(fc.integer(), { maxLength: 3 }),
    fc.boolean(),
  )
  .map(([dims, dataType, place, int32Data, isBeside]) => {
    const one = isBeside
      ? external('w', dims, place, { dataType })
      : tensor('w', dims, { dataType, int32Data });
    return {
      main: 'm.onnx',
      files: new Map([
        ['m.onnx', modelBytes(model([one]))],
        ['d', new Uint8Array(16)],
      ]),
    };
  });

const anyOptions: fc.Arbitrary<Options> = fc.oneof(
  fc.constant({}),
  fc.record(
    {
      nonFinite: fc.constantFrom('refuse', 'skip', 'propagate'),
      dtype: fc.constantFrom('float32', 'float16', 'float64'),
      shardBytes: fc.constantFrom(1, 8, 2 ** 20),
      names: fc.constantFrom({ exclude: ['w'] }, { rename: [{ from: 'w', to: 'half' }] }),
      rows: fc.constant(['*']),
    },
    { requiredKeys: [] },
  ),
);

/** Opens and copies any of `samples`; returns how many were refused and how many were copied. */
async function fuzzed(
  kind: string,
  count: number,
  samples: fc.Arbitrary<Sample>,
): Promise<Record<'refused' | 'copied', number>> {
  const outcomes = { refused: 0, copied: 0 };
  await fuzz(
    kind,
    fc.asyncProperty(samples, async (sample) => {
      const checkpoint = await opened(sample);
      outcomes[checkpoint === undefined ? 'refused' : 'copied'] += 1;
      if (checkpoint !== undefined) await requireCopy(checkpoint, sample.main);
    }),
    count,
  );
  return outcomes;
}

describe('a fuzzer', () => {
  it(
    'finds no ONNX model that is neither refused nor copied',
    async () => {
      const outcomes = await fuzzed('ONNX models', 5000, fc.oneof(anyDamaged(ONNX, 3), anyModel));
      expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(100);
    },
    FUZZ_TIMEOUT,
  );

  it(
    'finds no model.json and no shard that is neither refused nor copied',
    async () => {
      const outcomes = await fuzzed('models of TensorFlow.js', 4000, anyDamaged(TFJS, 3));
      expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(100);
    },
    FUZZ_TIMEOUT,
  );

  it(
    'finds no damaged input that a merge does not survive',
    async () => {
      const outcomes = { refused: 0, unlike: 0, merged: 0 };
      const good = new Map<string, Sample>(SAMPLES.map((sample) => [sample.main, sample]));
      const damaged = anyDamaged(SAMPLES, 1);
      await fuzz(
        'merges of damaged checkpoints',
        fc.asyncProperty(damaged, fc.boolean(), anyOptions, async (sample, isFirst, options) => {
          const bad = await opened(sample);
          const other = await opened(good.get(sample.main) as Sample);
          if (bad === undefined || other === undefined) {
            outcomes.refused += 1;
            return;
          }
          const pair = isFirst ? [bad, other] : [other, bad];
          const isMerged = await requireMerge(pair, sample.main, options);
          outcomes[isMerged ? 'merged' : 'unlike'] += 1;
        }),
        2500,
      );
      expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(100);
    },
    FUZZ_TIMEOUT,
  );

  it(
    'finds no record of a merge that is neither read nor refused',
    async () => {
      let count = 0;
      await fuzz(
        'records of merges',
        fc.property(anyEdited([RECORD, JSON.stringify(JSON.parse(RECORD), null, 1)]), (text) => {
          const read = (record: string): ReturnType<typeof mergeRecordOf> =>
            mergeRecordOf({ name: 'm', metadata: { [RECORD_KEY]: record } });
          let record: ReturnType<typeof mergeRecordOf>;
          try {
            record = read(text);
          } catch (error) {
            if (PolyakError.is(error) && error.code === 'ERR_CHECKPOINT') return;
            throw error;
          }
          count += 1;
          expect(read(JSON.stringify(record))).toEqual(record);
        }),
        3000,
      );
      expect(count).toBeGreaterThan(100);
    },
    FUZZ_TIMEOUT,
  );
});
