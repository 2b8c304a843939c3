// SVG elements.

type Attributes = Readonly<Record<string, string | number>>;

/** An SVG element with attributes and children. */
export function svg(
  tag: string,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** Where values of a range lie on a line of pixels. */
export function scale(
  [low, high]: readonly [number, number],
  [from, to]: readonly [number, number],
): (value: number) => number {
  return (value) => from + ((to - from) * (value - low)) / (high - low);
}

/** A path through points; it is broken where a point is missing. */
export function linePath(points: readonly (readonly [number, number] | undefined)[]): string {
  return points
    .map((point, index) => {
      if (point === undefined) return '';
      const command = points[index - 1] === undefined ? 'M' : 'L';
      return `${command}${point[0].toFixed(1)},${point[1].toFixed(1)}`;
    })
    .join('');
}
