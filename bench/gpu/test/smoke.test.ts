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

/** What `pnpm bench:gpu` runs. */
const COMMAND = ['--conditions=@polyak/source', '--import', 'tsx', 'src/main.ts'];

/** Some seconds each; more on a machine that does other work. */
const SECONDS = 180;

/** Conformance is tested with each backend. */
const TINY = {
  work: 'update,swap,bnUpdate,training step',
  elements: '1000',
  samples: '1',
  pairs: '1',
  'sample-ms': '1',
  seconds: '1',
};

it.for(['onnx', 'gpujs', 'tfjs'])(
  'measures %s on a Vulkan device, and prints a table',
  { timeout: SECONDS * 1000 },
  async (runtime, context) => {
    const { report, table } = await bench(runtime);
    const { adapter, results } = report;
    if ('failure' in adapter && !isRequired) {
      console.warn(`Skipped: ${adapter.failure}`);
      context.skip(adapter.failure);
    }
    expect(results).toHaveLength(1);
    for (const { rows, failure } of results) {
      expect(failure).toBeUndefined();
      expect(rows.map(({ work }) => work)).toEqual(TINY.work.split(','));
      for (const row of rows) {
        expect(row).not.toHaveProperty('failure');
        expect(row.timing?.ratio).toBeGreaterThan(0);
      }
    }
    expect(table).toContain('Adapter of Dawn: ');
    expect(table.match(new RegExp(`^\\| ${runtime} \\|`, 'gmu'))).toHaveLength(4);
  },
);

/** Runs the command for one runtime. */
async function bench(runtime: string): Promise<{ report: Report; table: string }> {
  const output = mkdtempSync(join(tmpdir(), 'bench-gpu-'));
  try {
    const json = join(output, 'results.json');
    const options = Object.entries({ ...TINY, runtime, json });
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...COMMAND, ...options.flatMap(([name, value]) => [`--${name}`, value])],
      {
        cwd: FOLDER,
        env: { ...(existsSync(SWIFTSHADER) && { VK_ICD_FILENAMES: SWIFTSHADER }), ...process.env },
        timeout: (SECONDS - 5) * 1000,
      },
    );
    return { report: JSON.parse(readFileSync(json, 'utf8')) as Report, table: stdout };
  } finally {
    rmSync(output, { recursive: true });
  }
}
