import type { MarkdownRenderer } from 'vitepress';

/** Gives each formula, which is drawn, its TeX as the name that a screen reader says. */
export function namedFormulas(md: MarkdownRenderer): void {
  const { rules } = md.renderer;
  for (const name of ['math_inline', 'math_block']) {
    const render = rules[name];
    if (render === undefined) throw new Error(`The plugin for maths has no rule ${name}.`);
    rules[name] = (tokens, index, ...rest) => {
      const tex = md.utils.escapeHtml(tokens[index]?.content.trim() ?? '');
      return render(tokens, index, ...rest).replace('role="img"', `role="img" aria-label="${tex}"`);
    };
  }
}
