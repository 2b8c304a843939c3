// Arguments of a wrong form are refused at once, not by the first call that uses them.
import { fromSources, mean } from '@polyak/checkpoints';
import { fileStore } from '@polyak/checkpoints/node';
import { CheckpointFolder, directoryStore } from '@polyak/checkpoints/saving';
import { bytesSource } from '@polyak/safetensors';
import { expect, it } from 'vitest';

const folder = (store: unknown): unknown => new CheckpointFolder(store as never, { maxToKeep: 1 });

it.each<[string, (given: unknown) => unknown, unknown, string]>([
  ['a path for a store', folder, '/runs', 'the store is "/runs". Pass fileStore(path) of'],
  ['a number for a store', folder, 5, 'the store is 5. '],
  ['no store', folder, undefined, 'the store is undefined. '],
  [
    'a store without names',
    folder,
    { ...fileStore('/runs'), list: undefined },
    'the store is an object whose list is undefined, expected a function. ',
  ],
  [
    'a store for a path',
    (given) => fileStore(given as string),
    fileStore('/runs'),
    'fileStore: the path is of type object, expected a string.',
  ],
  ['no path', (given) => fileStore(given as string), undefined, 'type undefined'],
  [
    'a path for a handle',
    (given) => directoryStore(given as never),
    '/runs',
    'directoryStore: the handle is "/runs". Pass a FileSystemDirectoryHandle,',
  ],
  [
    'the handle of a file',
    (given) => directoryStore(given as never),
    { name: 'a', getFile: () => undefined },
    'the handle is an object whose keys is undefined',
  ],
  [
    'an object for a Map',
    (given) => fromSources(given as never),
    { 'a.safetensors': bytesSource(new Uint8Array()) },
    'whose get is undefined, expected a function. Pass new Map([[name, source]])',
  ],
  ['a list for a count', (given) => mean(given as number), ['a'], 'mean: count is a value of type'],
])('refuses %s', (_, call, given, message) => {
  expect(() => call(given)).toThrow(TypeError);
  expect(() => call(given)).toThrow(message);
});

it.each([0, -1, 1.5, Number.NaN])('refuses the mean of %d checkpoints', (count) => {
  expect(() => mean(count)).toThrow(RangeError);
  expect(() => mean(count)).toThrow(`mean: count is ${count}, expected an integer >= 1.`);
});
