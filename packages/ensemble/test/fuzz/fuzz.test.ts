// States, members and options of ensembles that were right before they were changed.
import { cpuBackend } from '@polyak/backend-cpu';
import type { NamedTensors, StateTree } from '@polyak/core';
import {
  chooseStart,
  fitWeights,
  greedySoup,
  meanOf,
  Snapshots,
  Soup,
  SWAG,
  vote,
} from '@polyak/ensemble';
import { describe, expect, it } from 'vitest';
import { FUZZ_TIMEOUT } from '../../../../tests/fuzz/fuzz-run.js';
import { expectSurvival } from '../../../../tests/fuzz/survive.js';
import { canonical } from '../../../../tests/support/arbitrary-tensor.js';
import { weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();
const onWarning = (): void => undefined;
const signal = { throwIfAborted: (): void => undefined };

/** A member of a soup, with a tensor that is not averaged. */
const memberOf = (value: number) => ({
  w: { dtype: 'float32', shape: [2], data: Float32Array.of(value, 2) } as const,
  half: { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00) } as const,
  count: { dtype: 'int64', shape: [], data: BigInt64Array.of(3n) } as const,
});

const soupOf = (): Soup => new Soup().add(memberOf(1)).add(memberOf(3), { name: 'b', weight: 2 });

async function collected(): Promise<SWAG<unknown>> {
  const swag = new SWAG([weights('w', [2])], { backend, rank: 2 });
  for (let model = 0; model < 3; model += 1) await swag.collect();
  return swag;
}

describe('a fuzzer', () => {
  it(
    'finds no state of a Soup, and no member, that is neither taken nor refused',
    async () => {
      const soup = soupOf();
      const before = soup.stateDict();
      const again = (): void => soup.loadStateDict(before);
      await expectSurvival({
        kind: 'states and members of Soup',
        count: 2000,
        calls: [
          [[before], (state: StateTree) => (soup.loadStateDict(state), again())],
          [
            [memberOf(5), { weight: 0.5, name: 'c' }],
            (member, options) => (soup.add(member, options), again()),
          ],
          [
            [memberOf(3), { weight: 2, name: 'b' }],
            (member, options) => (soup.remove(member, options), again()),
          ],
          [[new Soup().add(memberOf(5))], (other) => (soup.merge(other), again())],
        ],
        requireUnchanged() {
          expect(canonical(soup.stateDict())).toBe(canonical(before));
        },
      });
    },
    FUZZ_TIMEOUT,
  );

  it(
    'finds no state of a SWAG, and no options of samples, that are neither taken nor refused',
    async () => {
      const swag = await collected();
      let before = canonical(await swag.stateDict());
      await expectSurvival({
        kind: 'states and samples of SWAG',
        count: 2000,
        calls: [
          [
            [await swag.stateDict()],
            async (state: StateTree) => {
              await swag.loadStateDict(state);
              before = canonical(await swag.stateDict());
            },
          ],
          [
            [{ scale: 0.5, block: true }],
            async (options) => {
              await swag.sample(options);
              before = canonical(await swag.stateDict());
            },
          ],
          [
            [() => [0.5, 0.5], { scale: 0.5, signal }],
            async (predict, options) => {
              await swag.bayesianModelAverage(2, predict, options);
              before = canonical(await swag.stateDict());
            },
          ],
        ],
        whole: [signal],
        async requireUnchanged() {
          expect(canonical(await swag.stateDict())).toBe(before);
        },
      });
    },
    FUZZ_TIMEOUT,
  );

  it(
    'finds no options of ensembles that are neither taken nor refused',
    async () => {
      const files = new Map<string, Uint8Array>();
      const store = {
        keys: [],
        write: (key: string, bytes: Uint8Array) => void files.set(key, bytes),
        read: (key: string) => files.get(key),
        remove: (key: string) => void files.delete(key),
      };
      const take = async (options: never): Promise<void> => {
        const snapshots = new Snapshots([weights('w', [2])], options);
        for (let member = 0; member < 3; member += 1) await snapshots.take();
        await snapshots.mean();
        await snapshots.withEach(() => 1);
      };
      const rows = [Float64Array.of(0.25, 0.75), Float64Array.of(0.5, 0.5)];
      // It reads no tensor: getters of the input may give it anything.
      const score = (tensors: NamedTensors): number => Object.keys(tensors).length;
      await expectSurvival({
        kind: 'arguments of ensembles',
        count: 2000,
        calls: [
          [[{ backend, store: 'host', limit: 2, onWarning }], take],
          [[{ backend, store: 'device', onWarning }], take],
          [[{ backend, store, limit: 2, onWarning }], take],
          [
            [{ backend, rank: 1, seed: 3, onWarning }],
            async (options) => {
              const swag = new SWAG([weights('w', [2])], options);
              for (let model = 0; model < 3; model += 1) await swag.collect();
              await swag.sample();
            },
          ],
          [[[memberOf(1), memberOf(3)], score, { signal }], greedySoup],
          [[[memberOf(1), memberOf(3)], score], chooseStart],
          [[rows], meanOf],
          [[rows, 2], vote],
          [[rows, [1], 2, { tolerance: 1e-3, maxIterations: 9 }], fitWeights],
        ],
        whole: [backend, store, signal],
      });
    },
    FUZZ_TIMEOUT,
  );
});
