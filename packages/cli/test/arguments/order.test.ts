import { describe, expect, it } from 'vitest';
import { byNumber, misplaced, requireOldestFirst } from '#arguments/order';

describe('misplaced', () => {
  it.each([
    [['n-1', 'n-10', 'n-2'], 'n-10 stands before n-2'],
    [['run/step-900.onnx', 'last.onnx', 'run/step-1000.onnx', 'run/step-2.onnx'], 'run/step-1000'],
    [['run-9/x', 'run-10/x', 'run-2/x'], 'run-10/x stands before run-2/x'],
    [['epoch-2-step-1', 'epoch-1-step-9'], 'epoch-2-step-1 stands before epoch-1-step-9'],
    [['n-3', 'n-2', 'n-1'], 'n-3 stands before n-2'],
  ])('is found in %j', (paths, found) => {
    expect(misplaced(paths)).toContain(found);
  });

  it.each([
    [['n-1', 'n-2', 'n-10']],
    [['n-0009', 'n-10']],
    [['n-1', 'n-1']],
    [['b-2', 'a-1', 'final']],
    [['epoch-1-step-9', 'epoch-2-step-1']],
    [[]],
  ])('is nothing in %j', (paths) => {
    expect(misplaced(paths)).toBeUndefined();
  });

  it('is nothing where names are sorted as patterns are expanded', () => {
    const names = ['n-10', 'n-9', 'm-100', 'n-0', 'm-11', 'n-1'];
    expect(misplaced(names)).toBeDefined();
    expect(misplaced(names.toSorted(byNumber))).toBeUndefined();
  });
});

it('refuses another order with its remedy', () => {
  expect(() => requireOldestFirst('--ema', ['n-10', 'n-2'])).toThrow(
    '--ema takes checkpoints oldest first, but n-10 stands before n-2. Quote a pattern',
  );
});
