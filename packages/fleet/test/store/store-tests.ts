// What every store must do, tried on each.
import type { PartialObject, Store } from '@polyak/fleet/store';
import { beforeEach, describe, expect, it } from 'vitest';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** Bytes that differ from place to place, and from place to place a few MiB on. */
function pattern(begin: number, end: number): Uint8Array {
  return Uint8Array.from({ length: end - begin }, (_, i) => ((begin + i) * 2654435761) >>> 24);
}

async function contents(store: Store, key: string): Promise<readonly number[] | undefined> {
  const found = await store.get(key);
  return found && [...found];
}

async function written(partial: PartialObject, begin: number, piece: Uint8Array): Promise<void> {
  await partial.write(begin, piece);
  await partial.close();
}

/** The tests of a kind of store, which `empty` makes. */
export function storeTests(kind: string, empty: () => Promise<Store>): void {
  describe(`a store on ${kind}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await empty();
    });

    it('gives what was put, by ranges too, and undefined for nothing', async () => {
      await store.put('a/b c+é.bin', bytes(1, 2, 3, 4));
      expect(await contents(store, 'a/b c+é.bin')).toEqual([1, 2, 3, 4]);
      expect(await store.get('a/c.bin')).toBeUndefined();
      const object = await store.open('a/b c+é.bin');
      expect(object.size).toBe(4);
      expect([...(await object.read(1, 2))]).toEqual([2, 3]);
      expect([...(await object.read(4, 0))]).toEqual([]);
      await object.close();
      await expect(store.open('a/c.bin')).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
    });

    it('replaces by put, and gives another version', async () => {
      const versions = new Set<string>();
      for (const value of [1, 2]) {
        await store.put('a', bytes(value));
        await new Promise((resolve) => setTimeout(resolve, 10));
        const object = await store.open('a');
        versions.add(object.version);
        await object.close();
      }
      expect(await contents(store, 'a')).toEqual([2]);
      expect(versions.size).toBe(2);
    });

    it('lets one of many writers win, and keeps what it wrote', async () => {
      for (let round = 0; round < 5; round += 1) {
        const key = `round-${round}`;
        const won = await Promise.all(
          Array.from({ length: 20 }, (_, i) => store.putIfAbsent(key, bytes(i))),
        );
        expect(won.filter(Boolean)).toHaveLength(1);
        expect(await contents(store, key)).toEqual([won.indexOf(true)]);
      }
    });

    it('lists keys under a prefix in order, and removes them', async () => {
      for (const key of ['r/10', 'r/2', 'r/a/b', 'rs', 's']) await store.put(key, bytes(1));
      await written(await store.openPartial('r/new', 'id', 4), 0, bytes(1, 2));
      expect(await store.list('r/')).toEqual(['r/10', 'r/2', 'r/a/b']);
      expect(await store.list('r/1')).toEqual(['r/10']);
      expect(await store.list('none/')).toEqual([]);
      await store.remove('r/2');
      await store.remove('r/2');
      expect(await store.list('r/')).toEqual(['r/10', 'r/a/b']);
      await store.remove('r/');
      expect(await store.list('')).toEqual(['rs', 's']);
      await expect(store.publish('r/new', 'id', 4)).rejects.toMatchObject({
        code: 'ERR_CHECKPOINT',
      });
    });

    it('lists and removes more keys than one page has', { timeout: 120_000 }, async () => {
      const keys = Array.from({ length: 1001 }, (_, i) => `many/${String(i).padStart(4, '0')}`);
      for (let at = 0; at < keys.length; at += 50) {
        await Promise.all(keys.slice(at, at + 50).map((key) => store.put(key, bytes(1))));
      }
      expect(await store.list('many/')).toEqual(keys);
      await store.remove('many/');
      expect(await store.list('')).toEqual([]);
    });

    it.each(['../a', 'a/../../b', '/etc/passwd', 'a//b', './a', '', 'C:/a', 'a\\b', 'a\0'])(
      'refuses the key %j',
      async (key) => {
        await expect(store.put(key, bytes(1))).rejects.toThrow(RangeError);
        await expect(store.open(key)).rejects.toThrow(RangeError);
        await expect(store.openPartial(key, 'id', 1)).rejects.toThrow(RangeError);
        await expect(store.publish(key, 'id', 1)).rejects.toThrow(RangeError);
      },
    );

    it('publishes what several wrote, once, and refuses later writes', async () => {
      const first = await store.openPartial('out', 'run', 4);
      const second = await store.openPartial('out', 'run', 4);
      await written(first, 0, bytes(1, 2));
      await second.write(2, bytes(3, 4));
      await second.write(2, bytes(3, 4));
      await second.close();
      expect(await store.list('')).toEqual([]);
      const late = await store.openPartial('out', 'run', 4);
      const later = await store.openPartial('out', 'run', 4);
      await store.publish('out', 'run', 4);
      await store.publish('out', 'run', 4);
      expect(await contents(store, 'out')).toEqual([1, 2, 3, 4]);
      expect(await store.list('')).toEqual(['out']);
      await expect(written(late, 0, bytes(9))).rejects.toThrow(/published or removed/);
      await store.removePartial('out', 'run');
      await store.removePartial('out', 'run');
      await expect(written(later, 0, bytes(9))).rejects.toThrow(/published or removed/);
      for (const partial of [late, later]) await partial.close();
      expect(await contents(store, 'out')).toEqual([1, 2, 3, 4]);
    });

    it('keeps partial objects of two ids apart', async () => {
      for (const [id, value] of [
        ['one', 1],
        ['two', 2],
      ] as const) {
        await written(await store.openPartial('out', id, 1), 0, bytes(value));
      }
      await store.publish('out', 'two', 1);
      await store.removePartial('out', 'two');
      await expect(store.publish('out', 'one', 1)).rejects.toMatchObject({ code: 'ERR_EXISTS' });
      await store.publish('out', 'one', 1, { replace: true });
      expect(await contents(store, 'out')).toEqual([1]);
    });

    it('does not replace an object unless it is told to', async () => {
      await store.put('out', bytes(7));
      await written(await store.openPartial('out', 'run', 1), 0, bytes(8));
      await expect(store.publish('out', 'run', 1)).rejects.toMatchObject({ code: 'ERR_EXISTS' });
      expect(await contents(store, 'out')).toEqual([7]);
      await store.publish('out', 'run', 1, { replace: true });
      expect(await contents(store, 'out')).toEqual([8]);
      await store.publish('out', 'run', 1, { replace: true });
      await store.removePartial('out', 'run');
      expect(await store.list('')).toEqual(['out']);
    });

    it('withdraws what was published, until its partial object is removed', async () => {
      const begun = async (id: string): Promise<void> => {
        await written(await store.openPartial('a/out', id, 1), 0, bytes(8));
      };
      await begun('one');
      await store.publish('a/out', 'one', 1);
      await store.withdraw('a/out', 'one');
      await store.withdraw('a/out', 'one');
      expect(await store.get('a/out')).toBeUndefined();
      await expect(store.publish('a/out', 'one', 1)).rejects.toMatchObject({
        code: 'ERR_CHECKPOINT',
      });
      await begun('two');
      await store.withdraw('a/out', 'two');
      await expect(store.publish('a/out', 'two', 1)).rejects.toMatchObject({
        code: 'ERR_CHECKPOINT',
      });
      await begun('three');
      await store.publish('a/out', 'three', 1);
      // What has its place now is another object.
      await begun('four');
      await store.withdraw('a/out', 'four');
      expect(await contents(store, 'a/out')).toEqual([8]);
      await store.removePartial('a/out', 'three');
      await store.withdraw('a/out', 'three');
      expect(await contents(store, 'a/out')).toEqual([8]);
      expect(await store.list('')).toEqual(['a/out']);
    });

    it('publishes nothing that was not begun', async () => {
      await expect(store.publish('out', 'run', 1)).rejects.toMatchObject({
        code: 'ERR_CHECKPOINT',
      });
      await store.put('out', bytes(7));
      await expect(store.publish('out', 'run', 1)).rejects.toMatchObject({
        code: 'ERR_CHECKPOINT',
      });
      expect(await contents(store, 'out')).toEqual([7]);
    });

    it('takes writes of every length, at once and out of order', { timeout: 60_000 }, async () => {
      const length = 21_000_003;
      const whole = pattern(0, length);
      const cuts = [0, 3, 1_000_000, 7_000_001, 9_500_000, 9_500_001, 20_000_000, length];
      const ranges = cuts.slice(1).map((end, i) => [cuts[i] ?? 0, end] as const);
      const writers = await Promise.all(
        [0, 1].map(() => store.openPartial('big/out', 'run', length)),
      );
      await Promise.all(
        ranges.map(([begin, end], i) => writers[i % 2]?.write(begin, whole.slice(begin, end))),
      );
      // Again, cut elsewhere, as a part that is done twice.
      const again = await store.openPartial('big/out', 'run', length);
      await again.write(6_000_000, whole.slice(6_000_000, 12_000_000));
      for (const partial of [...writers, again]) await partial.close();
      await store.publish('big/out', 'run', length);
      await store.removePartial('big/out', 'run');
      const object = await store.open('big/out');
      expect(object.size).toBe(length);
      expect(Buffer.compare(await object.read(0, length), whole)).toBe(0);
      await object.close();
    });
  });
}
