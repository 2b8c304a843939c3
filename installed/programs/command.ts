// The command polyak, run by the runtime that runs this program.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { decodeSafetensors, encodeSafetensors } from '@polyak/safetensors';

const flags = process.versions['deno'] === undefined ? [] : ['run', '--allow-all'];
const main = realpathSync('node_modules/.bin/polyak');
const polyak = (...args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, main, ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
};

const inputs = [1, 2, 6].map((value) => {
  const weight = { dtype: 'float32', shape: [1], data: Float32Array.of(value) } as const;
  const path = `${value}.safetensors`;
  writeFileSync(path, encodeSafetensors({ weight }));
  return path;
});
const output = 'mean.safetensors';
const average = polyak('average', ...inputs, '--output', output, '--force');
assert.equal(average.status, 0, average.stderr);
const { tensors } = decodeSafetensors(readFileSync(output));
assert.deepEqual([...(tensors['weight']?.data ?? [])], [3]);

const verified = polyak('inspect', output, '--verify', '--json');
assert.equal(verified.status, 0, verified.stderr);
assert.equal(polyak('average', 'missing.safetensors', '--output', 'x.safetensors').status, 3);
const queue = ['--fleet', 'redis://127.0.0.1:1', '--store', '.'];
const byFleet = polyak('average', ...inputs, '--output', 'x.safetensors', ...queue);
assert.match(byFleet.stderr, /npm install @polyak\/fleet/u);
assert.match(polyak('--version').stdout, /^\d+\.\d+\.\d+/u);
for (const path of [...inputs, output]) rmSync(path);
