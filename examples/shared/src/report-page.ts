// The frame of a report: one HTML file, without any reference to other files or hosts.
import { drawLegendKey } from './plots.js';
import type { Figure, SeriesName } from './plots.js';
import { reportStyle } from './report-style.js';

/** What a report says. */
export interface ReportPage {
  readonly title: string;
  /** The answer in a sentence, in HTML. */
  readonly verdict: string;
  /** What follows it, in HTML. */
  readonly body: string;
  /** CSS beside that of all reports. */
  readonly style?: string;
}

/** A plot with its legend and its words, in HTML. */
export function renderFigure(
  { title, caption, series, svg }: Figure,
  labels: Readonly<Record<SeriesName, string>>,
): string {
  const keys = series.map((name) => `<li>${drawLegendKey(name)}${escapeHtml(labels[name])}</li>`);
  return `<figure>
<h3>${escapeHtml(title)}</h3>
<ul class="legend">${keys.join('')}</ul>
${svg}
<figcaption>${escapeHtml(caption)}</figcaption>
</figure>`;
}

/** A table of settings, each with its name, in HTML. */
export function renderSettings(settings: readonly (readonly [string, string])[]): string {
  const rows = settings.map(
    ([name, text]) =>
      `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(text)}</td></tr>`,
  );
  return `<table class="settings">
<tbody>
${rows.join('\n')}
</tbody>
</table>`;
}

/** The source of a report's page. */
export function renderPage({ title, verdict, body, style = '' }: ReportPage): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>
${reportStyle}
${style.trim()}
</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p class="verdict">${verdict}</p>
${body}
</main>
</body>
</html>
`;
}

/** A text that stands in HTML for itself. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
