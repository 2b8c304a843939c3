// Opens a checkpoint, in a process of its own. The path is the argument.
import { openCheckpoint } from '@polyak/checkpoints/node';
import { PolyakError } from '@polyak/core';

const [, , path = ''] = process.argv;
try {
  const checkpoint = await openCheckpoint(path);
  await checkpoint.close();
  console.log('opened');
} catch (error) {
  if (!PolyakError.is(error)) throw error;
  console.log('refused');
}
