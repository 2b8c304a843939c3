// Calls that a signal ends, at each place where they look at it.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mean } from '@polyak/checkpoints';
import { diffCheckpoints, tensorStatistics, verifyCheckpoint } from '@polyak/checkpoints/inspect';
import { mergeFiles, openCheckpoint, planMergeFiles } from '@polyak/checkpoints/node';
import { encodeSafetensors } from '@polyak/safetensors';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const method = mean(2);

let folder = '';
let inputs: string[] = [];
let output = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-abort-'));
  output = join(folder, 'mean.safetensors');
  inputs = ['one.safetensors', 'two.safetensors'].map((name) => join(folder, name));
  for (const [seed, path] of inputs.entries()) {
    const w = { dtype: 'float32', shape: [3], data: Float32Array.of(seed, 2, 7 * seed) } as const;
    await writeFile(path, encodeSafetensors({ w }));
  }
});

afterEach(() => rm(folder, { recursive: true }));

/** The files in the folder, with their contents. */
async function filesThere(): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const name of (await readdir(folder)).toSorted()) {
    files.set(name, (await readFile(join(folder, name))).toString('hex'));
  }
  return files;
}

/** Aborts a call when it looks at its signal for the first time, the second, and so on. */
async function abortEverywhere(call: (signal: AbortSignal) => Promise<unknown>): Promise<number> {
  const before = await filesThere();
  for (let nth = 1; ; nth += 1) {
    const controller = new AbortController();
    const reason = new Error(`at ${nth}`);
    const { signal } = controller;
    let looks = 0;
    const look = signal.throwIfAborted.bind(signal);
    vi.spyOn(signal, 'throwIfAborted').mockImplementation(() => {
      looks += 1;
      if (looks === nth) controller.abort(reason);
      look();
    });
    const error: unknown = await call(signal).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const isOver = looks < nth;
    expect(error).toBe(isOver ? undefined : reason);
    if (isOver) return looks;
    expect(await filesThere()).toEqual(before);
  }
}

async function drained(rows: AsyncIterable<unknown>): Promise<void> {
  for await (const row of rows) expect(row).toBeDefined();
}

describe('a signal', () => {
  it('that is aborted before comes first, even where a merge would be refused', async () => {
    const reason = new Error('enough');
    const merge = mergeFiles(['missing'], output, { method, signal: AbortSignal.abort(reason) });
    await expect(merge).rejects.toBe(reason);
  });

  it('ends a merge at any time, and the folder is as it was; the next merge succeeds', async () => {
    await writeFile(output, 'old');
    const looks = await abortEverywhere((signal) =>
      mergeFiles(inputs, output, { method, force: true, signal }),
    );
    expect(looks).toBeGreaterThan(4);
    const merged = await openCheckpoint(output);
    expect([...merged.tensors.keys()]).toEqual(['w']);
    await merged.close();
  });

  it('ends a plan while inputs are opened', async () => {
    const looks = await abortEverywhere((signal) =>
      planMergeFiles(inputs, output, { method, signal }),
    );
    expect(looks).toBeGreaterThan(2);
  });

  it('ends statistics, differences and verifications', async () => {
    await mergeFiles(inputs, output, { method });
    const [one, two, merged] = [
      await openCheckpoint(inputs[0] ?? ''),
      await openCheckpoint(inputs[1] ?? ''),
      await openCheckpoint(output),
    ];
    try {
      const calls: ((signal: AbortSignal) => Promise<unknown>)[] = [
        (signal) => drained(tensorStatistics(one, { signal })),
        (signal) => drained(diffCheckpoints(one, two, { signal })),
        (signal) => verifyCheckpoint(merged, { open: (name) => openCheckpoint(name), signal }),
      ];
      for (const call of calls) expect(await abortEverywhere(call)).toBeGreaterThan(2);
    } finally {
      for (const checkpoint of [one, two, merged]) await checkpoint.close();
    }
  });
});
