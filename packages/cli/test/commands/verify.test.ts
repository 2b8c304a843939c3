import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { run } from '#program';
import { Folder, vector } from '../files.js';
import { surroundings } from '../surroundings.js';

const folder = new Folder();
const output = folder.at('mean.safetensors');
let inputs: readonly string[] = [];

beforeEach(async () => {
  inputs = [1, 2].map((value) => folder.write(`${value}.safetensors`, { w: vector(value, 3) }));
  const { context } = surroundings();
  const args = ['average', ...inputs, '-o', output, '--force', '--quiet'];
  await run(args, context);
});

/** What became of the output and the inputs. */
async function verdicts(expected: number): Promise<readonly string[]> {
  const { context, stdout } = surroundings();
  expect(await run(['inspect', output, '--verify', '--json'], context)).toBe(expected);
  const { files } = JSON.parse(stdout()) as {
    readonly files: readonly { readonly verdict: string }[];
  };
  return files.map(({ verdict }) => verdict);
}

/** Changes the last byte of a file. */
function damage(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

describe('polyak inspect --verify', () => {
  it('finds everything as it was', async () => {
    expect(await verdicts(0)).toEqual(['same', 'same', 'same']);
  });

  it('finds a damaged output, and a changed and a missing input', async () => {
    damage(output);
    damage(inputs[1] ?? '');
    rmSync(inputs[0] ?? '');
    expect(await verdicts(3)).toEqual(['differs', 'missing', 'differs']);
  });

  it('says what was not verified, and where to run it', async () => {
    rmSync(inputs[0] ?? '');
    const { context, stdout, stderr } = surroundings();
    expect(await run(['inspect', output, '--verify', '--quiet'], context)).toBe(6);
    expect(stdout()).toMatch(/1\.safetensors +input +missing\n.*2\.safetensors +input +same\n$/u);
    expect(stderr()).toContain(`was made: ${output}, ${inputs[1]}.`);
    expect(stderr()).toContain(`not there: ${inputs[0]}. Names are those that the merge was given`);
    expect(stderr()).toContain('for the merge of a fleet, in its store');
    damage(output);
    const second = surroundings();
    expect(await run(['inspect', output, '--verify'], second.context)).toBe(3);
    expect(second.stderr()).toMatch(
      /changed since .*: .*mean\.safetensors\. Not verified, .*1\.saf/u,
    );
  });

  it('refuses a file without a record', async () => {
    const { context, stderr } = surroundings();
    expect(await run(['inspect', inputs[0] ?? '', '--verify'], context)).toBe(3);
    expect(stderr()).toContain('has no record of a merge');
  });
});
