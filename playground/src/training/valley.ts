// The path of a run over the loss surface, and the flatness around where it leads.
import type { NamedTensors } from '@polyak/core';
import { boxOf, gridPoints } from '../plane/box.js';
import { flatness } from '../plane/flatness.js';
import type { Plane, Point } from '../plane/plane.js';
import { planeOf, projected, weightsAt } from '../plane/plane.js';
import type { Vector } from '../plane/vectors.js';
import { flattened, unflattened } from '../plane/vectors.js';
import type { FlatnessView, ValleyView } from '../view.js';
import type { Visited } from './epoch.js';
import type { Explorer } from './explorer.js';

const distances = 12;

/**
 * The plane of what a run has visited, and what to draw on it; nothing where there are fewer than
 * four averages.
 */
export function valleyOf(
  visited: readonly Visited[],
  last?: Plane,
): { readonly plane: Plane; readonly view: ValleyView } | undefined {
  const averages = visited.flatMap(({ average }) => (average === null ? [] : [average]));
  const latest = averages.at(-1);
  if (latest === undefined || averages.length < 4) return undefined;
  const path = visited.map(({ live }) => flattened(live));
  const averagedPart = path.slice(-averages.length);
  const plane = planeOf(averagedPart, flattened(latest), last);
  const points = (weights: readonly Vector[]): Point[] =>
    weights.map((vector) => projected(vector, plane).map(shortened) as [number, number]);
  const live = points(path);
  const view: ValleyView = {
    box: boxOf(live.slice(-averages.length)),
    live,
    average: points(averages.map(flattened)),
    rows: [],
    size: 0,
  };
  return { plane, view };
}

/** The training loss on a plane, row by row. The grid is as fine as `budget` milliseconds allow. */
export async function* surface(
  explorer: Explorer,
  input: {
    readonly plane: Plane;
    readonly view: ValleyView;
    readonly like: NamedTensors;
    readonly sizes: readonly [least: number, most: number];
    readonly budget: number;
  },
): AsyncGenerator<ValleyView> {
  const { plane, view, like, sizes, budget } = input;
  const lossAt = (point: Point): Promise<number> =>
    explorer.trainLoss(unflattened(weightsAt(point, plane), like));
  await lossAt([0, 0]); // compiles
  const start = performance.now();
  await lossAt([0, 0]);
  const affordable = Math.floor(Math.sqrt(budget / (performance.now() - start)));
  const size = Math.max(sizes[0], Math.min(sizes[1], affordable));
  const rows: number[][] = [];
  for (const points of gridPoints(view.box, size)) {
    const row: number[] = [];
    for (const point of points) row.push(shortened(await lossAt(point)));
    rows.push(row);
    yield { ...view, rows: [...rows], size };
  }
}

/** The test loss around the last weights that a run has visited. */
export async function flatnessOf(
  explorer: Explorer,
  last: Visited,
  radius: number,
): Promise<FlatnessView | undefined> {
  const { live, decayed, average } = last;
  if (average === null) return undefined;
  const radii = Array.from({ length: distances + 1 }, (_, index) => (radius * index) / distances);
  const around = async (weights: NamedTensors): Promise<readonly number[]> => {
    const losses = await flatness(flattened(weights), radii, (vector) =>
      explorer.testLoss(unflattened(vector, weights)),
    );
    return losses.map(shortened);
  };
  return {
    radii,
    live: await around(live),
    decayed: await around(decayed),
    average: await around(average),
  };
}

function shortened(value: number): number {
  return Number(value.toPrecision(5));
}
