// The whole command at tiny sizes, on a GPU or on the software adapter of Debian's chromium with
// libvulkan1. POLYAK_REQUIRE_WEBGPU=1 makes the absence of an adapter a failure.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { Report } from '../src/report.js';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
const isRequired = process.env['POLYAK_REQUIRE_WEBGPU'] === '1';

/** Conformance is tested with each backend. */
const TINY = {
  work: 'update,swap,bnUpdate,training step',
  elements: '1000',
  samples: '1',
  pairs: '1',
  'sample-ms': '1',
  seconds: '1',
};

it('measures each runtime on a Vulkan device, and prints a table', async ({ skip }) => {
  const output = mkdtempSync(join(tmpdir(), 'bench-gpu-'));
  try {
    const json = join(output, 'results.json');
    const options = Object.entries({ ...TINY, json }).flatMap(([name, value]) => [
      `--${name}`,
      value,
    ]);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--conditions=@polyak/source', '--import', 'tsx', 'src/main.ts', ...options],
      {
        cwd: FOLDER,
        env: { ...(existsSync(SWIFTSHADER) && { VK_ICD_FILENAMES: SWIFTSHADER }), ...process.env },
      },
    );
    const { adapter, results } = JSON.parse(readFileSync(json, 'utf8')) as Report;
    if ('failure' in adapter && !isRequired) {
      console.warn(`Skipped: ${adapter.failure}`);
      skip(adapter.failure);
    }
    expect(results.map(({ runtime, rows }) => [runtime, rows.length])).toEqual([
      ['onnx', 4],
      ['gpujs', 4],
      ['tfjs', 4],
    ]);
    for (const { rows, failure } of results) {
      expect(failure).toBeUndefined();
      for (const row of rows) {
        expect(row).not.toHaveProperty('failure');
        expect(row.timing?.ratio).toBeGreaterThan(0);
      }
    }
    expect(stdout).toContain('Adapter of Dawn: ');
    expect(stdout.match(/^\| (?:onnx|gpujs|tfjs) \|/gmu)).toHaveLength(12);
  } finally {
    rmSync(output, { recursive: true });
  }
}, 180_000);
