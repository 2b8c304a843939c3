// Test digits with what a network takes them for.
import { unpacked } from '../packed.js';
import { digitPixels, digitSize } from '../task/digits.js';
import { shownDigits } from '../task/pictures.js';
import type { Task } from '../task/task.js';
import { contextOf } from './regions.js';

const columns = 8;
const rows = shownDigits / columns;
const cell = 60;
const zoom = 3;

/** Draws the first test digits; wrong predictions have a frame and a cross. */
export function drawDigits(canvas: HTMLCanvasElement, predictions: string, task: Task): void {
  const context = contextOf(canvas, columns * cell, rows * cell);
  const style = getComputedStyle(canvas);
  const [paper, ink, wrong] = ['paper', 'ink', 'wrong'].map((name) =>
    style.getPropertyValue(`--pg-${name}`),
  ) as [string, string, string];
  context.fillStyle = paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  unpacked(predictions).forEach((predicted, index) => {
    const [left, top] = [(index % columns) * cell, Math.floor(index / columns) * cell];
    const pixels = task.test.inputs.subarray(index * digitPixels, (index + 1) * digitPixels);
    context.fillStyle = ink;
    pixels.forEach((shade, pixel) => {
      context.globalAlpha = shade;
      const [x, y] = [pixel % digitSize, Math.floor(pixel / digitSize)];
      context.fillRect(left + 4 + zoom * x, top + 9 + zoom * y, zoom, zoom);
    });
    context.globalAlpha = 1;
    const isWrong = predicted !== task.test.labels[index];
    context.fillStyle = isWrong ? wrong : ink;
    context.font = 'bold 15px system-ui, sans-serif';
    context.fillText(String(predicted), left + 47, top + 22);
    if (!isWrong) return;
    context.strokeStyle = wrong;
    context.lineWidth = 2;
    context.strokeRect(left + 2, top + 2, cell - 4, cell - 4);
    context.fillText('✗', left + 46, top + 50);
  });
}

/** How many of the shown digits are predicted right. */
export function rightDigits(predictions: string, task: Task): number {
  return unpacked(predictions).filter((label, index) => label === task.test.labels[index]).length;
}
