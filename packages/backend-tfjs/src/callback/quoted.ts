// As many names as a person reads in one message.
const MOST = 20;

/** Names of weights, as messages give them. */
export function quoted(names: readonly string[]): string {
  const listed = names.slice(0, MOST).map((name) => `"${name}"`);
  const rest = names.length - listed.length;
  return [...listed, ...(rest > 0 ? [`and ${rest} more`] : [])].join(', ');
}
