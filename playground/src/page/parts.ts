// The parts of the page that change, found by their data attributes.

export interface Parts {
  readonly root: HTMLElement;
  text(name: string): HTMLElement;
  plot<E extends Element>(name: string): E;
  table(name: string): HTMLElement;
  button(name: string): HTMLButtonElement;
  form(name: string): HTMLFormElement;
}

/** Looks up the parts of the page in `root`. */
export function partsOf(root: HTMLElement): Parts {
  const find = <E extends Element>(attribute: string, name: string): E => {
    const found = root.querySelector<E>(`[data-${attribute}="${name}"]`);
    if (found === null) throw new Error(`The page has no ${attribute} ${name}.`);
    return found;
  };
  return {
    root,
    text: (name) => find('text', name),
    plot: (name) => find('plot', name),
    table: (name) => find('table', name),
    button: (name) => find('do', name),
    form: (name) => find('form', name),
  };
}
