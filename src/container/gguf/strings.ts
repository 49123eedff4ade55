import { FormatError } from '../../core/errors.ts';
import type { SourceWindow } from '../source/window.ts';
import { limits } from './format.ts';

const utf16 = new TextDecoder('utf-16le', { ignoreBOM: true });
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Reads `count` strings, each behind its length as u64. All strings that lie in the window are turned into UTF-16 in one
 * pass, made into one JavaScript string and cut from it: a decoder call per string costs 5 times as much.
 * Bytes that are not UTF-8 become U+FFFD.
 */
export async function readStrings(window: SourceWindow, count: number, subject: string): Promise<string[]> {
  const { cursor } = window;
  const strings: string[] = [];
  while (strings.length < count) {
    await window.ensure(8);
    const first = cursor.size('length of a string');
    if (first > limits.stringBytes || first > window.remaining) {
      throw new FormatError(
        `${cursor.name}: ${subject} has a string of ${first} bytes; ${window.remaining} remain, at most ${limits.stringBytes} are accepted`,
      );
    }
    cursor.position -= 8;
    await window.ensure(8 + first);
    readWholeStrings(window, count, strings);
  }
  return strings;
}

/** Takes every string that the window already holds whole, up to `count` in all. */
function readWholeStrings(window: SourceWindow, count: number, strings: string[]): void {
  const { cursor } = window;
  const bytes = cursor.view(cursor.remaining);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const units = new Uint16Array(bytes.length);
  const ends = new Uint32Array(Math.min(count - strings.length, Math.floor(bytes.length / 8)));
  // Strings that are not valid UTF-8, by their place in this batch.
  const odd = new Map<number, string>();
  let [batch, at, used] = [0, 0, 0];
  while (batch < ends.length && at + 8 <= bytes.length) {
    const end = at + 8 + stringLength(view, at, cursor.littleEndian);
    if (end > bytes.length) break;
    const unitsEnd = toUtf16(bytes, at + 8, end, units, used);
    if (unitsEnd < 0) odd.set(batch, utf8.decode(bytes.subarray(at + 8, end)));
    else used = unitsEnd;
    ends[batch++] = used;
    at = end;
  }
  cursor.position -= bytes.length - at;
  const text = utf16.decode(units.subarray(0, used));
  for (let i = 0, from = 0; i < batch; from = ends[i++]) {
    const cut = text.substring(from, ends[i]);
    strings.push(odd.size === 0 ? cut : (odd.get(i) ?? cut));
  }
}

/** Length of the string at `at`; 2^53 or more reads as some number that is too large as well. */
function stringLength(view: DataView, at: number, littleEndian: boolean): number {
  const first = view.getUint32(at, littleEndian);
  const second = view.getUint32(at + 4, littleEndian);
  return littleEndian ? first + second * 4294967296 : first * 4294967296 + second;
}

/** UTF-8 bytes [start, end) → UTF-16 units from `at`. Returns the place after the last unit, or -1 when not valid UTF-8. */
function toUtf16(bytes: Uint8Array, start: number, end: number, units: Uint16Array, at: number): number {
  let i = start;
  while (i < end) {
    const lead = bytes[i++];
    if (lead < 0x80) {
      units[at++] = lead;
      continue;
    }
    const extra = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || i + extra > end) return -1;
    let code = lead & (0x3f >> extra);
    for (let k = 0; k < extra; k++) {
      const next = bytes[i++];
      if ((next & 0xc0) !== 0x80) return -1;
      code = (code << 6) | (next & 0x3f);
    }
    // Too long an encoding, a surrogate, or beyond Unicode.
    if (extra === 2 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff))) return -1;
    if (extra === 3 && (code < 0x10000 || code > 0x10ffff)) return -1;
    if (extra === 3) {
      units[at++] = 0xd800 + ((code - 0x10000) >> 10);
      units[at++] = 0xdc00 + (code & 0x3ff);
    } else units[at++] = code;
  }
  return at;
}
