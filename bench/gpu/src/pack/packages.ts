// The packages with native code, without their binaries for other systems and other providers.
import { cpSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** A package, where it lies, and what is taken of it. */
interface Taken {
  readonly name: string;
  readonly folder: string;
  readonly parts: readonly string[];
}

const require = createRequire(import.meta.url);
const folderOf = (name: string): string => dirname(require.resolve(`${name}/package.json`));
const onnxruntime = folderOf('onnxruntime-node');

/** The entry of onnxruntime-common, in `dist/cjs`: its `exports` have no package.json. */
const common = createRequire(`${onnxruntime}/package.json`).resolve('onnxruntime-common');

const PACKAGES: readonly Taken[] = [
  { name: 'onnxruntime-node', folder: onnxruntime, parts: ['dist', 'bin/napi-v6/linux/x64'] },
  { name: 'onnxruntime-common', folder: join(common, '../../..'), parts: ['dist/cjs'] },
  { name: 'webgpu', folder: folderOf('webgpu'), parts: ['index.js', 'dist/linux-x64'] },
  // It is in the bundle; its manifest says its version.
  { name: 'gpu.js', folder: folderOf('gpu.js'), parts: [] },
];

/**
 * Copies the packages.
 *
 * @param target - a folder `node_modules`
 */
export function copyPackages(target: string): void {
  for (const { name, folder, parts } of PACKAGES) {
    for (const part of ['package.json', ...parts]) {
      cpSync(join(folder, part), join(target, name, part), { recursive: true, dereference: true });
    }
  }
}
