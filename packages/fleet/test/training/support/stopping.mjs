// The toy, in a process that stops itself right before it writes an object, as SIGSTOP from outside
// would at a bad moment. The file `stop` has a part of the key; the first process that gets there
// removes it, writes its process id to `stopped` and stops. Once it has gone on and written the
// object, or failed to since the folder is being removed, it writes the key to `written`.
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { folderStore } from '@polyak/fleet';

export { bnUpdate, evaluate, train } from './toy.mjs';

const { TOY_STORE, TOY_FOLDER } = process.env;

export function openStore() {
  return new Proxy(folderStore(TOY_STORE), {
    get(store, name) {
      const value = store[name];
      if (typeof value !== 'function') return value;
      if (name !== 'putIfAbsent') return value.bind(store);
      return async (key, bytes) => {
        const isStopped = stop(key);
        try {
          return await store.putIfAbsent(key, bytes);
        } finally {
          if (isStopped) writeFileSync(`${TOY_FOLDER}/written`, key);
        }
      };
    },
  });
}

function stop(key) {
  try {
    if (!key.includes(readFileSync(`${TOY_FOLDER}/stop`, 'utf8'))) return false;
    unlinkSync(`${TOY_FOLDER}/stop`);
  } catch {
    return false;
  }
  writeFileSync(`${TOY_FOLDER}/stopped`, String(process.pid));
  process.kill(process.pid, 'SIGSTOP');
  return true;
}
