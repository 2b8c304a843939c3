// Assembles src/kernel/kernel.wat into src/kernel/kernel-bytes.ts: `pnpm --filter @polyak/backend-cpu kernel`.
import { readFile, writeFile } from 'node:fs/promises';
import wabt from 'wabt';

const source = new URL('../src/kernel/kernel.wat', import.meta.url);
const target = new URL('../src/kernel/kernel-bytes.ts', import.meta.url);

const toolkit = await wabt();
const module = toolkit.parseWat('kernel.wat', await readFile(source, 'utf8'));
const { buffer } = module.toBinary({});
module.destroy();

await writeFile(
  target,
  `// Generated from kernel.wat by \`pnpm --filter @polyak/backend-cpu kernel\`: do not edit.

/** The assembled averaging kernel, in base64. */
export const KERNEL: string =
  '${Buffer.from(buffer).toString('base64')}';
`,
);
console.log(`kernel-bytes.ts: ${buffer.length} bytes of WebAssembly`);
