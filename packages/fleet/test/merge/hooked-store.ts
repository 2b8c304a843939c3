// A store whose calls a test sees before they are made.
import type { Store } from '@polyak/fleet';

/** Names of the methods of a store. */
export type StoreCall = Exclude<keyof Store, 'name'>;

/** A store that awaits `before` each call, which fails where that throws. */
export function hooked(store: Store, before: (call: StoreCall, key: string) => unknown): Store {
  return new Proxy(store, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return async (...args: readonly [string]): Promise<unknown> => {
        await before(name as StoreCall, args[0]);
        return (await Reflect.apply(method, target, args)) as unknown;
      };
    },
  });
}
