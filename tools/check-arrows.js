// Which part may import which, types included: between packages, and between the folders of core.
// Imports within a part are free of cycles by oxlint's import/no-cycle.
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';
import { report, sourcesOf } from './sources.js';

/** The packages that each package's sources import. */
const PACKAGES = {
  safetensors: [],
  schedules: [],
  core: ['safetensors'],
  'backend-cpu': ['core'],
  'backend-tfjs': ['core', 'backend-cpu'],
  'backend-onnx': ['core', 'backend-cpu'],
  'backend-gpujs': ['core', 'backend-cpu'],
  ensemble: ['core', 'backend-cpu'],
  checkpoints: ['core', 'backend-cpu', 'safetensors', 'backend-onnx'],
  fleet: ['checkpoints', 'core', 'ensemble', 'safetensors'],
  cli: ['checkpoints', 'core', 'ensemble', 'backend-onnx', 'safetensors', 'fleet'],
  'tensorflow-native': [],
};

/** What a backend that is not listed imports: one that create-backend made. */
const BACKEND = ['core', 'backend-cpu'];

/** The packages that a package's sources import, or undefined where that is not known. */
function importsOf(name) {
  return PACKAGES[name] ?? (name.startsWith('backend-') ? BACKEND : undefined);
}

/** The parts of core that each part imports; a part is a folder, or what ROOT_FILES says. */
const CORE = {
  error: [],
  tensor: ['error'],
  interfaces: ['error', 'tensor', 'state'],
  rules: ['error'],
  state: ['error', 'tensor'],
  steps: ['error', 'interfaces'],
  kit: ['error', 'tensor', 'interfaces', 'state', 'steps', 'parameters'],
  'batch-norm': ['error', 'interfaces', 'steps'],
  parameters: ['error', 'tensor', 'interfaces', 'state', 'steps', 'batch-norm'],
  averaging: [
    'error',
    'tensor',
    'interfaces',
    'rules',
    'state',
    'steps',
    'batch-norm',
    'parameters',
    'kit',
  ],
  swa: ['error', 'interfaces', 'state', 'steps', 'parameters', 'averaging'],
  interop: ['error', 'tensor', 'state', 'averaging'],
  embedding: ['error', 'tensor', 'interfaces', 'steps', 'parameters'],
  conformance: ['error', 'tensor', 'interfaces', 'kit'],
};

/** The files beside core's folders; index.ts, which names what is public, imports from all. */
const ROOT_FILES = {
  'error.ts': 'error',
  'arguments.ts': 'error',
  'non-finite.ts': 'error',
  'awaitable.ts': 'interfaces',
  'backend.ts': 'interfaces',
  'parameter.ts': 'interfaces',
  'optimizer.ts': 'interfaces',
  'batch-norm.ts': 'interfaces',
};

/** The files that only name what is public. */
const ENTRIES = new Set(
  ['index.ts', 'interfaces.ts', 'machine.ts'].map((name) => `packages/core/src/${name}`),
);

/** The package and its folder (src, test, scripts) that a path lies in; neither elsewhere. */
function placeOf(path) {
  const [, name, folder] = /^packages\/([^/]+)\/([^/]+)/.exec(path) ?? [];
  return { name, folder };
}

/** The part of core that a file of core's sources belongs to. */
function partOf(path) {
  const inner = path.slice('packages/core/src/'.length);
  return inner.includes('/') ? inner.split('/')[0] : ROOT_FILES[inner];
}

function problemOf(file, specifier) {
  const from = placeOf(file);
  if (!specifier.startsWith('.')) {
    const [, target] = /^@polyak\/([^/]+)/.exec(specifier) ?? [];
    if (from.folder !== 'src' || target === undefined) return undefined;
    const allowed = importsOf(from.name);
    if (allowed.includes(target)) return undefined;
    return `${from.name} imports ${allowed.join(', ') || 'no other package'}`;
  }
  const path = posix.join(posix.dirname(file), specifier);
  const to = placeOf(path);
  if (to.name !== undefined && to.name !== from.name) {
    return `${to.name} is another package: import it by name, and share test code in tests/`;
  }
  const isShared = from.folder === 'test' && /^tests\/(support|fuzz)\//.test(path);
  if (from.name !== undefined && to.name === undefined && !isShared) {
    return 'the import leaves the package: a package contains what it needs';
  }
  if (from.folder === 'test' && to.folder === 'src') {
    return `a test imports the package, as users do: '@polyak/${from.name}'`;
  }
  if (from.folder === 'src' && to.folder !== 'src') return 'sources import sources only';
  if (from.name !== 'core' || from.folder !== 'src' || ENTRIES.has(file)) {
    return undefined;
  }
  const [part, imported] = [partOf(file), partOf(path.replace(/\.js$/, '.ts'))];
  if (CORE[part] === undefined) return 'the importing file is in no part of core that is listed';
  if (part === imported || CORE[part].includes(imported)) return undefined;
  return `core's ${part} imports ${CORE[part].join(', ') || 'no other part'}`;
}

const problems = [];
for (const file of sourcesOf('ts', 'js', 'mjs')) {
  const { name, folder } = placeOf(file);
  if (folder === 'src' && importsOf(name) === undefined) {
    problems.push(`${file}: the package ${name} is not in tools/check-arrows.js. Add its arrows.`);
    continue;
  }
  for (const { fileName } of ts.preProcessFile(readFileSync(file, 'utf8')).importedFiles) {
    const problem = problemOf(file, fileName);
    if (problem !== undefined) problems.push(`${file}: '${fileName}': ${problem}.`);
  }
}
report(problems);
