// The parts of the page that change, found by their data attributes.

export interface Parts {
  readonly root: HTMLElement;
  text(name: string): HTMLElement;
  chart(name: string): SVGSVGElement;
  canvas(name: string): HTMLCanvasElement;
  table(name: string): HTMLElement;
  input(name: string): HTMLInputElement;
  list(name: string): HTMLElement;
  button(name: string): HTMLButtonElement;
  form(name: string): HTMLFormElement;
}

/** Looks up the parts of the page in `root`. */
export function partsOf(root: HTMLElement): Parts {
  const find = (attribute: string, name: string): Element => {
    const found = root.querySelector(`[data-${attribute}="${name}"]`);
    if (found === null) throw new Error(`The page has no ${attribute} ${name}.`);
    return found;
  };
  return {
    root,
    text: (name) => find('text', name) as HTMLElement,
    chart: (name) => find('chart', name) as SVGSVGElement,
    canvas: (name) => find('canvas', name) as HTMLCanvasElement,
    table: (name) => find('table', name) as HTMLElement,
    input: (name) => find('input', name) as HTMLInputElement,
    list: (name) => find('list', name) as HTMLElement,
    button: (name) => find('do', name) as HTMLButtonElement,
    form: (name) => find('form', name) as HTMLFormElement,
  };
}
