// How much faster a merge is with more workers, where each reads 50 MB/s at most, as over a
// network.
import { fork, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mean } from '@polyak/checkpoints';
import { folderStore, mergeByFleet } from '@polyak/fleet';
import { layoutOf } from '@polyak/safetensors';
import { describeMachine, formatMachine } from '../measure/machine.js';

const INPUTS = 4;
const PART_BYTES = 16e6;
/** What a worker reads in a second at most. */
const RATE = 50e6;

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '1,2,4,8' },
    megabytes: { type: 'string', default: '512' },
  },
});
const counts = values.workers.split(',').map(Number);
const byteLength = Number(values.megabytes) * 1e6;

const folder = await mkdtemp(join(tmpdir(), 'polyak-bench-fleet-'));
const children: ChildProcess[] = [];
try {
  const inputs: string[] = [];
  for (let i = 0; i < INPUTS; i += 1) inputs.push(await writeInput(i));
  const url = await startRedis();
  console.log(
    `${INPUTS} checkpoints of ${byteLength / 1e6} MB, parts of ${PART_BYTES / 1e6} MB, ` +
      `${RATE / 1e6} MB/s per worker, ${formatMachine(describeMachine())}\n`,
  );
  console.log('workers  seconds  at the rate  efficiency');
  let alone: number | undefined;
  for (const count of counts) {
    const seconds = await measure(inputs, url, count);
    alone ??= seconds * count;
    const least = (INPUTS * byteLength) / RATE / count;
    const cells = [
      count,
      seconds.toFixed(1),
      least.toFixed(1),
      (alone / count / seconds).toFixed(2),
    ];
    const widths = [7, 7, 11, 10];
    console.log(cells.map((cell, i) => String(cell).padStart(widths[i] ?? 0)).join('  '));
  }
} finally {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
}

/** The wall time of a merge, with workers that are ready. */
async function measure(inputs: readonly string[], url: string, count: number): Promise<number> {
  const worker = fileURLToPath(new URL('worker.ts', import.meta.url));
  const workers = Array.from({ length: count }, () =>
    fork(worker, [JSON.stringify({ folder, url, rate: RATE })], { execArgv: process.execArgv }),
  );
  children.push(...workers);
  await Promise.all(workers.map((each) => once(each, 'message')));
  const began = performance.now();
  const options = { method: mean(INPUTS), partBytes: PART_BYTES };
  const fleet = { store: folderStore(folder), url };
  await mergeByFleet(fleet, inputs, `mean-${count}.safetensors`, options);
  const seconds = (performance.now() - began) / 1000;
  await Promise.all(
    workers.map(async (each) => {
      each.kill();
      await once(each, 'exit');
    }),
  );
  await rm(join(folder, `mean-${count}.safetensors`));
  return seconds;
}

/** A checkpoint of eight tensors, written in pieces. */
async function writeInput(index: number): Promise<string> {
  const name = `input-${index}.safetensors`;
  const elements = Math.floor(byteLength / 8 / 4);
  const spec = { dtype: 'float32', shape: [elements] } as const;
  const specs = new Map(Array.from({ length: 8 }, (_, i) => [`layer-${i}.weight`, spec]));
  const piece = Float32Array.from({ length: 2 ** 20 }, (_, i) => Math.sin(i + index));
  const file = await open(join(folder, name), 'w');
  try {
    await file.write(layoutOf(specs, {}).header);
    for (let left = 8 * elements; left > 0; left -= piece.length) {
      await file.write(piece.subarray(0, Math.min(left, piece.length)));
    }
  } finally {
    await file.close();
  }
  return name;
}

/** A Redis of its own. */
async function startRedis(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', ''];
  const redis = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(redis);
  for await (const chunk of redis.stdout) {
    if (String(chunk).includes('Ready to accept connections')) break;
  }
  return `redis://127.0.0.1:${port}`;
}
