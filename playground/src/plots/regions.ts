// The classes that a network gives to each point of the plane, with the training data.
import { unpacked } from '../packed.js';
import { pictureSize } from '../task/pictures.js';
import { spiralRadius } from '../task/spirals.js';
import type { Task } from '../task/task.js';

const side = 480;

/** Draws the regions of three classes into a canvas, in the colours of its style sheet. */
export function drawRegions(canvas: HTMLCanvasElement, predictions: string, task: Task): void {
  const context = contextOf(canvas, side, side);
  const style = getComputedStyle(canvas);
  const colours = (name: string): string[] =>
    [0, 1, 2].map((label) => style.getPropertyValue(`--pg-${name}-${label}`));
  const [regions, marks] = [colours('region'), colours('class')];
  const cell = side / pictureSize;
  unpacked(predictions).forEach((label, index) => {
    context.fillStyle = regions[label] ?? '';
    const [column, row] = [index % pictureSize, Math.floor(index / pictureSize)];
    context.fillRect(column * cell, side - (row + 1) * cell, cell, cell);
  });
  context.strokeStyle = style.getPropertyValue('--pg-outline');
  const at = (value: number): number => (side * (value + spiralRadius)) / (2 * spiralRadius);
  const { inputs, labels } = task.train;
  labels.forEach((label, index) => {
    context.fillStyle = marks[label] ?? '';
    mark(context, label, [at(inputs[2 * index] ?? 0), side - at(inputs[2 * index + 1] ?? 0)]);
  });
}

/** A mark whose shape tells the class too: circle, square or triangle. */
function mark(context: CanvasRenderingContext2D, label: number, [x, y]: [number, number]): void {
  context.beginPath();
  if (label === 0) context.arc(x, y, 5, 0, 2 * Math.PI);
  else if (label === 1) context.rect(x - 4.5, y - 4.5, 9, 9);
  else {
    context.moveTo(x, y - 6);
    context.lineTo(x + 5.5, y + 4.5);
    context.lineTo(x - 5.5, y + 4.5);
    context.closePath();
  }
  context.fill();
  context.stroke();
}

/** The context of a canvas that is cleared and has a size in pixels. */
export function contextOf(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
): CanvasRenderingContext2D {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('This browser draws no canvas.');
  return context;
}
