// Expands kernel.wat, widen.wat and sums.wat, assembles them and embeds the bytes in a file beside
// each, such as kernel-bytes.ts: `pnpm --filter @polyak/backend-cpu kernel`. With `--check` it
// writes nothing and fails where they differ.
//
// They are WebAssembly text with four kinds of lines more. What lies between one of the first two
// and its `;;@ end` is written once for each row or each number of the range:
//
//   ;;@ each NAME NAME: VALUE VALUE, VALUE VALUE
//   ;;@ range NAME: END by STEP            the numbers 0, STEP, 2 * STEP … below END
//   ;;@ end
//   ;;@ include FILE                       the text of a file of the same folder
//
// `{NAME}` stands for the value, `{NAME+NAME}` for the sum of two numbers.
import { readFile, writeFile } from 'node:fs/promises';
import wabt from 'wabt';

/** Folder and file, and what the assembled module is. */
const MODULES = [
  { folder: 'kernel', name: 'kernel', constant: 'KERNEL', what: 'averaging kernel' },
  { folder: 'half', name: 'widen', constant: 'WIDEN', what: 'kernels that widen half precision' },
  { folder: 'sums', name: 'sums', constant: 'SUMS', what: 'kernels of sums' },
];

const DIRECTIVE = /^\s*;;@ (each|range|end)(?: ([^:]+): (.+))?$/;

const INCLUDE = /^\s*;;@ include (\S+)$/;

/** The lines of a file, with those of the files that it includes. */
async function linesOf(file) {
  const lines = [];
  for (const line of (await readFile(file, 'utf8')).split('\n')) {
    const [, included] = INCLUDE.exec(line) ?? [];
    if (included === undefined) lines.push(line);
    else lines.push(...(await linesOf(new URL(included, file))));
  }
  return lines;
}

/** The text with every `{NAME}` of `values` replaced; names of other blocks stay. */
function fill(text, values) {
  return text.replace(/\{([\w+]+)\}/g, (whole, names) => {
    const found = names.split('+').map((name) => values[name]);
    if (found.includes(undefined)) return whole;
    return found.length === 1 ? found[0] : String(found.reduce((sum, n) => sum + Number(n), 0));
  });
}

/** The values of each repetition that a directive asks for. */
function repetitions(kind, names, rest) {
  if (kind === 'range') {
    const [end, step] = rest.split(' by ').map(Number);
    return Array.from({ length: end / step }, (_, i) => ({ [names]: String(i * step) }));
  }
  const keys = names.split(' ');
  return rest.split(', ').map((row) => {
    const values = row.split(' ');
    return Object.fromEntries(keys.map((key, i) => [key, values[i]]));
  });
}

/** The lines with their blocks written out, up to the `;;@ end` of the block they are in. */
function expand(lines, values) {
  const out = [];
  for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
    const [, kind, names, rest] = DIRECTIVE.exec(line) ?? [];
    if (kind === 'end') return out;
    if (kind === undefined) {
      out.push(fill(line, values));
      continue;
    }
    const block = [...lines];
    for (const row of repetitions(kind, names, fill(rest, values))) {
      lines.splice(0, lines.length, ...block);
      out.push(...expand(lines, { ...values, ...row }));
    }
  }
  return out;
}

const toolkit = await wabt();

for (const { folder, name, constant, what } of MODULES) {
  const source = new URL(`../src/${folder}/${name}.wat`, import.meta.url);
  const target = new URL(`../src/${folder}/${name}-bytes.ts`, import.meta.url);

  const text = expand(await linesOf(source), {}).join('\n');
  const left = /\{[^}]*\}|^\s*;;@.*/m.exec(text);
  if (left !== null) throw new Error(`${name}.wat: "${left[0]}" is no name in scope or directive.`);

  const module = toolkit.parseWat(`${name}.wat`, text);
  const { buffer } = module.toBinary({});
  module.destroy();

  // In base64, a page would load 0.8 kB more: gzip sees that instructions are repeated only where
  // they begin within the same digit.
  const embedded = `// Generated from ${name}.wat by scripts/assemble-kernel.js: do not edit.

/** The assembled ${what}, in hexadecimal digits. */
export const ${constant}: string =
  '${Buffer.from(buffer).toString('hex')}';
`;
  if (!process.argv.includes('--check')) {
    await writeFile(target, embedded);
    console.log(`${name}-bytes.ts: ${buffer.length} bytes of WebAssembly`);
  } else if ((await readFile(target, 'utf8')) !== embedded) {
    console.error(`${name}-bytes.ts is not what ${name}.wat gives. Run \`pnpm kernel\`.`);
    process.exitCode = 1;
  }
}
