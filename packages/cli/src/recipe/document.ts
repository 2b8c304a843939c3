// A YAML document: its value, and the lines that its parts are on.
import { isMap, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import type { Document } from 'yaml';
import { UsageError } from '../exit-codes.js';

/** Keys and indices from the top of a document. */
export type Path = readonly (string | number)[];

/** A document that was read. */
export interface RecipeDocument {
  /** Plain data: what JSON can hold. */
  readonly value: unknown;
  /** The error for a part of the document: `file:line: key: problem`. */
  problem(path: Path, text: string): UsageError;
}

/**
 * Reads a YAML document.
 *
 * @param text - its text
 * @param name - the name of its file, for messages
 * @throws UsageError where it is not well-formed, or has aliases, which a short text could use to
 *   stand for a huge one
 */
export function readDocument(text: string, name: string): RecipeDocument {
  const lines = new LineCounter();
  const fail = (offset: number, problem: string): UsageError =>
    new UsageError(`${name}:${Math.max(1, lines.linePos(offset).line)}: ${problem}`);
  const document = parsed(text, lines, name);
  const [flaw] = [...document.errors, ...document.warnings];
  if (flaw !== undefined) throw fail(flaw.pos[0], flaw.message);
  visit(document, {
    Alias: (_, { source, range }) => {
      throw fail(range?.[0] ?? 0, `*${source} is an alias. Write out what it stands for.`);
    },
  });
  return {
    value: document.toJS(),
    problem: (path, problem) => fail(offsetOf(document, path), `${keyOf(path)}${problem}`),
  };
}

function parsed(text: string, lineCounter: LineCounter, name: string): Document.Parsed {
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false, logLevel: 'error' });
  } catch (cause) {
    // Nested deeper than the stack.
    throw new UsageError(`${name}: ${(cause as Error).message}.`, { cause });
  }
}

/** The offset of a key or an item, or of what would hold it. */
function offsetOf({ contents }: Document.Parsed, path: Path): number {
  let node: unknown = contents;
  let offset = 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key: name }) => isScalar(name) && String(name.value) === key);
      if (!isScalar(pair?.key)) break;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      if (isScalar(node) || isMap(node) || isSeq(node)) offset = node.range?.[0] ?? offset;
    }
  }
  return offset;
}

function keyOf(path: Path): string {
  if (path.length === 0) return '';
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('');
  return `${text.replace(/^\./, '')}: `;
}
