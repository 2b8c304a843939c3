// Makes the package of a new backend: npx -y pnpm@12 create-backend NAME
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { createBackend } from './create-backend.js';

const [name, ...others] = process.argv.slice(2);
try {
  if (name === undefined || others.length > 0) {
    throw new RangeError(
      'create-backend: expected one name, such as in npx -y pnpm@12 create-backend webnn.',
    );
  }
  const folder = await createBackend(fileURLToPath(new URL('../../..', import.meta.url)), name);
  console.log(`Made ${folder}. It compiles, and its tests fail with what to do. Next:

  npx -y pnpm@12 install
  npx -y pnpm@12 test ${folder} --bail 1
  npx -y pnpm@12 check:types

Write the methods in ${folder}/src, in the order of docs/guides/write-a-backend.md.`);
} catch (error) {
  console.error(error instanceof RangeError ? error.message : error);
  process.exitCode = 1;
}
