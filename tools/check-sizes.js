// Lines of at most 100 columns, comments and strings included, which prettier leaves alone; files
// of at most 300 lines; and index.ts of a package of at most 40 names.
import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { report, sourcesOf } from './sources.js';

const [COLUMNS, LINES, NAMES] = [100, 300, 40];

/** Written by a script, with lines as long as their data. */
const GENERATED = /\/((kernel|sums|widen)-bytes|onnx_pb)\.ts$/;

function namesOf(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest);
  return source.statements.flatMap((statement) =>
    ts.isExportDeclaration(statement) && statement.exportClause !== undefined
      ? ts.isNamedExports(statement.exportClause)
        ? statement.exportClause.elements
        : [statement.exportClause]
      : [],
  );
}

const problems = [];
for (const file of sourcesOf('ts', 'js', 'mjs', 'sh', 'wat')) {
  if (GENERATED.test(file)) continue;
  const text = readFileSync(file, 'utf8');
  const lines = text.replace(/\n$/, '').split('\n');
  for (const [index, line] of lines.entries()) {
    const columns = Array.from(line).length;
    if (columns <= COLUMNS) continue;
    problems.push(`${file}:${index + 1}: ${columns} columns, at most ${COLUMNS}.`);
  }
  if (lines.length > LINES) {
    problems.push(`${file}: ${lines.length} lines, at most ${LINES}. It has two concepts in it.`);
  }
  if (!/^packages\/[^/]+\/src\/index\.ts$/.test(file)) continue;
  const { length } = namesOf(file, text);
  if (length > NAMES) {
    problems.push(`${file}: ${length} names, at most ${NAMES}. A theme of its own gets a subpath.`);
  }
}
report(problems);
