// How the fleet uses BullMQ: connections, and the settings under which no job was lost when workers
// were killed or stopped.
import type { JobsOptions, WorkerOptions } from 'bullmq';
import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';

/** For workers: they wait for Redis as long as it takes. */
export function workerConnection(url: string): Redis {
  requireUrl(url);
  return saidOnce(new Redis(url, { maxRetriesPerRequest: null }));
}

/** For those who add jobs: a call fails while Redis is away, instead of waiting for ever. */
export function producerConnection(url: string): Redis {
  requireUrl(url);
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    // A machine that vanished does not close its connections.
    commandTimeout: 20_000,
  });
  return saidOnce(redis);
}

/** Lets {@link warnOfEviction} say what BullMQ would print for each of its connections. */
function saidOnce(redis: Redis): Redis {
  const [info, duplicate] = [redis.info.bind(redis), redis.duplicate.bind(redis)];
  return Object.assign(redis, {
    info: async (...args: readonly unknown[]) => {
      // ioredis itself asks with a callback.
      if (args.length > 0) return (await Reflect.apply(info, redis, args)) as string;
      return (await info()).replace(/^maxmemory_policy:.*$/m, '');
    },
    duplicate: (options?: Partial<RedisOptions>) =>
      saidOnce(duplicate<Partial<RedisOptions>>(options)),
  });
}

/** Where a Redis is, for messages: without the password. */
export function addressOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port === '' ? 6379 : port}`;
}

/**
 * Waits for a connection.
 *
 * @throws Error where Redis is not reached; the connection is closed
 */
export async function connected(redis: Redis, url: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const refuse = (cause: Error): void => {
      redis.disconnect();
      reject(new Error(`Redis is not reached at ${addressOf(url)} (${cause.message}).`, { cause }));
    };
    redis.once('error', refuse);
    redis.once('ready', () => {
      // From now on, it is connected again after an error.
      redis.off('error', refuse);
      resolve();
    });
  });
  // BullMQ reports what happens later; without a listener ioredis prints it too.
  redis.on('error', () => undefined);
}

/** Says so where Redis may drop keys of the queues. */
export async function warnOfEviction(
  redis: Redis,
  url: string,
  onWarning: (message: string) => void,
): Promise<void> {
  // Where this user may not ask, nobody knows.
  const memory = await redis.call('INFO', 'memory').catch(() => '');
  const [, policy = 'noeviction'] = /^maxmemory_policy:(\S+)/m.exec(String(memory)) ?? [];
  if (policy === 'noeviction') return;
  onWarning(
    `Redis at ${addressOf(url)} drops keys when its memory is full, and jobs may be lost: its ` +
      `maxmemory-policy is ${policy}. Run CONFIG SET maxmemory-policy noeviction there, and ` +
      'write it into its configuration.',
  );
}

/** Throws unless a URL is one of Redis. What it is stays unsaid: it may have a password. */
function requireUrl(url: string): void {
  if (typeof url !== 'string') throw urlError(`is a value of type ${typeof url}`);
  if (!/^rediss?:\/\/[^/]/.test(url))
    throw urlError('does not begin with redis:// or rediss:// and a host');
  if (isUnderstood(url)) return;
  if (!url.includes('@')) throw urlError('cannot be read');
  throw urlError(
    'cannot be read. In its user and password, write % as %25, / as %2F, ? as %3F, # as %23 ' +
      'and @ as %40',
  );
}

function isUnderstood(url: string): boolean {
  try {
    const { username, password, hostname, pathname, search, hash } = new URL(url);
    decodeURIComponent(username + password);
    // After a "/", "?" or "#" in a password, the rest is no address.
    return hostname !== '' && !(pathname + search + hash).includes('@');
  } catch {
    return false;
  }
}

function urlError(what: string): RangeError {
  return new RangeError(`the URL of Redis ${what}. Expected such as redis://127.0.0.1:6379.`);
}

/** The settings of workers. A job that is delivered again is done again, to the same bytes. */
export const WORKER: Omit<WorkerOptions, 'connection'> = {
  // Each kill of a worker counts; the default, 1, makes the second one final.
  maxStalledCount: 20,
};

/** The settings of jobs. */
export const JOB: JobsOptions = {
  attempts: 5,
  backoff: { type: 'exponential', delay: 500, jitter: 0.2 },
  removeOnComplete: { count: 1000 },
  removeOnFail: { count: 1000 },
};
