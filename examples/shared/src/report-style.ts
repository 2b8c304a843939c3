// The look of the report: light and dark, on a desk and on a phone.

/**
 * The colours of all reports and of the playground: grey for a baseline, orange for live weights,
 * blue for averages. People with any kind of colour blindness can tell them apart.
 */
export const reportStyle = `
:root {
  color-scheme: light dark;
  --ground: #ffffff; --panel: #f6f7f9; --edge: #dfe3e8; --ink: #1b1f24; --muted: #59636e;
  --sgd: #57606a; --live: #c2410c; --averaged: #1d4ed8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #111418; --panel: #191d23; --edge: #2c333b; --ink: #e8ebee; --muted: #9aa5b1;
    --sgd: #a8b1bb; --live: #fb923c; --averaged: #7db2ff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 64rem;
  background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
}
h1 { margin: 0; font-size: 1rem; font-weight: 600; color: var(--muted); }
.verdict {
  margin: 0.5rem 0 2rem; font-size: clamp(1.25rem, 1rem + 1.6vw, 1.75rem); line-height: 1.3;
  text-wrap: pretty;
}
h2 { margin: 2.5rem 0 0.75rem; font-size: 1.125rem; }
p { max-width: 46rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.final { width: 100%; max-width: 46rem; }
th, td {
  padding: 0.5rem 0; border-bottom: 1px solid var(--edge); text-align: left; font-weight: 400;
  vertical-align: top;
}
th + th, th + td, td + td { padding-left: 1rem; }
thead th { color: var(--muted); font-size: 0.875rem; vertical-align: bottom; }
.number { text-align: right; }
td.number { white-space: nowrap; }
.best { font-weight: 700; }
.plots {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr));
  gap: 1.25rem;
}
figure {
  margin: 0; padding: 1rem; background: var(--panel); border: 1px solid var(--edge);
  border-radius: 0.5rem;
}
figure h3 { margin: 0; font-size: 1rem; }
figure svg { --plot-background: var(--panel); }
figure > svg { display: block; width: 100%; height: auto; font: 13px system-ui, sans-serif; }
figcaption { margin-top: 0.5rem; color: var(--muted); font-size: 0.875rem; }
.legend {
  display: flex; flex-wrap: wrap; gap: 0 1rem; margin: 0.25rem 0 0.5rem; padding: 0;
  list-style: none; font-size: 0.875rem;
}
.legend svg { margin-right: 0.375rem; vertical-align: middle; }
.settings th { padding-right: 1rem; color: var(--muted); white-space: nowrap; }
.settings th, .settings td { padding-top: 0.25rem; padding-bottom: 0.25rem; font-size: 0.9375rem; }
@media (max-width: 30rem) {
  body { padding: 1.5rem 0.875rem 3rem; }
  figure { padding: 0.75rem; }
}
`.trim();
