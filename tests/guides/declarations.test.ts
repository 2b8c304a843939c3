// The guide's table of what each backend declares says what the backends do.
import process from 'node:process';
import { onnxBackend } from '@polyak/backend-onnx';
import type { BackendHarness } from '@polyak/core/conformance';
import type { Awaitable } from '@polyak/core/interfaces';
import { webgpuBackend } from '@polyak/example-backend-webgpu';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { create } from 'webgpu';
import { findChromium, startChromium } from '../support/chromium.js';
import { cpuHarness } from '../support/cpu-harness.js';
import { gpujsHarness } from '../support/gpujs/harness.js';
import { isSkipped, MODES } from '../support/gpujs/modes.js';
import { onnxHarness } from '../support/onnx/harness.js';
import { bundlePage, openPage } from '../support/page.js';
import { tfjsHarness } from '../support/tfjs/harness.js';
import { declared, guideTable, onThisDevice } from './declared.js';
import type { Row } from './declared.js';
import type { PageApi } from './page.js';

const table = guideTable();
const PATIENCE = 120_000;

type Declaring = () => Promise<Row>;

const on =
  <T>(open: () => Awaitable<BackendHarness<T>>): Declaring =>
  async () => {
    const harness = await open();
    const row = declared(harness.backend);
    await harness.close?.();
    return row;
  };

async function onWebgpu(): Promise<Row> {
  const gpu = create([]);
  const device = await (await gpu.requestAdapter())?.requestDevice();
  if (device === undefined) throw new Error('WebGPU has no adapter here');
  const row = declared(await webgpuBackend(device));
  device.destroy();
  return row;
}

async function onnxOnWebgpu(): Promise<Row> {
  const backend = await onnxBackend(ort, { executionProviders: ['webgpu'] });
  const row = declared(backend);
  await backend.release();
  return row;
}

/** The backends of Node. */
const IN_NODE: readonly (readonly [name: string, row: Declaring])[] = [
  ['cpu:wasm', on(() => cpuHarness('wasm'))],
  ['cpu:js', on(() => cpuHarness('js'))],
  ['tfjs:cpu', on(async () => tfjsHarness('cpu'))],
  ['tfjs:wasm', on(async () => tfjsHarness('wasm'))],
  ['onnx:cpu', on(onnxHarness)],
  ...MODES.filter((mode) => !isSkipped(mode)).map(
    (mode) => [`gpujs:${mode}`, on(async () => gpujsHarness(mode))] as const,
  ),
  ...(isSkipped('webgpu')
    ? []
    : ([
        ['onnx:webgpu', onnxOnWebgpu],
        ['webgpu, example', onWebgpu],
      ] as const)),
];

/** Fails unless the guide says what was found. */
function expectRow(name: string, found: Row): void {
  expect(found).toEqual(onThisDevice(table.get(name) ?? {}, found));
}

describe('the guide says what is declared by', () => {
  it.each(IN_NODE)('%s', async (name, row) => {
    expectRow(name, await row());
  });

  const executablePath = findChromium();
  const isRequired = process.env['POLYAK_REQUIRE_BROWSER'] === '1';
  if (executablePath === undefined) {
    console.warn('Skipped: tfjs:webgl, tfjs:webgpu, gpujs:webgl2: no Chromium');
  }
  it.skipIf(executablePath === undefined && !isRequired)(
    'tfjs:webgl, tfjs:webgpu and gpujs:webgl2, in a browser',
    async () => {
      const script = await bundlePage(new URL('page.ts', import.meta.url));
      const browser = await startChromium(executablePath ?? '');
      try {
        const page = await openPage<PageApi>(browser, script);
        const found = await page.call('declarations');
        const rows = Object.entries(found);
        expect(rows.map(([name]) => name)).toEqual(['tfjs:webgl', 'tfjs:webgpu', 'gpujs:webgl2']);
        for (const [name, backend] of rows) expectRow(name, declared(backend));
      } finally {
        await browser.close();
      }
    },
    PATIENCE,
  );
});

it('has a row for each backend, and no other', () => {
  const names = [
    'cpu:wasm',
    'cpu:js',
    'tfjs:cpu',
    'tfjs:wasm',
    'tfjs:tensorflow',
    'tfjs:webgl',
    'tfjs:webgpu',
    'onnx:cpu',
    'onnx:webgpu',
    'gpujs:webgl2',
    'webgpu, example',
    ...MODES.map((mode) => `gpujs:${mode}`),
  ];
  expect([...table.keys()].toSorted()).toEqual(names.toSorted());
});
