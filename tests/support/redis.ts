// Whether the tests have a Redis to start.
import { hasRedis } from '@polyak/example-shared/local-redis';

export type { LocalRedis as TestRedis } from '@polyak/example-shared/local-redis';
export { startRedis } from '@polyak/example-shared/local-redis';

/** Why there is no Redis; undefined where there is one. */
export const NO_REDIS: string | undefined = reason();

function reason(): string | undefined {
  if (hasRedis()) return undefined;
  if (process.env['POLYAK_REQUIRE_REDIS'] === '1') {
    throw new Error('POLYAK_REQUIRE_REDIS is 1, but redis-server cannot be started.');
  }
  console.log('skipped: no redis-server on the PATH (Debian: apt install redis-server)');
  return 'no redis-server';
}
