// SVG to PNG, with a font that is the same on every machine.
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { crc32 } from 'node:zlib';

import { Resvg } from '@resvg/resvg-js';

import { FONT } from './frame.js';

const require = createRequire(import.meta.url);
const FONT_FILES = [
  require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'),
  require.resolve('dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf'),
];
/** The length of the signature and of the first chunk, after which others may come. */
const HEAD = 33;

/** What tells a drawing from others: pixels may differ from machine to machine. */
export function digestOf(svg: string): string {
  return createHash('sha256').update(svg).digest('hex').slice(0, 12);
}

/** The picture at twice its size, for sharp screens. It holds the digest of its drawing. */
export function renderPng(svg: string): Uint8Array {
  const image = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: 2 },
    font: { fontFiles: FONT_FILES, loadSystemFonts: false, defaultFontFamily: FONT },
  });
  const png = image.render().asPng();
  return Buffer.concat([
    png.subarray(0, HEAD),
    textChunk('drawing', digestOf(svg)),
    png.subarray(HEAD),
  ]);
}

function textChunk(key: string, text: string): Uint8Array {
  const body = Buffer.from(`tEXt${key}\0${text}`, 'latin1');
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(body.length - 4, 0);
  chunk.set(body, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return chunk;
}
