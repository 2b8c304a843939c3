// Options of batch norm of ONNX models that were right before they were changed.
import { batchNormModel, onnxBackend } from '@polyak/backend-onnx';
import { bnUpdate } from '@polyak/core';
import * as ort from 'onnxruntime-node';
import { describe, it } from 'vitest';
import { FUZZ_TIMEOUT } from '../../../../tests/fuzz/fuzz-run.js';
import { expectSurvival } from '../../../../tests/fuzz/survive.js';
import { BATCHES, load } from '../batch-norm/batch-norm-models.js';

describe('a fuzzer', () => {
  it(
    'finds no options of batch norm of ONNX that are neither taken nor refused',
    async () => {
      const loaded = await load();
      const backend = await onnxBackend(ort);
      const update = async (options: never, given: never): Promise<void> => {
        const model = batchNormModel(ort, loaded, options);
        try {
          await bnUpdate(BATCHES, model, given);
        } finally {
          await model.release();
        }
      };
      const signal = { throwIfAborted: () => undefined };
      const terms = { statistics: 'pooled', maxBatches: 1, signal };
      const options = { varianceKind: 'population', reduction: 'reduce-mean', backend };
      await expectSurvival({
        kind: 'options of batch norm of ONNX',
        count: 300,
        calls: [
          [[options, terms], update],
          [[{ executionProviders: ['cpu'], sampleCount: () => 2 }, terms], update],
          [[{ executionProviders: ['cpu'] }], (given) => onnxBackend(ort, given)],
        ],
        whole: [backend, signal],
        // Sessions of ONNX Runtime.
        mostBytes: 64 * 2 ** 20,
      });
      await loaded.release();
    },
    FUZZ_TIMEOUT,
  );
});
