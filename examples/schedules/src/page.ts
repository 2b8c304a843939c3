// The page: one HTML file that needs nothing else, in the look of the demo's report.
import * as Plot from '@observablehq/plot';
import { drawPlot } from '@polyak/example-shared/plots';
import { reportStyle } from '@polyak/example-shared/report-style';

import { stepCount } from './drawings.js';
import type { Drawing } from './drawings.js';

const pageStyle = `
.plots { grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)); }
figure h3 { font-family: ui-monospace, monospace; font-size: 0.9375rem; }
`;

/** The drawings as small multiples, without any reference to other files or hosts. */
export function renderPage(drawings: readonly Drawing[]): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Learning-rate schedules</title>
<style>
${reportStyle}
${pageStyle.trim()}
</style>
</head>
<body>
<main>
<h1>Polyak</h1>
<p class="verdict">Learning-rate schedules: pure functions of the step</p>
<p>
Every schedule of <code>@polyak/schedules</code> over ${stepCount} steps.
A dashed line is a momentum.
</p>
<div class="plots">
${drawings.map(renderFigure).join('\n')}
</div>
</main>
</body>
</html>
`;
}

function renderFigure(drawing: Drawing): string {
  return `<figure>
<h3>${drawing.title}</h3>
${draw(drawing)}
<figcaption>${drawing.caption}</figcaption>
</figure>`;
}

function draw({ title, axis, values }: Drawing): string {
  const isMomentum = axis === 'momentum';
  const line = Plot.line(values, {
    x: (_value: number, step: number) => step,
    y: (value: number) => value,
    stroke: isMomentum ? 'var(--averaged)' : 'var(--sgd)',
    strokeWidth: 2,
    strokeDasharray: isMomentum ? '6 4' : 'none',
    curve: 'step-after',
    clip: true,
  });
  return drawPlot(`${title}: ${axis} by step`, {
    width: 300,
    height: 190,
    marginLeft: 44,
    marginBottom: 40,
    marginTop: 28,
    x: { label: 'step', domain: [0, stepCount], ticks: 5, tickFormat: 'd' },
    y: {
      label: axis,
      domain: isMomentum ? [0.75, 1] : [0, 0.11],
      ticks: 5,
      tickFormat: '~f',
      grid: true,
    },
    marks: [line],
  });
}
