// Delimited fields of protobuf.

/** A field with its contents. */
export function delimited(number: number, contents: Uint8Array): Uint8Array {
  const header: number[] = [];
  for (let rest of [number * 8 + 2, contents.byteLength]) {
    for (; rest >= 0x80; rest >>>= 7) header.push((rest & 0x7f) | 0x80);
    header.push(rest);
  }
  return Buffer.concat([Uint8Array.from(header), contents]);
}
