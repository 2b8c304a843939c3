// Core's state machine is written as generators. A call of one does nothing until it is driven, so
// a call whose generator is neither delegated to (`yield*`), returned nor passed on is a mistake.
import { join } from 'node:path';
import ts from 'typescript';
import { report, ROOT, sourcesOf } from './sources.js';

const config = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile).config;
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
const files = sourcesOf('ts').filter((file) => file.startsWith('packages/core/src/'));
const program = ts.createProgram(files, options);
const checker = program.getTypeChecker();

function isGenerator(call) {
  const type = checker.getTypeAtLocation(call);
  const parts = type.isUnion() ? type.types : [type];
  return parts.some((part) => part.getSymbol()?.name === 'Generator');
}

/** Whether the value of `node` gets to where it can be driven, or is iterated. */
function isUsed(node) {
  const { parent } = node;
  if (
    ts.isParenthesizedExpression(parent) ||
    ts.isAsExpression(parent) ||
    ts.isSatisfiesExpression(parent) ||
    (ts.isConditionalExpression(parent) && parent.condition !== node) ||
    (ts.isBinaryExpression(parent) && parent.operatorToken.kind !== ts.SyntaxKind.EqualsToken)
  ) {
    return isUsed(parent);
  }
  if (ts.isYieldExpression(parent)) return parent.asteriskToken !== undefined;
  if (ts.isCallExpression(parent) || ts.isNewExpression(parent)) return parent.expression !== node;
  return (
    ts.isReturnStatement(parent) ||
    (ts.isArrowFunction(parent) && parent.body === node) ||
    (ts.isForOfStatement(parent) && parent.expression === node) ||
    ts.isSpreadElement(parent)
  );
}

const problems = [];
for (const file of files) {
  const source = program.getSourceFile(file);
  const visit = (node) => {
    if (ts.isCallExpression(node) && isGenerator(node) && !isUsed(node)) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      const name = node.expression.getText();
      problems.push(
        `${file}:${line + 1}: ${name}(…) makes a generator that nothing runs: yield* it.`,
      );
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
}
report(problems);
