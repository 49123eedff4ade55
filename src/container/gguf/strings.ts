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
  const strings: string[] = [];
  while (strings.length < count) {
    await window.ensure(8);
    const first = stringLength(window, subject);
    window.cursor.position -= 8;
    await window.ensure(8 + first);
    readWholeStrings(window, count, strings, subject);
  }
  return strings;
}

/** Length at the cursor, checked against what remains. */
function stringLength(window: SourceWindow, subject: string): number {
  const length = window.cursor.size('length of a string');
  if (length > limits.stringBytes || length > window.remaining) {
    throw new FormatError(
      `${window.cursor.name}: ${subject} has a string of ${length} bytes; ${window.remaining} remain, at most ${limits.stringBytes} are accepted`,
    );
  }
  return length;
}

/** Takes every string that the window already holds whole, up to `count` in all. */
function readWholeStrings(window: SourceWindow, count: number, strings: string[], subject: string): void {
  const { cursor } = window;
  const { bytes } = cursor;
  const units = new Uint16Array(cursor.remaining);
  const ends: number[] = [];
  // Strings that are not valid UTF-8, by their place in this batch.
  const odd = new Map<number, string>();
  let used = 0;
  while (strings.length + ends.length < count && cursor.remaining >= 8) {
    const length = stringLength(window, subject);
    if (length > cursor.remaining) {
      cursor.position -= 8;
      break;
    }
    const start = cursor.take(length);
    const end = toUtf16(bytes, start, start + length, units, used);
    if (end < 0) odd.set(ends.length, utf8.decode(bytes.subarray(start, start + length)));
    else used = end;
    ends.push(used);
  }
  const text = utf16.decode(units.subarray(0, used));
  let from = 0;
  for (let i = 0; i < ends.length; i++) {
    const cut = text.substring(from, ends[i]);
    strings.push(odd.size === 0 ? cut : (odd.get(i) ?? cut));
    from = ends[i];
  }
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
