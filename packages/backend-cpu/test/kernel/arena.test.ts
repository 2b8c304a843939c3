// Shards: several memories, memories at the limit of what 32 bits address, and tensors too large
// for any.
import type { DType, HostArray } from '@polyak/core/interfaces';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { Arena, SCRATCH } from '#kernel/arena.js';
import { MOVED, NOT_FINITE } from '#kernel/engine.js';
import { WasmEngine } from '#kernel/wasm-engine.js';
import { compileKernel, createMemory } from '#kernel/webassembly.js';
import { difference, fillTame } from '../data.js';
import { referenceAverage, referenceCompensated } from '../reference.js';

const PAGE = 65_536;
const GIB = 2 ** 30;

function allocate(from: Pick<Arena, 'allocate'>, dtype: DType, length: number): HostArray {
  const [data] = from.allocate([{ dtype, length }]);
  if (data === undefined) throw new Error('nothing allocated');
  return data;
}

describe('an arena', () => {
  it('opens another shard when one is full, and uses both again', () => {
    const arena = new Arena(compileKernel(), { least: 8 * PAGE, most: 8 * PAGE });
    const room = 8 * PAGE - SCRATCH;
    const first = allocate(arena, 'uint8', room);
    expect(arena.shards).toBe(1);
    const second = allocate(arena, 'uint8', room);
    expect(arena.shards).toBe(2);
    expect(arena.shardOf(first) === arena.shardOf(second)).toBe(false);
    arena.free(first);
    arena.free(second);
    allocate(arena, 'uint8', room);
    allocate(arena, 'uint8', room);
    expect(arena.shards).toBe(2);
  });

  it('makes each shard as large as all before it, so that there are few', () => {
    const arena = new Arena(compileKernel(), { least: 8 * PAGE, most: 1024 * PAGE });
    for (let count = 0; count < 1000; count += 1) allocate(arena, 'uint8', PAGE);
    expect(arena.shards).toBeLessThan(10);
  });

  it('starts every tensor on a line of its own, after the scratch', () => {
    const arena = new Arena(compileKernel());
    const views = [1, 63, 64, 65, 5].map((length) => allocate(arena, 'int8', length));
    expect(views.map((view) => view.byteOffset - SCRATCH)).toEqual([0, 64, 128, 192, 320]);
  });

  it('holds what no shard can in memory of its own', () => {
    const arena = new Arena(compileKernel(), { least: 8 * PAGE, most: 8 * PAGE });
    const large = allocate(arena, 'float32', 2 * PAGE);
    expect(arena.shardOf(large)).toBeUndefined();
    expect(large.length).toBe(2 * PAGE);
    arena.free(large);
    expect(arena.shards).toBe(0);
  });

  it('keeps a list in one shard, and a second such list beside it', () => {
    const arena = new Arena(compileKernel(), { least: 8 * PAGE, most: 64 * PAGE });
    allocate(arena, 'uint8', 2 * PAGE);
    allocate(arena, 'uint8', 4 * PAGE);
    const list = [PAGE, 0, PAGE, PAGE].map((length) => ({ dtype: 'uint8', length }) as const);
    const averages = arena.allocate(list);
    const residuals = arena.allocate(list);
    expect(arena.shards).toBe(2);
    const shards = [...averages, ...residuals].flatMap((data) =>
      data.length > 0 ? [arena.shardOf(data)] : [],
    );
    expect(new Set(shards).size).toBe(1);
  });

  it('spreads a list over several shards where one cannot hold it', () => {
    const arena = new Arena(compileKernel(), { least: 8 * PAGE, most: 8 * PAGE });
    const list = arena.allocate(
      [3, 3, 3, 1].map((count) => ({ dtype: 'uint8', length: count * PAGE })),
    );
    expect(arena.shards).toBe(3);
    expect(list.every((data) => arena.shardOf(data) !== undefined)).toBe(true);
  });

  it('takes nothing where memory runs out within a list', () => {
    const arena = new Arena(compileKernel());
    const impossible = { dtype: 'uint8', length: 2 ** 53 - 1 } as const;
    expect(() => arena.allocate([{ dtype: 'uint8', length: 100 }, impossible])).toThrow(RangeError);
    expect(allocate(arena, 'uint8', 1).byteOffset).toBe(SCRATCH);
  });

  it('gives an empty tensor no room', () => {
    const arena = new Arena(compileKernel(), { least: 5 * PAGE, most: 5 * PAGE });
    const empty = allocate(arena, 'float64', 0);
    expect(empty.length).toBe(0);
    expect(arena.shards).toBe(0);
    const first = allocate(arena, 'uint8', 1);
    for (const data of [empty, allocate(arena, 'float64', 0)]) {
      expect(arena.shardOf(data)).toBeUndefined();
      arena.free(data);
    }
    arena.free(first);
    expect(allocate(arena, 'uint8', PAGE).byteOffset).toBe(SCRATCH);
  });

  it('begins with a memory of 256 MiB', () => {
    expect(allocate(new Arena(compileKernel()), 'int8', 1).buffer.byteLength).toBe(GIB / 4);
  });

  it('puts a list into one shard that just holds it', () => {
    const arena = new Arena(compileKernel(), { least: 5 * PAGE, most: 8 * PAGE });
    const request = { dtype: 'uint8', length: PAGE / 2 } as const;
    const list = arena.allocate(Array.from({ length: 8 }, () => request));
    expect(arena.shards).toBe(1);
    expect(list.at(-1)?.byteOffset).toBe(SCRATCH + 3.5 * PAGE);
  });

  describe('where the runtime refuses large memories', () => {
    /** What `run` returns while no memory has more pages. */
    function limited<R>(most: number, run: () => R): R {
      const { Module, Instance, Memory } = WebAssembly;
      class Limited extends Memory {
        constructor(descriptor: WebAssembly.MemoryDescriptor) {
          if (descriptor.initial > most) throw new RangeError('could not allocate memory');
          super(descriptor);
        }
      }
      vi.stubGlobal('WebAssembly', { Module, Instance, Memory: Limited });
      try {
        return run();
      } finally {
        vi.unstubAllGlobals();
      }
    }

    it.each([
      ['a half of a half', 50, 64],
      ['what the request needs', 70, 74],
    ])('opens one of %s', (_, request, pages) => {
      const arena = new Arena(compileKernel(), { least: 256 * PAGE });
      const data = limited(100, () => allocate(arena, 'uint8', request * PAGE));
      expect(arena.shards).toBe(1);
      expect(data.buffer.byteLength).toBe(pages * PAGE);
      expect(arena.shardOf(data)?.buffer).toBe(data.buffer);
    });

    it('opens none that is too small, and uses memory outside of shards', () => {
      const arena = new Arena(compileKernel(), { least: 256 * PAGE });
      const data = limited(73, () => allocate(arena, 'uint8', 70 * PAGE));
      expect(arena.shards).toBe(0);
      expect(data.buffer.byteLength).toBe(70 * PAGE);
    });
  });

  it('reuses what was freed over thousands of cycles of changing sizes', () => {
    const arena = new Arena(compileKernel(), { least: 64 * PAGE, most: 64 * PAGE });
    for (let cycle = 0; cycle < 5000; cycle += 1) {
      const views = [1, 17, 1000, 40_000].map((size) =>
        allocate(arena, 'float32', size + (cycle % 31)),
      );
      views.reverse();
      for (const view of views) arena.free(view);
    }
    expect(arena.shards).toBe(1);
    expect(allocate(arena, 'uint8', 64 * PAGE - SCRATCH).byteOffset).toBe(SCRATCH);
  });
});

// Untouched pages cost nothing, so this takes address space only. Where that is short there is
// nothing to test.
describe('more than 4 GiB of shards', () => {
  let hasSpace = true;
  beforeAll(() => {
    try {
      for (let count = 0; count < 5; count += 1) createMemory(4 * GIB);
    } catch {
      hasSpace = false;
    }
  });

  it('addresses tensors in the upper half of a memory and up to its last byte', (context) => {
    context.skip(!hasSpace, 'this machine refuses five memories of 4 GiB');
    const engine = new WasmEngine();
    // 1.5 GiB each, so that no two memories hold them all.
    const large = [0, 1, 2, 3, 4].map(() => allocate(engine.memory, 'float32', 1.5 * 2 ** 28));
    expect(engine.arena.shards).toBeGreaterThan(1);
    expect(large.every((view) => engine.arena.shardOf(view) !== undefined)).toBe(true);
    expect(Math.max(...large.map((view) => view.byteOffset))).toBeGreaterThanOrEqual(GIB);

    const whole = allocate(engine.memory, 'uint8', 4 * GIB - SCRATCH);
    expect(whole.byteOffset + whole.byteLength).toBe(4 * GIB);
    const length = 5003;
    const end = (from: number): Float32Array =>
      new Float32Array(whole.buffer, 4 * GIB - 4 * length * from, length);
    const [to, toResidual] = [end(1), end(2)];
    const [average, residual, live] = [
      fillTame(end(3), 1),
      fillTame(end(4), 2),
      fillTame(end(5), 3),
    ];
    const [expectedAverage, expectedResidual] = [average.slice(), residual.slice()];

    expect(engine.average({ average: to }, { average, live }, 0.25)).toBe(MOVED);
    referenceAverage(expectedAverage, live, 0.25);
    expect(difference(to, expectedAverage)).toBeUndefined();

    const targets = { average: to, residual: toResidual };
    expect(engine.average(targets, { average, residual, live }, 0.25)).toBe(MOVED);
    expectedAverage.set(average);
    referenceCompensated(expectedAverage, expectedResidual, live, 0.25);
    expect(difference(to, expectedAverage)).toBeUndefined();
    expect(difference(toResidual, expectedResidual)).toBeUndefined();

    live[length - 1] = NaN;
    expect(engine.average(targets, { average, live }, 0.25)).toBe(MOVED | NOT_FINITE);
    expect(engine.allFinite(average)).toBe(true);
    expect(engine.allFinite(to)).toBe(false);
  });
});
