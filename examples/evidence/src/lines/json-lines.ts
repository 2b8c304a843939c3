// Files of one JSON object a line, with errors that name file and line.
import { Failure } from '../failure.js';

/** The fields of one line, and what its errors call it. */
export interface JsonLine {
  /** Such as `examples/cifar10/results/methods.jsonl:4`. */
  readonly place: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * The lines of a file. Empty lines do not count.
 *
 * @param path - for errors
 */
export function parseJsonLines(path: string, text: string): readonly JsonLine[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const place = `${path}:${index + 1}`;
    return [{ place, fields: parseFields(place, line) }];
  });
}

function parseFields(place: string, line: string): JsonLine['fields'] {
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch (error) {
    throw new Failure(`${place}: no JSON: ${String(error)}`);
  }
  if (isObject(fields)) return fields;
  throw new Failure(`${place}: found ${line.slice(0, 40)}, expected a JSON object.`);
}

/** A field that is text, and not empty. */
export function textOf({ place, fields }: JsonLine, name: string): string {
  const value = fields[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new Failure(`${place}: "${name}" is ${describe(value)}, expected text.`);
}

/** A field that is a finite number. */
export function numberOf({ place, fields }: JsonLine, name: string): number {
  const value = fields[name];
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new Failure(`${place}: "${name}" is ${describe(value)}, expected a finite number.`);
}

/** A field that is a list of objects. */
export function objectsOf({ place, fields }: JsonLine, name: string): readonly JsonLine[] {
  const value = fields[name];
  if (Array.isArray(value) && value.every(isObject)) {
    return value.map((each, index) => ({ place: `${place}, ${name}[${index}]`, fields: each }));
  }
  throw new Failure(`${place}: "${name}" is ${describe(value)}, expected a list of objects.`);
}

function isObject(value: unknown): value is JsonLine['fields'] {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value in a message: JSON has no Infinity, but 1e999 is read as one. */
function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}
