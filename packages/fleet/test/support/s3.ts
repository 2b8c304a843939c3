// An S3 service of a test's own: Ceph's gateway over one OSD in memory, from Debian's packages. It
// checks signatures and honours If-None-Match, which no emulator on npm does.
// POLYAK_REQUIRE_S3=1 makes its absence a failure.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { S3 } from '@aws-sdk/client-s3';

/** Why there is no S3 service; undefined where there is one. */
export const NO_S3: string | undefined = reason();

/** A running service, with a bucket. */
export interface TestS3 {
  readonly s3: S3;
  readonly bucket: string;
  /** Another client of it. */
  client(secretAccessKey: string): S3;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

const run = promisify(execFile);
const ACCESS_KEY = 'polyak';
const SECRET = 'the-secret-of-a-test';
/** Longer than a start takes on a busy machine, which is 10 seconds. */
const PATIENCE = 90_000;

/** Starts the service. */
export async function startS3(): Promise<TestS3> {
  const folder = await mkdtemp(join(tmpdir(), 'polyak-s3-'));
  const [monitor, gateway] = [await freePort(), await freePort()];
  const configuration = join(folder, 'ceph.conf');
  const map = join(folder, 'monmap');
  await mkdir(join(folder, 'osd'));
  await mkdir(join(folder, 'mon'));
  await writeFile(configuration, settings(folder, monitor, gateway));
  const processes: ChildProcess[] = [];
  const start = (command: string, name: string): void => {
    const args = ['-f', '-c', configuration, '-n', name];
    const server = spawn(command, args, { stdio: 'ignore' });
    processes.push(server);
    // A test that is killed leaves no server behind.
    process.once('exit', () => server.kill('SIGKILL'));
  };
  const stop = async (): Promise<void> => {
    for (const server of processes.toReversed()) {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      if (server.exitCode === null && server.kill('SIGKILL')) await ended;
    }
    await rm(folder, { recursive: true });
  };
  try {
    const address = `[v1:127.0.0.1:${monitor}]`;
    await run('monmaptool', ['--create', '--fsid', FSID, '--addv', 'a', address, map]);
    await run('ceph-mon', ['--mkfs', '-n', 'mon.a', '--monmap', map, '-c', configuration]);
    start('ceph-mon', 'mon.a');
    const ceph = ['-c', configuration, '--connect-timeout', '60', 'osd'];
    // A monitor that is not ready yet refuses. Done twice, it makes one disk.
    await untilItAnswers(() => run('ceph', [...ceph, 'create', FSID]));
    await run('ceph', [...ceph, 'crush', 'add', 'osd.0', '1', 'host=a', 'root=default']);
    const osd = ['--mkfs', '-n', 'osd.0', '--osd-uuid', FSID, '-c', configuration];
    await run('ceph-osd', osd);
    start('ceph-osd', 'osd.0');
    const user = ['--uid=test', '--display-name=test'];
    const keys = [`--access-key=${ACCESS_KEY}`, `--secret-key=${SECRET}`];
    const timeout = PATIENCE;
    await run('radosgw-admin', ['-c', configuration, 'user', 'create', ...user, ...keys], {
      timeout,
    });
    start('radosgw', 'client.rgw.a');
    const client = (secretAccessKey: string): S3 =>
      new S3({
        endpoint: `http://127.0.0.1:${gateway}`,
        region: 'us-east-1',
        forcePathStyle: true,
        credentials: { accessKeyId: ACCESS_KEY, secretAccessKey },
      });
    const s3 = client(SECRET);
    const bucket = 'polyak-test';
    await untilItAnswers(() => s3.createBucket({ Bucket: bucket }));
    return { s3, bucket, client, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const FSID = randomUUID();

function settings(folder: string, monitor: number, gateway: number): string {
  return `[global]
fsid = ${FSID}
mon host = v1:127.0.0.1:${monitor}
mon initial members = a
mon data = ${folder}/mon
mon allow pool size one = true
mon data avail crit = 1
osd data = ${folder}/osd
osd objectstore = memstore
osd crush chooseleaf type = 0
osd crush update on start = false
osd class update on start = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
auth cluster required = none
auth service required = none
auth client required = none
public addr = 127.0.0.1
cluster addr = 127.0.0.1
run dir = ${folder}
admin socket = ${folder}/$name.asok
log file = /dev/null
[client.rgw.a]
rgw frontends = beast endpoint=127.0.0.1:${gateway}
rgw enable usage log = false
`;
}

async function untilItAnswers(call: () => Promise<unknown>): Promise<void> {
  const end = Date.now() + PATIENCE;
  for (;;) {
    try {
      await call();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function reason(): string | undefined {
  try {
    for (const command of ['ceph', 'ceph-mon', 'ceph-osd', 'radosgw']) {
      execFileSync(command, ['--version'], { stdio: 'ignore' });
    }
    return undefined;
  } catch {
    const packages = 'apt install --no-install-recommends radosgw ceph-mon ceph-osd';
    if (process.env['POLYAK_REQUIRE_S3'] === '1') {
      throw new Error(`POLYAK_REQUIRE_S3 is 1, but Ceph cannot be started (Debian: ${packages}).`);
    }
    console.log(`skipped: no Ceph on the PATH (Debian: ${packages})`);
    return 'no Ceph';
  }
}
